import type { Services } from '../context';
import { sealHeads } from './auditCheckpoints';
import { sweepOrganizations } from './sweeper';

/** Rows that one transaction removes at the most: it is done soon, and nobody waits for it long. */
const MOST_REMOVED = 1_000;

/** Organizations whose oldest row is over by their settings; the newest one always stays, and under legal hold all. */
const DUE = `select o.id as organization_id from organizations o
  join event_sequences s on s.organization_id = o.id and s.audit_from < s.audit_last
  join audit_events a on a.organization_id = o.id and a.sequence = s.audit_from
  where o.settings->>'auditRetentionDays' is not null and a.occurred_at < audit_kept_from(o.id)`;

/**
 * A sweep that removes rows of the audit trail whose time is over by the settings of their organization
 * (`auditRetentionDays`). A checkpoint of the last one that goes is signed before: the rest of the chain begins with its hash.
 */
export const endAuditRetention = (ctx: Pick<Services, 'db' | 'secrets' | 'now'>): Promise<void> =>
  sweepOrganizations(ctx, DUE, async (db, organizationId) => {
    const [row] = await db.query(
      `select a.organization_id, a.sequence, encode(a.hash, 'hex') from audit_row_to_end_with($1, ${MOST_REMOVED}) a
       where a.sequence is not null`,
      [organizationId],
    );
    if (row === undefined) return;
    await sealHeads({ ...ctx, db }, [row as never], true);
    await db.query('select end_audit_retention($1, $2)', [organizationId, row[1]]);
  });
