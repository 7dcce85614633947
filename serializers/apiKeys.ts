import type { ApiKey } from '../entities';
import { serializers, toOne } from './jsonapi';

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
    'status',
    'expiresAt',
    'lastUsedAt',
    'lastUsedIp',
    'isOrganizationToken',
    'metadata',
    'revokedAt',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    partner: toOne('partners', ({ partnerId }) => partnerId),
  },
});
