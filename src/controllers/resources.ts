import type { Request, RequestHandler, Response } from 'express';
import type { Attempt, Context, Services } from '../context';
import { AppError } from '../errors';
import { authenticate } from '../http/authenticate';
import { readBody } from '../http/body';
import { originOf } from '../http/origin';
import { sendText } from '../http/send';
import { parseJson } from '../jsonapi/json';
import { CURSOR_TYPE, checkAccept, checkContentType, MEDIA_TYPE } from '../jsonapi/negotiate';
import { readQuery } from '../jsonapi/query';
import { entityTag, isUnchanged, readIfMatch } from '../jsonapi/reply';
import { isUuid } from '../jsonapi/schemas';
import type { Call, Outcome } from './call';
import { checkOffered, endpointOf, handlerOf } from './dispatch';
import { idempotencyKeyOf, once } from './idempotency';
import type { Registry } from './include';
import { movesMoney, type Route, Routes } from './routes';

/** An answer that is ready to be sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  /** The document of `body`, when it shows a secret. */
  readonly secretIn?: Record<string, unknown>;
}

/** The Express handler of every JSON:API type: what a path and method mean is in the definitions. */
export function resources(services: Services, registry: Registry): RequestHandler {
  const routes = new Routes(registry);
  return async (req, res, next) => {
    const { path, search } = splitUrl(req.originalUrl);
    const route = routes.find(path);
    if (route === undefined) return next();
    const { method, headers } = req;
    res.locals.route = route.template;
    if (method === 'OPTIONS') return sendText(res, 204, undefined, { Allow: route.methods.join(', ') });
    const cursors = checkAccept(headers.accept);
    const bodied = hasBody(req);
    if (bodied) checkContentType(headers['content-type']);
    checkOffered(route, method);
    const found = contextOf(services, req, res, () => attemptOf(route, method));
    const ctx = found instanceof Promise ? await found : found;
    const query = readQuery(search, endpointOf(ctx, registry, route, method, cursors));
    const bytes = takesBody(method) ? await readBody(req, res) : undefined;
    const body = () => (bytes === undefined || (route.kind === 'action' && !bodied) ? undefined : parseJson(bytes));
    const ifMatch = readIfMatch(headers['if-match'] as string | undefined);
    const call: Call = { ctx, method, route, registry, query, ifMatch, body };
    const run = async (inside: Context) => render(await handlerOf(route, method)({ ...call, ctx: inside }));
    const key = bytes === undefined ? undefined : idempotencyKeyOf(req);
    const work = () => (key === undefined ? run(ctx) : once({ ctx, req, key, bytes, registry }, run));
    send(req, res, await (movesMoney(route, method) ? ctx.db.inTurn(purseOf(call), work) : work()));
  };
}

/**
 * By what a request that moves money takes its turn: its organization, whose row it will wait for, or as near to that as
 * can be told without a look. Two names of one organization only cost a connection more.
 */
function purseOf({ ctx, route, body }: Call): string {
  if (ctx.caller.organizationId !== null) return ctx.caller.organizationId;
  if (route.id !== undefined) return route.id;
  try {
    const { data } = body() as { data: { relationships: Record<string, { data: { id: unknown } }> } };
    const { organization, wallet, reverses } = data.relationships;
    return String((organization ?? wallet ?? reverses)?.data.id);
  } catch {
    // It names none, and will be told so.
    return '';
  }
}

export function splitUrl(url: string): { path: string; search: string } {
  const mark = url.indexOf('?');
  return mark < 0 ? { path: url, search: '' } : { path: url.slice(0, mark), search: url.slice(mark + 1) };
}

/** A Content-Type without a body is harmless: some clients send it with every request. */
export const hasBody = ({ method, headers }: Request): boolean =>
  takesBody(method) && (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0');

const takesBody = (method: string): boolean => method === 'POST' || method === 'PATCH' || method === 'DELETE';

const VERBS: Readonly<Record<string, string>> = { POST: 'create', PATCH: 'update', DELETE: 'remove' };

/** What a request tries, as far as its path and method tell. */
function attemptOf({ kind, definition, action, relationship, id }: Route, method: string): Attempt {
  const { type, relationships } = definition;
  const target = id !== undefined && isUuid(id) ? { type, id } : undefined;
  const other = relationships[relationship ?? ''];
  if (action !== undefined) return { operation: `${type}.${action}`, target };
  if (takesBody(method)) {
    return { operation: `${type}.${kind === 'linkage' ? relationship : VERBS[method]}`, target };
  }
  const isList = kind === 'collection' || (other !== undefined && 'many' in other);
  return { operation: `${other?.type ?? type}.${isList ? 'list' : 'get'}`, target };
}

/**
 * Who asks, and what the services need to know of the request.
 * @param tried what a caller tries who is refused whatever it is (INV-54); left out: it is not known yet
 * @throws AppError 401, 403, 429
 */
export function contextOf(
  services: Services,
  req: Request,
  res: Response,
  tried: () => Attempt = () => ({}),
): Context | Promise<Context> {
  const made = (caller: Context['caller'], attempt: Attempt = {}): Context => {
    res.locals.caller = caller;
    const {
      config,
      db,
      secrets,
      callers,
      mailer,
      egress,
      jobs,
      deliveries,
      shapes,
      passwords,
      pictures,
      media,
      publicUrl,
      now,
    } = services;
    const { requestId } = res.locals;
    const isKeyed = req.headers['idempotency-key'] !== undefined;
    const ctx: Context = {
      config,
      db,
      secrets,
      callers,
      mailer,
      egress,
      jobs,
      deliveries,
      shapes,
      passwords,
      pictures,
      media,
      publicUrl,
      now,
      caller,
      requestId,
      isKeyed,
      origin: originOf(services, req),
      attempt,
    };
    res.locals.ctx = ctx;
    return ctx;
  };
  const barred = (error: unknown): never => {
    if (error instanceof AppError && error.caller !== undefined) made(error.caller, tried());
    throw error;
  };
  try {
    const found = authenticate(services, req);
    return found instanceof Promise ? found.then((caller) => made(caller), barred) : made(found);
  } catch (error) {
    return barred(error);
  }
}

/** An outcome as bytes and header fields. */
export function render(outcome: Outcome, mediaType = outcome.cursors ? CURSOR_TYPE : MEDIA_TYPE): Answer {
  const { status, document, version, secret, location, allow } = outcome;
  const headers: Record<string, string> = { 'Cache-Control': secret ? 'no-store' : 'private, no-cache' };
  if (location !== undefined) headers.Location = location;
  if (allow !== undefined) headers.Allow = allow.join(', ');
  if (document === undefined) return { status, headers, body: undefined };
  const body = JSON.stringify(document);
  headers['Content-Type'] = mediaType;
  if (version !== undefined) headers.ETag = entityTag(version, body);
  return { status, headers, body, secretIn: secret ? document : undefined };
}

/** @param answer 200 to a GET may become 304 */
export function send(req: Request, res: Response, { status, headers, body }: Answer): void {
  const reads = req.method === 'GET' || req.method === 'HEAD';
  if (reads && headers.ETag !== undefined && isUnchanged(req.headers['if-none-match'], headers.ETag)) {
    const { 'Content-Type': _type, ...others } = headers;
    sendText(res, 304, undefined, others);
  } else sendText(res, status, body, headers);
}
