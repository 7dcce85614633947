import { isDeepStrictEqual } from 'node:util';
import type { Context } from '../context';
import { AppError, type Fault, notFound } from '../errors';
import { BodyReader, readLinkageDocument } from '../jsonapi/body';
import type { Action, Change, DocumentMeta } from '../jsonapi/define';
import { isObject } from '../jsonapi/json';
import { LINKED_LIMIT, readSort } from '../jsonapi/query';
import { createdDocument, selfUrl } from '../jsonapi/reply';
import { isUuid } from '../jsonapi/schemas';
import { SettingsReader } from '../jsonapi/values';
import { allowWrite, authorize } from '../services/access';
import type { Input, LinkageChange } from '../services/crud';
import { allowWriteTo, type Call, type Handler, idOf, type Outcome, relationshipOf, seen } from './call';
import { allowIncluded, type Definition, type Entity, serializerOf } from './include';
import { included, linkageOf, represent } from './reading';

const readers = new WeakMap<Definition, BodyReader>();

/** The reader of a type's bodies; its schemas are compiled once. */
function readerOf(definition: Definition): BodyReader {
  const reader = readers.get(definition) ?? new BodyReader(definition);
  readers.set(definition, reader);
  return reader;
}

/** POST to a collection. */
export const create: Handler = async (call) => {
  const { ctx, route, registry, query } = call;
  const { definition } = route;
  try {
    allowWrite(ctx, `${definition.type}.create`);
    requireKey(ctx, definition.operations.create);
    allowIncluded(ctx, registry, definition, query.include);
  } catch (error) {
    noteOrganization(call);
    throw error;
  }
  const { level } = ctx.caller;
  const clientIds = definition.clientIds && (level === 'platform' || level === 'partner');
  const input = readerOf(definition).read(call.body(), 'create', undefined, clientIds);
  if (level === 'user') await allowCreation(ctx, definition, input);
  const { run, documentMeta } = definition.operations.create as NonNullable<typeof definition.operations.create>;
  return created(call, (await run(ctx, input, query.parameters)) as unknown as Entity, documentMeta);
};

/** Of what is refused before its body is judged: the organization that it names, for the audit trail. */
function noteOrganization({ ctx: { attempt }, body }: Call): void {
  if (attempt === undefined) return;
  try {
    const { data } = body() as { data: { relationships: { organization: { data: { id: string } } } } };
    const { id } = data.relationships.organization.data;
    if (isUuid(id)) attempt.organizationId = id;
  } catch {
    // It names none.
  }
}

/** @throws AppError `idempotency_key_required` for what moves money without one (INV-48) */
function requireKey({ isKeyed }: Context, { keyed }: { keyed?: true } = {}): void {
  if (keyed !== true || isKeyed === true) return;
  throw new AppError('idempotency_key_required', 'Whatever moves money takes an Idempotency-Key.', {
    header: 'Idempotency-Key',
  });
}

/** What is said beside the resource; undefined: nothing. */
function metaOf(declared: DocumentMeta<never> | undefined, entity: Entity): Record<string, unknown> | undefined {
  if (declared === undefined) return undefined;
  return Object.fromEntries(Object.entries(declared).map(([name, { of }]) => [name, of(entity as never)]));
}

/** The answer that shows a new resource. */
async function created(call: Call, entity: Entity, declared?: DocumentMeta<never>): Promise<Outcome> {
  const { ctx, route, query } = call;
  const { definition } = route;
  const inclusion = await included(call, definition, query.include, [entity]);
  const resource = serializerOf(ctx, definition, query).resource(entity as never);
  const data = inclusion?.dress(definition, entity, resource) ?? resource;
  const cursors = inclusion?.hasCursors === true;
  return {
    status: 201,
    document: createdDocument(data, inclusion?.resources() ?? null, metaOf(declared, entity), cursors),
    version: entity.version,
    cursors,
    secret: revealsSecret(definition, entity),
    location: `${definition.path}/${entity.id}`,
  };
}

