import type { Endpoint, EndpointRequest } from '../controllers/endpoints';
import { AppError, type ErrorCode } from '../errors';
import { networkOf } from '../http/address';
import { limit } from '../http/sensitive';
import { BodyReader } from '../jsonapi/body';
import type { Schema } from '../jsonapi/define';
import { createdDocument, metaDocument, resourceDocument } from '../jsonapi/reply';
import { listRequest, resourceRequest } from '../jsonapi/request';
import { boolean, choice, nullable, text, time, uuid } from '../jsonapi/schemas';
import { registry } from '../resources';
import { invitations, ON_CONFLICT } from '../resources/invitations';
import type { Input } from '../services/crud';
import { acceptInvitation } from '../services/invitationAcceptance';
import type { Invited } from '../services/invitationBatch';
import { inviteMany } from '../services/invitations';
import { declineInvitation, type Preview, previewInvitation } from '../services/invitationTokens';

const PATH = '/public/v2/invitations';
/** Invitations in one request (domain sheet 11). */
const MOST = 1_000;
const TOKEN = {
  token: { type: 'string', pattern: '^inv_', examples: [`inv_live_${'0'.repeat(36)}`] },
};
/** Why an invitation can't be accepted or declined any more. */
const OVER: readonly ErrorCode[] = ['invitation_expired', 'invitation_revoked', 'invitation_used'];

const secret = nullable({ type: 'string', description: 'Once, of an invitation that was not mailed.' });

const RESULTS: Schema = {
  type: 'object',
  required: ['results'],
  properties: {
    results: {
      type: 'array',
      description: 'What came of each invitation, in the order of the request.',
      items: {
        type: 'object',
        required: ['index', 'outcome'],
        properties: {
          index: { type: 'integer', minimum: 0 },
          outcome: choice('created', 'resent', 'already_member', 'already_invited', 'refused'),
          id: { ...uuid, description: 'Of the invitation that there is now.' },
          code: { type: 'string', description: 'Why it was refused.' },
          token: secret,
          acceptUrl: secret,
        },
        additionalProperties: false,
      },
    },
  },
};

const PREVIEW = {
  kind: choice('email', 'link'),
  status: choice('pending', 'accepted', 'declined', 'revoked', 'expired'),
  expiresAt: time,
  email: nullable({ type: 'string' }),
  name: nullable({ type: 'string' }),
  message: nullable({ type: 'string' }),
  organizationName: { type: 'string' },
  inviterName: nullable({ type: 'string' }),
  roles: { type: 'array', items: { type: 'string' }, description: 'Names of the roles that the member will have.' },
  accountExists: {
    ...nullable(boolean),
    description: 'Whether there is an account with this e-mail address, which has to sign in to accept.',
  },
};

