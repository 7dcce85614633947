import type { Endpoint, EndpointRequest } from '../../src/controllers/endpoints';
import { AppError } from '../../src/errors';
import { metaDocument, resourceDocument } from '../../src/jsonapi/reply';
import { listRequest, resourceRequest, settingsRequest } from '../../src/jsonapi/request';
import { integer, text } from '../../src/jsonapi/schemas';
import { OPEN_OPERATIONS, OPERATIONS } from '../../src/permissions';
import { createUser as insertUser } from '../../src/services/users';
import { NIL, S } from '../support/app';

/** What the endpoints below were given last, and how often they ran. */
export const last: { given: EndpointRequest | undefined; runs: number } = { given: undefined, runs: 0 };

const ECHO = { type: 'object' };
const echo = async (request: EndpointRequest) => {
  last.given = request;
  last.runs++;
  return { status: 200, document: metaDocument({ runs: last.runs }) } as const;
};
const plain = { tag: 'users', summary: 'Do it', operation: 'test.do', errors: [], responses: {} };
const answers = { 200: { description: 'Done.', meta: ECHO } };

async function* lines(fails: boolean) {
  yield '{"line":1}\n';
  if (fails) throw new Error('The disk is full');
  for (let line = 2; line <= 5_000; line++) yield `{"line":${line}}\n`;
}

/** One of each kind. */
export const LIST: readonly Endpoint[] = [
  {
    ...plain,
    method: 'POST',
    path: `${S}/users`,
    operationId: 'introduce',
    operation: 'test.open',
    credential: 'optional',
    request: resourceRequest(
      'introductions',
      { name: text(2, 10), password: { type: 'string', minLength: 3, writeOnly: true } },
      ['name'],
      { friend: { one: true, type: 'users', key: '', summary: 'A friend.' } },
    ),
    parameters: { times: { ...integer, minimum: 1, description: 'How often' } },
    responses: answers,
    run: echo,
  },
  {
    ...plain,
    method: 'GET',
    path: `${S}/users/{token}`,
    operationId: 'getByToken',
    operation: 'test.none',
    credential: 'none',
    params: { token: { type: 'string', pattern: '^inv_' } },
    responses: { 200: { description: 'Somebody.', data: { type: 'users' } } },
    errors: ['invalid_transition'],
    run: async (request) => {
      last.given = request;
      const data = { id: NIL, type: 'users', attributes: { name: request.params.token }, links: { self: '/x' } };
      return { status: 200, document: resourceDocument(data, null, { self: '/x' }) };
    },
  },
  {
    ...plain,
    method: 'POST',
    path: `${S}/users/{token}/helloWorld`,
    operationId: 'greetToken',
    operation: 'test.none',
    credential: 'none',
    params: { token: { type: 'string', pattern: '^inv_' } },
    request: settingsRequest({ loud: { type: 'boolean' } }),
    responses: answers,
    run: echo,
  },
  {
    ...plain,
    method: 'POST',
    path: `${S}/users/{id}/greet`,
    operationId: 'greet',
    credential: 'required',
    responses: { 202: { description: 'Later.', meta: ECHO } },
    run: async (request) => ({ ...(await echo(request)), status: 202 }),
  },
  {
    ...plain,
    method: 'POST',
    path: `${S}/users/new`,
    operationId: 'makeUser',
    credential: 'required',
    responses: { 201: { description: 'Made.', meta: ECHO } },
    secrets: ['/meta/secret', '/meta/deep/secret'],
    run: async (request) => {
      await echo(request);
      const email = `made-${last.runs}@example.com`;
      const { id } = await insertUser(request.ctx, { attributes: { email }, relationships: {} });
      if (request.query.fails) throw new AppError('invalid_transition', 'Too late.');
      const meta = { id, secret: 'secret-one', deep: { secret: 'secret-two', other: 1 } };
      return { status: 201, secret: true, location: `${S}/users/${id}`, document: metaDocument(meta) };
    },
    parameters: { fails: { type: 'boolean', description: 'Whether' } },
  },
  {
    ...plain,
    method: 'POST',
    path: `${S}/users/many`,
    operationId: 'makeMany',
    credential: 'required',
    request: listRequest({ type: 'object' }, 3),
    responses: answers,
    run: echo,
  },
  {
    ...plain,
    method: 'DELETE',
    path: `${S}/users/{id}/greet`,
    operationId: 'ungreet',
    credential: 'required',
    responses: { 204: { description: 'Gone.' } },
    run: async (request) => {
      await echo(request);
      return { status: 204 };
    },
  },
  {
    ...plain,
    method: 'GET',
    path: `${S}/users/{id}/export`,
    operationId: 'exportIt',
    credential: 'required',
    parameters: { fails: { ...text(1, 9), description: 'When' } },
    responses: { 200: { description: 'Lines.', schema: { type: 'string' }, mediaType: 'application/x-ndjson' } },
    run: async (request) => {
      await echo(request);
      const { fails } = request.query;
      if (fails === 'before') throw new AppError('invalid_transition', 'Too late.');
      return { status: 200, stream: lines(fails === 'within') };
    },
  },
];

Object.assign(OPERATIONS, { 'test.do': OPERATIONS['users.create'], 'test.open': OPERATIONS['members.create'] });
for (const name of ['test.open', 'test.none']) (OPEN_OPERATIONS as Set<string>).add(name);

export const ANONYMOUS = { Authorization: '' };
export const GREET = `${S}/users/${NIL}/greet`;
