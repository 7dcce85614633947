import type { Context } from '../context';
import type { IfMatch } from '../db/write';
import { notFound } from '../errors';
import type { Relationship } from '../jsonapi/define';
import { readId } from '../jsonapi/ids';
import type { Query } from '../jsonapi/query';
import { levelReads, OPERATIONS } from '../permissions';
import { allowRead, allowWrite, authorize, standingIn, type Target } from '../services/access';
import { allowIncluded, type Definition, type Entity, type Registry } from './include';
import type { Route } from './routes';

/** One thing that a client asks of a resource type: a whole request, or one operation of an atomic one. */
export interface Call {
  readonly ctx: Context;
  readonly method: string;
  readonly route: Route;
  readonly registry: Registry;
  readonly query: Query;
  readonly ifMatch: IfMatch;
  /** The parsed document; undefined when the request has no body. */
  readonly body: () => unknown;
}

/** What comes of a call. */
export interface Outcome {
  readonly status: 200 | 201 | 202 | 204;
  readonly document?: Record<string, unknown>;
  /** Of the row behind the document, when its primary data is one resource or the linkage of one: makes its ETag. */
  readonly version?: number;
  /** Whether the cursor pagination profile was applied. */
  readonly cursors?: boolean;
  /** Whether a secret is in it that is never shown again. */
  readonly secret?: boolean;
  readonly location?: string;
  /** Instead of a document: lines of a body that is made while it is sent. */
  readonly stream?: AsyncIterable<string>;
  /** Of the stream, where it may have several. */
  readonly mediaType?: string;
  /** Methods that this caller may use here. */
  readonly allow?: readonly string[];
}

export type Handler = (call: Call) => Promise<Outcome>;

/** An id that has not the form of the type's ids names no resource (FET-7). */
export function idOf({ route }: Call): string {
  const id = readId(route.definition.type, route.id ?? '');
  if (id === undefined) throw notFound();
  return id;
}

/** The relationship that a path names, and the type it leads to; one to a type that the caller's level can't read is not there. */
export function relationshipOf({ ctx, route, registry }: Call): { relationship: Relationship; other: Definition } {
  const relationship = route.definition.relationships[route.relationship ?? ''];
  const other = registry.get(relationship?.type ?? '');
  if (relationship === undefined || other === undefined || !levelReads(ctx.caller.level, other.type)) {
    throw notFound('There is nothing at this path.');
  }
  return { relationship, other };
}

/** A row that the caller can see, with these properties; `not_found` else. */
export async function seen(
  ctx: Context,
  definition: Definition,
  id: string,
  properties: readonly string[],
): Promise<Entity> {
  return (await definition.operations.get?.run(ctx, id, ['id', 'version', ...properties])) as unknown as Entity;
}

/** Properties of a row that decide who may do an operation to it. */
export function judgedBy({ tenant }: Definition, operation: string): string[] {
  const self = OPERATIONS[operation]?.self;
  return [...(tenant === null ? [] : [tenant]), ...(self === undefined ? [] : [self])];
}

/** What `authorize` needs to know of a row that was read with `judgedBy`. */
export function targetOf({ tenant }: Definition, operation: string, row: Entity): Target {
  const self = OPERATIONS[operation]?.self;
  return {
    id: row.id,
    organizationId: tenant === null ? null : (row[tenant] as string | null),
    userId: self === undefined ? undefined : (row[self] as string | null),
  };
}

/**
 * What the caller can't see is 404 whatever he may do; only what he sees is 403.
 * @param isRetired whether the row may be one that nobody sees: what a user may do to it is judged later
 */
export async function allowWriteTo(call: Call, id: string, operation: string, isRetired = false): Promise<void> {
  const { ctx, route, registry, query } = call;
  const { definition } = route;
  if (ctx.attempt !== undefined) ctx.attempt.target = { type: definition.type, id };
  try {
    allowWrite(ctx, operation);
    allowIncluded(ctx, registry, definition, query.include);
  } catch (error) {
    await seen(ctx, definition, id, []);
    throw error;
  }
  if (ctx.caller.level !== 'user' || isRetired) return;
  const row = await seen(ctx, definition, id, judgedBy(definition, operation));
  await authorize(ctx, operation, targetOf(definition, operation, row), true);
}

/**
 * Whether the caller may list a type, by itself or of one organization.
 * @param organizationId of which alone rows are asked for; one that he can't see has none
 */
export async function allowList(
  ctx: Context,
  { type, tenant }: Definition,
  organizationId: string | undefined,
): Promise<void> {
  const operation = `${type}.list`;
  allowRead(ctx, operation);
  if (organizationId === undefined || tenant === null || ctx.caller.level !== 'user') return;
  if ((await standingIn(ctx, organizationId)) === null) return;
  await authorize(ctx, operation, { organizationId }, false);
}

/**
 * Whether the caller may read what hangs on a row: what a user may is told by the organization of the row.
 * @param operation on the other type
 */
export async function allowOther(ctx: Context, { tenant }: Definition, row: Entity, operation: string): Promise<void> {
  const organizationId = tenant === null ? null : (row[tenant] as string | null);
  if (ctx.caller.level !== 'user' || organizationId === null) allowRead(ctx, operation);
  else await authorize(ctx, operation, { organizationId }, false);
}
