import type { AuditAction } from '../auditActions';
import type { Services } from '../context';
import type { Row } from '../db/database';
import { type Cause, causeSql, shapeOf, whoSql } from '../db/shape';
import type { Bind } from '../db/table';
import { EVENT_TYPES, type EventType } from '../eventTypes';

/** What an event is written with. */
export type EventContext = Pick<Services, 'db' | 'shapes' | 'deliveries'> & Cause;

/** A resource as it was at one moment: the JSON text of its resource object, or of the parts of it that may change. */
export type Snapshot = string;

const EVENTS: ReadonlySet<string> = new Set(EVENT_TYPES);
/** Rows that one statement tells of at the most: it must not take long, however many there are and with 50 endpoints. */
const MOST_TOLD = 200;
/** Rows that one statement reads at the most. */
const MOST_READ = 1_000;

/** Resources as they are now, to be told of later: as what they were before a change, or as what is gone. */
export async function snapshots(
  { db, shapes }: Pick<Services, 'db' | 'shapes'>,
  type: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Snapshot>> {
  const { table, sql } = shapeOf(shapes, type);
  const found = new Map<string, Snapshot>();
  for (const part of partsOf(ids, MOST_READ)) {
    const rows = await db.query(`select t.id, (${sql})::text from ${table} t where t.id = any($1::uuid[])`, [part]);
    for (const [id, text] of rows) found.set(id as string, text as string);
  }
  return found;
}

/** Likewise one; its row must be there. */
export async function snapshot(ctx: Pick<Services, 'db' | 'shapes'>, type: string, id: string): Promise<Snapshot> {
  return (await snapshots(ctx, type, [id])).get(id) as Snapshot;
}

interface Told {
  /** What the rows were before, by id: then those that are the same are not told of, the others with what has changed. */
  readonly before?: ReadonlyMap<string, Snapshot>;
  /** They are told of although they are the same. */
  readonly always?: boolean;
  /** The rows are webhook endpoints, and each is not told of itself (INV-43). */
  readonly aboutThemselves?: true;
  /** The rows are deliveries, and none is told of to its endpoint (INV-43). */
  readonly aboutTheirEndpoint?: true;
  /** Ids of the organizations that are told, for rows that belong to none. */
  readonly organizationIds?: readonly string[];
  /**
   * Secrets that have changed, with what there was: null or `'***'`. They are in the audit trail alone, also where nothing
   * is told because nothing else has changed.
   */
  readonly secrets?: Readonly<Record<string, null | '***'>>;
  /** Of an audit row without an event: what else is to be known. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Writes an event for each of these rows as they are now, and its audit row, in the transaction of `ctx.db` (INV-36). To be
 * called last in it: the number of an event is held until the commit, so that an organization's writers wait for each other
 * from here on. Of what is of no organization there is no event, its audit row is in the chain of the installation; of
 * other actions than types of events there are audit rows alone.
 * @param ids of many rows: in the order of their organizations, for a statement tells of some of them only
 */
export async function record(
  ctx: EventContext,
  kind: EventType | AuditAction,
  type: string,
  ids: readonly string[],
  told: Told = {},
): Promise<void> {
  const { organizationIds } = told;
  if (organizationIds === undefined || organizationIds.length === 0) {
    for (const part of partsOf(ids)) await recordPart(ctx, kind, type, part, { ...told, organizationIds: undefined });
    return;
  }
  if (ids.length === 0) return;
  for (const part of partsOf([...organizationIds].sort())) {
    await recordPart(ctx, kind, type, ids, { ...told, organizationIds: part });
  }
}

function* partsOf<T>(list: readonly T[], most = MOST_TOLD): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += most) yield list.slice(from, from + most);
}

