import type { WebhookDelivery, WebhookEndpoint } from '../../entities';
import type { Context } from '../context';
import { Values } from '../db/conditions';
import type { Database } from '../db/database';
import { type IfMatch, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import { LIVE } from '../webhooks/due';
import { authorize } from './access';
import { nudge, record } from './events';
import { deliveryTable, getDelivery } from './webhookDeliveries';
import { getWebhookEndpoint, webhookEndpointTable } from './webhookEndpoints';

/** Numbers of events, or deliveries, that one statement looks at: it is done in a fifth of the time that one may take. */
const CHUNK = 5_000;
/** Events that one replay of all may span, and deliveries that one of the others makes about: another call makes the rest. */
export const MOST_REPLAYED = 250_000;

const COLUMNS = `id, organization_id, endpoint_id, event_id, sequence, trigger, manual, status, payload, next_attempt_at,
  replay_of_id`;

/** One after the other, and due by a clock that counts milliseconds. */
const DUE = "clock_timestamp() - interval '1 millisecond'";

/** States that a delivery can be replayed in (domain sheet 6.5); none of them is ever left. */
const ENDED: readonly string[] = ['skipped', 'exhausted', 'cancelled', 'succeeded'];
export const canReplay = ({ status }: Pick<WebhookDelivery, 'status'>): boolean => ENDED.includes(status);

/** Told by the audit trail alone (domain sheet 7.2). */
const REPLAYED = 'webhook_delivery.replayed';

const DISABLED = 'The endpoint is disabled: enable it first.';
const refusal = (detail: string): AppError => new AppError('invalid_transition', detail);

/**
 * Makes another delivery of the event of one that has ended, for one attempt; with the same id, the same body and a new
 * signature.
 * @throws AppError `invalid_transition` unless it has ended, the endpoint is there and enabled, and the event has its body
 */
export const replayDelivery = (
  ctx: Context,
  id: string,
  _settings: object,
  ifMatch: IfMatch,
): Promise<WebhookDelivery> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { endpointId } = await getDelivery(inside, id, ['endpointId']);
    // Whoever disables the endpoint waits for us, and cancels what we have made, or we for him.
    const [endpoint] = await db.query(
      'select disabled, deleted_at is not null from webhook_endpoints where id = $1 for no key update',
      [endpointId],
    );
    const delivery = await getDelivery(inside, id, ['status', 'version', 'eventId']);
    const [guard] = versionGuard(ifMatch);
    if (guard !== undefined && ifMatch?.includes(delivery.version) === false) throw guard.error();
    if (!canReplay(delivery)) throw refusal('The delivery has not ended yet.');
    if (endpoint?.[1] !== false) throw refusal('The endpoint has been deleted.');
    if (endpoint[0] === true) throw refusal(DISABLED);
    const [event] = await db.query('select body is not null from events where id = $1', [delivery.eventId]);
    if (event?.[0] !== true) throw refusal('The content of the event is gone: it is kept for 90 days.');
    const { list, bind } = new Values();
    const { properties } = deliveryTable;
    const [row] = await db.query(
      `insert into webhook_deliveries as t (${COLUMNS})
       select new_id(), d.organization_id, d.endpoint_id, d.event_id, d.sequence, 'replay', true, 'pending', d.payload,
         date_trunc('milliseconds', clock_timestamp()), d.id
       from webhook_deliveries d where d.id = ${bind(id)} returning ${deliveryTable.selectList(properties, ctx.caller, bind)}`,
      list,
    );
    nudge(inside, 1);
    const made = deliveryTable.read(properties, row ?? []);
    await record(inside, REPLAYED, 'webhookDeliveries', [id], { metadata: { replay: made.id } });
    return made;
  });

/** Which events of an endpoint's organization are delivered to it anew. */
export interface Replay {
  /** `failed`, `skipped`: those whose newest delivery is; `all`: those that it asks for now, sent before or not. */
  readonly status: 'failed' | 'skipped' | 'all';
  /** Times, RFC 3339; both are part of the range. */
  readonly since?: string;
  readonly until?: string;
  /** Likewise. */
  readonly fromSequence?: number;
  readonly toSequence?: number;
}

