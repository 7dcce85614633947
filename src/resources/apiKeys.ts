import { ApiKey } from '../../entities';
import { apiKeys as serializer } from '../../serializers/apiKeys';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, metadata, nullable, text, time } from '../jsonapi/schemas';
import { PERMISSIONS } from '../permissions';
import { apiKeyRows, createApiKey, getApiKey, listApiKeys, revokeApiKey } from '../services/apiKeys';

const scopes = {
  type: 'array',
  items: { type: 'string', enum: ['*', ...PERMISSIONS] },
  minItems: 1,
  uniqueItems: true,
  description: 'permission codes, or ["*"] for all that the maker of the key might do',
};

export const apiKeys = defineResource(ApiKey, {
  type: 'apiKeys',
  path: '/public/v2/apiKeys',
  summary: 'Long-lived credentials of programs.',
  defaultSort: '-createdAt',
  serializer,
  rows: apiKeyRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    name: { schema: text(1, 120), write: 'create', required: true, filter: FILTERS.text, sort: true },
    level: { schema: choice('platform', 'partner', 'organization'), filter: FILTERS.enum },
    environment: { schema: choice('live', 'test'), filter: FILTERS.enum },
    start: { schema: { type: 'string' }, filter: ['eq', 'startsWith'] },
    secret: { schema: nullable({ type: 'string' }), reveal: 'once' },
    scopes: { schema: scopes, write: 'create' },
    status: { schema: choice('active', 'expired', 'revoked'), filter: FILTERS.enum },
    expiresAt: { schema: nullable(time), write: 'create', filter: FILTERS.time, sort: true },
    lastUsedAt: { schema: nullable(time), filter: FILTERS.time, sort: true },
    lastUsedIp: { schema: nullable({ type: 'string' }) },
    isOrganizationToken: { schema: boolean, filter: FILTERS.boolean },
    metadata: { schema: metadata, write: 'create', filter: FILTERS.json },
    revokedAt: { schema: nullable(time), filter: FILTERS.time },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      summary: 'The organization that the key is bound to.',
    },
    partner: {
      one: true,
      type: 'partners',
      key: 'partnerId',
      include: true,
      write: 'create',
      summary: 'The partner that the key is bound to.',
    },
  },
  operations: {
    list: { run: listApiKeys, summary: 'List keys that are not revoked' },
    get: { run: getApiKey, summary: 'Get a key' },
    create: { run: createApiKey, summary: 'Make a key; its secret is in this answer only', errors: ['cannot_grant'] },
    remove: { run: revokeApiKey, summary: 'Revoke a key' },
  },
});
