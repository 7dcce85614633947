import type { Services } from '../context';
import type { Database, Row } from '../db/database';
import { rateLeft, rateWait } from './rate';
import { MOST_PER_ENDPOINT, type Slots } from './slots';

/** What the sending of a delivery needs to know of its endpoint, as it was when the delivery was taken. */
export interface EndpointSettings {
  readonly id: string;
  readonly organizationId: string;
  /** It has failed since its last success. */
  readonly isFailing: boolean;
  /** Deliveries that may be on their way to it at once. */
  readonly bound: number;
  readonly url: string;
  readonly timeoutMs: number;
  /** Encrypted, a JSON object; null: none. */
  readonly headersCipher: Buffer | null;
  readonly legacySignatureHeader: string | null;
  /** Seconds; null: the installation's. */
  readonly retrySchedule: readonly number[] | null;
  /** Encrypted, newest first: the current one, and old ones whose grace is not over. */
  readonly secretCiphers: readonly Buffer[];
}

/** A delivery that this process may send until its lease ends. */
export interface ClaimedDelivery {
  readonly id: string;
  /** Times that it was taken, this one included. */
  readonly claims: number;
  readonly eventId: string;
  readonly eventType: string;
  /** Milliseconds since 1970. */
  readonly occurredAt: number;
  /** As it is stored: the full form (INV-40). */
  readonly body: string;
  readonly payload: 'full' | 'thin';
  readonly manual: boolean;
  /** Attempts that were made, and those of them that failed. */
  readonly attemptCount: number;
  readonly failures: number;
  readonly endpoint: EndpointSettings;
}

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

/** Before every id. */
export const START = '00000000-0000-0000-0000-000000000000';
/** Milliseconds for which a delivery belongs to the process that took it or prolonged the lease (rulings). */
export const LEASE_MS = 30_000;
/** No lease ends later than this from now: where leases are counted. */
export const LONGEST_LEASE_MS = 2 * LEASE_MS;
/** Endpoints with something on its way that one look goes past, some 10 ms; and those with due work that it takes on. */
const MOST_PROBED = 2_500;
const MOST_READY = 50;
/** For `/metrics`: endpoints that are gone past, those that are longest due, and of each its deliveries that are counted. */
const MOST_MEASURED = 20_000;
const MOST_LATE = 1_000;
const MOST_COUNTED = 1_000;
/** Deliveries to endpoints that are off which one look cancels. */
const MOST_CANCELLED = 1_000;

/** The condition of the partial indexes. */
const LIVE = "status in ('pending', 'retrying', 'sending')";
const TOUCH = "version = d.version + 1, updated_at = date_trunc('second', now())";

/** The first in the order of an endpoint `e`. A test that is being sent is not in it: it neither waits nor is waited for. */
const head = (
  columns: string,
): string => `select ${columns} from webhook_deliveries h where h.endpoint_id = e.id and h.${LIVE}
  and not (h.trigger = 'test' and h.status = 'sending' and h.next_attempt_at > $1) order by h.sequence, h.id limit 1`;

/*
 * From endpoint to endpoint along webhook_deliveries_due_idx, one probe for each, whatever the length of its queue.
 * $1 now, $2 the place to begin behind, $3 endpoints and $4 organizations that get no slot, $5 whether those that fail get none.
 */
const FIND = `
  with recursive probe as (
    select $2::uuid as endpoint_id, false as is_ready, 0 as probes, 0 as ready
    union all
    select x.endpoint_id, x.is_ready, p.probes + 1, p.ready + x.is_ready::integer
    from probe p cross join lateral (
      select f.endpoint_id, case when f.next_attempt_at <= $1 then exists (
          select from webhook_endpoints e where e.id = f.endpoint_id
            and e.id <> all($3::uuid[]) and e.organization_id <> all($4::uuid[]) and not ($5 and e.failing_since is not null)
            and (e.ordering = 'none' or e.disabled or e.deleted_at is not null
              or (${head('h.next_attempt_at')}) <= $1)
        ) else false end as is_ready
      from (select d.endpoint_id, d.next_attempt_at from webhook_deliveries d
        where d.${LIVE} and d.endpoint_id > p.endpoint_id order by d.endpoint_id, d.next_attempt_at limit 1) f) x
    where p.probes < ${MOST_PROBED} and p.ready < ${MOST_READY})
  select coalesce(array_agg(endpoint_id) filter (where is_ready), '{}'), (array_agg(endpoint_id order by probes desc))[1],
    max(probes) < ${MOST_PROBED} and max(ready) < ${MOST_READY}
  from probe`;

