import type { Database, Row } from '../db/database';
import {
  type ClaimedDelivery,
  DELIVERY,
  type EndpointSettings,
  LEASE_MS,
  LONGEST_LEASE_MS,
  type QueueContext,
  readDelivery,
  readEndpoint,
  SETTINGS,
  SETTINGS_COUNT,
  type Stored,
} from './delivery';
import { findDue, head, LIVE } from './due';
import { rateLeft, rateWait } from './rate';
import type { Slots } from './slots';

/** What came of one look at the queue. */
export interface Claim {
  readonly deliveries: readonly ClaimedDelivery[];
  /** Where the next look begins; `START` when this one has come to the end. */
  readonly cursor: string;
  /** Something was left only because there were not enough slots. */
  readonly hasMore: boolean;
  /** Deliveries that were cancelled: the endpoint is switched off or gone. */
  readonly cancelled: number;
  /** Milliseconds until an endpoint whose rate is used up may get the next one. */
  readonly waitMs: number | null;
}

const TOUCH = "version = d.version + 1, updated_at = date_trunc('second', now())";
/** Deliveries to endpoints that are off which one look cancels. */
const MOST_CANCELLED = 1_000;

/* Those of others are left to them. Not `for update`: whoever writes an event only refers to the row. $1 ids, $2 now. */
const LOCK = `
  select ${SETTINGS}, e.disabled or e.deleted_at is not null, e.rate_per_second, e.rate_left,
    (extract(epoch from e.rate_at) * 1000)::float8
  from webhook_endpoints e where e.id = any($1) order by e.id for no key update of e skip locked`;

/*
 * A statement of its own, whose view of the table is newer than the locks: what others took before is seen as taken.
 * An array, and no condition of a partial index beside it: else PostgreSQL, which believes that next to nothing is due until
 * it has analyzed the table, reads all that is due, or picks anew for each row of that.
 * $1 now, $2 end of the lease, $3–$6 ids, how many at the most, how many may be on their way in all, and which are strict.
 */
const TAKE = `
  with room as (
    select e.id, e.is_strict, least(e.most, e.bound - (
      select count(*) from webhook_deliveries s where s.endpoint_id = e.id and s.status = 'sending'
        and s.next_attempt_at > $1 and s.next_attempt_at <= $1 + interval '${LONGEST_LEASE_MS} ms'
        and not (e.is_strict and s.trigger = 'test'))) as free
    from unnest($3::uuid[], $4::integer[], $5::integer[], $6::boolean[]) e (id, most, bound, is_strict)
  ), picked as (
    select p.id from room r cross join lateral (select d.id from webhook_deliveries d where d.endpoint_id = r.id and d.${LIVE}
      and d.next_attempt_at <= $1 order by d.next_attempt_at limit greatest(r.free, 0)) p where not r.is_strict
    union all
    select p.id from room e cross join lateral (${head('h.id, h.next_attempt_at')}) p
      where e.is_strict and e.free > 0 and p.next_attempt_at <= $1
  )
  update webhook_deliveries d set status = 'sending', next_attempt_at = $2, claims = d.claims + 1, ${TOUCH}
  from events v where d.id = any(array(select id from picked)) and v.id = d.event_id and d.next_attempt_at <= $1
  returning ${DELIVERY}`;

/** An endpoint that this transaction has locked. */
interface Locked {
  readonly settings: EndpointSettings;
  readonly isOff: boolean;
  readonly rate: { readonly perSecond: number; readonly left: number } | null;
  /** How many this look may take. */
  readonly most: number;
}

/**
 * Takes due deliveries, of each endpoint the longest due first, and gives each a lease. A lease that has run out counts as
 * due: its process died.
 * @param cursor where the last look has ended
 */
export async function claimDeliveries({ db, now }: QueueContext, slots: Slots, cursor: string): Promise<Claim> {
  const at = now();
  const found = await findDue({ db }, at, cursor, slots.closed);
  const none = { deliveries: [], cursor: found.cursor, hasMore: false, cancelled: 0, waitMs: null };
  if (found.ids.length === 0) return none;
  return db.transaction(async (inside) => {
    const locked = (await inside.query(LOCK, [found.ids, at])).map((each) => readLocked(each, at.getTime()));
    const cancelled = await cancelDue(inside, locked, at);
    const dealt = slots.deal(locked.map(({ settings, most }) => ({ ...settings, most })));
    const taken = await take(inside, locked, dealt, at);
    await spend(inside, locked, taken, at);
    const { hasMore, waitMs } = summary(locked, dealt, taken);
    const deliveries = await withBody(inside, taken);
    return { ...none, deliveries, hasMore: hasMore || cancelled === MOST_CANCELLED, waitMs, cancelled };
  });
}

