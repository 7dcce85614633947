import { User } from '../../entities';
import { users as serializer } from '../../serializers/users';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, nullable, text, time, uuid } from '../jsonapi/schemas';
import { createUser, getUser, listUsers, updateUser, userRows } from '../services/users';

export const users = defineResource(User, {
  type: 'users',
  path: '/public/v2/users',
  summary: 'People, known once over all organizations by their e-mail address.',
  defaultSort: '-createdAt',
  serializer,
  rows: userRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    email: {
      schema: { type: 'string', minLength: 3, maxLength: 254, format: 'email-address' },
      write: 'both',
      required: true,
      filter: FILTERS.text,
      sort: true,
    },
    name: { schema: nullable(text(1, 120)), write: 'both', filter: FILTERS.text, sort: true },
    status: { schema: choice('active', 'suspended', 'erased'), filter: FILTERS.enum, sort: true },
    emailVerifiedAt: { schema: nullable(time), filter: FILTERS.time },
    hasPassword: { schema: boolean },
    avatarUrl: { schema: nullable({ ...text(1, 2048), format: 'https-url' }), write: 'both' },
    locale: { schema: nullable({ ...text(2, 35), pattern: '^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$' }), write: 'both' },
    externalId: { schema: nullable(text(1, 255)), write: 'both', filter: FILTERS.text },
    lastSeenAt: { schema: nullable(time), filter: FILTERS.time },
  },
  relationships: {
    organizations: {
      many: true,
      type: 'organizations',
      link: 'userId',
      include: true,
      summary: 'The organizations that the user is a member of.',
    },
    members: { many: true, type: 'members', link: 'userId', include: true, summary: 'The memberships of the user.' },
  },
  filters: {
    q: { schema: text(1, 255), operators: ['eq'], summary: 'Text in email or name.' },
    organizationId: { schema: uuid, operators: ['eq', 'in'], summary: 'Members of this organization.' },
  },
  operations: {
    list: { run: listUsers, summary: 'List users' },
    get: { run: getUser, summary: 'Get a user' },
    create: { run: createUser, summary: 'Create a user', errors: ['email_taken'] },
    update: { run: updateUser, summary: 'Change a user', errors: ['email_taken'] },
  },
});
