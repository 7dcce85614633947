import { AccessToken } from '../../entities';
import { accessTokens as serializer } from '../../serializers/accessTokens';
import { defineResource, FILTERS } from '../jsonapi/define';
import { integer, nullable, time, uuid } from '../jsonapi/schemas';
import { PERMISSIONS } from '../permissions';
import { accessTokenRows, endAccessToken, getAccessToken, listAccessTokens } from '../services/accessTokens';

/** Also of the requests that make tokens. */
export const scopes = {
  type: 'array',
  items: { type: 'string', enum: ['*', ...PERMISSIONS] },
  minItems: 1,
  uniqueItems: true,
  description: 'permission codes, or ["*"] for all that the key or the user may do',
};
const secret = nullable({ type: 'string' });

/** They are made by `endpoints/accessTokens.ts`: signing in needs no credential. */
export const accessTokens = defineResource(AccessToken, {
  type: 'accessTokens',
  path: '/public/v2/accessTokens',
  summary:
    'Short-lived credentials with the tokens that renew them: sessions of people, and what was made from a key. ' +
    'Pairs that were made by refreshing one another are a family; the current one stands for it, and is found by the id of any.',
  defaultSort: '-createdAt',
  serializer,
  rows: accessTokenRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    accessToken: { schema: secret, reveal: 'once' },
    refreshToken: { schema: secret, reveal: 'once' },
    tokenType: { schema: { type: 'string', const: 'Bearer' } },
    expiresIn: { schema: { ...integer, minimum: 0, description: 'seconds, counted from its making' } },
    expiresAt: { schema: time, filter: FILTERS.time },
    refreshExpiresAt: { schema: time, filter: FILTERS.time },
    scopes: { schema: scopes },
    familyId: { schema: uuid, filter: FILTERS.id },
    lastUsedAt: { schema: nullable(time), filter: FILTERS.time },
    lastUsedIp: { schema: nullable({ type: 'string' }) },
    userAgent: { schema: nullable({ type: 'string' }) },
  },
  relationships: {
    apiKey: {
      one: true,
      type: 'apiKeys',
      key: 'apiKeyId',
      include: true,
      summary: 'The key that it was made from.',
    },
    user: { one: true, type: 'users', key: 'userId', include: true, summary: 'Who has signed in.' },
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      summary: 'The organization that the key is bound to.',
    },
  },
  operations: {
    list: { run: listAccessTokens, summary: 'List your sessions, or what was made from your key' },
    get: { run: getAccessToken, summary: 'Get a session, or what was made from a key' },
    remove: {
      run: endAccessToken,
      summary: 'End a session, or what was made from a key, by the id of any of its pairs',
    },
  },
});
