import type { Event } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const events = serializers<Event>({
  type: 'events',
  self: ({ id }) => `/public/v2/events/${id}`,
  attributes: ['eventType', 'sequence', 'occurredAt', 'apiVersion', 'data', 'previous', 'actor', 'requestId'],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    deliveries: toMany('webhookDeliveries'),
  },
});
