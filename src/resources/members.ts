import { Member } from '../../entities';
import { members as serializer } from '../../serializers/members';
import type { ErrorCode } from '../errors';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, metadata, nullable, text, time, uuid } from '../jsonapi/schemas';
import {
  changeRoles,
  changeWorkspaces,
  createMember,
  getMember,
  listMembers,
  memberRows,
  removeMember,
  updateMember,
} from '../services/members';

const GIVING: readonly ErrorCode[] = ['rank_too_low', 'cannot_grant', 'owner_required'];
const LIMITING: readonly ErrorCode[] = ['rank_too_low', 'cannot_grant', 'not_allowed'];

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
    status: { schema: choice('active', 'suspended'), write: 'both', filter: FILTERS.enum, sort: true },
    joinMethod: {
      schema: choice('created', 'invited', 'domain', 'import', 'admin'),
      filter: FILTERS.enum,
    },
    isPrimaryOwner: { schema: boolean, filter: FILTERS.boolean },
    allWorkspaces: { schema: boolean, write: 'both', filter: FILTERS.boolean },
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
          replace: [...GIVING, 'last_owner', 'too_short'],
          add: GIVING,
          remove: ['rank_too_low', 'last_owner', 'too_short'],
        },
      },
      summary: 'His roles, one at the least.',
    },
    workspaces: {
      many: true,
      type: 'workspaces',
      link: 'memberId',
      keys: 'workspaceIds',
      include: true,
      write: 'create',
      change: {
        run: changeWorkspaces,
        summary: 'Change the workspaces he is limited to; with one in the list allWorkspaces is false',
        errors: { replace: LIMITING, add: LIMITING, remove: ['rank_too_low'] },
      },
      summary: 'The workspaces he is limited to; none with allWorkspaces.',
    },
    invitedBy: { one: true, type: 'users', key: 'invitedById', include: true, summary: 'Who invited him.' },
  },
  filters: {
    roleId: { schema: uuid, operators: ['eq', 'in'], summary: 'Members who have this role.' },
    workspaceId: {
      schema: uuid,
      operators: ['eq', 'in'],
      summary: 'Members who are limited to this workspace, among others.',
    },
  },
  operations: {
    list: { run: listMembers, summary: 'List members' },
    get: { run: getMember, summary: 'Get a member' },
    create: {
      run: createMember,
      summary: 'Make a user a member of an organization',
      errors: ['already_member', 'quota_exceeded', 'cannot_grant', 'owner_required', 'not_allowed'],
    },
    update: {
      run: updateMember,
      whole: true,
      summary: 'Change a member',
      errors: ['rank_too_low', 'last_owner', 'cannot_grant'],
    },
    remove: { run: removeMember, summary: 'End a membership', errors: ['rank_too_low', 'last_owner'] },
  },
});
