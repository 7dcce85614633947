import type { Organization } from '../../entities';
import type { Context } from '../context';
import { AppError, ERRORS, type ErrorCode } from '../errors';
import { nullable, text, time } from '../jsonapi/schemas';
import { closed, listOf, object } from '../openapi/schemas';
import { allow } from '../permissions';
import { authorize } from '../services/access';
import { type DefaultEndpoint, getDefaultEndpoint, setDefaultEndpoint } from '../services/defaultEndpoint';
import { onlyOrganization, organizationByNumber } from '../services/lookUps';
import { createOrganization } from '../services/organizationCreation';
import { deleteOrganization } from '../services/organizationDeletion';
import { listOrganizations, updateOrganization } from '../services/organizations';
import {
  type Asked,
  detailsByField,
  type ErrorForm,
  isValidation,
  number,
  page,
  pageHeaders,
  type Reply,
  type Surface,
  windowOf,
} from './surface';

/** `/v1`: organizations by number, and the single-URL webhook. */

const ROLES = ['owner', 'admin', 'member'];
const name = text(1, 120);

const ORGANIZATION = closed({
  id: number,
  name,
  role: { type: ['string', 'null'], enum: [...ROLES, null], description: 'The highest of the caller; null for keys.' },
  created_at: time,
  updated_at: time,
});

const WEBHOOK = closed(
  {
    url: { type: 'string' },
    secret: nullable({ type: 'string', description: 'In the answer that made it.' }),
    created_at: time,
    updated_at: time,
    meta: closed({ secretWithheld: { const: true } }),
  },
  ['meta'],
);
const URL_BODY = object({ url: { ...text(1, 2048), format: 'http-url' } });

const SHOWN = ['id', 'number', 'name', 'role', 'createdAt', 'updatedAt'];

/** `2026-01-02T03:04:05Z`. */
const utc = (stored: string): string => stored.replace('+00:00', 'Z');

/** A member with other roles only is `member` here. */
function roleOf(codes: readonly string[] | null | undefined): string | null {
  if (codes === null || codes === undefined) return null;
  return ROLES.find((code) => codes.includes(code)) ?? 'member';
}

const organizationOf = (row: Organization): object => ({
  id: row.number,
  name: row.name,
  role: roleOf(row.role),
  created_at: utc(row.createdAt),
  updated_at: utc(row.updatedAt),
});

/** The organization in the path, for a caller who may do this to it. */
async function named(ctx: Context, { params }: Asked, operation: string, writes: boolean): Promise<Organization> {
  const organization = await organizationByNumber(ctx, Number(params.id), SHOWN);
  await authorize(ctx, operation, { organizationId: organization.id }, writes);
  return organization;
}

async function list(ctx: Context, { query }: Asked): Promise<Reply> {
  allow(ctx.caller, 'organizations.list');
  const found = await listOrganizations(ctx, windowOf(query, false), SHOWN);
  return { status: 200, body: found.rows.map(organizationOf), headers: pageHeaders('/v1/orgs/', query, found) };
}

async function create(ctx: Context, { body }: Asked): Promise<Reply> {
  allow(ctx.caller, 'organizations.create');
  return {
    status: 201,
    body: organizationOf(await createOrganization(ctx, { attributes: body(), relationships: {} })),
  };
}

async function get(ctx: Context, asked: Asked): Promise<Reply> {
  return { status: 200, body: organizationOf(await named(ctx, asked, 'organizations.get', false)) };
}

async function update(ctx: Context, asked: Asked): Promise<Reply> {
  const { id } = await named(ctx, asked, 'organizations.update', true);
  const input = { attributes: asked.body(), relationships: {} };
  return { status: 200, body: organizationOf(await updateOrganization(ctx, id, input, undefined)) };
}

async function remove(ctx: Context, asked: Asked): Promise<Reply> {
  const { id } = await named(ctx, asked, 'organizations.remove', true);
  await deleteOrganization(ctx, id, undefined);
  return { status: 204 };
}

/** The organization that `/v1/webhook` is about, for a caller who may do all of this to it. */
async function meant(ctx: Context, { query: { org } }: Asked, operations: string[], writes: boolean): Promise<string> {
  const id = org === undefined ? await onlyOrganization(ctx) : (await organizationByNumber(ctx, org, ['id'])).id;
  if (id === null) {
    throw new AppError('invalid_parameter', 'Name the organization: ?org={number}.', { parameter: 'org' });
  }
  for (const operation of operations) await authorize(ctx, operation, { organizationId: id }, writes);
  return id;
}

const webhookReply = ({ url, secret, createdAt, updatedAt }: DefaultEndpoint): Reply => ({
  status: 200,
  body: { url, secret, created_at: utc(createdAt), updated_at: utc(updatedAt) },
  secret: secret !== null,
});

async function getWebhook(ctx: Context, asked: Asked): Promise<Reply> {
  return webhookReply(await getDefaultEndpoint(ctx, await meant(ctx, asked, ['organizations.get'], false)));
}

const ROTATING = ['organizations.update', 'organizations.webhookSecret/rotate'];