async function recordPart(
  ctx: EventContext,
  kind: EventType | AuditAction,
  type: string,
  ids: readonly string[],
  { before, always = false, aboutThemselves, aboutTheirEndpoint, organizationIds, secrets, metadata }: Told,
): Promise<void> {
  const list: unknown[] = [];
  const bind: Bind = (value) => `$${list.push(value)}`;
  const { table, sql, organization } = shapeOf(ctx.shapes, type);
  const told = bind(ids);
  const old = before === undefined ? null : bind(ids.map((id) => before.get(id) ?? null));
  const places = `unnest(${told}::uuid[]${old === null ? '' : `, ${old}::jsonb[]`}) with ordinality b (id${old === null ? '' : ', before'}, place)`;
  const named = organizationIds === undefined ? '' : `, unnest(${bind(organizationIds)}::uuid[]) o (id)`;
  const of = organizationIds === undefined ? (organization ?? 'null::uuid') : 'o.id';
  const about = aboutThemselves ? 't.id' : aboutTheirEndpoint ? 't.endpoint_id' : 'null';
  const changed = old === null || always ? 'true' : 'x.previous is not null';
  const previous = old === null ? 'null::jsonb' : 'event_previous(b.before, n.shape)';
  const events = () => `record_events(${bind([kind])}, g.of, g.shapes, g.previous, ${causeSql(ctx, bind, 'g.about')})`;
  const audited = () =>
    `record_audit(${bind(kind)}, g.of, 'success', g.shapes, g.previous, ${whoSql(ctx, bind)}, ${bind(metadata ?? null)}::jsonb)`;
  const hidden = secrets === undefined ? null : `${bind({ secrets })}::jsonb`;
  const both = () => (hidden === null ? events() : `case when g.is_told then ${events()} else ${audited()} end`);
  const [row] = await ctx.db.query(
    `select coalesce(sum(${EVENTS.has(kind) ? both() : audited()}), 0)::integer
     from (select x.of, x.about, ${changed} as is_told, array_agg(x.shape order by x.place) as shapes,
         array_agg(${hidden === null ? 'x.previous' : `coalesce(x.previous, '{}') || ${hidden}`} order by x.place) as previous
       from (select t.id, ${of} as of, ${about}::uuid as about, n.shape, ${previous} as previous, b.place
         from ${places} join ${table} t on t.id = b.id cross join lateral (select ${sql} as shape offset 0) n${named}) x
       ${hidden === null ? `where ${changed}` : ''} group by 1, 2, 3 order by 1, 2 offset 0) g`,
    list,
  );
  nudge(ctx, row?.[0] as number);
}

/**
 * Writes an event for each of these rows, which are gone.
 * @param organizationId that they were of; null: each tells by its own relationship, and they are in the order of those
 */
export async function recordGone(
  ctx: EventContext,
  kind: EventType,
  organizationId: string | null,
  gone: Iterable<Snapshot>,
): Promise<void> {
  for (const part of partsOf([...gone])) {
    const list: unknown[] = [];
    const bind: Bind = (value) => `$${list.push(value)}`;
    const of =
      organizationId === null
        ? "(x.shape#>>'{relationships,organization,data,id}')::uuid"
        : `${bind(organizationId)}::uuid`;
    const [row] = await ctx.db.query(
      `select coalesce(sum(record_events(${bind([kind])}, g.of, g.shapes, null, ${causeSql(ctx, bind)})), 0)::integer
       from (select ${of} as of, array_agg(x.shape order by x.place) as shapes
         from unnest(${bind(part)}::jsonb[]) with ordinality x (shape, place) group by 1 order by 1 offset 0) g`,
      list,
    );
    nudge(ctx, row?.[0] as number);
  }
}

/**
 * Changes rows of one organization, some at a time, however many they are, and tells of each what has changed.
 * @param next ids of rows that are still to be changed, `limit` at the most
 */
export async function changeInParts(
  ctx: EventContext,
  kind: EventType,
  type: string,
  next: (limit: number) => Promise<readonly Row[]>,
  change: (ids: readonly string[]) => Promise<unknown>,
): Promise<void> {
  let found: readonly Row[];
  do {
    found = await next(MOST_TOLD);
    const ids = found.map(([id]) => id as string);
    if (ids.length === 0) return;
    const before = await snapshots(ctx, type, ids);
    await change(ids);
    await record(ctx, kind, type, ids, { before });
  } while (found.length === MOST_TOLD);
}

/** Wakes the sender of this process when deliveries are due; those of others look by themselves. */
export function nudge({ db, deliveries }: Pick<EventContext, 'db' | 'deliveries'>, due: number): void {
  if (due > 0) db.afterCommit(() => deliveries.nudge());
}
