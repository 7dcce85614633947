import type { AccessToken } from '../entities';
import { serializers, toOne } from './jsonapi';

export const accessTokens = serializers<AccessToken>({
  type: 'accessTokens',
  self: ({ id }) => `/public/v2/accessTokens/${id}`,
  attributes: [
    'createdAt',
    'accessToken',
    'refreshToken',
    'tokenType',
    'expiresIn',
    'expiresAt',
    'refreshExpiresAt',
    'scopes',
    'familyId',
    'lastUsedAt',
    'lastUsedIp',
    'userAgent',
  ],
  relationships: {
    apiKey: toOne('apiKeys', ({ apiKeyId }) => apiKeyId),
    user: toOne('users', ({ userId }) => userId),
    organization: toOne('organizations', ({ organizationId }) => organizationId),
  },
});