/**
 * Delivers many events to an endpoint anew, in their order and by its schedule; those that are on their way to it already
 * are left out, so that a repeated call makes none a second time. It may take seconds, in which nobody waits for it but other
 * replays to the endpoint: its organization, and the row that the sender writes to, are not locked.
 * @returns how many deliveries were made
 * @throws AppError `not_found`, `required` for all without a bound, `not_allowed` for a range of too many, `invalid_transition`
 * for a disabled endpoint
 */
export async function replayEvents(ctx: Context, id: string, replay: Replay): Promise<number> {
  const { organizationId } = await getWebhookEndpoint(ctx, id, ['organizationId']);
  await authorize(ctx, 'webhookEndpoints.replay', { organizationId }, true);
  const { status, since, until, fromSequence, toSequence } = replay;
  if (status === 'all' && (since ?? until ?? fromSequence ?? toSequence) === undefined) {
    const detail = 'To replay all events, give since, until, fromSequence or toSequence.';
    throw new AppError('required', detail, { pointer: '/meta' }, { meta: { attribute: 'since', message: detail } });
  }
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`replay to ${id}`]);
    const endpoint = await getWebhookEndpoint(inside, id, SETTINGS);
    const queued = endpoint.disabled ? 0 : await queue(db, endpoint, replay);
    // As it is at the end: whoever disables it from now on cancels what was made here.
    const { disabled } = await updateRow(inside, webhookEndpointTable, id, {});
    if (disabled) throw refusal(DISABLED);
    nudge(inside, queued);
    await record(inside, REPLAYED, 'webhookEndpoints', [id], { metadata: { ...replay, queued } });
    return queued;
  });
}

const SETTINGS = ['id', 'organizationId', 'eventTypes', 'payload', 'disabled'];

async function queue(db: Database, endpoint: WebhookEndpoint, replay: Replay): Promise<number> {
  const { from, to } = await boundsOf(db, endpoint.organizationId, replay);
  const isAll = replay.status === 'all';
  if (isAll && to - from >= MOST_REPLAYED) {
    const detail = `The range has more than ${MOST_REPLAYED} events: replay it in parts.`;
    throw new AppError('not_allowed', detail, { pointer: '/meta' });
  }
  let queued = 0;
  let after = from - 1;
  while (after < to && queued < MOST_REPLAYED) {
    const chunk = isAll
      ? allSql(endpoint, replay, after, Math.min(after + CHUNK, to))
      : endedSql(endpoint, replay, after, to);
    const [row] = await db.query(chunk.sql, chunk.list);
    queued += row?.[0] as number;
    after = (row?.[1] as number | null) ?? to;
  }
  return queued;
}

/** The range in numbers of events, in whose order they have happened. */
async function boundsOf(
  db: Database,
  organizationId: string,
  { since, until, fromSequence = 1, toSequence = Number.MAX_SAFE_INTEGER }: Replay,
): Promise<{ from: number; to: number }> {
  const [row] = await db.query(
    `select case when $2::timestamptz is null then 1 else ${edgeSql('min', '>= $2', 'asc')} end,
       case when $3::timestamptz is null then (select last from event_sequences where organization_id = $1)
         else ${edgeSql('max', '<= $3', 'desc')} end`,
    [organizationId, since ?? null, until ?? null],
  );
  const [first, last] = row as [number | null, number | null];
  if (first === null || last === null) return { from: 1, to: 0 };
  return { from: Math.max(first, fromSequence), to: Math.min(last, toSequence) };
}

/** The first or the last number of the times that fit; the events of one transaction have one time. */
const edgeSql = (which: 'min' | 'max', comparison: string, direction: string): string =>
  `(select ${which}(sequence) from (select e.sequence from events e where e.organization_id = $1
    and e.occurred_at ${comparison} order by e.occurred_at ${direction} fetch first 1 rows with ties) edge)`;

