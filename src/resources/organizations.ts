import { Organization } from '../../entities';
import { organizations as serializer } from '../../serializers/organizations';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, metadata, nullable, text, time, uuid } from '../jsonapi/schemas';
import { DEFAULT_GRACE_SECONDS, MOST_GRACE_SECONDS } from '../services/apiKeyRotation';
import { createOrganization } from '../services/organizationCreation';
import { deleteOrganization, restoreOrganization } from '../services/organizationDeletion';
import { purgeOrganization } from '../services/organizationPurge';
import { revokeToken, rotateToken, rotateWebhookSecret } from '../services/organizationSecrets';
import { getOrganization, listOrganizations, organizationRows, updateOrganization } from '../services/organizations';
import { changeOwner, transferOwnership } from '../services/ownership';
import { RESERVED_SLUGS } from '../services/slugs';
import { QUOTA_NAMES } from '../settings';
import { secretGrace } from './webhookEndpoints';

const slug = { ...text(2, 63), pattern: '^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$', not: { enum: [...RESERVED_SLUGS] } };

const DOMAIN = '^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$';

/** Those that a change names are changed; null brings back the default. */
const settings = {
  type: 'object',
  properties: {
    defaultRole: { type: ['string', 'null'], minLength: 1, maxLength: 60, pattern: '^[a-z0-9_]+$' },
    allowedInviteDomains: {
      type: ['array', 'null'],
      maxItems: 100,
      uniqueItems: true,
      items: { type: 'string', maxLength: 253, pattern: DOMAIN, description: 'In lower-case ASCII (IDNA).' },
    },
    membersMayInvite: { type: ['boolean', 'null'] },
    auditRetentionDays: { type: ['integer', 'null'], minimum: 1, maximum: 36_500 },
    requireIdempotencyKey: { type: ['boolean', 'null'] },
  },
  additionalProperties: false,
};

/** Limits of its own; what is not named has the installation's, and null has none. */
const quotas = {
  type: 'object',
  properties: Object.fromEntries(
    QUOTA_NAMES.filter((name) => name !== 'organizationsPerUser').map((name) => [
      name,
      { type: ['integer', 'null'], minimum: 0, maximum: 999_999_999 },
    ]),
  ),
  additionalProperties: false,
};

