import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import pino, { type Logger } from 'pino';
import type { Caller } from '../context';
import { AppError } from '../errors';
import type { Lifecycle } from './lifecycle';
import type { Metrics } from './metrics';

const REQUEST_ID = /^[\w-]{8,64}$/;
/** Characters of a URL at the most: more than any filter needs, less than Node's limit for all header fields. */
const LONGEST_URL = 8192;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** What the first middleware needs to know of the process. */
export interface Edge {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
}

/** The first middleware: request id, one log line and one measurement for each answer, and requests that no layer should see. */
export function edge({ log, metrics, lifecycle }: Edge): RequestHandler {
  const write = accessLog(log);
  return (req, res, next) => {
    const startedAt = performance.now();
    const given = req.headers['x-request-id'];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    // Express's own object has no prototype, and V8 keeps such objects as slow hash tables.
    res.locals = { requestId, route: undefined, caller: undefined, verdict: undefined, ctx: undefined };
    lifecycle.begin(res);
    res.on('close', () => {
      lifecycle.end(res);
      const ms = performance.now() - startedAt;
      const method = METHODS.has(req.method) ? req.method : 'OTHER';
      const { route = 'none', caller } = res.locals;
      metrics.observe(method, route, res.statusCode, ms / 1000);
      write({ requestId, method, route, status: res.statusCode, ms, caller, aborted: !res.writableFinished });
    });
    const fault = refusal(req);
    if (fault === undefined) next();
    else next(fault);
  };
}

interface Access {
  requestId: string;
  method: string;
  route: string;
  status: number;
  ms: number;
  caller: Caller | undefined;
  aborted: boolean;
}

/**
 * Writes a line for each answer to where the log goes. By hand, because pino takes 20 µs for one, a tenth of a small
 * request; nothing in it comes from a request unchecked, so nothing needs escaping or redacting.
 */
function accessLog(log: Logger): (access: Access) => void {
  if (!log.isLevelEnabled('info')) return () => undefined;
  const stream = (log as unknown as Record<symbol, { write(line: string): void }>)[pino.symbols.streamSym];
  return ({ requestId, method, route, status, ms, caller, aborted }) => {
    const who =
      caller === undefined ? '' : `,"caller":{"level":"${caller.level}","credentialId":"${caller.credentialId}"}`;
    stream?.write(
      `{"level":"info","time":"${new Date().toISOString()}","requestId":"${requestId}","method":"${method}",` +
        `"route":"${route}","status":${status},"ms":${Math.round(ms * 10) / 10}${who}${aborted ? ',"aborted":true' : ''}}\n`,
    );
  };
}

/** Requests that Node lets through although two readers could understand them differently. */
function refusal({ rawHeaders, url, headers, httpVersion }: Request): AppError | undefined {
  const transferEncoding = headers['transfer-encoding'];
  if (url.length > LONGEST_URL) return new AppError('uri_too_long', `A URL has at most ${LONGEST_URL} characters.`);
  if (transferEncoding !== undefined && transferEncoding.toLowerCase() !== 'chunked') {
    // Where such a request ends is anybody's guess: nothing behind it is read (RFC 9112, 6.3).
    const close = { headers: { Connection: 'close' } };
    const source = { header: 'Transfer-Encoding' };
    return new AppError('malformed_request', 'Transfer-Encoding can only be chunked.', source, close);
  }
  let hosts = 0;
  let credentials = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') credentials++;
  }
  if (hosts === 0 && httpVersion === '1.1') {
    return new AppError('malformed_request', 'Host is missing.', { header: 'Host' });
  }
  if (hosts > 1) return new AppError('malformed_request', 'Host is given twice.', { header: 'Host' });
  if (credentials > 1)
    return new AppError('malformed_request', 'Authorization is given twice.', { header: 'Authorization' });
  return undefined;
}
