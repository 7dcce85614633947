import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Express } from 'express';
import type { Logger } from 'pino';
import { AppError, ERRORS } from '../errors';
import { errorDocument } from '../jsonapi/errors';
import { MEDIA_TYPE } from '../jsonapi/negotiate';

/** Milliseconds for all header fields, for a whole request, and between two looks at who is late. */
const TIMEOUTS = { headersTimeout: 5_000, requestTimeout: 30_000, connectionsCheckingInterval: 1_000 };
/** Longer than the usual 60 s of load balancers, so that they close idle connections, not we under a request of theirs. */
const KEEP_ALIVE_MS = 65_000;
/** Express stops switching prototypes being a cost with V8 of Node 24. */
const PROTOTYPES_ARE_CHEAP = 24;

/**
 * Express gives every request and response another prototype, which makes V8 forget what it knew of them: half of a
 * tuned GET. Objects that have the right one from the start are left alone.
 */
function preparedClasses(app: Express): http.ServerOptions {
  if (Number(process.versions.node.split('.')[0]) >= PROTOTYPES_ARE_CHEAP) return {};
  const Message = http.IncomingMessage as unknown as (this: unknown, ...args: unknown[]) => void;
  const Reply = http.ServerResponse as unknown as (this: unknown, ...args: unknown[]) => void;
  // Plain functions: with `class … extends` the objects are as slow as those of Express.
  function Request(this: unknown, socket: unknown) {
    Message.call(this, socket);
  }
  Request.prototype = app.request;
  function Response(this: unknown, request: unknown, options: unknown) {
    Reply.call(this, request, options);
  }
  Response.prototype = app.response;
  return {
    IncomingMessage: Request as unknown as typeof IncomingMessage,
    ServerResponse: Response as unknown as typeof ServerResponse,
  } as http.ServerOptions;
}

/** The HTTP server of the app (which checks `Host` itself: Node's own refusal has no body), with limits on slow clients, and error documents also for what is not HTTP. */
export function createServer(app: Express, log: Logger): Server {
  const server = http.createServer(
    { ...TIMEOUTS, ...preparedClasses(app), requireHostHeader: false },
    app as unknown as RequestListener,
  );
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // An Expect that we don't know may be ignored (RFC 9110, 10.1.1): Node would answer 417 with an empty body.
  server.on('checkExpectation', app as unknown as RequestListener);
  const latest = new WeakMap<Socket, ServerResponse>();
  server.on('request', (req: IncomingMessage, res: ServerResponse) => void latest.set(req.socket, res));
  server.on('clientError', (error, socket) => refuseClient(error, socket as Socket, latest.get(socket as Socket), log));
  return server;
}

const CLIENT_ERRORS: Readonly<Record<string, AppError>> = {
  HPE_HEADER_OVERFLOW: new AppError('headers_too_large', 'The header fields are larger than 16 KiB.'),
  ERR_HTTP_REQUEST_TIMEOUT: new AppError('request_timeout', 'The request did not arrive in time.'),
};

/**
 * There is no request object yet: the answer is written to the socket by hand, and the connection ends.
 * @param latest answer on this connection
 */
function refuseClient(
  error: Error & { code?: string },
  socket: Socket,
  latest: ServerResponse | undefined,
  log: Logger,
): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  if (latest?.headersSent && !latest.req.complete) {
    // The rest of a request that was answered before it was whole: a second answer would be taken for that to the next.
    socket.end();
    return;
  }
  const answer = CLIENT_ERRORS[error.code ?? ''] ?? new AppError('malformed_request', 'This is not an HTTP request.');
  const requestId = randomUUID();
  log.info({ requestId, status: answer.status, code: error.code }, 'refused before it was a request');
  const body = JSON.stringify(errorDocument(answer, requestId));
  const title = ERRORS[answer.faults[0]?.code ?? 'malformed_request'][1];
  socket.end(
    `HTTP/1.1 ${answer.status} ${title}\r\nContent-Type: ${MEDIA_TYPE}\r\nVary: Accept\r\nX-Request-Id: ${requestId}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
