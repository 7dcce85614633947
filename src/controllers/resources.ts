import { isDeepStrictEqual } from 'node:util';
import type { Request, RequestHandler, Response } from 'express';
import type { Context, Services } from '../context';
import { AppError, notFound } from '../errors';
import { authenticate } from '../http/authenticate';
import { readBody } from '../http/body';
import { send, sendText } from '../http/send';
import { BodyReader } from '../jsonapi/body';
import type { ResourceDefinition } from '../jsonapi/define';
import { isObject, parseJson } from '../jsonapi/json';
import { checkAccept, checkContentType, MEDIA_TYPE } from '../jsonapi/negotiate';
import { type Endpoint, type Query, readQuery, selectionOf } from '../jsonapi/query';
import { createdDocument, entityTag, isUnchanged, pageDocument, readIfMatch, resourceDocument } from '../jsonapi/reply';
import { isUuid } from '../jsonapi/schemas';
import { allow, may } from '../permissions';
import { loadIncluded, propertiesOf, readsOf, serializerOf } from './include';
import { type Route, Routes } from './routes';

type Definition = ResourceDefinition<never>;
type Registry = ReadonlyMap<string, Definition>;
type Entity = Record<string, unknown> & { id: string; version: number };

/** One request on its way through a controller. */
interface Exchange {
  readonly ctx: Context;
  readonly req: Request;
  readonly res: Response;
  readonly route: Route;
  readonly definition: Definition;
  readonly query: Query;
  readonly registry: Registry;
  readonly reader: BodyReader;
}

const PRIVATE = { 'Content-Type': MEDIA_TYPE, 'Cache-Control': 'private, no-cache' };
const SECRET = { 'Content-Type': MEDIA_TYPE, 'Cache-Control': 'no-store' };

/** The Express handler of every JSON:API type: what a path and method mean is in the definitions. */
export function resources(services: Services, registry: Registry): RequestHandler {
  const routes = new Routes(registry);
  const readers = new Map([...registry.values()].map((each) => [each.type, new BodyReader(each)]));
  return async (req, res, next) => {
    const [path = '', search = ''] = splitUrl(req.originalUrl);
    const route = routes.find(path);
    if (route === undefined) return next();
    const { definition } = route;
    res.locals.route = route.template;
    if (!isOffered(route, req, res)) return;
    checkAccept(req.headers.accept);
    if (hasBody(req)) checkContentType(req.headers['content-type']);
    const found = authenticate(services, req);
    const caller = found instanceof Promise ? await found : found;
    res.locals.caller = caller;
    const { config, db, secrets, callers, now } = services;
    const ctx: Context = { config, db, secrets, callers, now, caller, requestId: res.locals.requestId };
    const query = readQuery(search, endpointOf(route, req, ctx, registry));
    const reader = readers.get(definition.type) as BodyReader;
    await handlerOf(route, req.method)({ ctx, req, res, route, definition, query, registry, reader });
  };
}

function splitUrl(url: string): [string, string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}