/** What a user may make is told by his roles in the organization that it is for. */
async function allowCreation(ctx: Context, { type, relationships }: Definition, { relationships: given }: Input) {
  const { organization } = relationships;
  const organizationId = given.organization;
  if (organization === undefined || typeof organizationId !== 'string') return;
  try {
    await authorize(ctx, `${type}.create`, { organizationId }, true);
  } catch (error) {
    if (!(error instanceof AppError) || error.status !== 404) throw error;
    throw notFound('There is no such organization.', { pointer: '/data/relationships/organization/data' });
  }
}

/** PATCH of a resource. */
export const update: Handler = async (call) => {
  const { ctx, route, ifMatch } = call;
  const { definition } = route;
  const id = idOf(call);
  await allowWriteTo(call, id, `${definition.type}.update`);
  const document = call.body();
  await dropEchoedLinkage(call, id, document);
  const input = readerOf(definition).read(document, 'update', id);
  for (const name of Object.keys(input.relationships)) await allowWriteTo(call, id, `${definition.type}.${name}`);
  noteOperation(ctx, `${definition.type}.update`);
  const changes = changesOf(definition, input);
  const { run, whole } = definition.operations.update as NonNullable<typeof definition.operations.update>;
  if (changes.length === 0 || whole === true)
    return changed(call, id, (await run(ctx, id, input, ifMatch)) as unknown as Entity);
  const entity = await ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    // The tag is judged once: what comes behind it meets the version that the first change made.
    let expected = ifMatch;
    for (const { name, change, ids } of changes) {
      noteOperation(ctx, `${definition.type}.${name}`);
      await change.run(inside, id, { op: 'replace', ids }, expected);
      expected = undefined;
    }
    noteOperation(ctx, `${definition.type}.update`);
    return run(inside, id, { ...input, relationships: {} }, expected);
  });
  return changed(call, id, entity as unknown as Entity);
};

function changesOf(definition: Definition, { relationships }: Input) {
  return Object.entries(relationships).flatMap(([name, ids]) => {
    const change = definition.relationships[name]?.change as Change<never> | undefined;
    return change === undefined ? [] : [{ name, change, ids }];
  });
}

/** What is judged from here on, for the audit trail. */
function noteOperation({ attempt }: Context, operation: string): void {
  if (attempt !== undefined) attempt.operation = operation;
}

/**
 * Linkage may be sent back as it was read (domain sheet 1, "Round trip"): it is taken out of the document before that is
 * judged. Other linkage stays, and is an update.
 */
async function dropEchoedLinkage(call: Call, id: string, document: unknown): Promise<void> {
  const { ctx, route } = call;
  const { definition } = route;
  const data = isObject(document) ? document.data : undefined;
  const given = isObject(data) && isObject(data.relationships) ? data.relationships : {};
  const names = Object.keys(definition.relationships).filter(
    (name) => isObject(given[name]) && given[name].data !== undefined,
  );
  if (names.length === 0) return;
  const entity = await seen(ctx, definition, id, names.flatMap((name) => definition.reads(name)) as string[]);
  const serializer = definition.serializer({ fields: new Set(names), level: ctx.caller.level });
  const shown = (serializer.resource(entity as never).relationships ?? {}) as Record<string, { data?: unknown }>;
  for (const name of names) {
    const own = shown[name]?.data ?? (await includedLinkage(call, id, name));
    const { data: sent } = given[name] as { data: unknown };
    if (isDeepStrictEqual(identifiers(sent), own)) delete given[name];
  }
}

/** Identifiers without their `meta`. */
function identifiers(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(identifiers);
  return isObject(data) ? { type: data.type, id: data.id } : data;
}

/** The linkage that `include` gives to a list of others: its first ones. */
async function includedLinkage({ ctx, route, registry }: Call, id: string, name: string): Promise<unknown> {
  const relationship = route.definition.relationships[name];
  const other = registry.get(relationship?.type ?? '');
  if (relationship === undefined || other === undefined || !('many' in relationship)) return null;
  const window = { sort: readSort(other.defaultSort, other), limit: LINKED_LIMIT };
  const [list] = await other.rows.linked(ctx, relationship.link, [id], window, ['id']);
  return list?.rows.map((row) => ({ type: other.type, id: (row as unknown as Entity).id }));
}

