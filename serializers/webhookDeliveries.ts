import type { WebhookDelivery } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const webhookDeliveries = serializers<WebhookDelivery>({
  type: 'webhookDeliveries',
  self: ({ id }) => `/public/v2/webhookDeliveries/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'status',
    'trigger',
    'manual',
    'eventType',
    'sequence',
    'attemptCount',
    'nextAttemptAt',
    'firstAttemptAt',
    'lastAttemptAt',
    'deliveredAt',
    'lastStatusCode',
    'lastError',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    event: toOne('events', ({ eventId }) => eventId),
    endpoint: toOne('webhookEndpoints', ({ endpointId }) => endpointId),
    replayOf: toOne('webhookDeliveries', ({ replayOfId }) => replayOfId),
    attempts: toMany('webhookAttempts'),
  },
});
