import type { Request, RequestHandler, Response } from 'express';
import type { Attempt, Context, OpenContext, Services } from '../context';
import { type ErrorCode, notFound } from '../errors';
import { clientAddress, networkOf } from '../http/address';
import { readBody } from '../http/body';
import { originOf } from '../http/origin';
import { enforce } from '../http/rateLimit';
import { sendStream, sendText } from '../http/send';
import { checkMultipart, receive, type Upload } from '../http/upload';
import type { QueryParameters, Schema } from '../jsonapi/define';
import { isObject, parseJson } from '../jsonapi/json';
import { checkAccept, checkContentType, MEDIA_TYPE } from '../jsonapi/negotiate';
import { readDeclared } from '../jsonapi/parameters';
import { NOTHING, type RequestBody, type RequestDocument } from '../jsonapi/request';
import { isUuid } from '../jsonapi/schemas';
import type { Values } from '../jsonapi/values';
import { OPERATIONS } from '../permissions';
import { allowRead, allowWrite } from '../services/access';
import type { Outcome } from './call';
import { checkOffered } from './dispatch';
import { idempotencyKeyOf, once } from './idempotency';
import type { Registry } from './include';
import { contextOf, hasBody, render, send, splitUrl } from './resources';
import { type Site, Sites } from './sites';

/** A request beside those of the resource types, as an endpoint gets to see it. */
export interface EndpointRequest<Asker extends Context | null = Context | null> {
  /** Who asks; null for a stranger. */
  readonly ctx: Asker;
  /** The same without him. Both are inside the transaction of an `Idempotency-Key`. */
  readonly services: OpenContext;
  /** Parts of the path by name. */
  readonly params: Readonly<Record<string, string>>;
  /** Query parameters that were given, as their schemas say. */
  readonly query: Values;
  readonly document: RequestDocument;
  /** Name of the file that was uploaded; empty where none is. */
  readonly stored: string;
  /** Of the client. */
  readonly address: string;
  readonly req: Request;
  readonly res: Response;
}

/** One answer of an endpoint, for OpenAPI. What is sent is held against it by the tests. */
export interface EndpointAnswer {
  description: string;
  /** Of the whole body. */
  schema?: Schema;
  /** Instead, of a JSON:API document: its `meta`. */
  meta?: Schema;
  /** Instead, of a JSON:API document: type of its one resource, and types of what is included. */
  data?: { type: string; included?: readonly string[] };
  /** JSON:API when it is not given. Of several, the outcome says which. */
  mediaType?: string | readonly string[];
  /** Header fields beside those that every such answer has; `?` behind a name: not in every one. */
  headers?: readonly string[];
}

interface EndpointBase {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Whole, `{name}` where a parameter is. */
  path: string;
  operationId: string;
  /** A type, or one of those in `openapi/service.ts`. */
  tag: string;
  summary: string;
  description?: string;
  /** Row in `permissions.ts`. */
  operation: string;
  /**
   * Schemas of the parts of the path, UUIDs when they are not here. With a `pattern`, paths that do not fit are not the
   * endpoint's; other ids that are no UUIDs are 404.
   */
  params?: Readonly<Record<string, Schema>>;
  /** Query parameters; a request with any other is refused. */
  parameters?: QueryParameters;
  request?: RequestBody;
  /** Instead: it brings a file. There is a caller then, and what he may do is judged before it is read. */
  upload?: Upload;
  /** `If-Match` is heeded: the service is told of it. */
  ifMatch?: true;
  responses: Readonly<Record<number, EndpointAnswer>>;
  /** Codes of the rules behind it; those of the protocol follow from the rest. */
  errors: readonly ErrorCode[];
  /**
   * JSON pointers to what an answer shows once (`secret` in its outcome): null in one that is repeated (INV-30). `*`
   * stands for every item of a list.
   */
  secrets?: readonly string[];
  /** It changes nothing, whatever its method: a suspended organization may ask it, and no `Idempotency-Key` holds. */
  readOnly?: true;
}

/** Whether a credential is needed. `optional`: one that is sent must be valid; `none`: it is not looked at. */
type Asked<Credential extends string, Asker extends Context | null> = {
  credential: Credential;
  run: (request: EndpointRequest<Asker>) => Promise<Outcome>;
};

/**
 * Declares a request beside the resource types: what a path and a method mean, and what OpenAPI says of it. Before it is
 * run, the caller's credential has been found good for its operation; what a user may do to a row, by his roles, is for
 * its service to judge (`authorize`).
 */
export type Endpoint = EndpointBase &
  (Asked<'required', Context> | Asked<'optional', Context | null> | Asked<'none', null>);

/** Whether it changes something. */
export const isWrite = ({ method, readOnly }: Endpoint): boolean => method !== 'GET' && readOnly !== true;

/** The Express handler of all endpoints. Whatever is not theirs goes on to the next handler, at the cost of a look-up. */
export function serveEndpoints(services: Services, list: readonly Endpoint[], registry: Registry): RequestHandler {
  const sites = new Sites(list, registry);
  return (req, res, next) => {
    const { path, search } = splitUrl(req.originalUrl);
    const found = sites.find(path);
    if (found === undefined) return next();
    const { site, params } = found;
    const { method } = req;
    if (!site.endpoints.has(method) && site.route?.methods.includes(method) && method !== 'OPTIONS') return next();
    res.locals.route = site.template;
    if (method === 'OPTIONS') return sendText(res, 204, undefined, { Allow: site.allow.join(', ') });
    return answer({ services, registry, req, res, params, search }, site);
  };
}

