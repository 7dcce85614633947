import type { ApiKey } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const apiKeys = serializers<ApiKey>({
  type: 'apiKeys',
  self: ({ id }) => `/public/v2/apiKeys/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'name',
    'level',
    'environment',
    'start',
    'secret',
    'scopes',
    'ipAllowList',
    'status',
    'disabled',
    'expiresAt',
    'graceUntil',
    'rateLimit',
    'lastUsedAt',
    'lastUsedIp',
    'isOrganizationToken',
    'allWorkspaces',
    'metadata',
    'revokedAt',
    'revokedReason',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    partner: toOne('partners', ({ partnerId }) => partnerId),
    workspaces: toMany('workspaces', ({ workspaceIds }) => workspaceIds),
    createdBy: toOne('users', ({ createdById }) => createdById),
    replaces: toOne('apiKeys', ({ replacesId }) => replacesId),
    replacedBy: toOne('apiKeys', ({ replacedById }) => replacedById),
  },
});