/** A Content-Type without a body is harmless: some clients send it with every request. */
const hasBody = ({ method, headers }: Request): boolean =>
  method !== 'GET' &&
  method !== 'HEAD' &&
  (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0');

/** Answers OPTIONS itself; @throws AppError for a method that the path does not have */
function isOffered({ methods, kind }: Route, req: Request, res: Response): boolean {
  const allowed = methods.join(', ');
  if (req.method === 'OPTIONS') {
    sendText(res, 204, undefined, { Allow: allowed });
    return false;
  }
  if (methods.includes(req.method)) return true;
  const headers = { Allow: allowed };
  // JSON:API 1.1, "Updating Resources": an update that is not supported is 403.
  if (kind === 'resource' && req.method === 'PATCH') {
    throw new AppError('update_not_offered', 'Resources of this type can’t be changed.', undefined, { headers });
  }
  throw new AppError('method_not_allowed', `Allowed here: ${allowed}.`, undefined, { headers });
}

function endpointOf(route: Route, req: Request, ctx: Context, registry: Registry): Endpoint {
  const removes = req.method === 'DELETE';
  return {
    definition: route.definition,
    registry,
    list: route.kind === 'collection' && (req.method === 'GET' || req.method === 'HEAD'),
    document: !removes,
    own: removes && route.definition.operations.remove?.purge !== undefined ? ['purgeNow'] : [],
    reads: readsOf(ctx),
  };
}

type Handler = (exchange: Exchange) => Promise<void>;

function handlerOf({ kind }: Route, method: string): Handler {
  if (kind === 'action') return act;
  if (kind === 'collection') return method === 'POST' ? create : list;
  if (method === 'PATCH') return update;
  return method === 'DELETE' ? remove : get;
}

async function list({ ctx, res, definition, query, registry }: Exchange): Promise<void> {
  allow(ctx.caller, `${definition.type}.list`);
  const properties = propertiesOf(definition, query, query.include?.keys() ?? []);
  const page = await (definition.operations.list as NonNullable<typeof definition.operations.list>).run(
    ctx,
    selectionOf(query),
    properties,
  );
  const rows = page.rows as unknown as Entity[];
  const serializer = serializerOf(ctx, definition, query);
  const data = rows.map((row) => serializer.resource(row as never));
  const included = await loadIncluded(ctx, definition, registry, query, rows);
  send(res, 200, pageDocument(definition.path, query, data, included, page), PRIVATE);
}

async function get(exchange: Exchange): Promise<void> {
  const { ctx, req, res, definition, query } = exchange;
  const properties = propertiesOf(definition, query, query.include?.keys() ?? []);
  const id = idOf(exchange);
  const entity = (await definition.operations.get?.run(ctx, id, properties)) as unknown as Entity;
  allow(ctx.caller, `${definition.type}.get`);
  const { body, tag } = await represent(exchange, entity);
  if (isUnchanged(req.headers['if-none-match'], tag)) {
    sendText(res, 304, undefined, { ETag: tag, 'Cache-Control': PRIVATE['Cache-Control'] });
  } else sendText(res, 200, body, { ...PRIVATE, ETag: tag });
}

async function create(exchange: Exchange): Promise<void> {
  const { ctx, req, res, definition, query, registry, reader } = exchange;
  allowWrite(ctx, definition, 'create');
  const clientIds = definition.clientIds && ctx.caller.level !== 'organization';
  const input = reader.read(parseJson(await readBody(req, res)), 'create', undefined, clientIds);
  const entity = (await definition.operations.create?.run(ctx, input)) as unknown as Entity;
  const data = serializerOf(ctx, definition, query).resource(entity as never);
  const included = await loadIncluded(ctx, definition, registry, query, [entity]);
  const body = JSON.stringify(createdDocument(data, included));
  const headers = revealsSecret(definition, entity) ? SECRET : PRIVATE;
  const tag = entityTag(entity.version, body);
  sendText(res, 201, body, { ...headers, ETag: tag, Location: `${definition.path}/${entity.id}` });
}

async function update(exchange: Exchange): Promise<void> {
  const { ctx, req, res, definition, reader } = exchange;
  const id = idOf(exchange);
  await allowWriteTo(exchange, id, 'update');
  const document = parseJson(await readBody(req, res));
  await dropEchoedLinkage(exchange, id, document);
  const input = reader.read(document, 'update', id);
  const entity = await definition.operations.update?.run(ctx, id, input, readIfMatch(req.headers['if-match']));
  await sendChanged(exchange, entity as unknown as Entity);
}

/**
 * Linkage that no update takes may be sent back as it was read (domain sheet 1, "Round trip"): it is taken out of the
 * document before that is judged. Other linkage stays, and is refused.
 */
async function dropEchoedLinkage({ ctx, definition }: Exchange, id: string, document: unknown): Promise<void> {
  const data = isObject(document) ? document.data : undefined;
  const given = isObject(data) && isObject(data.relationships) ? data.relationships : {};
  const names = Object.keys(definition.relationships).filter(
    (name) => isObject(given[name]) && given[name].data !== undefined,
  );
  if (names.length === 0) return;
  const entity = await definition.operations.get?.run(ctx, id, [
    'id',
    ...names.flatMap((name) => definition.reads(name)),
  ]);
  const serializer = definition.serializer({ fields: new Set(names), level: ctx.caller.level });
  const shown = (serializer.resource(entity as never).relationships ?? {}) as Record<string, { data?: unknown }>;
  for (const name of names) {
    if (isDeepStrictEqual((given[name] as { data: unknown }).data, shown[name]?.data)) delete given[name];
  }
}

async function act(exchange: Exchange): Promise<void> {
  const { ctx, req, res, definition, route } = exchange;
  const id = idOf(exchange);
  await allowWriteTo(exchange, id, route.action as string);
  if (hasBody(req)) parseJson(await readBody(req, res));
  const action = definition.actions[route.action as string];
  const entity = await action?.run(ctx, id, readIfMatch(req.headers['if-match']));
  await sendChanged(exchange, entity as unknown as Entity);
}

async function remove(exchange: Exchange): Promise<void> {
  const { ctx, req, res, definition, query } = exchange;
  const id = idOf(exchange);
  const { run, purge } = definition.operations.remove as NonNullable<typeof definition.operations.remove>;
  const purges = purge !== undefined && query.own.has('purgeNow');
  if (!purges) await allowWriteTo(exchange, id, 'remove');
  await (purges ? purge : run)(ctx, id, readIfMatch(req.headers['if-match']));
  sendText(res, 204, undefined, { 'Cache-Control': PRIVATE['Cache-Control'] });
}

async function sendChanged(exchange: Exchange, entity: Entity): Promise<void> {
  const { body, tag } = await represent(exchange, entity);
  const headers = revealsSecret(exchange.definition, entity) ? SECRET : PRIVATE;
  sendText(exchange.res, 200, body, { ...headers, ETag: tag });
}

/** The document of one resource as this request asks for it, and its ETag. */
async function represent(exchange: Exchange, entity: Entity): Promise<{ body: string; tag: string }> {
  const { ctx, definition, query, registry } = exchange;
  const data = serializerOf(ctx, definition, query).resource(entity as never);
  const included = await loadIncluded(ctx, definition, registry, query, [entity]);
  const path = `${definition.path}/${entity.id}`;
  const self = query.whole === '' ? path : `${path}?${query.whole}`;
  const body = JSON.stringify(resourceDocument(data, included, self));
  return { body, tag: entityTag(entity.version, body) };
}

/** An id that is no UUID names no resource (FET-7). */
function idOf({ route }: Exchange): string {
  if (route.id === undefined || !isUuid(route.id)) throw notFound();
  return route.id.toLowerCase();
}

const revealsSecret = ({ attributes }: Definition, entity: Entity): boolean =>
  Object.entries(attributes).some(([name, { reveal }]) => reveal === 'once' && typeof entity[name] === 'string');

/** A suspended organization's own credentials read on, and write nothing (domain sheet 6.1). */
function allowWrite({ caller }: Context, { type }: Definition, operation: string): void {
  allow(caller, `${type}.${operation}`);
  if (caller.organizationSuspended) throw new AppError('organization_suspended', 'The organization is suspended.');
}

/** What the caller can't see is 404 whatever he may do; only what he sees is 403. */
async function allowWriteTo(exchange: Exchange, id: string, operation: string): Promise<void> {
  const { ctx, definition } = exchange;
  const permitted = may(ctx.caller, `${definition.type}.${operation}`) && !ctx.caller.organizationSuspended;
  if (!permitted) await definition.operations.get?.run(ctx, id, ['id']);
  allowWrite(ctx, definition, operation);
}
