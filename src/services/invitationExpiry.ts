import type { Services } from '../context';
import type { Row } from '../db/database';
import { type EventContext, record } from './events';
import { sweepOrganizations } from './sweeper';

/** Rows that one statement looks at, or changes, at the most. */
const MOST_SWEPT = 1_000;
/** They read as expired already (INV-21): what has changed is what is written. */
const WAS_PENDING = JSON.stringify({ attributes: { status: 'pending' } });

/** Tells that the time of these invitations is over, which is nobody's doing. */
export async function tellExpired({ db, shapes, deliveries }: EventContext, rows: readonly Row[]): Promise<void> {
  const ids = rows.map(([id]) => id as string).sort();
  const before = new Map(ids.map((id) => [id, WAS_PENDING]));
  await record({ db, shapes, deliveries }, 'invitation.expired', 'invitations', ids, { before });
}

/** Writes `expired` into the invitations whose time is over; they read as such already (INV-21), so that nothing else changes. */
export function expireInvitations(ctx: Pick<Services, 'db' | 'shapes' | 'deliveries'>): Promise<void> {
  const isOver = "status = 'pending' and expires_at <= now()";
  const due = `select organization_id from invitations where ${isOver} order by expires_at limit ${MOST_SWEPT}`;
  return sweepOrganizations(ctx, due, async (db, organizationId) => {
    const rows = await db.query(
      `update invitations set status = 'expired' where id = any(array(
         select id from invitations where organization_id = $1 and ${isOver} limit ${MOST_SWEPT})) returning id`,
      [organizationId],
    );
    await tellExpired({ ...ctx, db }, rows);
  });
}
