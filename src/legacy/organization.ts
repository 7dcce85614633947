import type { Member, Organization } from '../../entities';
import type { Context } from '../context';
import { ERRORS } from '../errors';
import { asset, choice, money, nullable, text, time, unsigned, uuid } from '../jsonapi/schemas';
import { closed, listOf, object } from '../openapi/schemas';
import { allow, may } from '../permissions';
import { authorize } from '../services/access';
import { memberBy } from '../services/lookUps';
import { listMembers, removeMember } from '../services/members';
import { createOrganization } from '../services/organizationCreation';
import { getOrganization, listOrganizations, updateOrganization } from '../services/organizations';
import { maxOveragesOf, setMaxOverages } from '../services/overageLimits';
import { roleRows } from '../services/roles';
import { userRows } from '../services/users';
import {
  type Asked,
  detailsByField,
  type ErrorForm,
  isValidation,
  page,
  pageHeaders,
  type Reply,
  type Surface,
  windowOf,
} from './surface';

/** `/organization`: organizations and people by UUID, bare answers. */

const name = text(1, 120);
const domain = nullable(text(1, 253));
const optionalText = nullable({ type: 'string' });

const maxOverages = nullable({
  ...unsigned,
  description: 'How far its wallet may go below zero, in the smallest unit of its asset; null: no limit.',
});

const MEMBERS = {
  id: uuid,
  name,
  domain,
  slug: { type: 'string' },
  status: choice('active', 'suspended'),
  countryCode: optionalText,
  avatarUrl: optionalText,
  ownerId: nullable(uuid),
  maxOverages,
  createdAt: time,
  updatedAt: time,
};
const ORGANIZATION = closed(MEMBERS);
const TEAM = closed({
  ...MEMBERS,
  members: {
    ...listOf(closed({ userId: uuid, name: optionalText, email: optionalText, roles: listOf({ type: 'string' }) })),
    description: 'The first 100, oldest first; none for a caller who has left himself.',
  },
});

const SHOWN = [
  'id',
  'name',
  'primaryDomain',
  'slug',
  'status',
  'countryCode',
  'avatarUrl',
  'ownerId',
  'createdAt',
  'updatedAt',
];

/** Organizations as this surface shows them, with their limits: one statement more, however many they are. */
async function shown(ctx: Context, rows: readonly Organization[]): Promise<object[]> {
  const limits = await maxOveragesOf(
    ctx,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => organizationOf(row, limits.get(row.id) ?? null));
}

