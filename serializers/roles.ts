import type { Role } from '../entities';
import { serializers, toOne } from './jsonapi';

export const roles = serializers<Role>({
  type: 'roles',
  self: ({ id }) => `/public/v2/roles/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'number',
    'code',
    'name',
    'description',
    'kind',
    'rank',
    'permissions',
    'externalId',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
  },
  meta: ['memberCount'],
});
