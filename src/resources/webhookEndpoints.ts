import { WebhookEndpoint } from '../../entities';
import { webhookEndpoints as serializer } from '../../serializers/webhookEndpoints';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, metadata, nullable, text, time } from '../jsonapi/schemas';
import { DEFAULT_GRACE_SECONDS, MOST_GRACE_SECONDS } from '../services/apiKeyRotation';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  expireOldSecrets,
  getWebhookEndpoint,
  listWebhookEndpoints,
  rotateEndpointSecret,
  updateWebhookEndpoint,
  webhookEndpointRows,
} from '../services/webhookEndpoints';

const eventTypes = {
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 100 },
  maxItems: 100,
  uniqueItems: true,
  description: 'Types of events, or `prefix.*` for all that begin so; empty: all.',
  examples: [['member.*', 'organization.updated']],
};

const secret = { type: 'string', minLength: 16, maxLength: 256, format: 'webhook-secret' };

const headers = {
  type: 'object',
  maxProperties: 20,
  additionalProperties: { type: 'string', maxLength: 1024 },
  description:
    'Sent with each delivery. Values whose names look secret are shown as `***`; sent back as that they stay what they are. Not those of the connection and the body, `user-agent` and `webhook-*`.',
};

const oldSecrets = {
  type: 'array',
  items: {
    type: 'object',
    required: ['start', 'expiresAt'],
    properties: { start: { type: 'string' }, expiresAt: time },
    additionalProperties: false,
  },
  description: 'Secrets that sign along until they expire, newest first; at most 10.',
};

export const secretGrace = {
  type: 'integer',
  minimum: 0,
  maximum: MOST_GRACE_SECONDS,
  default: DEFAULT_GRACE_SECONDS,
  description: 'How long the old secret signs along; 0: it ends at once.',
};

const legacySignatureHeader = {
  type: 'string',
  pattern: '^[A-Za-z0-9]([A-Za-z0-9_-]{0,98}[A-Za-z0-9])?$',
  description: 'Header field with HMAC-SHA256 of the body in hex, for receivers that know no other; only with `v1`.',
};

const retrySchedule = {
  type: 'array',
  items: { type: 'integer', minimum: 1, maximum: 86_400 },
  maxItems: 15,
  description: 'Seconds from a failed attempt to the next one; null: as the installation has it, empty: no other.',
};

const RULES = ['blocked_address', 'unknown_event_type', 'not_allowed', 'invalid_format'] as const;

export const webhookEndpoints = defineResource(WebhookEndpoint, {
  type: 'webhookEndpoints',
  path: '/public/v2/webhookEndpoints',
  summary: 'URLs that get events of an organization by POST.',
  defaultSort: '-createdAt',
  serializer,
  rows: webhookEndpointRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    url: {
      schema: { ...text(1, 2048), format: 'http-url' },
      write: 'both',
      required: true,
      filter: FILTERS.text,
    },
    description: { schema: nullable(text(0, 500)), write: 'both' },
    eventTypes: { schema: eventTypes, write: 'both' },
    status: { schema: choice('enabled', 'disabled', 'auto_disabled'), filter: FILTERS.enum },
    disabled: {
      schema: { ...boolean, description: 'false: it gets events, and its failures are forgotten.' },
      write: 'both',
      filter: FILTERS.boolean,
    },
    disabledReason: { schema: nullable({ type: 'string' }) },
    failingSince: { schema: nullable(time), filter: FILTERS.time },
    lastSuccessAt: { schema: nullable(time), filter: FILTERS.time },
    isDefault: {
      schema: { ...boolean, description: 'It is what `webhookUrl` of the organization stands for.' },
      filter: FILTERS.boolean,
    },
    secret: { schema: nullable(secret), write: 'both', reveal: 'once' },
    oldSecrets: { schema: oldSecrets },
    signature: {
      schema: {
        ...choice('v1', 'v1a'),
        description: '`v1`: HMAC-SHA256 with the secret. `v1a`: ed25519, verified with `publicKey`. For ever.',
      },
      write: 'create',
      filter: FILTERS.enum,
    },
    publicKey: { schema: nullable({ type: 'string' }) },
    headers: { schema: headers, write: 'both' },
    timeoutSeconds: { schema: { ...integer, minimum: 1, maximum: 30 }, write: 'both' },
    ratePerSecond: {
      schema: nullable({ ...integer, minimum: 1, maximum: 1000, description: 'Requests at the most; null: any.' }),
      write: 'both',
    },
    ordering: {
      schema: { ...choice('none', 'strict'), description: '`strict`: one after the other, as they are numbered.' },
      write: 'both',
      filter: FILTERS.enum,
    },
    payload: {
      schema: { ...choice('full', 'thin'), description: '`thin`: only the type and id of what an event is about.' },
      write: 'both',
      filter: FILTERS.enum,
    },
    retrySchedule: { schema: nullable(retrySchedule), write: 'both' },
    legacySignatureHeader: { schema: nullable(legacySignatureHeader), write: 'both' },
    externalId: { schema: nullable(text(1, 255)), write: 'both', filter: FILTERS.text },
    metadata: { schema: metadata, write: 'both', filter: FILTERS.json },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      summary: 'The organization whose events it gets.',
    },
    deliveries: {
      many: true,
      type: 'webhookDeliveries',
      link: 'endpointId',
      include: true,
      summary: 'What it got, and what is on its way to it.',
    },
  },
  operations: {
    list: { run: listWebhookEndpoints, summary: 'List webhook endpoints' },
    get: { run: getWebhookEndpoint, summary: 'Get a webhook endpoint' },
    create: {
      run: createWebhookEndpoint,
      summary: 'Make a webhook endpoint; its secret is in this answer only',
      errors: ['required', 'quota_exceeded', ...RULES],
    },
    update: {
      run: updateWebhookEndpoint,
      summary: 'Change a webhook endpoint, switch it on or off',
      errors: [...RULES],
    },
    remove: { run: deleteWebhookEndpoint, summary: 'Delete a webhook endpoint; what is on its way to it ends' },
  },
  actions: {
    'secret/rotate': {
      run: rotateEndpointSecret,
      settings: {
        gracePeriodSeconds: secretGrace,
        secret: { ...secret, writeOnly: true, description: 'Instead of one that is made; not with `v1a`.' },
      },
      summary: 'Replace the secret, which is shown once; the old one signs along for a while',
      errors: ['not_allowed'],
    },
    'secret/expireOld': { run: expireOldSecrets, summary: 'End the old secrets that sign along' },
  },
});
