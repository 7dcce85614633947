import type { Member, Organization } from '../../entities';
import type { Context } from '../context';
import { ERRORS } from '../errors';
import { choice, integer, nullable, text, time, uuid } from '../jsonapi/schemas';
import { closed, listOf, object } from '../openapi/schemas';
import { allow, may } from '../permissions';
import { authorize } from '../services/access';
import { memberBy } from '../services/lookUps';
import { listMembers, removeMember } from '../services/members';
import { createOrganization, getOrganization, updateOrganization } from '../services/organizations';
import { roleRows } from '../services/roles';
import { userRows } from '../services/users';
import { workspaceRows } from '../services/workspaces';
import { type Asked, detailsByField, type ErrorForm, number, page, type Reply, type Surface } from './surface';

/** `/api`: organizations by UUID, members and roles by number, most answers in an envelope. */

const PER_PAGE = { most: 100, default: 15 };

const name = text(1, 120);
const avatarUrl = nullable({ ...text(1, 2048), format: 'https-url' });

const ORGANIZATION = closed({
  id: uuid,
  name,
  avatarUrl: nullable({ type: 'string' }),
  status: choice('active', 'suspended'),
  type: { type: 'string', description: 'A label, such as `business`.' },
  owner: nullable({ ...uuid, description: 'User id of its primary owner.' }),
});

const MEMBER = closed({
  id: number,
  user: closed({ id: uuid, name: nullable({ type: 'string' }), email: { type: 'string' } }),
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

const SHOWN = ['id', 'name', 'avatarUrl', 'status', 'kind', 'ownerId'];

const organizationOf = (row: Organization): object => ({
  id: row.id,
  name: row.name,
  avatarUrl: row.avatarUrl,
  status: row.status,
  type: row.kind,
  owner: row.ownerId,
});

/** The organization in the path, for a caller who may do this to it. */
async function named(ctx: Context, { params }: Asked, operation: string, writes: boolean): Promise<Organization> {
  const organization = await getOrganization(ctx, params.organizationId as string, SHOWN);
  await authorize(ctx, operation, { organizationId: organization.id }, writes);
  return organization;
}

async function create(ctx: Context, { body }: Asked): Promise<Reply> {
  allow(ctx.caller, 'organizations.create');
  const created = await createOrganization(ctx, { attributes: body, relationships: {} });
  return { status: 201, body: organizationOf(created), headers: { Location: `/api/organizations/${created.id}` } };
}

async function get(ctx: Context, asked: Asked): Promise<Reply> {
  return { status: 200, body: organizationOf(await named(ctx, asked, 'organizations.get', false)) };
}

async function update(ctx: Context, asked: Asked): Promise<Reply> {
  const { id } = await named(ctx, asked, 'organizations.update', true);
  const input = { attributes: asked.body, relationships: {} };
  return { status: 200, body: organizationOf(await updateOrganization(ctx, id, input, undefined)) };
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
    user: { id: row.userId, name: users.get(row.userId)?.name ?? null, email: users.get(row.userId)?.email ?? '' },
    status: row.status,
    roles: row.roleIds.flatMap((id) => roles.get(id) ?? []).map((role) => ({ id: role.number, name: role.name })),
    workspaces: row.workspaceIds.flatMap((id) => workspaces.get(id) ?? []).map(({ id, name }) => ({ id, name })),
    joinedAt: row.joinedAt,
  }));
}

async function listMembersOf(ctx: Context, asked: Asked): Promise<Reply> {
  const { id } = await named(ctx, asked, 'members.list', false);
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
  await authorize(ctx, operation, { organizationId: organization.id, userId: member.userId }, true);
  return member;
}

async function removeNamedMember(ctx: Context, asked: Asked): Promise<Reply> {
  await removeMember(ctx, (await namedMember(ctx, asked, 'members.remove')).id, undefined);
  return success('Member deleted successfully');
}

const errors: ErrorForm = {
  name: 'ApiError',
  schema: closed(
    {
      success: { type: 'boolean', const: false },
      message: { type: 'string', description: 'What was wrong this time.' },
      errors: {
        type: 'object',
        additionalProperties: listOf({ type: 'string' }),
        description: 'By member of the body.',
      },
    },
    ['errors'],
  ),
  status: (code) => ERRORS[code][0],
  code: (code) => code,
  body: (_status, faults) => {
    const fields = detailsByField(faults);
    return { success: false, message: faults[0]?.detail, ...(fields === undefined ? {} : { errors: fields }) };
  },
};

export const apiOrganizations: Surface = {
  tag: 'api',
  summary: 'Another surface on the same organizations: members and roles by number. Errors have no code in the body.',
  prefix: '/api',
  params: { organizationId: uuid, memberId: number, inviteToken: { type: 'string' } },
  errors,
  routes: [
    {
      method: 'POST',
      path: '/api/organizations',
      operationId: 'apiCreateOrganization',
      summary: 'Create an organization',
      operation: 'organizations.create',
      request: object({ name, countryCode: { type: 'string', format: 'country-code' } }),
      answer: { status: 201, description: 'The new organization.', schema: ORGANIZATION },
      headers: ['Location'],
      errors: ['slug_taken', 'quota_exceeded'],
      run: create,
    },
    {
      method: 'GET',
      path: '/api/organizations/{organizationId}',
      operationId: 'apiGetOrganization',
      summary: 'Get an organization',
      operation: 'organizations.get',
      answer: { status: 200, description: 'The organization.', schema: ORGANIZATION },
      run: get,
    },
    {
      method: 'PATCH',
      path: '/api/organizations/{organizationId}',
      operationId: 'apiUpdateOrganization',
      summary: 'Change an organization',
      description: 'Platform and partner credentials alone set `status`; `suspended` takes a `statusReason`.',
      operation: 'organizations.update',
      request: object(
        { name, avatarUrl, status: choice('active', 'suspended'), statusReason: nullable(text(1, 500)) },
        ['name', 'avatarUrl', 'status', 'statusReason'],
      ),
      faults: { statusReason: ['required', 'not_allowed'] },
      answer: { status: 200, description: 'The organization as it is now.', schema: ORGANIZATION },
      run: update,
    },
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
      method: 'DELETE',
      path: '/api/organizations/{organizationId}/members/{memberId}',
      operationId: 'apiRemoveMember',
      summary: 'End a membership',
      operation: 'members.remove',
      answer: { status: 200, description: 'Done.', schema: envelope() },
      errors: ['last_owner', 'rank_too_low'],
      run: removeNamedMember,
    },
  ],
};
