import type { User } from '../entities';
import { linkTo, serializers } from './jsonapi';

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
    'avatarUrl',
    'locale',
    'externalId',
    'lastSeenAt',
  ],
  relationships: {
    members: linkTo('members', ({ id }) => `/public/v2/members?filter[userId]=${id}`),
  },
});
