import type { Caller } from '../context';
import type { Permission } from '../permissions';
import { organizationsOf, visibleOrganization } from './select';
import { type Bind, NIL_UUID } from './table';

const DELETED = "select o.id from organizations o where o.status = 'pending_deletion'";

/**
 * SQL that is true when the caller can see the log of the organization; the operator that of one that is gone as well. Not
 * as a join: PostgreSQL expects one row of it when the organization is named, and sorts all that it has.
 */
function visibleLog(caller: Caller, idSql: string, bind: Bind, isFew: boolean, permission?: Permission): string {
  if (caller.level !== 'platform') return visibleOrganization(caller, idSql, bind, permission);
  if (!isFew) return `${idSql} not in (${DELETED})`;
  return `(select o.status from organizations o where o.id = ${idSql}) is distinct from 'pending_deletion'`;
}

/** SQL of how many rows the organizations have whose ids are as `ids` says (`= …`, `in (…)`). */
type TotalOf = (ids: string, bind: Bind) => string;

/** Of events, as many as the last of their numbers says. */
const usualTotal =
  (relation: string): TotalOf =>
  (ids, bind) =>
    relation === 'events'
      ? `(select coalesce(sum(s.last), 0) from event_sequences s where s.organization_id ${ids})`
      : `(select coalesce(sum(c.rows), 0) from row_counts c where c.relation = ${bind(relation)} and c.scope ${ids})`;

interface Log {
  readonly relation: string;
  readonly permission: Permission;
  readonly totalOf: TotalOf;
}

/**
 * SQL of how many rows the caller sees. In the totals of partners and of all are those of organizations that are being
 * deleted too: whoever writes an event waits for nobody who deletes.
 */
function visibleTotal({ relation, permission, totalOf }: Log, caller: Caller, bind: Bind): string {
  const { level, organizationId, partnerId } = caller;
  if (organizationId !== null) return totalOf(`= ${bind(organizationId)}::uuid`, bind);
  if (level === 'user') return totalOf(`in (${organizationsOf(caller, bind, permission)})`, bind);
  const scope = bind(level === 'partner' ? partnerId : NIL_UUID);
  const mine = level === 'partner' ? ` and o.partner_id = ${bind(partnerId)}::uuid` : '';
  const unseen = `in (${DELETED}${mine})`;
  return `(select coalesce(sum(c.rows), 0) from row_counts c where c.relation = ${bind(relation)} and c.scope = ${scope}::uuid)
    - ${totalOf(unseen, bind)}`;
}

/** The same of one organization. Of one that is gone there is the event that says so. */
function parentTotal({ relation, permission, totalOf }: Log, caller: Caller, idSql: string, bind: Bind): string {
  const total = totalOf(`= ${idSql}`, bind);
  const gone = `when not exists (select 1 from organizations g where g.id = ${idSql}) then least(1, ${total})`;
  return `(case when not (${visibleLog(caller, idSql, bind, true, permission)}) then 0
    ${relation === 'events' ? gone : ''} else ${total} end)`;
}

/**
 * For tables of what has happened in organizations: who sees a row, and how many there are.
 * @param relation the table, as its running totals are called
 * @param permission that users need in the organization to read it
 * @param totalOf what says how many an organization has; its running total when it is not given
 */
export const logOf = (relation: string, permission: Permission, totalOf = usualTotal(relation)) => ({
  visible: (caller: Caller, bind: Bind, isFew: boolean, reads: boolean) =>
    visibleLog(caller, 't.organization_id', bind, isFew, reads ? permission : undefined),
  counted: (caller: Caller) => (bind: Bind) => visibleTotal({ relation, permission, totalOf }, caller, bind),
  countedBy: {
    organizationId: (caller: Caller, idSql: string, bind: Bind) =>
      parentTotal({ relation, permission, totalOf }, caller, idSql, bind),
  },
});
