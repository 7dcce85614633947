import { Invitation } from '../../entities';
import { invitations as serializer } from '../../serializers/invitations';
import type { ErrorCode } from '../errors';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, lines, nullable, text, time } from '../jsonapi/schemas';
import {
  createInvitation,
  getInvitation,
  invitationRows,
  listInvitations,
  resendInvitation,
  revokeInvitation,
} from '../services/invitations';

const email = { type: 'string', minLength: 3, maxLength: 254, format: 'email-address' };
const locale = { ...text(2, 35), pattern: '^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$' };

/** Codes of both ways to send an invitation. */
const SENDING: readonly ErrorCode[] = [
  'already_invited',
  'already_member',
  'cannot_grant',
  'owner_required',
  'organization_suspended',
  'quota_exceeded',
];

/** Query parameter of those who invite. */
export const ON_CONFLICT = {
  onConflict: {
    ...choice('resend'),
    description:
      'What to do when an invitation to the same address is pending: make that one anew with what is asked for now, and a new token. The answer is the same as for a new one.',
  },
};

export const invitations = defineResource(Invitation, {
  type: 'invitations',
  path: '/public/v2/invitations',
  summary: 'Offers to become a member of an organization.',
  defaultSort: '-createdAt',
  serializer,
  rows: invitationRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    kind: { schema: choice('email', 'link'), write: 'create', filter: FILTERS.enum },
    email: { schema: nullable(email), write: 'create', filter: FILTERS.text, sort: true },
    name: { schema: nullable(text(1, 120)), write: 'create', filter: FILTERS.text },
    status: { schema: choice('pending', 'accepted', 'declined', 'revoked', 'expired'), filter: FILTERS.enum },
    expiresAt: { schema: time, write: 'create', filter: FILTERS.time, sort: true },
    send: { schema: nullable(boolean), write: 'create' },
    message: { schema: nullable(lines(1, 1000)), write: 'create' },
    locale: { schema: nullable(locale), write: 'create' },
    redirectUrl: { schema: nullable({ ...text(1, 2048), format: 'http-url' }), write: 'create' },
    token: { schema: nullable({ type: 'string' }), reveal: 'once' },
    acceptUrl: { schema: nullable({ type: 'string' }), reveal: 'once' },
    tokenStart: { schema: { type: 'string' } },
    sendCount: { schema: integer, filter: FILTERS.integer },
    lastSentAt: { schema: nullable(time), filter: FILTERS.time },
    maxUses: { schema: { ...integer, minimum: 1, maximum: 1000 }, write: 'create' },
    useCount: { schema: integer },
    acceptedAt: { schema: nullable(time), filter: FILTERS.time },
    declinedAt: { schema: nullable(time), filter: FILTERS.time },
    revokedAt: { schema: nullable(time), filter: FILTERS.time },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      summary: 'The organization that invites.',
    },
    roles: {
      many: true,
      type: 'roles',
      link: 'invitationId',
      keys: 'roleIds',
      include: true,
      write: 'create',
      summary: 'The roles that the member will have; the default one of the organization when none are given.',
    },
    workspaces: {
      many: true,
      type: 'workspaces',
      link: 'invitationId',
      keys: 'workspaceIds',
      include: true,
      write: 'create',
      summary: 'The workspaces that the member will be limited to; none: those of whoever invites, else all.',
    },
    invitedBy: {
      one: true,
      type: 'users',
      key: 'invitedById',
      include: true,
      summary: 'Who invites, or has resent it; none when a key did.',
    },
    acceptedBy: {
      one: true,
      type: 'users',
      key: 'acceptedById',
      include: true,
      summary: 'Who has accepted; of a link, who was the last.',
    },
    revokedBy: {
      one: true,
      type: 'users',
      key: 'revokedById',
      include: true,
      summary: 'Who has revoked it; none when a key did.',
    },
  },
  operations: {
    list: { run: listInvitations, summary: 'List invitations' },
    get: { run: getInvitation, summary: 'Get an invitation' },
    create: {
      run: createInvitation,
      summary: 'Invite somebody; the token is in this answer only',
      parameters: ON_CONFLICT,
      errors: [...SENDING, 'required', 'not_allowed'],
    },
    remove: {
      run: revokeInvitation,
      summary: 'Revoke an invitation; it stays, and can’t be accepted any more',
      errors: ['invalid_transition'],
      possible: ({ status }) => status === 'pending' || status === 'expired',
    },
  },
  actions: {
    resend: {
      run: resendInvitation,
      summary: 'Make a new token and expiry, and mail it; the old token is dead at once',
      settings: { send: { ...boolean, description: 'false: nothing is mailed.' } },
      errors: [...SENDING, 'invalid_transition'],
      possible: ({ status }) => status === 'pending' || status === 'expired',
    },
  },
});
