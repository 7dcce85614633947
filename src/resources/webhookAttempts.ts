import { WebhookAttempt } from '../../entities';
import { webhookAttempts as serializer } from '../../serializers/webhookAttempts';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, nullable, time } from '../jsonapi/schemas';
import { attemptRows, getAttempt, listAttempts } from '../services/webhookAttempts';

/** Why an attempt can have failed (domain sheet 4.12). */
export const ATTEMPT_ERRORS = [
  'dns_error',
  'connection_refused',
  'connection_reset',
  'tls_error',
  'timeout',
  'blocked_address',
  'redirect_refused',
  'http_status',
  'aborted',
] as const;

const headers = { type: 'object', additionalProperties: { type: 'string' } };

export const webhookAttempts = defineResource(WebhookAttempt, {
  type: 'webhookAttempts',
  path: '/public/v2/webhookAttempts',
  summary: 'The HTTP requests of deliveries.',
  defaultSort: '-startedAt',
  serializer,
  rows: attemptRows,
  attributes: {
    number: { schema: { ...integer, minimum: 1 }, filter: FILTERS.integer, sort: true },
    manual: { schema: { ...boolean, description: 'Somebody asked for it.' }, filter: FILTERS.boolean },
    startedAt: { schema: time, filter: FILTERS.time, sort: true },
    durationMs: { schema: { ...integer, minimum: 0 } },
    statusCode: { schema: nullable(integer), filter: FILTERS.integer },
    error: { schema: nullable(choice(...ATTEMPT_ERRORS)), filter: FILTERS.enum },
    remoteAddress: { schema: nullable({ type: 'string' }) },
    requestHeaders: { schema: headers },
    responseHeaders: { schema: { ...headers, description: 'Some of them.' } },
    responseBody: { schema: nullable({ type: 'string', description: 'Its first 16 KiB.' }) },
    truncated: { schema: { ...boolean, description: 'There was more of the body.' } },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      summary: 'The organization whose event was sent.',
    },
    delivery: {
      one: true,
      type: 'webhookDeliveries',
      key: 'deliveryId',
      include: true,
      summary: 'The delivery that it is part of.',
    },
  },
  operations: {
    list: { run: listAttempts, summary: 'List attempts' },
    get: { run: getAttempt, summary: 'Get an attempt' },
  },
});
