import type { WebhookEndpoint } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const webhookEndpoints = serializers<WebhookEndpoint>({
  type: 'webhookEndpoints',
  self: ({ id }) => `/public/v2/webhookEndpoints/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'url',
    'description',
    'eventTypes',
    'status',
    'disabled',
    'disabledReason',
    'failingSince',
    'lastSuccessAt',
    'isDefault',
    'secret',
    'oldSecrets',
    'signature',
    'publicKey',
    'headers',
    'timeoutSeconds',
    'ratePerSecond',
    'ordering',
    'payload',
    'retrySchedule',
    'legacySignatureHeader',
    'externalId',
    'metadata',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    deliveries: toMany('webhookDeliveries'),
  },
});
