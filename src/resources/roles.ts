import { Role } from '../../entities';
import { roles as serializer } from '../../serializers/roles';
import { defineResource, FILTERS } from '../jsonapi/define';
import { choice, integer, nullable, text, time, uuid } from '../jsonapi/schemas';
import { getRole, listRoles, roleRows } from '../services/roles';

export const roles = defineResource(Role, {
  type: 'roles',
  path: '/public/v2/roles',
  summary: 'Named sets of permissions.',
  defaultSort: '-rank',
  serializer,
  rows: roleRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    number: { schema: integer, filter: FILTERS.integer, sort: true },
    code: { schema: text(1, 60), filter: FILTERS.text, sort: true },
    name: { schema: text(1, 100), filter: FILTERS.text, sort: true },
    description: { schema: nullable(text(0, 255)) },
    kind: { schema: choice('system', 'custom'), filter: FILTERS.enum },
    rank: { schema: integer, filter: FILTERS.integer, sort: true },
    permissions: { schema: { type: 'array', items: { type: 'string' } } },
    externalId: { schema: nullable(text(1, 255)), filter: FILTERS.text },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      summary: 'The organization whose role it is; none for a system role, which every organization has.',
    },
  },
  filters: {
    organizationId: {
      schema: uuid,
      operators: ['eq', 'in'],
      summary: 'Roles of this organization, system roles included.',
    },
  },
  operations: {
    list: { run: listRoles, summary: 'List roles' },
    get: { run: getRole, summary: 'Get a role' },
  },
});
