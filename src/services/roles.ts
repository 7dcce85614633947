import { Role } from '../../entities';
import { visibleOrganization } from '../db/select';
import { Table } from '../db/table';
import { crud } from './crud';

/** System roles are rows of the installation: everybody sees them, and every visible organization has them. */
export const roleTable = new Table(Role, {
  visible: () => 'true',
  filters: {
    organizationId: ({ operator, value }, bind, caller) => {
      const ids = operator === 'in' ? `${bind(value)}::uuid[]` : `array[${bind(value)}]::uuid[]`;
      return `exists (select 1 from unnest(${ids}) asked(id) where ${visibleOrganization(caller, 'asked.id', bind)})`;
    },
  },
});

export const { list: listRoles, get: getRole, load: loadRoles } = crud(roleTable);
