import type { Context } from '../context';
import type { Relationship } from '../jsonapi/define';
import type { IncludeTree, Query } from '../jsonapi/query';
import { orderOf, pageDocument, resourceDocument, selfUrl } from '../jsonapi/reply';
import { allow } from '../permissions';
import type { Page, Parent, Point, Selection } from '../selection';
import { authorize } from '../services/access';
import {
  allowList,
  allowOther,
  type Call,
  type Handler,
  idOf,
  judgedBy,
  type Outcome,
  relationshipOf,
  seen,
  targetOf,
} from './call';
import { capabilities } from './capabilities';
import { allNames, cursorsOf, type Definition, type Entity, Inclusion, propertiesOf, serializerOf } from './include';

type Resource = Record<string, unknown>;

/** GET of a collection. */
export const list: Handler = (call) => listOf(call, call.route.definition, call.route.definition.path);

/** GET of one resource. */
export const get: Handler = async (call) => {
  const { ctx, route, query } = call;
  const { definition } = route;
  const hints = query.own.has('withCapabilities');
  const operation = `${definition.type}.get`;
  const shown = hints ? allProperties(definition) : propertiesOf(definition, query, query.include?.keys() ?? []);
  const isUser = ctx.caller.level === 'user';
  const properties = isUser ? [...new Set([...shown, ...judgedBy(definition, operation)])] : shown;
  const id = idOf(call);
  const entity = (await definition.operations.get?.run(ctx, id, properties)) as unknown as Entity;
  await authorize(ctx, operation, targetOf(definition, operation, entity), false);
  const outcome = await represent(call, definition, entity, selfUrl(`${definition.path}/${id}`, query));
  if (!hints) return outcome;
  const { can, methods } = await capabilities(ctx, route, entity);
  const { data } = outcome.document as { data: Resource };
  data.meta = { ...(data.meta as Resource | undefined), can };
  return { ...outcome, allow: methods };
};

const allProperties = (definition: Definition): readonly string[] => [
  'id',
  'version',
  ...allNames(definition).flatMap(definition.reads),
];

/** The document of one resource as a request asks for it. */
export async function represent(call: Call, definition: Definition, entity: Entity, self: string): Promise<Outcome> {
  const { ctx, query } = call;
  const inclusion = await included(call, definition, query.include, [entity]);
  const resource = serializerOf(ctx, definition, query).resource(entity as never);
  const data = inclusion?.dress(definition, entity, resource) ?? resource;
  const cursors = inclusion?.hasCursors === true;
  const document = resourceDocument(data, inclusion?.resources() ?? null, { self }, cursors);
  return { status: 200, document, version: entity.version, cursors };
}

/** What `include` asks for from rows of a type; null when the request has none. */
export async function included(
  call: Call,
  definition: Definition,
  tree: IncludeTree | null,
  rows: readonly Entity[],
): Promise<Inclusion | null> {
  return tree === null ? null : Inclusion.of(call, definition, tree, rows);
}

/** One page of a type: of all that the caller sees, or of what hangs on one row. */
async function listOf(call: Call, definition: Definition, path: string, of?: Parent): Promise<Outcome> {
  const { ctx, query } = call;
  await allowList(ctx, definition, organizationOf(query));
  const properties = propertiesOf(definition, query, query.include?.keys() ?? []);
  const { page, selection } = await pageOf(ctx, definition, query, path, properties, of);
  const rows = page.rows as unknown as Entity[];
  const serializer = serializerOf(ctx, definition, query);
  const inclusion = await included(call, definition, query.include, rows);
  const data = rows.map((row, i) => {
    const resource = serializer.resource(row as never);
    return marked(inclusion?.dress(definition, row, resource) ?? resource, ctx, query, path, page.points?.[i]);
  });
  const reply = { path, query, page, seek: selection.seek, cursors: cursorsOf(ctx) };
  const document = pageDocument(reply, data, inclusion?.resources() ?? null);
  return { status: 200, document, cursors: query.cursors };
}

/** The one organization whose rows are asked for. */
function organizationOf({ conditions }: Query): string | undefined {
  const named = conditions.find(
    ({ field, operator, through }) => field === 'organizationId' && operator === 'eq' && through === undefined,
  );
  return named?.value as string | undefined;
}

async function pageOf(
  ctx: Context,
  definition: Definition,
  query: Query,
  path: string,
  properties: readonly string[],
  of: Parent | undefined,
): Promise<{ page: Page<unknown>; selection: Selection }> {
  const { conditions, sort, page: asked } = query;
  const seek = query.cursors ? seekOf(ctx, query, path) : undefined;
  const selection: Selection = { conditions, of, sort, offset: asked.offset, limit: asked.size, seek };
  const { run } = definition.operations.list as NonNullable<typeof definition.operations.list>;
  return { page: await run(ctx, selection, properties), selection };
}

/** @throws AppError for a cursor that is not of this list */
function seekOf(ctx: Context, query: Query, path: string): Selection['seek'] {
  const { after, before } = query.page;
  const order = orderOf(path, query);
  const point = (key: string, cursor: string | undefined): Point | undefined =>
    cursor === undefined ? undefined : cursorsOf(ctx).decode(`page[${key}]`, cursor, order);
  return { after: point('after', after), before: point('before', before) };
}

