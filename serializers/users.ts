import type { User } from '../entities';
import { serializers, toMany } from './jsonapi';

export const users = serializers<User>({
  type: 'users',
  self: ({ id }) => `/public/v2/users/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'email',
    'name',
    'status',
    'emailVerifiedAt',
    'hasPassword',
    'avatarUrl',
    'locale',
    'externalId',
    'lastSeenAt',
  ],
  relationships: {
    organizations: toMany('organizations'),
    members: toMany('members'),
  },
});
