import { Role } from '../../entities';
import { visibleOrganization } from '../db/select';
import { Table } from '../db/table';
import { crud } from './crud';

/** System roles are rows of the installation: everybody sees them, and every visible organization has them. */
export const roleTable = new Table(Role, {
  visible: () => 'true',
  links: {
    organizationId: (id, bind, caller) => visibleOrganization(caller, id, bind),
    memberId: (id) => `t.id in (select mr.role_id from member_roles mr where mr.member_id = ${id})`,
  },
});

export const { list: listRoles, get: getRole, rows: roleRows } = crud(roleTable);