async function putWebhook(ctx: Context, asked: Asked): Promise<Reply> {
  const id = await meant(ctx, asked, ROTATING, true);
  return webhookReply(await setDefaultEndpoint(ctx, id, asked.body().url as string, true));
}

async function patchWebhook(ctx: Context, asked: Asked): Promise<Reply> {
  const id = await meant(ctx, asked, ['organizations.update'], true);
  return webhookReply(await setDefaultEndpoint(ctx, id, asked.body().url as string, false));
}

const DELETION: ReadonlySet<ErrorCode> = new Set(['only_organization', 'members_present']);

const errors: ErrorForm = {
  name: 'V1Error',
  schema: closed(
    {
      detail: { type: 'string', description: 'What was wrong this time.' },
      code: { type: 'string', description: 'Stable; of a member of the body, its name is in front: `name_too_long`.' },
      errors: {
        type: 'object',
        additionalProperties: listOf({ type: 'string' }),
        description: 'By member of the body.',
      },
    },
    ['errors'],
  ),
  status: (code) => (isValidation(code) || DELETION.has(code) ? 400 : ERRORS[code][0]),
  code: (code, field) => (isValidation(code) && field !== undefined ? `${field}_${code}` : code),
  body: (_status, faults) => {
    const [first] = faults;
    const fields = detailsByField(faults);
    return {
      detail: first?.detail,
      code: first === undefined ? undefined : errors.code(first.code, first.field),
      ...(fields === undefined ? {} : { errors: fields }),
    };
  },
};

const webhookRoute = {
  path: '/v1/webhook',
  parameters: { org: { ...number, description: 'Number of the organization; a key, and a user of one, need none.' } },
  names: { webhookUrl: 'url' },
  errors: ['not_found'],
} as const;

export const v1Orgs: Surface = {
  tag: 'v1',
  summary: 'Another surface on the same organizations: numbers for ids, plain JSON, validation is 400.',
  prefix: '/v1',
  params: { id: number },
  errors,
  routes: [
    {
      method: 'GET',
      path: '/v1/orgs',
      operationId: 'v1ListOrgs',
      summary: 'List the organizations of the caller, oldest first',
      operation: 'organizations.list',
      parameters: { page },
      answer: { status: 200, description: 'One page of 100.', schema: listOf(ORGANIZATION) },
      headers: ['Link', 'X-Total-Count'],
      run: list,
    },
    {
      method: 'POST',
      path: '/v1/orgs',
      operationId: 'v1CreateOrg',
      summary: 'Create an organization; the user who does becomes its owner',
      operation: 'organizations.create',
      request: object({ name }),
      answer: { status: 201, description: 'The new organization.', schema: ORGANIZATION },
      errors: ['slug_taken', 'quota_exceeded'],
      run: create,
    },
    {
      method: 'GET',
      path: '/v1/orgs/{id}',
      operationId: 'v1GetOrg',
      summary: 'Get an organization',
      operation: 'organizations.get',
      answer: { status: 200, description: 'The organization.', schema: ORGANIZATION },
      run: get,
    },
    {
      method: 'PATCH',
      path: '/v1/orgs/{id}',
      operationId: 'v1UpdateOrg',
      summary: 'Rename an organization',
      operation: 'organizations.update',
      request: object({ name }, ['name']),
      answer: { status: 200, description: 'The organization as it is now.', schema: ORGANIZATION },
      run: update,
    },
    {
      method: 'DELETE',
      path: '/v1/orgs/{id}',
      operationId: 'v1DeleteOrg',
      summary: 'Delete an organization; it can be restored for 30 days',
      operation: 'organizations.remove',
      answer: { status: 204, description: 'Done; there is no body.' },
      errors: ['owner_required', 'only_organization', 'members_present', 'delete_protected', 'legal_hold'],
      run: remove,
    },
    {
      ...webhookRoute,
      method: 'GET',
      operationId: 'v1GetWebhook',
      summary: 'Get the webhook',
      operation: 'organizations.get',
      answer: { status: 200, description: 'The webhook.', schema: WEBHOOK },
      run: getWebhook,
    },
    {
      ...webhookRoute,
      errors: ['not_found', 'quota_exceeded'],
      method: 'PUT',
      operationId: 'v1PutWebhook',
      summary: 'Set the URL of the webhook and give it a new secret; the old one signs along for a day',
      description: 'Takes the permission `webhooks:rotate`, too.',
      operation: 'organizations.update',
      request: URL_BODY,
      faults: { url: ['not_allowed', 'blocked_address'] },
      secrets: ['/secret'],
      answer: { status: 200, description: 'The webhook, with its secret.', schema: WEBHOOK },
      run: putWebhook,
    },
    {
      ...webhookRoute,
      errors: ['not_found', 'quota_exceeded'],
      method: 'PATCH',
      operationId: 'v1PatchWebhook',
      summary: 'Set the URL of the webhook; its secret stays',
      operation: 'organizations.update',
      request: URL_BODY,
      faults: { url: ['not_allowed', 'blocked_address'] },
      secrets: ['/secret'],
      answer: { status: 200, description: 'The webhook; with its secret where there was none.', schema: WEBHOOK },
      run: patchWebhook,
    },
  ],
};
