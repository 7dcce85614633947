import type { Request, RequestHandler } from 'express';
import type { Context, Services } from '../context';
import { AppError, type Fault, notFound } from '../errors';
import { readBody } from '../http/body';
import { onlyMethods } from '../http/unknownPath';
import { LocalIds, type Operation, operationPointer, readOperations } from '../jsonapi/atomic';
import { isObject, parseJson } from '../jsonapi/json';
import { ATOMIC, ATOMIC_TYPE, checkAccept, requireExtension } from '../jsonapi/negotiate';
import { bad } from '../jsonapi/parameters';
import { readQuery } from '../jsonapi/query';
import { readIfMatch } from '../jsonapi/reply';
import { lockBatch } from '../services/batchLocks';
import type { Call, Outcome } from './call';
import { checkOffered, endpointOf, handlerOf } from './dispatch';
import { idempotencyKeyOf, once } from './idempotency';
import type { Entity, Registry } from './include';
import { type Answer, contextOf, render, send, splitUrl } from './resources';
import { type Route, Routes } from './routes';

export const OPERATIONS_PATH = '/public/v2/operations';
const JSONAPI = { version: '1.1', ext: [ATOMIC] };

/** POST of atomic operations: all of them are carried out in one transaction, in their order, or none is. */
export function operations(services: Services, registry: Registry): RequestHandler {
  const routes = new Routes(registry);
  const only = onlyMethods('POST');
  return async (req, res, next) => {
    res.locals.route = OPERATIONS_PATH;
    if (req.method !== 'POST') return only(req, res, next);
    checkAccept(req.headers.accept);
    requireExtension(req.headers['content-type'], ATOMIC);
    const ctx = await contextOf(services, req, res);
    const [parameter] = Object.keys(req.query);
    if (parameter !== undefined) throw bad(parameter, `This endpoint has no query parameter ${parameter}.`);
    const bytes = await readBody(req, res);
    const origins = originsOf(req, ctx);
    const run = (inside: Context): Promise<Answer> => {
      const list = readOperations(parseJson(bytes));
      return inside.db.transaction((db) => performAll({ ctx: { ...inside, db }, registry, routes, origins }, list));
    };
    const key = idempotencyKeyOf(req);
    send(req, res, key === undefined ? await run(ctx) : await once({ ctx, req, key, bytes, registry }, run));
  };
}

/** Where an absolute `href` may lead: to us, under the name that we know or the one we were called by. */
function originsOf({ headers, protocol }: Request, { config }: Context): ReadonlySet<string> {
  const configured = config.publicUrl === undefined ? [] : [new URL(config.publicUrl).origin];
  return new Set([...configured, `${protocol}://${headers.host}`]);
}

interface Batch {
  readonly ctx: Context;
  readonly registry: Registry;
  readonly routes: Routes;
  readonly origins: ReadonlySet<string>;
}

async function performAll(batch: Batch, list: readonly Operation[]): Promise<Answer> {
  if (list.length > 1) await lockNamed(batch, list);
  const lids = new LocalIds();
  const results: Record<string, unknown>[] = [];
  let secret = false;
  for (const [i, operation] of list.entries()) {
    try {
      const outcome = await performOne(batch, operation, lids);
      secret ||= outcome.secret === true;
      results.push(resultOf(outcome));
    } catch (error) {
      throw within(error, i);
    }
  }
  const document = { 'atomic:results': results, jsonapi: JSONAPI };
  return render({ status: 200, document, secret }, ATOMIC_TYPE);
}

/** The result of an operation; what is said beside its resource is said here, too. */
function resultOf({ document }: Outcome): Record<string, unknown> {
  if (document === undefined) return {};
  const { data, meta } = document;
  return isObject(meta) && Object.keys(meta).length > 0 ? { data, meta } : { data };
}

const OWNED = ['id', 'organizationId'];
const UUIDS = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/**
 * Locks the organizations that operations name, by themselves or by what belongs to them, and the people, before any of
 * them is changed: two requests with the same ones in another order would each wait for what the other holds.
 */
async function lockNamed({ ctx, registry }: Batch, list: readonly Operation[]): Promise<void> {
  const ids: string[] = [...new Set(JSON.stringify(list).match(UUIDS))];
  if (ids.length < 2) return;
  const owners: string[] = [];
  for (const { rows, relationships } of registry.values()) {
    const isOwned = relationships.organization !== undefined && 'key' in relationships.organization;
    const found = isOwned ? ((await rows.load(ctx, ids, OWNED)) as unknown as Entity[]) : [];
    for (const { organizationId } of found) if (organizationId !== null) owners.push(organizationId as string);
  }
  await lockBatch(ctx, [...ids, ...owners]);
}

/** Faults of an operation point at where it stands in the whole document. */
function within(error: unknown, i: number): unknown {
  if (!(error instanceof AppError)) return error;
  const pointer = operationPointer(i);
  return error.map((fault: Fault) => {
    const { pointer: own = '', parameter, header } = fault.source ?? {};
    const place = parameter !== undefined ? '/href' : header === 'If-Match' ? '/meta/ifMatch' : own;
    return { ...fault, source: { pointer: pointer + place } };
  });
}

