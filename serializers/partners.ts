import type { Partner } from '../entities';
import { serializers, toMany } from './jsonapi';

export const partners = serializers<Partner>({
  type: 'partners',
  self: ({ id }) => `/public/v2/management/partners/${id}`,
  attributes: ['createdAt', 'updatedAt', 'name', 'status', 'externalId', 'metadata'],
  relationships: {
    organizations: toMany('organizations'),
    apiKeys: toMany('apiKeys'),
  },
});
