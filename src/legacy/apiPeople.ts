import type { Member } from '../../entities';
import type { Context, OpenContext } from '../context';
import { clientAddress, networkOf } from '../http/address';
import { limit } from '../http/sensitive';
import { choice, integer, nullable, text, time, uuid } from '../jsonapi/schemas';
import { closed, listOf, object } from '../openapi/schemas';
import { may } from '../permissions';
import { authorize } from '../services/access';
import { acceptInvitation } from '../services/invitationAcceptance';
import { createInvitation } from '../services/invitations';
import { memberBy, roleIdsBy } from '../services/lookUps';
import { listMembers, removeMember, updateMember } from '../services/members';
import { getOrganization } from '../services/organizations';
import { roleRows } from '../services/roles';
import { userRows } from '../services/users';
import { workspaceRows } from '../services/workspaces';
import { type Asked, type At, number, page, type Reply, type SurfaceRoute } from './surface';

/** `/api`: members and invitations of an organization, all in an envelope. */

const PER_PAGE = { most: 100, default: 15 };

const MEMBER = closed({
  id: number,
  user: closed({ id: uuid, name: nullable({ type: 'string' }), email: nullable({ type: 'string' }) }),
  status: choice('active', 'suspended'),
  roles: listOf(closed({ id: number, name: { type: 'string' } })),
  workspaces: { ...listOf(closed({ id: uuid, name: { type: 'string' } })), description: 'None: not limited to any.' },
  joinedAt: time,
});

const count = { ...integer, minimum: 0 };
const MEMBERS = envelope({
  data: listOf(MEMBER),
  meta: closed({ current_page: count, per_page: count, total: count, last_page: count }),
});

function envelope(more: Record<string, unknown> = {}, optional: readonly string[] = []) {
  return closed({ success: { type: 'boolean', const: true }, message: { type: 'string' }, ...more }, optional);
}

const success = (message: string, more: object = {}): Reply => ({
  status: 200,
  body: { success: true, message, ...more },
});

const OFFER = closed({
  inviteToken: nullable({ type: 'string' }),
  acceptUrl: nullable({ type: 'string' }),
});
const WITHHELD = closed({ secretWithheld: { const: true } });

const email = { type: 'string', minLength: 3, maxLength: 254, format: 'email-address' };
/** Secrets are taken as they are; how long they must be is the service's to say. */
const password = { type: 'string', maxLength: 1024, writeOnly: true };
const numbers = { type: 'array', items: number, uniqueItems: true };

/** Id of the organization in the path, for a caller who may do this in it. */
async function organizationOf(ctx: Context, { params }: Asked, operation: string, writes: boolean): Promise<string> {
  const { id } = await getOrganization(ctx, params.organizationId as string, ['id']);
  await authorize(ctx, operation, { organizationId: id }, writes);
  return id;
}

const MEMBER_PROPERTIES = ['id', 'number', 'userId', 'status', 'roleIds', 'workspaceIds', 'joinedAt'];

/** One statement for each kind of row that members refer to; what the caller may not read is left out. */
async function membersOf(ctx: Context, rows: readonly Member[]): Promise<object[]> {
  const idsOf = (of: (row: Member) => readonly string[], operation: string): string[] =>
    may(ctx.caller, operation) ? [...new Set(rows.flatMap(of))] : [];
  const byId = <Row extends { id: string }>(found: readonly Row[]) => new Map(found.map((row) => [row.id, row]));
  const userIds = idsOf(({ userId }) => [userId], 'members.list');
  const users = byId(await userRows.load(ctx, userIds, ['id', 'name', 'email']));
  const roleIds = idsOf((row) => row.roleIds, 'roles.list');
  const roles = byId(roleIds.length === 0 ? [] : await roleRows.load(ctx, roleIds, ['id', 'number', 'name']));
  const workspaceIds = idsOf((row) => row.workspaceIds, 'workspaces.list');
  const workspaces = byId(workspaceIds.length === 0 ? [] : await workspaceRows.load(ctx, workspaceIds, ['id', 'name']));
  return rows.map((row) => ({
    id: row.number,
    user: { id: row.userId, name: users.get(row.userId)?.name ?? null, email: users.get(row.userId)?.email ?? null },
    status: row.status,
    roles: row.roleIds.flatMap((id) => roles.get(id) ?? []).map((role) => ({ id: role.number, name: role.name })),
    workspaces: row.workspaceIds.flatMap((id) => workspaces.get(id) ?? []).map(({ id, name }) => ({ id, name })),
    joinedAt: row.joinedAt,
  }));
}

async function listMembersOf(ctx: Context, asked: Asked): Promise<Reply> {
  const id = await organizationOf(ctx, asked, 'members.list', false);
  const { page: current_page = 1, per_page = PER_PAGE.default } = asked.query;
  const selection = {
    conditions: [],
    of: { link: 'organizationId', id },
    sort: [{ field: 'createdAt', descending: false }],
    offset: (current_page - 1) * per_page,
    limit: per_page,
  };
  const { rows, total } = await listMembers(ctx, selection, MEMBER_PROPERTIES);
  const meta = { current_page, per_page, total, last_page: Math.max(1, Math.ceil(total / per_page)) };
  return success('All Organization Members', { data: await membersOf(ctx, rows), meta });
}

/** The member in the path, of the organization in the path, for a caller who may do this to him. */
async function namedMember(ctx: Context, { params }: Asked, operation: string): Promise<Member> {
  const organization = await getOrganization(ctx, params.organizationId as string, ['id']);
  const member = await memberBy(ctx, organization.id, { number: Number(params.memberId) });
  const { id, userId } = member;
  await authorize(ctx, operation, { organizationId: organization.id, userId, id }, true);
  return member;
}

