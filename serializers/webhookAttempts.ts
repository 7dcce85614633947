import type { WebhookAttempt } from '../entities';
import { serializers, toOne } from './jsonapi';

export const webhookAttempts = serializers<WebhookAttempt>({
  type: 'webhookAttempts',
  self: ({ id }) => `/public/v2/webhookAttempts/${id}`,
  attributes: [
    'number',
    'manual',
    'startedAt',
    'durationMs',
    'statusCode',
    'error',
    'remoteAddress',
    'requestHeaders',
    'responseHeaders',
    'responseBody',
    'truncated',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    delivery: toOne('webhookDeliveries', ({ deliveryId }) => deliveryId),
  },
});
