import type { Member } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const members = serializers<Member>({
  type: 'members',
  self: ({ id }) => `/public/v2/members/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'number',
    'status',
    'joinMethod',
    'isPrimaryOwner',
    'allWorkspaces',
    'externalId',
    'metadata',
    'joinedAt',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    user: toOne('users', ({ userId }) => userId),
    roles: toMany('roles', ({ roleIds }) => roleIds),
    workspaces: toMany('workspaces', ({ workspaceIds }) => workspaceIds),
    invitedBy: toOne('users', ({ invitedById }) => invitedById),
  },
});
