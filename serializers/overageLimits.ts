import type { OverageLimit } from '../entities';
import { serializers, toOne } from './jsonapi';

export const overageLimits = serializers<OverageLimit>({
  type: 'overageLimits',
  self: ({ id }) => `/public/v2/overageLimits/${id}`,
  attributes: ['createdAt', 'updatedAt', 'asset', 'service', 'maxOverage'],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
  },
});