/** What is due, for `/metrics`: how many, and for how many seconds the oldest. */
export const DUE = `
  with recursive probe as (
    select '${START}'::uuid as endpoint_id, null::timestamptz as first, 0 as probes
    union all
    select x.endpoint_id, x.next_attempt_at, p.probes + 1 from probe p cross join lateral (
      select d.endpoint_id, d.next_attempt_at from webhook_deliveries d
      where d.${LIVE} and d.endpoint_id > p.endpoint_id order by d.endpoint_id, d.next_attempt_at limit 1) x
    where p.probes < ${MOST_MEASURED})
  select coalesce(sum((select count(*) from (select from webhook_deliveries d where d.endpoint_id = p.endpoint_id and d.${LIVE}
      and d.next_attempt_at <= now() limit ${MOST_COUNTED}) as due)), 0)::integer,
    coalesce(extract(epoch from now() - min(p.first)), 0)::float8
  from (select * from probe where first <= now() order by first limit ${MOST_LATE}) p`;

/** $2 now. */
const SETTINGS = `e.id, e.organization_id, e.failing_since is not null, e.ordering = 'strict', e.url, e.timeout_seconds, e.headers_cipher, e.legacy_signature_header, e.retry_schedule,
  array(select s.cipher from webhook_secrets s where s.endpoint_id = e.id and (s.expires_at is null or s.expires_at > $2)
    order by s.expires_at is not null, s.created_at desc, s.id desc)`;
const SETTINGS_COUNT = 10;

/* Those of others are left to them. Not `for update`: whoever writes an event only refers to the row. $1 ids, $2 now. */
const LOCK = `
  select ${SETTINGS}, e.disabled or e.deleted_at is not null, e.ordering = 'strict',
    e.rate_per_second, e.rate_left, (extract(epoch from e.rate_at) * 1000)::float8
  from webhook_endpoints e where e.id = any($1) order by e.id for no key update of e skip locked`;

const DELIVERY = `d.endpoint_id, d.id, d.claims, d.event_id, v.event_type, (extract(epoch from v.occurred_at) * 1000)::float8, v.body,
  d.payload, d.manual, d.attempt_count, d.failures`;

/*
 * A statement of its own, whose view of the table is newer than the locks: what others took before is seen as taken.
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
  from picked p, events v
  where d.id = p.id and v.id = d.event_id and d.${LIVE} and d.next_attempt_at <= $1
  returning ${DELIVERY}`;

/** An endpoint that this transaction has locked. */
interface Locked {
  readonly settings: EndpointSettings;
  readonly isOff: boolean;
  readonly isStrict: boolean;
  readonly rate: { readonly perSecond: number; readonly left: number } | null;
  /** How many this look may take. */
  readonly most: number;
}

type QueueContext = Pick<Services, 'db' | 'now'>;

/**
 * Takes due deliveries, of each endpoint the longest due first, and gives each a lease. A lease that has run out counts as
 * due: its process died.
 * @param cursor where the last look has ended
 */