/** An item of a page with its cursor (cursor pagination profile, "Item cursors"). */
function marked(item: Resource, ctx: Context, query: Query, path: string, point: Point | undefined): Resource {
  if (point === undefined) return item;
  const cursor = cursorsOf(ctx).encode(point, orderOf(path, query));
  return { ...item, meta: { ...(item.meta as Resource | undefined), page: { cursor } } };
}

/** GET of what a relationship leads to: one resource or null, or a list as any other. */
export const related: Handler = async (call) => {
  const { ctx, route, query } = call;
  const { relationship, other } = relationshipOf(call);
  const id = idOf(call);
  const path = `${route.definition.path}/${id}/${route.relationship}`;
  const operation = `${route.definition.type}.get`;
  const keys = 'one' in relationship ? [relationship.key] : [];
  const parent = await seen(ctx, route.definition, id, [...keys, ...judgedBy(route.definition, operation)]);
  // What hangs on a row tells of it.
  await authorize(ctx, operation, targetOf(route.definition, operation, parent), false);
  if ('many' in relationship) {
    await allowOther(ctx, route.definition, parent, `${other.type}.list`);
    return listOf(call, other, path, { link: relationship.link, id });
  }
  await allowOther(ctx, route.definition, parent, `${other.type}.get`);
  const entity = await otherOf(call, parent, relationship.key, other);
  const self = selfUrl(path, query);
  if (entity !== undefined) return represent(call, other, entity, self);
  const document = resourceDocument(null, query.include === null ? null : [], { self });
  return { status: 200, document, version: parent.version };
};

async function otherOf(
  { ctx, query }: Call,
  parent: Entity,
  key: string,
  other: Definition,
): Promise<Entity | undefined> {
  const otherId = parent[key];
  if (typeof otherId !== 'string') return undefined;
  const [found] = await other.rows.load(ctx, [otherId], propertiesOf(other, query, query.include?.keys() ?? []));
  return found as Entity | undefined;
}

/** GET of the linkage of a relationship; a to-many one is cut into pages and filtered as the list of what it leads to. */
export const linkage: Handler = async (call) => {
  const { ctx, route, query } = call;
  const { relationship, other } = relationshipOf(call);
  const [key] = route.definition.reads(route.relationship ?? '');
  const operation = `${route.definition.type}.get`;
  const properties = [...(key === undefined ? [] : [key]), ...judgedBy(route.definition, operation)];
  const parent = await seen(ctx, route.definition, idOf(call), properties);
  await authorize(ctx, operation, targetOf(route.definition, operation, parent), false);
  // The ids come with the row; what they are sorted or filtered by is for those who may list the others.
  if (key === undefined || query.order !== `${other.defaultSort}?`) {
    await allowOther(ctx, route.definition, parent, `${other.type}.list`);
    await allowList(ctx, other, organizationOf(query));
  }
  return linkageOf(call, relationship, other, parent);
};

/** The linkage of a row that was read with the key of the relationship. */
export async function linkageOf(
  call: Call,
  relationship: Relationship,
  other: Definition,
  parent: Entity,
): Promise<Outcome> {
  const { ctx, route, query } = call;
  const resource = `${route.definition.path}/${parent.id}`;
  const path = `${resource}/relationships/${route.relationship}`;
  const url = `${resource}/${route.relationship}`;
  const tree = query.include?.get(route.relationship ?? '');
  if ('one' in relationship) {
    const id = parent[relationship.key] as string | null;
    const data = id === null ? null : { type: other.type, id };
    const rows = tree === undefined ? [] : [await otherOf(call, parent, relationship.key, other)];
    const found = rows.filter((row) => row !== undefined);
    const { resources, cursors } = await includedLinkage(call, other, tree, found);
    const document = resourceDocument(data, resources, { self: selfUrl(path, query), related: url }, cursors);
    return { status: 200, document, version: parent.version, cursors };
  }
  const properties = tree === undefined ? ['id'] : propertiesOf(other, query, tree.keys());
  const of = { link: relationship.link, id: parent.id };
  const { page, selection } = await pageOf(ctx, other, query, path, properties, of);
  const rows = page.rows as unknown as Entity[];
  const data = rows.map(({ id }, i) => marked({ type: other.type, id }, ctx, query, path, page.points?.[i]));
  const reply = { path, query, page, seek: selection.seek, cursors: cursorsOf(ctx), related: url };
  const { resources } = await includedLinkage(call, other, tree, rows);
  const document = pageDocument(reply, data, resources);
  return { status: 200, document, version: parent.version, cursors: query.cursors };
}

/** The resources that linkage names are included themselves, and what the tree names from them. */
async function includedLinkage(
  call: Call,
  other: Definition,
  tree: IncludeTree | undefined,
  rows: readonly Entity[],
): Promise<{ resources: Resource[] | null; cursors: boolean }> {
  if (call.query.include === null) return { resources: null, cursors: false };
  if (tree === undefined) return { resources: [], cursors: false };
  allow(call.ctx.caller, `${other.type}.get`);
  const inclusion = await Inclusion.of(call, other, tree, rows, false);
  return { resources: inclusion.resources(), cursors: inclusion.hasCursors };
}