const METHODS: Readonly<Record<Operation['op'], { method: string; kinds: readonly Route['kind'][] }>> = {
  add: { method: 'POST', kinds: ['collection', 'linkage'] },
  update: { method: 'PATCH', kinds: ['resource', 'linkage'] },
  remove: { method: 'DELETE', kinds: ['resource', 'linkage'] },
};

/** Each operation is noted by itself, for the audit trail. */
function beginAttempt({ attempt = {} }: Context): void {
  for (const member of Object.keys(attempt)) delete attempt[member as keyof typeof attempt];
}

async function performOne(batch: Batch, operation: Operation, lids: LocalIds): Promise<Outcome> {
  const { ctx, registry } = batch;
  beginAttempt(ctx);
  const { route, search } = targetOf(batch, operation, lids);
  const { method, kinds } = METHODS[operation.op];
  if (!kinds.includes(route.kind)) {
    const detail = `${operation.op} is not for this target.`;
    throw new AppError('malformed_document', detail, operation.href === undefined ? undefined : { pointer: '/href' });
  }
  checkOffered(route, method);
  // Parameters of an operation's own belong to plain requests.
  const endpoint = { ...endpointOf(ctx, registry, route, method, false), document: false, parameters: {} };
  const query = readQuery(search, endpoint);
  const data = resolved(operation, route, lids);
  const keep = registration(operation, route, lids);
  const call: Call = {
    ctx,
    method,
    route,
    registry,
    query,
    ifMatch: readIfMatch(operation.ifMatch),
    body: () => ({ data }),
  };
  const outcome = await handlerOf(route, method)(call);
  const made = outcome.document?.data;
  if (isObject(made)) keep?.(made.id as string);
  // Results of relationship operations have no data (Atomic Operations, "Result Objects").
  return route.kind === 'linkage' ? { status: 204 } : outcome;
}

/** The data of an operation as the document of a request to its target has it. */
function resolved({ op, data, ref }: Operation, route: Route, lids: LocalIds): unknown {
  if (route.kind === 'linkage') return lids.linkage(data, '/data');
  if (!isObject(data)) return data;
  const linked = lids.relationships(data, '/data');
  if (op !== 'update') return linked;
  const named = lids.linkage(linked, '/data') as Record<string, unknown>;
  return named.id === undefined && ref !== undefined ? { ...named, id: route.id } : named;
}

/** What notes the id of a new resource under the local id that the client gave it. */
function registration(
  { op, data }: Operation,
  { kind, definition }: Route,
  lids: LocalIds,
): ((id: string) => void) | undefined {
  const isNew = op === 'add' && kind === 'collection';
  if (!isNew || !isObject(data) || typeof data.lid !== 'string') return undefined;
  return lids.add(definition.type, data.lid, '/data/lid');
}

interface Target {
  readonly route: Route;
  readonly search: string;
}

/** @throws AppError `not_found` for a target that is nowhere */
function targetOf(batch: Batch, { op, ref, href, data }: Operation, lids: LocalIds): Target {
  const { registry, routes } = batch;
  if (href !== undefined) return targetOfHref(batch, href);
  const named = ref ?? (isObject(data) ? data : {});
  const pointer = ref === undefined ? '/data' : '/ref';
  const { type, id, lid, relationship } = named as Record<string, unknown>;
  const incomplete = (detail: string, name: string, value: unknown) =>
    new AppError('malformed_document', detail, { pointer: value === undefined ? pointer : `${pointer}/${name}` });
  if (typeof type !== 'string') throw incomplete('The operation names no type.', 'type', type);
  const definition = registry.get(type);
  if (definition === undefined) throw notFound(`There is no type ${type}.`, { pointer: `${pointer}/type` });
  const isCollection = op === 'add' && ref === undefined;
  const own =
    typeof lid === 'string' && id === undefined && !isCollection ? lids.resolve(type, lid, `${pointer}/lid`) : id;
  if (!isCollection && typeof own !== 'string') {
    throw incomplete('The operation names no resource: give an id or a lid.', 'id', id);
  }
  const route = isCollection
    ? routes.find(definition.path)
    : routes.named(definition.path, own as string, ref?.relationship);
  if (route === undefined)
    throw notFound(`There is no relationship ${relationship}.`, { pointer: '/ref/relationship' });
  return { route, search: '' };
}

function targetOfHref({ routes, origins }: Batch, href: string): Target {
  // A relative reference begins at the URL of the request; its host, which nobody has, only makes it absolute.
  const here = `http://relative.invalid${OPERATIONS_PATH}`;
  const url = URL.canParse(href, here) ? new URL(href, here) : undefined;
  const isOurs = url !== undefined && (url.host === 'relative.invalid' || origins.has(url.origin));
  const { path, search } = splitUrl(isOurs ? `${url.pathname}${url.search}` : '');
  const route = isOurs ? routes.find(path) : undefined;
  if (route === undefined) throw notFound('There is nothing at this href.', { pointer: '/href' });
  return { route, search };
}
