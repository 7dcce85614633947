import type { Permission } from '../entities';
import { serializers } from './jsonapi';

export const permissions = serializers<Permission>({
  type: 'permissions',
  self: ({ id }) => `/public/v2/permissions/${id}`,
  attributes: ['description', 'sensitive'],
  relationships: {},
});
