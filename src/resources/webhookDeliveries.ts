import { WebhookDelivery } from '../../entities';
import { webhookDeliveries as serializer } from '../../serializers/webhookDeliveries';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, nullable, time } from '../jsonapi/schemas';
import { deliveryRows, getDelivery, listDeliveries } from '../services/webhookDeliveries';
import { canReplay, replayDelivery } from '../services/webhookReplay';
import { ATTEMPT_ERRORS } from './webhookAttempts';

const count = { ...integer, minimum: 0 };

export const webhookDeliveries = defineResource(WebhookDelivery, {
  type: 'webhookDeliveries',
  path: '/public/v2/webhookDeliveries',
  summary: 'Events on their way to webhook endpoints, and what came of each; kept for 90 days.',
  defaultSort: '-createdAt',
  serializer,
  rows: deliveryRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time },
    status: {
      schema: choice('pending', 'skipped', 'sending', 'succeeded', 'retrying', 'exhausted', 'cancelled'),
      filter: FILTERS.enum,
    },
    trigger: { schema: choice('event', 'replay', 'test'), filter: FILTERS.enum },
    manual: {
      schema: { ...boolean, description: 'Somebody asked for one attempt: no other follows it.' },
    },
    eventType: { schema: { type: 'string' } },
    sequence: { schema: { ...integer, minimum: 1, description: 'Number of the event.' } },
    attemptCount: { schema: count },
    nextAttemptAt: {
      schema: nullable({ ...time, description: 'Null when none is planned, and while it is sent.' }),
    },
    firstAttemptAt: { schema: nullable(time) },
    lastAttemptAt: { schema: nullable(time) },
    deliveredAt: { schema: nullable(time) },
    lastStatusCode: { schema: nullable(integer), filter: FILTERS.integer },
    lastError: { schema: nullable(choice(...ATTEMPT_ERRORS)), filter: FILTERS.enum },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      summary: 'The organization whose event it is.',
    },
    event: { one: true, type: 'events', key: 'eventId', include: true, summary: 'What is delivered.' },
    endpoint: {
      one: true,
      type: 'webhookEndpoints',
      key: 'endpointId',
      include: true,
      summary: 'Where it goes.',
    },
    replayOf: {
      one: true,
      type: 'webhookDeliveries',
      key: 'replayOfId',
      include: true,
      summary: 'The delivery that it repeats.',
    },
    attempts: {
      many: true,
      type: 'webhookAttempts',
      link: 'deliveryId',
      include: true,
      summary: 'Its requests.',
    },
  },
  operations: {
    list: { run: listDeliveries, summary: 'List deliveries' },
    get: { run: getDelivery, summary: 'Get a delivery' },
  },
  actions: {
    replay: {
      run: replayDelivery,
      status: 201,
      summary: 'Deliver its event anew, with one attempt; the id and the body are the same',
      errors: ['invalid_transition'],
      possible: canReplay,
    },
  },
});