interface Incoming {
  readonly services: Services;
  readonly registry: Registry;
  readonly req: Request;
  readonly res: Response;
  readonly params: Record<string, string>;
  readonly search: string;
}

/** Negotiation, credential, query, body, in the order in which requests to resources are judged. */
async function answer(incoming: Incoming, site: Site): Promise<void> {
  const { services, registry, req, res, search } = incoming;
  const endpoint = site.endpoints.get(req.method);
  checkAccept(req.headers.accept, endpoint === undefined ? [] : mediaTypesOf(endpoint));
  const bodied = hasBody(req);
  if (bodied) (endpoint?.upload === undefined ? checkContentType : checkMultipart)(req.headers['content-type']);
  checkOffered({ methods: site.allow, refused: site.route?.refused ?? [] }, req.method);
  if (endpoint === undefined) return;
  const address = clientAddress(services, req);
  const ctx = await callerOf(incoming, endpoint, address);
  const query = readDeclared(search, endpoint.parameters ?? {});
  const key = ctx !== null && isWrite(endpoint) ? idempotencyKeyOf(req) : undefined;
  const { bytes, stored } = await bodyOf(incoming, endpoint, ctx);
  const perform = (inside: Context | null): Promise<Outcome> => {
    const { requestId } = res.locals;
    const params = authorized(inside, endpoint, incoming.params);
    const document = documentOf(endpoint, bodied ? bytes : undefined);
    const open = { ...services, db: inside?.db ?? services.db, requestId, origin: originOf(services, req) };
    const said = { params, query, document, stored };
    const request: EndpointRequest = { ctx: inside, services: open, ...said, address, req, res };
    // There is a caller where one is declared to be: see `callerOf`.
    return endpoint.run(request as never);
  };
  if (ctx !== null && key !== undefined) {
    const keyed = { ctx, req, key, bytes, registry, secrets: endpoint.secrets };
    return send(req, res, await once(keyed, async (inside) => rendered(await perform(inside), endpoint)));
  }
  const outcome = await perform(ctx);
  const made = rendered(outcome, endpoint);
  if (outcome.stream === undefined) return send(req, res, made);
  const [mediaType = ''] = outcome.mediaType === undefined ? mediaTypesOf(endpoint) : [outcome.mediaType];
  return sendStream(res, made.status, outcome.stream, { ...made.headers, 'Content-Type': mediaType });
}

/** What the request brings: a file is stored already. */
async function bodyOf(
  { req, res, params }: Incoming,
  endpoint: Endpoint,
  ctx: Context | null,
): Promise<{ bytes: Buffer | undefined; stored: string }> {
  if (endpoint.method === 'GET') return { bytes: undefined, stored: '' };
  if (ctx === null || endpoint.upload === undefined) return { bytes: await readBody(req, res), stored: '' };
  return receive(endpoint.upload, ctx, authorized(ctx, endpoint, params), { req, res });
}

/** The media type of answers that are no JSON:API documents; errors are, whatever the answer is. */
const mediaTypesOf = ({ responses }: Endpoint): string[] =>
  Object.values(responses).flatMap(({ mediaType = [] }) => mediaType);

/** Who asks. Strangers are counted by their network, as there is nothing else to know them by. */
async function callerOf(
  { services, req, res, params }: Incoming,
  endpoint: Endpoint,
  address: string,
): Promise<Context | null> {
  const { credential } = endpoint;
  const { authorization = '' } = req.headers;
  if (credential === 'required' || (credential === 'optional' && authorization.trim() !== '')) {
    return contextOf(services, req, res, () => attemptOf(endpoint, params));
  }
  const { limiter } = services;
  if (limiter !== null) enforce(res, await limiter.take(limiter.policies.default, networkOf(address)));
  return null;
}

const attemptOf = ({ operation, tag: type }: Endpoint, { id }: Record<string, string>): Attempt => ({
  operation,
  target: id !== undefined && isUuid(id) ? { type, id } : undefined,
});

/**
 * The parts of the path for a caller who may do this.
 * @throws AppError `permission_denied`, `organization_suspended`, `not_found`
 */
function authorized(ctx: Context | null, endpoint: Endpoint, params: Record<string, string>): Record<string, string> {
  const { operation, params: schemas = {} } = endpoint;
  if (ctx !== null && OPERATIONS[operation] !== undefined) {
    if (ctx.attempt !== undefined) Object.assign(ctx.attempt, attemptOf(endpoint, params));
    if (isWrite(endpoint)) allowWrite(ctx, operation);
    else allowRead(ctx, operation);
  }
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (schemas[name] !== undefined) return [name, value];
      if (!isUuid(value)) throw notFound();
      return [name, value.toLowerCase()];
    }),
  );
}

function documentOf({ request }: Endpoint, bytes: Buffer | undefined): RequestDocument {
  if (request === undefined) return NOTHING;
  return request.read(bytes === undefined ? undefined : parseJson(bytes));
}

/** The answer, with an ETag when its primary data is one resource. */
function rendered(outcome: Outcome, endpoint: Endpoint) {
  const { document, version } = outcome;
  const isResource = isObject(document?.data) && endpoint.responses[outcome.status]?.data !== undefined;
  return render(isResource ? { ...outcome, version: version ?? 1 } : outcome, MEDIA_TYPE);
}