export const organizations = defineResource(Organization, {
  type: 'organizations',
  path: '/public/v2/management/organizations',
  summary: 'The tenants: everything else belongs to one of them.',
  defaultSort: '-createdAt',
  clientIds: true,
  tenant: 'id',
  serializer,
  rows: organizationRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    name: { schema: text(1, 120), write: 'both', required: true, filter: FILTERS.text, sort: true },
    webhookUrl: { schema: nullable({ ...text(1, 2048), format: 'http-url' }), write: 'both', filter: FILTERS.text },
    webhookSecret: {
      schema: nullable({ type: 'string', minLength: 16, maxLength: 256, format: 'webhook-secret' }),
      write: 'both',
      reveal: 'once',
    },
    token: {
      schema: nullable({ type: 'string', minLength: 22, maxLength: 255, format: 'credential' }),
      write: 'both',
      reveal: 'once',
    },
    number: { schema: integer, filter: FILTERS.integer, sort: true },
    slug: { schema: slug, write: 'both', filter: FILTERS.text, sort: true },
    externalId: { schema: nullable(text(1, 255)), write: 'both', filter: FILTERS.text, sort: true },
    kind: { schema: text(1, 40), write: 'both', filter: FILTERS.text, sort: true },
    countryCode: {
      schema: nullable({ type: 'string', format: 'country-code' }),
      write: 'both',
      filter: FILTERS.text,
      sort: true,
    },
    status: {
      schema: choice('active', 'suspended', 'pending_deletion'),
      write: 'both',
      filter: FILTERS.enum,
      sort: true,
    },
    statusReason: { schema: nullable(text(1, 500)), write: 'both' },
    statusChangedAt: { schema: time, filter: FILTERS.time, sort: true },
    avatarUrl: { schema: nullable({ ...text(1, 2048), format: 'https-url' }), write: 'both' },
    primaryDomain: { schema: nullable(text(1, 253)), write: 'both', filter: FILTERS.text, sort: true },
    metadata: { schema: metadata, write: 'both', filter: FILTERS.json },
    settings: { schema: settings, write: 'both' },
    quotas: { schema: quotas, write: 'both' },
    deleteProtection: { schema: boolean, write: 'both', filter: FILTERS.boolean },
    legalHold: { schema: boolean, write: 'both', filter: FILTERS.boolean },
    deletedAt: { schema: nullable(time), filter: FILTERS.time, sort: true },
    purgeAt: { schema: nullable(time), filter: FILTERS.time, sort: true },
  },
  meta: {
    role: {
      type: 'array',
      items: { type: 'string' },
      description: 'Codes of the roles that the caller has in it, highest first; for users.',
    },
    memberCount: { type: 'integer', minimum: 0 },
  },
  relationships: {
    users: { many: true, type: 'users', link: 'organizationId', include: true, summary: 'Its people.' },
    members: { many: true, type: 'members', link: 'organizationId', include: true, summary: 'Its memberships.' },
    roles: {
      many: true,
      type: 'roles',
      link: 'organizationId',
      include: true,
      summary: 'The roles its members can have.',
    },
    workspaces: { many: true, type: 'workspaces', link: 'organizationId', include: true, summary: 'Its parts.' },
    invitations: {
      many: true,
      type: 'invitations',
      link: 'organizationId',
      include: true,
      summary: 'Its offers to become a member.',
    },
    apiKeys: { many: true, type: 'apiKeys', link: 'organizationId', include: true, summary: 'Its keys.' },
    events: {
      many: true,
      type: 'events',
      link: 'organizationId',
      include: true,
      summary: 'What has happened in it, the oldest first.',
    },
    webhookDeliveries: {
      many: true,
      type: 'webhookDeliveries',
      link: 'organizationId',
      include: true,
      summary: 'Its events on their way to webhook endpoints.',
    },
    webhookEndpoints: {
      many: true,
      type: 'webhookEndpoints',
      link: 'organizationId',
      include: true,
      summary: 'The URLs that get its events.',
    },
    wallets: {
      many: true,
      type: 'wallets',
      link: 'organizationId',
      include: true,
      summary: 'Its money and units, a wallet for each asset.',
    },
    overageLimits: {
      many: true,
      type: 'overageLimits',
      link: 'organizationId',
      include: true,
      summary: 'How far its wallets may go below zero.',
    },
    owner: {
      one: true,
      type: 'users',
      key: 'ownerId',
      include: true,
      write: 'create',
      change: {
        run: changeOwner,
        summary: 'Make another member its primary owner; the one before becomes an admin',
        errors: { replace: ['last_owner', 'not_allowed', 'owner_required'] },
      },
      summary: 'Its primary owner.',
    },
    partner: {
      one: true,
      type: 'partners',
      key: 'partnerId',
      include: true,
      write: 'create',
      summary: 'The partner that runs it.',
    },
  },
  filters: {
    q: { schema: text(1, 255), operators: ['eq'], summary: 'Text in name, slug, externalId or domain.' },
  },
  operations: {
    list: { run: listOrganizations, summary: 'List organizations' },
    get: { run: getOrganization, summary: 'Get an organization' },
    create: {
      run: createOrganization,
      summary: 'Create an organization and its token',
      errors: ['slug_taken', 'external_id_taken', 'quota_exceeded', 'blocked_address'],
    },
    update: {
      run: updateOrganization,
      summary: 'Change an organization',
      errors: ['slug_taken', 'external_id_taken', 'required', 'quota_exceeded', 'blocked_address'],
    },
    remove: {
      run: deleteOrganization,
      purge: purgeOrganization,
      summary: 'Delete an organization; it can be restored for 30 days',
      errors: ['owner_required', 'only_organization', 'members_present', 'delete_protected', 'legal_hold'],
      possible: ({ deleteProtection, legalHold }) => !deleteProtection && !legalHold,
    },
  },
  actions: {
    transferOwnership: {
      run: transferOwnership,
      settings: {
        memberId: { ...uuid, description: 'An active member; he becomes owner and primary owner.' },
        keepOwner: { ...boolean, default: false, description: 'true: who was the primary owner stays an owner.' },
      },
      requiredSettings: ['memberId'],
      summary: 'Make another member its primary owner; the one before becomes an admin, unless he is to stay owner',
      errors: ['owner_required', 'not_found', 'not_allowed'],
    },
    'token/rotate': {
      run: rotateToken,
      settings: {
        gracePeriodSeconds: {
          type: 'integer',
          minimum: 0,
          maximum: MOST_GRACE_SECONDS,
          default: DEFAULT_GRACE_SECONDS,
          description: 'Seconds for which the old token works on.',
        },
      },
      summary: 'Replace its token, which is shown once',
      errors: ['cannot_grant', 'invalid_transition'],
    },
    token: { method: 'DELETE', run: revokeToken, summary: 'End its token' },
    'webhookSecret/rotate': {
      run: rotateWebhookSecret,
      settings: { gracePeriodSeconds: secretGrace },
      summary: 'Replace its webhook secret, which is shown once; the old one signs along for a while',
      errors: ['invalid_transition'],
      possible: ({ webhookUrl }) => webhookUrl !== null,
    },
    restore: {
      run: restoreOrganization,
      summary: 'Undo the deletion of an organization',
      ofRetired: true,
      errors: ['invalid_transition', 'owner_required'],
      possible: ({ status }) => status === 'pending_deletion',
    },
  },
});
