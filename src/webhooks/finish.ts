import type { Services } from '../context';
import type { Database } from '../db/database';
import { SYSTEM } from '../db/shape';
import type { EventType } from '../eventTypes';
import { type EventContext, record } from '../services/events';
import { autoDisable, lockHealth, noteHealth } from './health';
import { type Ended, type Outcome, outcomeOf } from './outcome';

export type FinishContext = Pick<Services, 'config' | 'now'> & EventContext;

/** Failures of one delivery in a row that are told of (domain sheet 9.5). */
const FAILURES_TOLD = 4;
/** Deliveries of events about the sending itself are not told of: that would have no end. Whoever tests sees what comes of it. */
const UNTOLD = /^webhook_delivery\.|^webhook_endpoint\.auto_disabled$|^webhook\.test$/;

interface Judged {
  readonly ended: Ended;
  readonly outcome: Outcome;
}

/**
 * Notes what came of attempts: their rows, the states of the deliveries, how the endpoints do, and the events of all that,
 * in one transaction. Of a delivery whose lease was lost nothing is noted: it belongs to who took it since.
 * @returns ids of the attempts that were noted
 */
export async function finishAttempts(ctx: FinishContext, all: readonly Ended[]): Promise<Set<string>> {
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db, actor: SYSTEM };
    const locked = await lockHealth(db, all, ctx.now());
    const judged = all.map((ended) => {
      const { endpoint } = ended.delivery;
      const schedule = endpoint.retrySchedule ?? ctx.config.webhookRetrySchedule;
      return { ended, outcome: outcomeOf(ended, schedule, locked.get(endpoint.id)?.isOff ?? false) };
    });
    const noted = await write(db, judged);
    const counted = judged.filter(({ ended }) => noted.has(ended.id));
    const changes = await noteHealth(
      db,
      locked,
      counted.map(({ ended }) => ended),
    );
    // Events come last: their numbers are held until the commit.
    for (const [kind, ids] of told(counted)) {
      await record(inside, kind, 'webhookDeliveries', ids, { aboutTheirEndpoint: true });
    }
    for (const change of changes) if (change.off !== undefined) await autoDisable(inside, change, change.off);
    return noted;
  });
}

async function write(db: Database, judged: readonly Judged[]): Promise<Set<string>> {
  const rows = await db.query(
    `with r as (select * from json_to_recordset($1::json) as r (delivery_id uuid, claims integer, status text,
         next_attempt_at timestamptz, failures integer, id uuid, started_at timestamptz, ended_at timestamptz,
         duration_ms integer, status_code integer, error text, remote_address text, request_headers jsonb,
         response_headers jsonb, response_body text, truncated boolean)
     ), noted as (
       update webhook_deliveries d set status = r.status, next_attempt_at = r.next_attempt_at, failures = r.failures,
         attempt_count = d.attempt_count + 1, first_attempt_at = coalesce(d.first_attempt_at, r.started_at),
         last_attempt_at = r.started_at, delivered_at = case when r.status = 'succeeded' then r.ended_at end,
         last_status_code = r.status_code, last_error = r.error, version = d.version + 1,
         updated_at = date_trunc('second', now())
       from r where d.id = r.delivery_id and d.claims = r.claims and d.status = 'sending'
       returning d.id, d.organization_id, d.attempt_count, d.manual)
     insert into webhook_attempts (id, organization_id, delivery_id, number, manual, started_at, duration_ms, status_code,
       error, remote_address, request_headers, response_headers, response_body, truncated)
     select r.id, n.organization_id, n.id, n.attempt_count, n.manual, r.started_at, r.duration_ms, r.status_code, r.error,
       r.remote_address, r.request_headers, r.response_headers, r.response_body, r.truncated
     from noted n join r on r.delivery_id = n.id returning id`,
    [JSON.stringify(judged.map(rowOf))],
  );
  return new Set(rows.map(([id]) => id as string));
}

function rowOf({ ended: { delivery, id, startedAt, endedAt, result }, outcome }: Judged): object {
  return {
    delivery_id: delivery.id,
    claims: delivery.claims,
    status: outcome.status,
    next_attempt_at: outcome.nextAttemptAt,
    failures: outcome.failures,
    id,
    started_at: startedAt,
    ended_at: endedAt,
    duration_ms: result.durationMs,
    status_code: result.statusCode,
    error: result.error,
    remote_address: result.remoteAddress,
    request_headers: result.requestHeaders,
    response_headers: result.responseHeaders,
    response_body: result.responseBody,
    truncated: result.truncated,
  };
}

/** What is told of deliveries: kind of event → ids. */
function told(judged: readonly Judged[]): Map<EventType, string[]> {
  const kinds = new Map<EventType, string[]>();
  for (const { ended, outcome } of judged) {
    if (ended.isCut || UNTOLD.test(ended.delivery.eventType)) continue;
    for (const kind of kindsOf(outcome)) kinds.set(kind, [...(kinds.get(kind) ?? []), ended.delivery.id]);
  }
  return kinds;
}

function kindsOf({ status, failures }: Outcome): EventType[] {
  if (status === 'succeeded') return failures >= FAILURES_TOLD ? ['webhook_delivery.recovered'] : [];
  if (status === 'cancelled') return [];
  const failing: EventType[] = failures === FAILURES_TOLD ? ['webhook_delivery.failing'] : [];
  return status === 'exhausted' ? [...failing, 'webhook_delivery.exhausted'] : failing;
}
