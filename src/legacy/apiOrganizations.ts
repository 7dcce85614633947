import type { Organization } from '../../entities';
import type { Context } from '../context';
import { ERRORS } from '../errors';
import { choice, nullable, text, uuid } from '../jsonapi/schemas';
import { closed, listOf, object } from '../openapi/schemas';
import { allow } from '../permissions';
import { authorize } from '../services/access';
import { createOrganization } from '../services/organizationCreation';
import { getOrganization, updateOrganization } from '../services/organizations';
import { chargeRoute } from './apiCharge';
import { peopleRoutes } from './apiPeople';
import { type Asked, detailsByField, type ErrorForm, number, type Reply, type Surface } from './surface';

/** `/api`: organizations by UUID, members and roles by number, most answers in an envelope. */

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
  const created = await createOrganization(ctx, { attributes: body(), relationships: {} });
  return { status: 201, body: organizationOf(created), headers: { Location: `/api/organizations/${created.id}` } };
}

async function get(ctx: Context, asked: Asked): Promise<Reply> {
  return { status: 200, body: organizationOf(await named(ctx, asked, 'organizations.get', false)) };
}

async function update(ctx: Context, asked: Asked): Promise<Reply> {
  const { id } = await named(ctx, asked, 'organizations.update', true);
  const input = { attributes: asked.body(), relationships: {} };
  return { status: 200, body: organizationOf(await updateOrganization(ctx, id, input, undefined)) };
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
    ...peopleRoutes,
    chargeRoute,
  ],
};