async function replaceAccess(ctx: Context, asked: Asked): Promise<Reply> {
  const member = await namedMember(ctx, asked, 'members.update');
  const { roles, workspaces } = asked.body() as { roles: number[]; workspaces: string[] };
  const relationships = {
    roles: await roleIdsBy(ctx, member.organizationId, roles),
    workspaces: workspaces.map((id) => id.toLowerCase()),
  };
  const changed = await updateMember(ctx, member.id, { attributes: {}, relationships }, undefined);
  const [data] = await membersOf(ctx, [changed]);
  return success('Member update', { data });
}

async function removeNamedMember(ctx: Context, asked: Asked): Promise<Reply> {
  await removeMember(ctx, (await namedMember(ctx, asked, 'members.remove')).id, undefined);
  return success('Member deleted successfully');
}

async function invite(ctx: Context, asked: Asked): Promise<Reply> {
  const id = await organizationOf(ctx, asked, 'invitations.create', true);
  const { roles, ...attributes } = asked.body() as { roles?: number[] };
  const relationships = {
    organization: id,
    ...(roles === undefined ? {} : { roles: await roleIdsBy(ctx, id, roles) }),
  };
  const { token, acceptUrl } = await createInvitation(ctx, { attributes, relationships });
  if (ctx.mailer !== null) return success('Invitation sent successfully.');
  return { ...success('Invitation sent successfully.', { data: { inviteToken: token, acceptUrl } }), secret: true };
}

async function accept(
  ctx: Context | null,
  open: OpenContext,
  { params, body }: Asked,
  { req, res }: At,
): Promise<Reply> {
  await limit(open, res, 'invitationToken', networkOf(clientAddress(open, req)));
  const { password_confirmation: passwordConfirmation, ...answers } = body() as Record<string, string>;
  const given = { ...answers, ...(passwordConfirmation === undefined ? {} : { passwordConfirmation }) };
  await acceptInvitation(open, params.inviteToken as string, given, ctx?.caller ?? null);
  return success('Password set successfully.');
}

export const peopleRoutes: readonly SurfaceRoute[] = [
  {
    method: 'GET',
    path: '/api/organizations/{organizationId}/members',
    operationId: 'apiListMembers',
    summary: 'List the members of an organization, oldest first',
    description: 'Roles and workspaces that the caller may not read are left out.',
    operation: 'members.list',
    parameters: {
      page,
      per_page: {
        ...integer,
        minimum: 1,
        maximum: PER_PAGE.most,
        default: PER_PAGE.default,
        description: 'Members of a page.',
      },
    },
    answer: { status: 200, description: 'One page.', schema: MEMBERS },
    run: listMembersOf,
  },
  {
    method: 'PUT',
    path: '/api/organizations/{organizationId}/members/{memberId}',
    operationId: 'apiReplaceMemberAccess',
    summary: 'Replace the workspaces and roles of a member',
    description:
      'With a workspace in the list he is limited to those; with none, he is no more limited than before: not at all, or to nothing.',
    operation: 'members.update',
    request: object({
      workspaces: { type: 'array', items: uuid, uniqueItems: true },
      roles: { ...numbers, minItems: 1 },
    }),
    faults: { workspaces: ['not_allowed'] },
    answer: { status: 200, description: 'The member as he is now.', schema: envelope({ data: MEMBER }) },
    errors: ['last_owner', 'rank_too_low', 'cannot_grant', 'owner_required'],
    run: replaceAccess,
  },
  {
    method: 'DELETE',
    path: '/api/organizations/{organizationId}/members/{memberId}',
    operationId: 'apiRemoveMember',
    summary: 'End a membership',
    operation: 'members.remove',
    answer: { status: 200, description: 'Done.', schema: envelope() },
    errors: ['last_owner', 'rank_too_low'],
    run: removeNamedMember,
  },
  {
    method: 'POST',
    path: '/api/organizations/{organizationId}/invite',
    operationId: 'apiInvite',
    summary: 'Invite somebody by e-mail',
    description: 'Where no mail is configured, `data` has the token and the link to accept with, once.',
    operation: 'invitations.create',
    request: object({ email, name: text(1, 120), roles: numbers }, ['name', 'roles']),
    secrets: ['/data/inviteToken', '/data/acceptUrl'],
    answer: {
      status: 200,
      description: 'The invitation is there, and its mail on the way.',
      schema: envelope({ data: OFFER, meta: WITHHELD }, ['data', 'meta']),
    },
    errors: ['already_invited', 'already_member', 'cannot_grant', 'owner_required', 'quota_exceeded'],
    faults: { email: ['not_allowed'] },
    run: invite,
  },
  {
    method: 'POST',
    path: '/api/organizations/invite/{inviteToken}/accept',
    operationId: 'apiAcceptInvitation',
    summary: 'Accept an invitation, and set the password of the user that it makes',
    description:
      'Whoever has an account with the e-mail address signs in first and sends no password. `email` is for links, which are for no address of their own.',
    operation: 'invitations.accept',
    request: object({ password, password_confirmation: password, email }, [
      'password',
      'password_confirmation',
      'email',
    ]),
    names: { passwordConfirmation: 'password_confirmation' },
    answer: { status: 200, description: 'The user is a member now; he signs in next.', schema: envelope() },
    errors: [
      'authentication_required',
      'permission_denied',
      'organization_suspended',
      'invitation_expired',
      'invitation_revoked',
      'invitation_used',
      'inviter_not_allowed',
      'already_member',
      'quota_exceeded',
    ],
    faults: {
      password: ['required', 'too_short', 'weak_password', 'not_allowed'],
      password_confirmation: ['required', 'confirmation_mismatch', 'not_allowed'],
      email: ['required', 'not_allowed'],
    },
    runOpen: accept,
  },
];
