import { Member } from '../../entities';
import { members as serializer } from '../../serializers/members';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, metadata, nullable, text, time } from '../jsonapi/schemas';
import {
  changeRoles,
  createMember,
  getMember,
  listMembers,
  memberRows,
  removeMember,
  updateMember,
} from '../services/members';

export const members = defineResource(Member, {
  type: 'members',
  path: '/public/v2/members',
  summary: 'The ties of users and organizations.',
  defaultSort: '-createdAt',
  serializer,
  rows: memberRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    number: { schema: integer, filter: FILTERS.integer, sort: true },
    status: { schema: choice('active', 'suspended'), filter: FILTERS.enum, sort: true },
    joinMethod: {
      schema: choice('created', 'invited', 'domain', 'import', 'admin'),
      filter: FILTERS.enum,
    },
    isPrimaryOwner: { schema: boolean, filter: FILTERS.boolean },
    externalId: { schema: nullable(text(1, 255)), write: 'both', filter: FILTERS.text },
    metadata: { schema: metadata, write: 'both', filter: FILTERS.json },
    joinedAt: { schema: time, filter: FILTERS.time, sort: true },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      required: true,
      summary: 'The organization.',
    },
    user: {
      one: true,
      type: 'users',
      key: 'userId',
      include: true,
      write: 'create',
      required: true,
      summary: 'The person.',
    },
    roles: {
      many: true,
      type: 'roles',
      link: 'memberId',
      keys: 'roleIds',
      include: true,
      write: 'create',
      change: {
        run: changeRoles,
        summary: 'Change his roles',
        errors: {
          replace: ['cannot_grant', 'last_owner', 'too_short'],
          add: ['cannot_grant'],
          remove: ['last_owner', 'too_short'],
        },
      },
      summary: 'His roles, one at the least.',
    },
  },
  operations: {
    list: { run: listMembers, summary: 'List members' },
    get: { run: getMember, summary: 'Get a member' },
    create: {
      run: createMember,
      summary: 'Make a user a member of an organization',
      errors: ['already_member', 'cannot_grant'],
    },
    update: { run: updateMember, summary: 'Change a member' },
    remove: { run: removeMember, summary: 'End a membership', errors: ['last_owner'] },
  },
});