export async function claimDeliveries({ db, now }: QueueContext, slots: Slots, cursor: string): Promise<Claim> {
  const at = now();
  const { endpoints, organizations, failing } = slots.closed;
  const [row] = await db.query(FIND, [at, cursor, endpoints, organizations, failing]);
  const [ids, last, isEnd] = row as [string[], string, boolean];
  const none = { deliveries: [], cursor: isEnd ? START : last, hasMore: false, cancelled: 0, waitMs: null };
  if (ids.length === 0) return none;
  return db.transaction(async (inside) => {
    const locked = (await inside.query(LOCK, [ids, at])).map((each) => readLocked(each, at.getTime()));
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
  const columns = row.slice(SETTINGS_COUNT) as [boolean, boolean, number | null, number, number | null];
  const [isOff, isStrict, perSecond, left, rateAt] = columns;
  const rate = perSecond === null ? null : { perSecond, left: rateLeft({ perSecond, left, at: rateAt }, now) };
  const allowed = rate === null ? settings.bound : Math.min(settings.bound, Math.floor(rate.left / 1_000));
  return { settings, isOff, isStrict, rate, most: isOff ? 0 : allowed };
}

/** The columns of `SETTINGS`. */
function readEndpoint(row: Row): EndpointSettings {
  const [id, organizationId, isFailing, isStrict, url, seconds, ...others] = row;
  const [headersCipher, legacySignatureHeader, retrySchedule, secretCiphers] = others;
  return {
    id,
    organizationId,
    isFailing,
    // One that fails is only felt for.
    bound: isStrict || isFailing ? 1 : MOST_PER_ENDPOINT,
    url,
    timeoutMs: (seconds as number) * 1_000,
    headersCipher,
    legacySignatureHeader,
    retrySchedule,
    secretCiphers,
  } as EndpointSettings;
}

type Taken = Omit<ClaimedDelivery, 'body'> & { readonly body: string | null };

async function take(
  db: Database,
  locked: readonly Locked[],
  dealt: ReadonlyMap<string, number>,
  at: Date,
): Promise<Taken[]> {
  const asking = locked.filter(({ settings }) => dealt.has(settings.id));
  if (asking.length === 0) return [];
  const settings = new Map(asking.map((each) => [each.settings.id, each.settings]));
  const rows = await db.query(TAKE, [
    at,
    new Date(at.getTime() + LEASE_MS),
    asking.map((each) => each.settings.id),
    asking.map((each) => dealt.get(each.settings.id)),
    asking.map((each) => each.settings.bound),
    asking.map(({ isStrict }) => isStrict),
  ]);
  return rows.map(([endpointId, ...columns]) =>
    readDelivery(columns, settings.get(endpointId as string) as EndpointSettings),
  );
}

function readDelivery(row: Row, endpoint: EndpointSettings): Taken {
  const [id, claims, eventId, eventType, occurredAt, body, payload, manual, attemptCount, failures] = row;
  return {
    id,
    claims,
    eventId,
    eventType,
    occurredAt,
    body,
    payload,
    manual,
    attemptCount,
    failures,
    endpoint,
  } as Taken;
}

/** An event is kept for its time only: what was not delivered by then never is. */
async function withBody(db: Database, taken: readonly Taken[]): Promise<ClaimedDelivery[]> {
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

const countTaken = (taken: readonly Taken[], { settings }: Locked): number =>
  taken.filter(({ endpoint }) => endpoint === settings).length;

/** Takes what was sent off the rates. */
async function spend(db: Database, locked: readonly Locked[], taken: readonly Taken[], at: Date): Promise<void> {
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
  taken: readonly Taken[],
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

/** Begins leases anew. Whoever lost one has no effect, here and at the end: `claims` has moved on. */
export async function prolongLeases(
  { db, now }: QueueContext,
  deliveries: readonly Pick<ClaimedDelivery, 'id' | 'claims'>[],
): Promise<void> {
  await db.query(
    `update webhook_deliveries d set next_attempt_at = $3 from unnest($1::uuid[], $2::integer[]) r (id, claims)
     where d.id = r.id and d.claims = r.claims and d.status = 'sending'`,
    [deliveries.map(({ id }) => id), deliveries.map(({ claims }) => claims), new Date(now().getTime() + LEASE_MS)],
  );
}

/**
 * A delivery that the caller has made as being sent, with all that sending it needs, and a lease for as long as that takes.
 * @returns undefined when it is not there, is not being sent, or its event has no body any more
 */
export async function adoptDelivery({ db, now }: QueueContext, id: string): Promise<ClaimedDelivery | undefined> {
  const at = now();
  const [row] = await db.query(
    `update webhook_deliveries d set next_attempt_at = $2, claims = d.claims + 1 from events v
     where d.id = $1 and v.id = d.event_id and d.status = 'sending' and v.body is not null
     returning ${DELIVERY}`,
    [id, new Date(at.getTime() + LONGEST_LEASE_MS)],
  );
  if (row === undefined) return undefined;
  const [endpointId, ...columns] = row;
  const [endpoint] = await db.query(`select ${SETTINGS} from webhook_endpoints e where e.id = $1`, [endpointId, at]);
  return readDelivery(columns, readEndpoint(endpoint as Row)) as ClaimedDelivery;
}
