import type { Database } from '../db/database';
import { type EventContext, record, snapshots } from '../services/events';
import { cancelDeliveries } from '../services/webhookCancelling';
import { type Ended, refusalOf } from './outcome';

/** What is known about how an endpoint does. */
export interface Health {
  /** Switched off or deleted. */
  readonly isOff: boolean;
  /** The first failure since the last success, in milliseconds since 1970; null: it does well. */
  readonly failingSince: number | null;
  /** The delivery that failed then. */
  readonly failingDeliveryId: string | null;
  /** Another delivery has failed `APART_MS` or more after that. */
  readonly failingApart: boolean;
  readonly lastSuccessAt: number | null;
}

/** What attempts have made of it. */
export interface Change {
  readonly endpointId: string;
  readonly health: Health;
  /** Why it is to be switched off. */
  readonly off: string | undefined;
}

const HOUR_MS = 3_600_000;
/** An endpoint that has only failed for so long is switched off (domain sheet 9.5). */
const PATIENCE_MS = 5 * 24 * HOUR_MS;
const APART_MS = 12 * HOUR_MS;
/** Milliseconds between two times that a success is noted of an endpoint that does well. */
const SUCCESS_MS = 1_000;

/**
 * Locks the endpoints of these attempts that may change by them, in the order of their ids; the others need no lock, so that
 * a busy endpoint that does well is written once a second.
 */
export async function lockHealth(db: Database, ended: readonly Ended[], now: Date): Promise<Map<string, Health>> {
  const idsOf = (list: readonly Ended[]) => [...new Set(list.map(({ delivery }) => delivery.endpoint.id))];
  const rows = await db.query(
    `select id, disabled or deleted_at is not null, (extract(epoch from failing_since) * 1000)::float8, failing_delivery_id,
       failing_apart, (extract(epoch from last_success_at) * 1000)::float8
     from webhook_endpoints where id = any($1::uuid[])
       and (id = any($2::uuid[]) or failing_since is not null or coalesce(last_success_at <= $3, true))
     order by id for no key update`,
    [
      idsOf(ended),
      idsOf(ended.filter((each) => each.result.error !== null || refusalOf(each) !== undefined)),
      new Date(now.getTime() - SUCCESS_MS),
    ],
  );
  return new Map(
    rows.map(([id, isOff, failingSince, failingDeliveryId, failingApart, lastSuccessAt]) => {
      const health = { isOff, failingSince, failingDeliveryId, failingApart, lastSuccessAt } as Health;
      return [id as string, health];
    }),
  );
}

/** What the attempts of one endpoint make of it. */
function judge(endpointId: string, before: Health, ended: readonly Ended[]): Change {
  let health = before;
  let off: string | undefined;
  for (const each of [...ended].sort((a, b) => a.endedAt.getTime() - b.endedAt.getTime())) {
    if (each.isCut) continue;
    health = each.result.error === null ? succeeded(health, each) : failed(health, each);
    off ??= refusalOf(each) ?? despair(health, each);
  }
  return { endpointId, health, off: before.isOff ? undefined : off };
}

function despair({ failingSince, failingApart }: Health, { endedAt }: Ended): string | undefined {
  const isLong = failingSince !== null && endedAt.getTime() - failingSince >= PATIENCE_MS;
  return isLong && failingApart ? 'Every attempt has failed for 5 days.' : undefined;
}

function succeeded({ isOff }: Health, { endedAt }: Ended): Health {
  return { isOff, failingSince: null, failingDeliveryId: null, failingApart: false, lastSuccessAt: endedAt.getTime() };
}

function failed(health: Health, { delivery, endedAt }: Ended): Health {
  const at = endedAt.getTime();
  const { failingSince } = health;
  if (failingSince === null) return { ...health, failingSince: at, failingDeliveryId: delivery.id };
  const isApart = delivery.id !== health.failingDeliveryId && at - failingSince >= APART_MS;
  return { ...health, failingApart: health.failingApart || isApart };
}

/** Writes what the attempts have made of their endpoints; what is locked, and only that, can have changed. */
export async function noteHealth(
  db: Database,
  locked: ReadonlyMap<string, Health>,
  ended: readonly Ended[],
): Promise<Change[]> {
  const changes = [...locked].flatMap(([id, before]) => {
    const own = ended.filter(({ delivery }) => delivery.endpoint.id === id);
    return own.length === 0 ? [] : [judge(id, before, own)];
  });
  const written = changes.filter(({ endpointId, health }) => health !== locked.get(endpointId));
  if (written.length === 0) return changes;
  const at = (time: number | null) => (time === null ? null : new Date(time));
  await db.query(
    `update webhook_endpoints e set failing_since = r.since, failing_delivery_id = r.delivery, failing_apart = r.apart,
       last_success_at = r.success
     from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::boolean[], $5::timestamptz[])
       r (id, since, delivery, apart, success) where e.id = r.id`,
    [
      written.map(({ endpointId }) => endpointId),
      written.map(({ health }) => at(health.failingSince)),
      written.map(({ health }) => health.failingDeliveryId),
      written.map(({ health }) => health.failingApart),
      written.map(({ health }) => at(health.lastSuccessAt)),
    ],
  );
  return changes;
}

/** Switches an endpoint off that is locked, and tells everybody else of it (INV-43). */
export async function autoDisable(ctx: EventContext, { endpointId }: Change, reason: string): Promise<void> {
  const before = await snapshots(ctx, 'webhookEndpoints', [endpointId]);
  await ctx.db.query(
    `update webhook_endpoints set disabled = true, auto_disabled = true, disabled_reason = $2, version = version + 1,
       updated_at = date_trunc('second', now()) where id = $1`,
    [endpointId, reason],
  );
  const told = { before, always: true, aboutThemselves: true } as const;
  await record(ctx, 'webhook_endpoint.auto_disabled', 'webhookEndpoints', [endpointId], told);
  await cancelDeliveries(ctx, endpointId);
}