const settingsReaders = new WeakMap<Action<never>, SettingsReader>();

function settingsReaderOf(action: Exclude<Action<never>, { method: 'DELETE' }>): SettingsReader {
  const { settings = {}, requiredSettings = [] } = action;
  const reader = settingsReaders.get(action) ?? new SettingsReader(settings, requiredSettings);
  settingsReaders.set(action, reader);
  return reader;
}

/** An action: POST or DELETE below a resource. */
export const act: Handler = async (call) => {
  const { ctx, route, ifMatch } = call;
  const { definition } = route;
  const action = definition.actions[route.action as string] as Action<never>;
  const id = idOf(call);
  await allowWriteTo(call, id, `${definition.type}.${route.action}`, action.ofRetired);
  if (action.method === 'DELETE') {
    await action.run(ctx, id, {}, ifMatch);
    return { status: 204 };
  }
  requireKey(ctx, action);
  const settings = settingsReaderOf(action).read(call.body());
  const entity = (await action.run(ctx, id, settings, ifMatch)) as unknown as Entity;
  const { documentMeta } = action;
  return action.status === 201 ? created(call, entity, documentMeta) : changed(call, id, entity, documentMeta);
};

/** DELETE of a resource. */
export const remove: Handler = async (call) => {
  const { ctx, route, query, ifMatch } = call;
  const { definition } = route;
  const id = idOf(call);
  const { run, purge } = definition.operations.remove as NonNullable<typeof definition.operations.remove>;
  const purges = purge !== undefined && query.own.has('purgeNow');
  if (!purges) await allowWriteTo(call, id, `${definition.type}.remove`);
  await (purges ? purge : run)(ctx, id, ifMatch, query.parameters);
  return { status: 204 };
};

const OPERATIONS: Readonly<Record<string, LinkageChange['op']>> = { PATCH: 'replace', POST: 'add', DELETE: 'remove' };

/** PATCH, POST and DELETE of the linkage of a relationship. */
export const changeLinkage: Handler = async (call) => {
  const { ctx, route, method, ifMatch } = call;
  const { relationship, other } = relationshipOf(call);
  const id = idOf(call);
  await allowWriteTo(call, id, `${route.definition.type}.${route.relationship}`);
  const ids = readLinkageDocument(call.body(), relationship);
  const change = { op: OPERATIONS[method], ids } as LinkageChange;
  try {
    const parent = (await relationship.change?.run(ctx, id, change, ifMatch)) as unknown as Entity;
    return await linkageOf(call, relationship, other, parent);
  } catch (error) {
    throw inLinkage(error, route.relationship as string);
  }
};

/** Services point at linkage where it stands in a resource; here it is the whole document. */
function inLinkage(error: unknown, name: string): unknown {
  if (!(error instanceof AppError)) return error;
  const whole = `/data/relationships/${name}/data`;
  return error.map((fault: Fault) => {
    const pointer = fault.source?.pointer;
    if (pointer === undefined || !pointer.startsWith(whole)) return fault;
    return { ...fault, source: { pointer: `/data${pointer.slice(whole.length)}` } };
  });
}

/** The resource as it is now. */
async function changed(call: Call, id: string, entity: Entity, declared?: DocumentMeta<never>): Promise<Outcome> {
  const { definition } = call.route;
  const outcome = await represent(call, definition, entity, selfUrl(`${definition.path}/${id}`, call.query));
  const meta = metaOf(declared, entity);
  const document = meta === undefined ? outcome.document : { ...outcome.document, meta };
  return { ...outcome, document, secret: revealsSecret(definition, entity) };
}

const revealsSecret = ({ attributes }: Definition, entity: Entity): boolean =>
  Object.entries(attributes).some(([name, { reveal }]) => reveal === 'once' && typeof entity[name] === 'string');
