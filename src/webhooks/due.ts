import type { Services } from '../context';
import type { Slots } from './slots';

/** Before every id. */
export const START = '00000000-0000-0000-0000-000000000000';
/** Endpoints with something on its way that one look goes past, some 10 ms; and those with due work that it takes on. */
const MOST_PROBED = 2_500;
const MOST_READY = 50;
/** For `/metrics`: endpoints that are gone past, those that are longest due, and of each its deliveries that are counted. */
const MOST_MEASURED = 20_000;
const MOST_LATE = 1_000;
const MOST_COUNTED = 1_000;

/** What is on its way: the condition of the partial indexes, behind the alias of the table. */
export const LIVE = "status in ('pending', 'retrying', 'sending')";

/** SQL of the first in the order of an endpoint `e`; $1 is now. A test that is being sent is not in it: it neither waits nor is waited for. */
export const head = (
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
const DUE = `
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

/** Endpoints with due work, and how far the look came. */
export interface Found {
  readonly ids: readonly string[];
  /** Where the next look begins; `START` when this one has come to the end. */
  readonly cursor: string;
}

/**
 * Looks for endpoints that have something due.
 * @param cursor where the last look has ended
 * @param closed what gets no slot
 */
export async function findDue(
  { db }: Pick<Services, 'db'>,
  at: Date,
  cursor: string,
  closed: Slots['closed'],
): Promise<Found> {
  const { endpoints, organizations, failing } = closed;
  const [row] = await db.query(FIND, [at, cursor, endpoints, organizations, failing]);
  const [ids, last, isEnd] = row as [string[], string, boolean];
  return { ids, cursor: isEnd ? START : last };
}

/**
 * What waits to be sent: how many, of each of the endpoints that are longest due a thousand at the most, and for how many
 * seconds the oldest has been due. It costs some 80 ms at the most.
 */
export async function measureDue({ db }: Pick<Services, 'db'>): Promise<{ count: number; seconds: number }> {
  const [row] = await db.query(DUE);
  const [count, seconds] = row as [number, number];
  return { count, seconds };
}
