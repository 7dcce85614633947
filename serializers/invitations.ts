import type { Invitation } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const invitations = serializers<Invitation>({
  type: 'invitations',
  self: ({ id }) => `/public/v2/invitations/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'kind',
    'email',
    'name',
    'status',
    'expiresAt',
    'send',
    'message',
    'locale',
    'redirectUrl',
    'token',
    'acceptUrl',
    'tokenStart',
    'sendCount',
    'lastSentAt',
    'maxUses',
    'useCount',
    'acceptedAt',
    'declinedAt',
    'revokedAt',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    roles: toMany('roles', ({ roleIds }) => roleIds),
    workspaces: toMany('workspaces', ({ workspaceIds }) => workspaceIds),
    invitedBy: toOne('users', ({ invitedById }) => invitedById),
    acceptedBy: toOne('users', ({ acceptedById }) => acceptedById),
    revokedBy: toOne('users', ({ revokedById }) => revokedById),
  },
});
