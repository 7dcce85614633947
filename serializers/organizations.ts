import type { Organization } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

const S = '/public/v2';

/** The first six attributes and the link to the users are the seed document's, in its order. */
export const organizations = serializers<Organization>({
  type: 'organizations',
  self: ({ id }) => `${S}/management/organizations/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'name',
    'webhookUrl',
    'webhookSecret',
    'token',
    'number',
    'slug',
    'externalId',
    'kind',
    'countryCode',
    'status',
    'statusReason',
    'statusChangedAt',
    'avatarUrl',
    'primaryDomain',
    'metadata',
    'settings',
    'quotas',
    'deleteProtection',
    'legalHold',
    'deletedAt',
    'purgeAt',
  ],
  relationships: {
    users: { ...toMany('users'), related: ({ id }) => `${S}/users?filter[organizationId]=${id}` },
    members: toMany('members'),
    roles: toMany('roles'),
    workspaces: toMany('workspaces'),
    invitations: toMany('invitations'),
    apiKeys: toMany('apiKeys'),
    events: toMany('events'),
    webhookDeliveries: toMany('webhookDeliveries'),
    webhookEndpoints: toMany('webhookEndpoints'),
    wallets: toMany('wallets'),
    overageLimits: toMany('overageLimits'),
    owner: toOne('users', ({ ownerId }) => ownerId),
    partner: toOne('partners', ({ partnerId }) => partnerId),
  },
  meta: ['role?', 'memberCount'],
});