const organizationOf = (row: Organization, maxOverages: number | null): object => ({
  id: row.id,
  name: row.name,
  domain: row.primaryDomain,
  slug: row.slug,
  status: row.status,
  countryCode: row.countryCode,
  avatarUrl: row.avatarUrl,
  ownerId: row.ownerId,
  maxOverages,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

/** `domain`, and either spelling of the name; `name` where both are there. */
function attributesOf({
  organizationName,
  name: given = organizationName,
  domain: primaryDomain,
}: ReturnType<Asked['body']>) {
  return {
    ...(given === undefined ? {} : { name: given }),
    ...(primaryDomain === undefined ? {} : { primaryDomain }),
  };
}

async function create(ctx: Context, { body }: Asked): Promise<Reply> {
  allow(ctx.caller, 'organizations.create');
  const created = await createOrganization(ctx, { attributes: attributesOf(body()), relationships: {} });
  return { status: 201, body: (await shown(ctx, [created]))[0] };
}

async function list(ctx: Context, { query }: Asked): Promise<Reply> {
  allow(ctx.caller, 'organizations.list');
  const found = await listOrganizations(ctx, windowOf(query, true), SHOWN);
  return {
    status: 200,
    body: await shown(ctx, found.rows),
    headers: pageHeaders('/organization/list', query, found),
  };
}

async function get(ctx: Context, { params }: Asked): Promise<Reply> {
  const organization = await getOrganization(ctx, params.organization_id as string, SHOWN);
  await authorize(ctx, 'organizations.get', { organizationId: organization.id }, false);
  return { status: 200, body: (await shown(ctx, [organization]))[0] };
}

async function update(ctx: Context, { params, body }: Asked): Promise<Reply> {
  const { id } = await getOrganization(ctx, params.organization_id as string, ['id']);
  await authorize(ctx, 'organizations.update', { organizationId: id }, true);
  const input = { attributes: attributesOf(body()), relationships: {} };
  return { status: 200, body: (await shown(ctx, [await updateOrganization(ctx, id, input, undefined)]))[0] };
}

/** People and their roles for a page of members: one statement for each, and only what the caller may read. */
async function membersOf(ctx: Context, organizationId: string): Promise<object[]> {
  if (!may(ctx.caller, 'members.list')) return [];
  const selection = { ...windowOf({}, false), of: { link: 'organizationId', id: organizationId } };
  const { rows } = await listMembers(ctx, selection, ['id', 'userId', 'roleIds']);
  const users = await userRows.load(
    ctx,
    idsOf(rows, ({ userId }) => [userId]),
    ['id', 'name', 'email'],
  );
  const roles = await roleRows.load(
    ctx,
    idsOf(rows, ({ roleIds }) => roleIds),
    ['id', 'code'],
  );
  const [byUser, codes] = [
    new Map(users.map((each) => [each.id, each])),
    new Map(roles.map(({ id, code }) => [id, code])),
  ];
  return rows.map(({ userId, roleIds }) => ({
    userId,
    name: byUser.get(userId)?.name ?? null,
    email: byUser.get(userId)?.email ?? null,
    roles: roleIds.flatMap((id) => codes.get(id) ?? []),
  }));
}

const idsOf = (rows: readonly Member[], of: (row: Member) => readonly string[]): string[] => [
  ...new Set(rows.flatMap(of)),
];

async function removeByUser(ctx: Context, { params }: Asked): Promise<Reply> {
  const before = await getOrganization(ctx, params.organization_id as string, SHOWN);
  const member = await memberBy(ctx, before.id, { userId: params.user_id as string });
  const { id, userId } = member;
  await authorize(ctx, 'members.remove', { organizationId: before.id, userId, id }, true);
  await removeMember(ctx, member.id, undefined);
  // Who has left does not see it any more: he is told what he left.
  const hasLeft = member.userId === ctx.caller.userId;
  const organization = hasLeft ? before : await getOrganization(ctx, before.id, SHOWN);
  return {
    status: 200,
    body: { ...(await shown(ctx, [organization]))[0], members: hasLeft ? [] : await membersOf(ctx, before.id) },
  };
}

async function setMaximum(ctx: Context, { params, body }: Asked): Promise<Reply> {
  const { id } = await getOrganization(ctx, params.organization_id as string, ['id']);
  await authorize(ctx, 'organizations.maxOverages', { organizationId: id }, true);
  const { maxOverages } = body() as { maxOverages: number | null };
  return { status: 200, body: { organizationId: id, ...(await setMaxOverages(ctx, id, maxOverages)) } };
}

const errors: ErrorForm = {
  name: 'OrganizationError',
  schema: closed({
    error: closed(
      {
        code: { type: 'string', enum: Object.keys(ERRORS), description: 'Stable; tells the faults apart.' },
        message: { type: 'string', description: 'What was wrong this time.' },
        fields: { type: 'object', additionalProperties: { type: 'string' }, description: 'By member of the body.' },
      },
      ['fields'],
    ),
  }),
  status: (code) => (isValidation(code) ? 400 : ERRORS[code][0]),
  code: (code) => code,
  body: (_status, faults) => {
    const [first] = faults;
    const fields = Object.entries(detailsByField(faults) ?? {}).map(([field, details]) => [field, details.join(' ')]);
    return {
      error: {
        code: first?.code,
        message: first?.detail,
        ...(fields.length === 0 ? {} : { fields: Object.fromEntries(fields) }),
      },
    };
  },
};

export const organization: Surface = {
  tag: 'organization',
  summary: 'Another surface on the same organizations: plain JSON, validation is 400.',
  prefix: '/organization',
  params: { organization_id: uuid, user_id: uuid },
  errors,
  routes: [
    {
      method: 'POST',
      path: '/organization',
      operationId: 'organizationCreate',
      summary: 'Create an organization',
      operation: 'organizations.create',
      request: object({ organizationName: name, domain }, ['domain']),
      names: { name: 'organizationName', primaryDomain: 'domain' },
      answer: { status: 201, description: 'The new organization.', schema: ORGANIZATION },
      errors: ['slug_taken', 'quota_exceeded'],
      run: create,
    },
    {
      method: 'GET',
      path: '/organization/list',
      operationId: 'organizationList',
      summary: 'List the organizations of the caller, newest first',
      operation: 'organizations.list',
      parameters: { page },
      answer: { status: 200, description: 'One page of 100.', schema: listOf(ORGANIZATION) },
      headers: ['Link', 'X-Total-Count'],
      run: list,
    },
    {
      method: 'GET',
      path: '/organization/{organization_id}',
      operationId: 'organizationGet',
      summary: 'Get an organization',
      operation: 'organizations.get',
      answer: { status: 200, description: 'The organization.', schema: ORGANIZATION },
      run: get,
    },
    {
      method: 'PUT',
      path: '/organization/{organization_id}',
      operationId: 'organizationUpdate',
      summary: 'Change an organization: what is left out stays',
      description: '`organizationName` is another name for `name`, which counts where both are there.',
      operation: 'organizations.update',
      request: object({ name, organizationName: name, domain }, ['name', 'organizationName', 'domain']),
      names: { primaryDomain: 'domain' },
      answer: { status: 200, description: 'The organization as it is now.', schema: ORGANIZATION },
      run: update,
    },
    {
      method: 'PATCH',
      path: '/organization/{organization_id}/max-overages',
      operationId: 'organizationSetMaxOverages',
      summary: 'Set how far the wallet of an organization may go below zero',
      operation: 'organizations.maxOverages',
      request: object({ maxOverages }),
      answer: {
        status: 200,
        description: 'The limit, and the wallet behind it.',
        schema: closed({
          organizationId: uuid,
          maxOverages,
          overageUsed: { ...unsigned, description: 'How far `balance` is below zero.' },
          balance: money,
          asset: { ...asset, description: 'That of the wallet that comes with an organization: WALLET_ASSET.' },
        }),
      },
      run: setMaximum,
    },
    {
      method: 'DELETE',
      path: '/organization/{organization_id}/member/{user_id}',
      operationId: 'organizationRemoveMember',
      summary: 'End the membership of a user',
      operation: 'members.remove',
      answer: { status: 200, description: 'The organization and its members.', schema: TEAM },
      errors: ['last_owner', 'rank_too_low'],
      run: removeByUser,
    },
  ],
};
