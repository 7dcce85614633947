import type { Partner } from '../entities';
import { linkTo, serializers } from './jsonapi';

export const partners = serializers<Partner>({
  type: 'partners',
  self: ({ id }) => `/public/v2/management/partners/${id}`,
  attributes: ['createdAt', 'updatedAt', 'name', 'status', 'externalId', 'metadata'],
  relationships: {
    organizations: linkTo('organizations', ({ id }) => `/public/v2/management/organizations?filter[partnerId]=${id}`),
    apiKeys: linkTo('apiKeys', ({ id }) => `/public/v2/apiKeys?filter[partnerId]=${id}`),
  },
});
