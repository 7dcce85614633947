import { Organization } from '../../entities';
import { organizations as serializer } from '../../serializers/organizations';
import { QUOTA_NAMES } from '../config';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, metadata, nullable, text, time } from '../jsonapi/schemas';
import { deleteOrganization, purgeOrganization, restoreOrganization } from '../services/organizationDeletion';
import {
  createOrganization,
  getOrganization,
  listOrganizations,
  organizationRows,
  updateOrganization,
} from '../services/organizations';
import { changeOwner } from '../services/ownership';
import { RESERVED_SLUGS } from '../services/slugs';

const slug = { ...text(2, 63), pattern: '^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$', not: { enum: [...RESERVED_SLUGS] } };

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
    quotas: { schema: quotas, write: 'both' },
    deleteProtection: { schema: boolean, write: 'both', filter: FILTERS.boolean },
    legalHold: { schema: boolean, write: 'both', filter: FILTERS.boolean },
    deletedAt: { schema: nullable(time), filter: FILTERS.time, sort: true },
    purgeAt: { schema: nullable(time), filter: FILTERS.time, sort: true },
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
      errors: ['slug_taken', 'external_id_taken', 'quota_exceeded'],
    },
    update: {
      run: updateOrganization,
      summary: 'Change an organization',
      errors: ['slug_taken', 'external_id_taken', 'required'],
    },
    remove: {
      run: deleteOrganization,
      purge: purgeOrganization,
      summary: 'Delete an organization; it can be restored for 30 days',
      errors: ['members_present', 'delete_protected', 'legal_hold'],
      possible: ({ deleteProtection, legalHold }) => !deleteProtection && !legalHold,
    },
  },
  actions: {
    restore: {
      run: restoreOrganization,
      summary: 'Undo the deletion of an organization',
      errors: ['invalid_transition'],
      possible: ({ status }) => status === 'pending_deletion',
    },
  },
});
