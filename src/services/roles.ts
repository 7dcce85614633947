import { Role } from '../../entities';
import type { Caller } from '../context';
import { callerScope, visibleOrganization } from '../db/select';
import { type RunningTotal, Table } from '../db/table';
import { SYSTEM_ROLES } from '../permissions';
import { crud } from './crud';
import { organizationTable } from './organizations';

/** The scope of a partner has the roles of its organizations alone; that of the installation has them all. */
function countedRoles(caller: Caller): RunningTotal | null {
  const scope = callerScope('roles')(caller);
  return scope === null || caller.level === 'platform' ? scope : { ...scope, more: Object.keys(SYSTEM_ROLES).length };
}

/** System roles are rows of the installation: everybody sees them, and every organization has them. */
export const roleTable = new Table(Role, {
  visible: (caller, bind, _isFew, reads) =>
    `t.organization_id is null or ${visibleOrganization(caller, 't.organization_id', bind, reads ? 'roles:read' : undefined)}`,
  counted: (caller) => countedRoles(caller),
  references: { organizationId: () => organizationTable as unknown as Table },
  links: {
    // System roles are everybody's.
    organizationId: (id, bind, caller) =>
      `t.organization_id = ${id} or (t.organization_id is null and ${visibleOrganization(caller, id, bind)})`,
    invitationId: (id) => `t.id in (select ir.role_id from invitation_roles ir where ir.invitation_id = ${id})`,
    memberId: (id) => `t.id in (select mr.role_id from member_roles mr where mr.member_id = ${id})`,
  },
});

export const { list: listRoles, get: getRole, rows: roleRows } = crud(roleTable);
