import type { Services } from '../context';
import type { Database } from '../db/database';
import { LIVE } from '../webhooks/due';

/** For which bodies of events, ended deliveries and their attempts are kept (domain sheet 11). */
const KEPT_MS = 90 * 86_400_000;
/** Rows that one statement changes at the most: it is done soon, and holds few locks. */
const MOST_SWEPT = 1_000;

/** Whoever is sending it finds another number of claims, and has no effect any more. */
const CANCELLED = `status = 'cancelled', next_attempt_at = null, claims = d.claims + 1, version = d.version + 1,
  updated_at = date_trunc('second', now())`;

type Clock = Pick<Services, 'db' | 'now'>;

/** Repeats a statement that gives back the number of rows it has changed, until there are no more. */
async function sweep({ db, now }: Clock, sql: string): Promise<void> {
  const limit = new Date(now().getTime() - KEPT_MS);
  let swept: number;
  do swept = (await db.query(sql, [limit]))[0]?.[0] as number;
  while (swept === MOST_SWEPT);
}

/** Empties events whose time is over: the row stays, and what has not reached an endpoint yet never will. */
export const forgetOldBodies = (ctx: Clock): Promise<void> =>
  sweep(
    ctx,
    `with old as (
       select id from events where body is not null and occurred_at < $1 order by occurred_at limit ${MOST_SWEPT}
       for no key update skip locked
     ), emptied as (
       update events e set body = null from old where e.id = old.id returning e.id
     ), ended as (
       update webhook_deliveries d set ${CANCELLED} from emptied where d.event_id = emptied.id and d.${LIVE}
     )
     select count(*)::integer from emptied`,
  );

/** Removes ended deliveries whose time is over, with their attempts. */
export const removeOldDeliveries = (ctx: Clock): Promise<void> =>
  sweep(
    ctx,
    `with old as (
       select id from webhook_deliveries where created_at < $1 and not (${LIVE}) order by created_at
       limit ${MOST_SWEPT} for update skip locked
     ), attempts as (
       delete from webhook_attempts a using old where a.delivery_id = old.id
     ), removed as (
       delete from webhook_deliveries d using old where d.id = old.id returning 1
     )
     select count(*)::integer from removed`,
  );

/**
 * Empties the events about a person who is erased: himself, his sessions, memberships, invitations to his address (domain
 * sheet 9.10). What has not reached an endpoint yet never will. To be called before any of them is gone.
 */
export async function forgetPerson(db: Database, userId: string, email: string): Promise<void> {
  await db.query(
    `with emptied as (
       update events e set body = null where e.body is not null and e.id in (
         select s.id from events s where s.subject_type in ('users', 'accessTokens', 'invitations') and s.subject_id in (
           select $1::uuid
           union all select a.id from access_tokens a where a.user_id = $1
           union all select i.id from invitations i where lower(i.email) = lower($2))
         union all select m.id from events m where ${isMembershipOf('m', '$1::uuid')})
       returning e.id
     )
     update webhook_deliveries d set ${CANCELLED} from emptied where d.event_id = emptied.id and d.${LIVE}`,
    [userId, email],
  );
}

/** SQL that is true for events about a membership of the user, as their index has it. */
export const isMembershipOf = (event: string, userId: string): string =>
  `${event}.subject_type = 'members' and ${event}.body is not null
   and ${event}.body::json #>> '{data,relationships,user,data,id}' = ${userId}::text`;