interface Statement {
  readonly sql: string;
  readonly list: unknown[];
}

/** Events behind `after` that the endpoint asks for; of those that it got before, in the form that they had. */
function allSql(
  { id, organizationId, eventTypes, payload }: WebhookEndpoint,
  replay: Replay,
  after: number,
  to: number,
): Statement {
  const { list, bind } = new Values();
  const [endpoint, last] = [bind(id), bind(to)];
  const asked = `(${bind(eventTypes)}::text[] = '{}' or v.event_type = any(${bind(eventTypes)}::text[])
    or split_part(v.event_type, '.', 1) || '.*' = any(${bind(eventTypes)}::text[]))`;
  // INV-43, and what is for a tested endpoint alone.
  const isOthers = `v.event_type <> 'webhook.test' and v.subject_id <> ${endpoint}::uuid and (v.subject_type <> 'webhookDeliveries'
    or (select s.endpoint_id from webhook_deliveries s where s.id = v.subject_id) is distinct from ${endpoint}::uuid)`;
  // Aggregates, so that each is looked up: joined as a whole, a chunk would cost the more the longer the log is.
  const sql = `with made as (
      insert into webhook_deliveries (${COLUMNS})
      select new_id(), v.organization_id, ${endpoint}, v.id, v.sequence, 'replay', false, 'pending',
        coalesce(before.payload, ${bind(payload)}), ${DUE}, before.id
      from events v cross join lateral (
        select (array_agg(d.id order by d.id desc))[1] as id, (array_agg(d.payload order by d.id desc))[1] as payload,
          bool_or(d.${LIVE}) as is_live
        from webhook_deliveries d where d.endpoint_id = ${endpoint} and d.sequence = v.sequence) before
      where v.organization_id = ${bind(organizationId)} and v.sequence > ${bind(after)} and v.sequence <= ${last}
        and v.body is not null and ${timesSql(replay, bind)} and ${asked} and ${isOthers} and before.is_live is not true
      order by v.sequence returning 1)
    select count(*)::integer, ${last}::bigint from made`;
  return { sql, list };
}

/** Events behind `after` whose newest delivery to the endpoint has failed, or was skipped. */
function endedSql({ id }: WebhookEndpoint, replay: Replay, after: number, to: number): Statement {
  const { list, bind } = new Values();
  const endpoint = bind(id);
  const states = replay.status === 'failed' ? "('exhausted', 'cancelled')" : "('skipped')";
  const sql = `with ended as (
      select distinct on (d.sequence) d.* from webhook_deliveries d
      where d.endpoint_id = ${endpoint} and d.status in ${states} and d.sequence > ${bind(after)} and d.sequence <= ${bind(to)}
      order by d.sequence, d.id desc limit ${CHUNK}
    ), made as (
      insert into webhook_deliveries (${COLUMNS})
      select new_id(), d.organization_id, d.endpoint_id, d.event_id, d.sequence, 'replay', false, 'pending', d.payload,
        ${DUE}, d.id
      from ended d join events v on v.id = d.event_id
      where v.body is not null and v.event_type <> 'webhook.test' and ${timesSql(replay, bind)}
        and not exists (select 1 from webhook_deliveries n
          where n.endpoint_id = d.endpoint_id and n.sequence = d.sequence and (n.id > d.id or n.${LIVE}))
      order by d.sequence returning 1)
    select (select count(*)::integer from made), (select max(sequence) from ended having count(*) = ${CHUNK})`;
  return { sql, list };
}

function timesSql({ since, until }: Replay, bind: Values['bind']): string {
  const parts = [
    ...(since === undefined ? [] : [`v.occurred_at >= ${bind(since)}::timestamptz`]),
    ...(until === undefined ? [] : [`v.occurred_at <= ${bind(until)}::timestamptz`]),
  ];
  return parts.length === 0 ? 'true' : parts.join(' and ');
}
