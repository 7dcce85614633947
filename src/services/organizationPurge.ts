import { createHash } from 'node:crypto';
import type { Context, Services } from '../context';
import type { Database } from '../db/database';
import { updateRow } from '../db/write';
import { allow, may } from '../permissions';
import type { Remove } from './crud';
import { type EventContext, recordGone } from './events';
import { endHoldsOf } from './holds';
import { deletion, deletionGuards, planPurge, withDeleted } from './organizationDeletion';
import { getOrganization, organizationTable } from './organizations';

/** Milliseconds until a purge is tried again that something stands in the way of. */
const PAUSE = 24 * 3_600 * 1_000;
/** Rows of the log that one statement removes: there may be more than fit into the time that one may take. */
const MOST_AT_ONCE = 5_000;

const PURGE = 'organizations.purge';

/** Removes an organization and all its data now, deleted before or not; a tombstone stays (INV-9). */
export const purgeOrganization: Remove = async (ctx, id, ifMatch) => {
  if (ctx.attempt !== undefined)
    Object.assign(ctx.attempt, { operation: PURGE, target: { type: 'organizations', id } });
  if (!may(ctx.caller, PURGE)) await getOrganization(ctx, id, ['id']);
  allow(ctx.caller, PURGE);
  await ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await updateRow(inside, organizationTable, id, deletion(), deletionGuards(ctx, ifMatch), withDeleted(ctx));
    await bury(inside, id);
  });
};

/**
 * Removes an organization whose time is over. One that was restored stays, and one under legal hold or protection is
 * looked at again a day later (INV-8).
 */
export const purgeWhenDue = (
  ctx: Pick<Services, 'db' | 'secrets' | 'jobs' | 'now' | 'callers' | 'shapes' | 'deliveries'>,
  id: string,
): Promise<void> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const now = ctx.now();
    const [row] = await db.query(
      `select purge_at > $2, legal_hold or delete_protection, purge_at from organizations
       where id = $1 and status = 'pending_deletion' for update`,
      [id, now],
    );
    if (row === undefined) return;
    const [isEarly, isHeld, purgeAt] = row;
    if (isEarly === true) await planPurge(inside, id, new Date(purgeAt as string));
    else if (isHeld === true) await planPurge(inside, id, new Date(now.getTime() + PAUSE));
    else await bury(inside, id);
  });

/** The row is locked; everything of the organization goes with it, but for the event that says so. */
async function bury(ctx: EventContext & Pick<Context, 'callers'>, id: string): Promise<void> {
  const { db, callers, shapes, deliveries } = ctx;
  await removeLog(db, id);
  // Behind the log: what is told of it is held from now on, and nobody who sends must have to wait for that.
  if (await endHoldsOf({ db, shapes, deliveries }, id)) await removeLog(db, id);
  const [row] = await db.query('delete from organizations where id = $1 returning name, deleted_at', [id]);
  const nameHash = createHash('sha256')
    .update(row?.[0] as string)
    .digest();
  await db.query('insert into organization_tombstones (id, deleted_at, name_hash) values ($1, $2, $3)', [
    id,
    row?.[1],
    nameHash,
  ]);
  await recordGone(ctx, 'organization.purged', id, [JSON.stringify({ type: 'organizations', id })]);
  db.afterCommit(() => callers.forget());
}

async function removeLog(db: Database, organizationId: string): Promise<void> {
  for (const table of ['webhook_attempts', 'webhook_deliveries', 'events']) {
    let removed: number;
    do {
      const [row] = await db.query(
        `with gone as (delete from ${table} where id = any(array(
           select id from ${table} where organization_id = $1 limit ${MOST_AT_ONCE})) returning 1)
         select count(*)::integer from gone`,
        [organizationId],
      );
      removed = row?.[0] as number;
    } while (removed === MOST_AT_ONCE);
  }
}
