import type { Workspace } from '../entities';
import { serializers, toOne } from './jsonapi';

export const workspaces = serializers<Workspace>({
  type: 'workspaces',
  self: ({ id }) => `/public/v2/workspaces/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'name',
    'slug',
    'description',
    'status',
    'isDefault',
    'externalId',
    'metadata',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
  },
});