function readLocked(row: Row, now: number): Locked {
  const settings = readEndpoint(row);
  const [isOff, perSecond, left, rateAt] = row.slice(SETTINGS_COUNT) as [boolean, number | null, number, number | null];
  const rate = perSecond === null ? null : { perSecond, left: rateLeft({ perSecond, left, at: rateAt }, now) };
  const allowed = rate === null ? settings.bound : Math.min(settings.bound, Math.floor(rate.left / 1_000));
  return { settings, isOff, rate, most: isOff ? 0 : allowed };
}

async function take(
  db: Database,
  locked: readonly Locked[],
  dealt: ReadonlyMap<string, number>,
  at: Date,
): Promise<Stored[]> {
  const asking = locked.filter(({ settings }) => dealt.has(settings.id));
  if (asking.length === 0) return [];
  const settings = new Map(asking.map((each) => [each.settings.id, each.settings]));
  const rows = await db.query(TAKE, [
    at,
    new Date(at.getTime() + LEASE_MS),
    asking.map((each) => each.settings.id),
    asking.map((each) => dealt.get(each.settings.id)),
    asking.map((each) => each.settings.bound),
    asking.map((each) => each.settings.isStrict),
  ]);
  return rows.map(([endpointId, ...columns]) =>
    readDelivery(columns, settings.get(endpointId as string) as EndpointSettings),
  );
}

/** An event is kept for its time only: what was not delivered by then never is. */
async function withBody(db: Database, taken: readonly Stored[]): Promise<ClaimedDelivery[]> {
  const empty = taken.filter(({ body }) => body === null).map(({ id }) => id);
  if (empty.length > 0) {
    await db.query(
      `update webhook_deliveries d set status = 'cancelled', next_attempt_at = null, ${TOUCH} where d.id = any($1)`,
      [empty],
    );
  }
  return taken.filter((each): each is ClaimedDelivery => each.body !== null);
}

/** What was being sent when its process died, and the endpoint is off since, is not sent again (domain sheet 6.5). */
async function cancelDue(db: Database, locked: readonly Locked[], at: Date): Promise<number> {
  const off = locked.filter(({ isOff }) => isOff).map(({ settings }) => settings.id);
  if (off.length === 0) return 0;
  const rows = await db.query(
    `update webhook_deliveries d set status = 'cancelled', next_attempt_at = null, ${TOUCH}
     where d.id in (select id from webhook_deliveries where endpoint_id = any($1) and ${LIVE} and next_attempt_at <= $2
       limit ${MOST_CANCELLED}) and d.${LIVE} and d.next_attempt_at <= $2 returning d.id`,
    [off, at],
  );
  return rows.length;
}

const countTaken = (taken: readonly Stored[], { settings }: Locked): number =>
  taken.filter(({ endpoint }) => endpoint === settings).length;

/** Takes what was sent off the rates. */
async function spend(db: Database, locked: readonly Locked[], taken: readonly Stored[], at: Date): Promise<void> {
  const spent = locked.flatMap((each) => {
    const count = each.rate === null ? 0 : countTaken(taken, each);
    return count === 0 ? [] : [[each.settings.id, (each.rate?.left ?? 0) - 1_000 * count]];
  });
  if (spent.length === 0) return;
  await db.query(
    `update webhook_endpoints e set rate_left = r.rest, rate_at = $3
     from unnest($1::uuid[], $2::integer[]) r (id, rest) where e.id = r.id`,
    [spent.map(([id]) => id), spent.map(([, rest]) => rest), at],
  );
}

function summary(
  locked: readonly Locked[],
  dealt: ReadonlyMap<string, number>,
  taken: readonly Stored[],
): Pick<Claim, 'hasMore' | 'waitMs'> {
  const waits: number[] = [];
  let hasMore = false;
  for (const each of locked) {
    const got = dealt.get(each.settings.id) ?? 0;
    const count = countTaken(taken, each);
    hasMore ||= got > 0 && count === got && got < each.most;
    const left = each.rate === null ? 1_000 : each.rate.left - 1_000 * count;
    if (each.rate !== null && !each.isOff && left < 1_000) waits.push(rateWait(each.rate.perSecond, left));
  }
  return { hasMore, waitMs: waits.length === 0 ? null : Math.min(...waits) };
}
