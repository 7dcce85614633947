import { Role } from '../../entities';
import { roles as serializer } from '../../serializers/roles';
import { defineResource, FILTERS } from '../jsonapi/define';
import { choice, integer, nullable, text, time, uuid } from '../jsonapi/schemas';
import { ROLE_PERMISSIONS } from '../permissions';
import { createRole, deleteRole, getRole, listRoles, roleRows, updateRole } from '../services/roles';

const isCustom = ({ kind }: Role): boolean => kind === 'custom';

const permissions = {
  type: 'array',
  items: choice(...ROLE_PERMISSIONS),
  minItems: 1,
  uniqueItems: true,
  description: 'codes of what its holders may do; nobody writes what he lacks himself',
};

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
    code: {
      schema: { ...text(1, 60), pattern: '^[a-z0-9_]*$', examples: ['support_lead'] },
      write: 'both',
      required: true,
      filter: FILTERS.text,
      sort: true,
    },
    name: { schema: text(1, 100), write: 'both', required: true, filter: FILTERS.text, sort: true },
    description: { schema: nullable(text(0, 255)), write: 'both' },
    kind: { schema: choice('system', 'custom'), filter: FILTERS.enum },
    rank: { schema: { ...integer, minimum: 0, maximum: 100 }, write: 'both', filter: FILTERS.integer, sort: true },
    permissions: { schema: permissions, write: 'both', required: true },
    externalId: { schema: nullable(text(1, 255)), write: 'both', filter: FILTERS.text },
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
  meta: {
    memberCount: {
      type: ['integer', 'null'],
      minimum: 0,
      description: 'Members who have it; null for a system role, which every organization has.',
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
    create: {
      run: createRole,
      summary: 'Make a role of an organization',
      errors: ['required', 'quota_exceeded', 'code_taken', 'cannot_grant', 'rank_too_low'],
    },
    update: {
      run: updateRole,
      summary: 'Change a role of an organization',
      errors: ['update_not_offered', 'code_taken', 'cannot_grant', 'rank_too_low'],
      possible: isCustom,
    },
    remove: {
      run: deleteRole,
      summary: 'Delete a role of an organization',
      parameters: {
        replaceWith: {
          ...uuid,
          description:
            'Id of the role that takes its place with members and open invitations; without, nobody may have it.',
        },
      },
      errors: ['update_not_offered', 'not_found', 'role_in_use', 'cannot_grant', 'rank_too_low', 'owner_required'],
      possible: isCustom,
    },
  },
});