const PREVIEW_DOCUMENT: Schema = {
  type: 'object',
  required: ['data', 'jsonapi'],
  properties: {
    data: {
      type: 'object',
      required: ['id', 'type', 'attributes'],
      properties: {
        id: uuid,
        type: { type: 'string', const: 'invitationPreviews' },
        attributes: {
          type: 'object',
          required: Object.keys(PREVIEW),
          properties: PREVIEW,
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
    jsonapi: {
      type: 'object',
      required: ['version'],
      properties: { version: { type: 'string', const: '1.1' } },
      additionalProperties: false,
    },
  },
  additionalProperties: false,
};

/** Look-up and acceptance of one network are limited together (INV-28). */
const limited = ({ services, res, address }: EndpointRequest): Promise<void> =>
  limit(services, res, 'invitationToken', networkOf(address));

/** Without links: they would hold the token, which is in one answer only (INV-30). */
function previewed({ id, version, ...attributes }: Preview) {
  const { links: _none, ...document } = resourceDocument({ id, type: 'invitationPreviews', attributes }, null, {});
  return { status: 200 as const, document, version };
}

const reader = new BodyReader(invitations as never);

/** One item as a request to create it; what is wrong with it is its own matter. */
function readItem(item: Record<string, unknown>): Input | AppError {
  try {
    return reader.read({ data: item }, 'create');
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

function itemSchema(): Schema {
  const { attributes, relationships } = invitations;
  const schemas = Object.entries(attributes).flatMap(([name, { schema, write }]) =>
    write === undefined ? [] : [[name, schema] as const],
  );
  const settable = Object.entries(relationships).filter(([, { write }]) => write === 'create');
  const { schema } = resourceRequest(
    'invitations',
    Object.fromEntries(schemas),
    [],
    Object.fromEntries(settable) as never,
  );
  const { data } = schema.properties as { data: Schema };
  const example = { type: 'invitations', attributes: { email: 'ada@example.com' } };
  const others = { type: 'object', description: 'Whatever else is there is refused by itself.' };
  return { anyOf: [data, others], examples: [example] };
}

function resultOf(invited: Invited, index: number): Record<string, unknown> {
  const { outcome } = invited;
  if (outcome === 'refused') return { index, outcome, code: invited.error.faults[0]?.code };
  if (outcome === 'already_member') return { index, outcome };
  const shown = outcome === 'already_invited' || invited.isMailed ? {} : secretOf(invited);
  return { index, outcome, id: invited.id, ...shown };
}

const secretOf = ({ token, acceptUrl }: { token: string; acceptUrl: string }) => ({ token, acceptUrl });

const bulk: Endpoint = {
  method: 'POST',
  path: `${PATH}/bulk`,
  operationId: 'inviteMany',
  tag: 'invitations',
  summary: 'Invite many people into one organization',
  description:
    'Each invitation is judged by itself: one that is refused does not stop the others. The answer is 200, with what came of each.',
  operation: 'invitations.bulk',
  credential: 'required',
  parameters: ON_CONFLICT,
  request: listRequest(itemSchema(), MOST),
  responses: { 200: { description: 'What came of each invitation.', meta: RESULTS } },
  errors: ['organization_suspended', 'not_found'],
  secrets: ['/meta/results/*/token', '/meta/results/*/acceptUrl'],
  run: async ({ ctx, document, query }) => {
    const invited = await inviteMany(ctx, document.items.map(readItem), query);
    const results = invited.map(resultOf);
    const shows = results.some(({ token }) => token !== undefined);
    return { status: 200, document: metaDocument({ results }), secret: shows };
  },
};

const preview: Endpoint = {
  method: 'GET',
  path: `${PATH}/{token}`,
  params: TOKEN,
  operationId: 'previewInvitation',
  tag: 'invitations',
  summary: 'Look at an invitation that one holds the token of',
  description: 'With the token of an invitation in the place of its id. Every text that is no token is 404.',
  operation: 'invitations.preview',
  credential: 'none',
  responses: {
    200: { description: 'What the holder may know of the invitation.', schema: PREVIEW_DOCUMENT, headers: ['ETag'] },
  },
  errors: ['not_found'],
  run: async (request) => {
    await limited(request);
    return previewed(await previewInvitation(request.services, request.params.token as string));
  },
};

const password = { type: 'string', maxLength: 1024, writeOnly: true };

const accept: Endpoint = {
  method: 'POST',
  path: `${PATH}/{token}/accept`,
  params: TOKEN,
  operationId: 'acceptInvitation',
  tag: 'invitations',
  summary: 'Accept an invitation',
  description:
    'Makes the user, with the password, when there is no account with the e-mail address; whoever has one signs in first and sends no password. `email` is for links: there it is required of those who have not signed in. Sign in next: the answer holds no credential.',
  operation: 'invitations.accept',
  credential: 'optional',
  request: resourceRequest('invitationAcceptances', {
    email: { type: 'string', minLength: 3, maxLength: 254, format: 'email-address' },
    name: nullable(text(1, 120)),
    password,
    passwordConfirmation: password,
  }),
  responses: {
    201: {
      description: 'The new member, with its user and its organization.',
      data: { type: 'members', included: ['users', 'organizations'] },
      headers: ['Location'],
    },
  },
  errors: [
    ...OVER,
    'not_found',
    'inviter_not_allowed',
    'organization_suspended',
    'already_member',
    'quota_exceeded',
    'authentication_required',
    'required',
    'not_allowed',
    'confirmation_mismatch',
    'weak_password',
    'too_short',
    'too_long',
  ],
  run: async (request) => {
    await limited(request);
    const { ctx, services, params, document } = request;
    const accepted = await acceptInvitation(services, params.token as string, document.attributes, ctx?.caller ?? null);
    const { member, user, organization } = accepted;
    const shown = (type: string, row: object) =>
      registry
        .get(type)
        ?.serializer({ fields: null, level: 'user' })
        .resource(row as never) as Record<string, unknown>;
    return {
      status: 201,
      document: createdDocument(shown('members', member), [shown('users', user), shown('organizations', organization)]),
      version: member.version,
      location: `/public/v2/members/${member.id}`,
    };
  },
};

const decline: Endpoint = {
  method: 'POST',
  path: `${PATH}/{token}/decline`,
  params: TOKEN,
  operationId: 'declineInvitation',
  tag: 'invitations',
  summary: 'Decline an invitation for ever',
  description: 'A link can’t be declined: it is for others too.',
  operation: 'invitations.decline',
  credential: 'none',
  responses: {
    200: { description: 'The invitation as it is now.', schema: PREVIEW_DOCUMENT, headers: ['ETag'] },
  },
  errors: [...OVER, 'not_found', 'invalid_transition'],
  run: async (request) => {
    await limited(request);
    return previewed(await declineInvitation(request.services, request.params.token as string));
  },
};

export const invitationEndpoints: readonly Endpoint[] = [bulk, preview, accept, decline];
