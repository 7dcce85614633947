import type { Caller } from '../context';
import type { Permission } from '../permissions';
import { organizationsOf, visibleOrganization } from './select';
import { type Bind, NIL_UUID, type RunningTotal } from './table';

/** SQL that is true when the caller can see the log of the organization; the operator that of one that is gone as well. */
function visibleLog(caller: Caller, idSql: string, bind: Bind, permission?: Permission): string {
  if (caller.level !== 'platform') return visibleOrganization(caller, idSql, bind, permission);
  return `not exists (select 1 from organizations o where o.id = ${idSql} and o.status = 'pending_deletion')`;
}

/** Triggers leave rows of organizations that are being deleted in the totals: whoever writes waits for no organization. */
function totalOf(relation: string, permission: Permission, caller: Caller): RunningTotal {
  const { level, organizationId, partnerId } = caller;
  if (organizationId !== null) return { relation, scope: organizationId };
  if (level === 'user') return { relation, scope: (bind) => organizationsOf(caller, bind, permission) };
  const mine = (bind: Bind) => (level === 'partner' ? ` and o.partner_id = ${bind(partnerId)}` : '');
  return {
    relation,
    scope: level === 'partner' ? (partnerId ?? NIL_UUID) : NIL_UUID,
    less: (bind) => `select o.id from organizations o where o.status = 'pending_deletion'${mine(bind)}`,
  };
}

/**
 * For tables of what has happened in organizations: who sees a row, and the running totals of `relation`.
 * @param permission that users need in the organization to read it
 */
export const logOf = (relation: string, permission: Permission) => ({
  visible: (caller: Caller, bind: Bind, _isFew: boolean, reads: boolean) =>
    visibleLog(caller, 't.organization_id', bind, reads ? permission : undefined),
  counted: (caller: Caller) => totalOf(relation, permission, caller),
  countedBy: {
    organizationId: {
      relation,
      visible: (caller: Caller, idSql: string, bind: Bind) => visibleLog(caller, idSql, bind, permission),
    },
  },
});
