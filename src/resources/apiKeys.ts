import { ApiKey } from '../../entities';
import { apiKeys as serializer } from '../../serializers/apiKeys';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, metadata, nullable, text, time } from '../jsonapi/schemas';
import { PERMISSIONS } from '../permissions';
import { DEFAULT_GRACE_SECONDS, MOST_GRACE_SECONDS, rotateKey } from '../services/apiKeyRotation';
import { apiKeyRows, getApiKey, listApiKeys, revokeApiKey } from '../services/apiKeys';
import { changeKeyWorkspaces, createApiKey, updateApiKey } from '../services/apiKeyWriting';

const scopes = {
  type: 'array',
  items: { type: 'string', enum: ['*', ...PERMISSIONS] },
  minItems: 1,
  uniqueItems: true,
  description: 'permission codes, or ["*"] for all that the maker of the key might do',
};

const ipAllowList = {
  type: 'array',
  items: { type: 'string', format: 'address-range' },
  maxItems: 50,
  uniqueItems: true,
  description: 'IPv4 and IPv6 addresses and CIDR ranges that the key may be used from; empty: any',
};

const rateLimit = {
  type: 'object',
  required: ['limit', 'windowSeconds'],
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 1_000_000 },
    windowSeconds: { type: 'integer', minimum: 1, maximum: 86_400 },
  },
  additionalProperties: false,
  description: 'requests of the key and its access tokens, instead of the limit of the installation',
};

export const gracePeriodSeconds = {
  type: 'integer',
  minimum: 0,
  maximum: MOST_GRACE_SECONDS,
  default: DEFAULT_GRACE_SECONDS,
  description: 'How long the old key lives on; 0: it ends at once.',
};

const LIMITING = ['cannot_grant', 'not_allowed'] as const;

export const apiKeys = defineResource(ApiKey, {
  type: 'apiKeys',
  path: '/public/v2/apiKeys',
  summary: 'Long-lived credentials of programs, and of persons.',
  defaultSort: '-createdAt',
  serializer,
  rows: apiKeyRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    name: { schema: text(1, 120), write: 'both', required: true, filter: FILTERS.text, sort: true },
    level: { schema: choice('platform', 'partner', 'organization', 'user'), filter: FILTERS.enum },
    environment: { schema: choice('live', 'test'), write: 'create', filter: FILTERS.enum },
    start: { schema: { type: 'string' }, filter: ['eq', 'startsWith'] },
    secret: { schema: nullable({ type: 'string' }), reveal: 'once' },
    scopes: { schema: scopes, write: 'both' },
    ipAllowList: { schema: ipAllowList, write: 'both' },
    status: { schema: choice('active', 'disabled', 'rotating', 'expired', 'revoked'), filter: FILTERS.enum },
    disabled: { schema: boolean, write: 'both', filter: FILTERS.boolean },
    expiresAt: { schema: nullable(time), write: 'both', filter: FILTERS.time, sort: true },
    graceUntil: { schema: nullable(time), filter: FILTERS.time },
    rateLimit: { schema: nullable(rateLimit), write: 'both' },
    lastUsedAt: { schema: nullable(time), filter: FILTERS.time, sort: true },
    lastUsedIp: { schema: nullable({ type: 'string' }) },
    isOrganizationToken: { schema: boolean, filter: FILTERS.boolean },
    allWorkspaces: {
      schema: { ...boolean, description: 'false: only the workspaces that it names' },
      write: 'both',
      filter: FILTERS.boolean,
    },
    metadata: { schema: metadata, write: 'both', filter: FILTERS.json },
    revokedAt: { schema: nullable(time), filter: FILTERS.time },
    revokedReason: { schema: nullable(text(1, 500)) },
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
    workspaces: {
      many: true,
      type: 'workspaces',
      link: 'apiKeyId',
      keys: 'workspaceIds',
      include: true,
      write: 'create',
      change: {
        run: changeKeyWorkspaces,
        summary: 'Change the workspaces that the key is limited to; with one in the list allWorkspaces is false',
        errors: { replace: LIMITING, add: LIMITING },
      },
      summary: 'The workspaces that it is limited to; none with allWorkspaces.',
    },
    createdBy: {
      one: true,
      type: 'users',
      key: 'createdById',
      include: true,
      summary: 'The person who made it; null when a key did.',
    },
    replaces: {
      one: true,
      type: 'apiKeys',
      key: 'replacesId',
      include: true,
      summary: 'The key that it has taken over from.',
    },
    replacedBy: {
      one: true,
      type: 'apiKeys',
      key: 'replacedById',
      include: true,
      summary: 'The key that has taken over.',
    },
  },
  operations: {
    list: { run: listApiKeys, summary: 'List keys that are not revoked' },
    get: { run: getApiKey, summary: 'Get a key' },
    create: {
      run: createApiKey,
      summary: 'Make a key; its secret is in this answer only',
      errors: ['cannot_grant', 'quota_exceeded'],
    },
    update: {
      run: updateApiKey,
      summary: 'Change a key',
      errors: ['cannot_grant', 'invalid_transition'],
    },
    remove: {
      run: revokeApiKey,
      summary: 'Revoke a key, and the access tokens made from it',
      parameters: { reason: { ...text(1, 500), description: 'Why; shown as `revokedReason`.' } },
    },
  },
  actions: {
    rotate: {
      run: rotateKey,
      settings: { gracePeriodSeconds },
      status: 201,
      summary: 'Replace a key by a new one with the same settings; its secret is in this answer only',
      errors: ['cannot_grant', 'invalid_transition'],
      possible: ({ status }) => status === 'active' || status === 'disabled',
    },
  },
});
