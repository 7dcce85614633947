import { ERRORS } from '../../src/errors';
import {
  type Answer,
  type Body,
  createOrganization,
  document,
  M,
  MEDIA_TYPE,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { buildWorld, pointed, valueAt, type World } from './world';

const ORGANIZATIONS = `${M}/organizations`;
const SHORT = { DATABASE_POOL_SIZE: '2', DATABASE_TIMEOUT_MS: '200' };

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp(SHORT);
  world = await buildWorld(app);
});
afterAll(() => app.close());

const post = (body: unknown, headers?: Record<string, string>) =>
  pointed(app.platform).post(ORGANIZATIONS, body, headers);
const named = (attributes: object, more: object = {}) => document('organizations', { name: 'x', ...attributes }, more);

/** Waits for no connection longer than DATABASE_TIMEOUT_MS. */
async function withoutConnections<T>(work: () => Promise<T>): Promise<T> {
  const runners = [app.source.createQueryRunner(), app.source.createQueryRunner()];
  for (const runner of runners) await runner.connect();
  try {
    return await work();
  } finally {
    for (const runner of runners) await runner.release();
  }
}

/** What a table that has gone does to a request. */
async function withoutRoles<T>(work: () => Promise<T>): Promise<T> {
  await app.source.query('alter table roles rename to roles_away');
  try {
    return await work();
  } finally {
    await app.source.query('alter table roles_away rename to roles');
  }
}

type Case = [code: keyof typeof ERRORS, where: object | undefined, ask: () => Promise<Answer>];
const CASES: Case[] = [
  ['malformed_request', undefined, () => app.platform.get(`${S}/users/%E0%A4%A`)],
  ['malformed_request', undefined, () => app.platform.get(`${S}/nope/%`)],
  ['malformed_request', undefined, () => app.platform.get(`${S}/users?filter[name]=%`)],
  ['malformed_document', undefined, () => post('{"data":')],
  ['malformed_document', undefined, () => post('')],
  ['malformed_document', { pointer: '' }, () => post('{}')],
  ['malformed_document', { pointer: '/data' }, () => post({ data: [] })],
  ['invalid_parameter', { parameter: 'foo' }, () => app.platform.get(`${S}/users?foo=1`)],
  [
    'invalid_parameter',
    { parameter: 'filter[createdAt][gte]' },
    () => app.platform.get(`${S}/users?filter[createdAt][gte]=x`),
  ],
  ['page_size_too_large', { parameter: 'page[size]' }, () => app.platform.get(`${S}/users?page[size]=101`)],
  ['missing_credential', { header: 'Authorization' }, () => app.anonymous.get(`${S}/users`)],
  ['missing_credential', { header: 'Authorization' }, () => app.anonymous.get(`${S}/me`)],
  ['invalid_credential', { header: 'Authorization' }, () => app.as('sk_live_wrong').get(`${S}/users`)],
  ['invalid_credential', { header: 'Authorization' }, () => app.as('x'.repeat(40)).get(`${S}/users`)],
  ['permission_denied', undefined, () => world.key.get(`${M}/partners`)],
  ['client_id_not_allowed', { pointer: '/data/id' }, () => post(named({}, { id: '1' }))],
  [
    'cannot_grant',
    { pointer: '/data/attributes/scopes' },
    () => pointed(world.key).post(`${S}/apiKeys`, document('apiKeys', { name: 'x', scopes: ['platform:admin'] })),
  ],
  ['update_not_offered', undefined, () => app.platform.patch(`${S}/permissions/members:read`, {})],
  ['not_found', undefined, () => app.platform.get(`${S}/users/${NIL}`)],
  ['not_found', undefined, () => app.platform.get('/nowhere')],
  [
    'not_found',
    { pointer: '/data/relationships/partner/data' },
    () => post(named({}, { relationships: { partner: { data: { type: 'partners', id: NIL } } } })),
  ],
  ['method_not_allowed', undefined, () => app.platform.put(`${S}/users`)],
  ['method_not_allowed', undefined, () => app.platform.delete(`${S}/me`)],
  ['not_acceptable', { header: 'Accept' }, () => app.platform.get(`${S}/users`, { Accept: 'text/html' })],
  ['id_taken', { pointer: '/data/id' }, () => post(named({}, { id: world.other.id }))],
  ['type_mismatch', { pointer: '/data/type' }, () => post(document('users'))],
  ['slug_taken', { pointer: '/data/attributes/slug' }, () => post(named({ slug: 'acme' }))],
  [
    'version_mismatch',
    { header: 'If-Match' },
    () => app.platform.delete(`${ORGANIZATIONS}/${world.other.id}`, { 'If-Match': '"0.x"' }),
  ],
  ['too_large', undefined, () => post(' '.repeat(1_048_577))],
  ['uri_too_long', undefined, () => app.platform.get(`${S}/users?filter[name]=${'x'.repeat(9000)}`)],
  ['unsupported_media_type', { header: 'Content-Type' }, () => post({}, { 'Content-Type': 'text/plain' })],
  ['unsupported_media_type', { header: 'Content-Encoding' }, () => post('x', { 'Content-Encoding': 'gzip' })],
  ['required', { pointer: '/data' }, () => post({ data: { type: 'organizations' } })],
  ['required', { pointer: '/data/attributes' }, () => post(document('organizations'))],
  ['too_short', { pointer: '/data/attributes/name' }, () => post(named({ name: '' }))],
  ['too_long', { pointer: '/data/attributes/name' }, () => post(named({ name: 'x'.repeat(121) }))],
  ['too_long', { pointer: '/data/attributes/metadata' }, () => post(named({ metadata: { a: 'x'.repeat(17_000) } }))],
  ['invalid_format', { pointer: '/data/attributes/countryCode' }, () => post(named({ countryCode: 'XX' }))],
  ['invalid_format', { pointer: '/data/attributes/metadata/a~1b' }, () => post(named({ metadata: { 'a/b': 1 } }))],
  [
    'invalid_format',
    { pointer: '/data/attributes/metadata/a/0/~0' },
    () => post(named({ metadata: { a: [{ '~': 1 }] } })),
  ],
  ['not_allowed', { pointer: '/data/attributes/slug' }, () => post(named({ slug: 'admin' }))],
  ['unknown_attribute', { pointer: '/data/attributes/nope' }, () => post(named({ nope: 1 }))],
  [
    'unknown_relationship',
    { pointer: '/data/relationships/nope' },
    () => post(named({}, { relationships: { nope: {} } })),
  ],
  ['internal_error', undefined, () => withoutRoles(() => app.platform.get(`${S}/roles`))],
  ['unavailable', undefined, () => withoutConnections(() => app.platform.get(`${S}/roles`))],
];

test.each(CASES)('%s at %j is one whole error document [ERR-1…5, ERR-7…11, ERR-13]', async (code, where, ask) => {
  const { status, body, headers } = await ask();
  const [expected, title] = ERRORS[code];
  expect([status, headers['content-type'], headers['cache-control']]).toEqual([expected, MEDIA_TYPE, 'no-store']);
  const id = headers['x-request-id'];
  expect(body).toEqual({
    errors: [
      {
        id,
        status: String(expected),
        code,
        title,
        detail: expect.stringMatching(/^\S.*\.$/s),
        ...(where === undefined ? {} : { source: where }),
        ...(body.errors[0].meta === undefined ? {} : { meta: expect.any(Object) }),
        ...(code === 'page_size_too_large' ? { links: { type: expect.stringMatching(/^https:/) } } : {}),
      },
    ],
    jsonapi: { version: '1.1' },
  });
});

test.each(CASES)('%s at %j tells nothing of how it came about [ERR-14]', async (_code, _where, ask) => {
  const { text } = await ask();
  expect(text).not.toMatch(
    /node_modules|\.[jt]s\b|\/work|\bselect\b|\binsert\b|relation "|constraint|at \w+ \(|ECONN|timeout/i,
  );
});

test.each(CASES)('%s at %j has the header fields that go with its status [ERR-16]', async (_code, _where, ask) => {
  const { status, headers } = await ask();
  expect(headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
  if (status === 405) expect(headers.allow).toMatch(/^[A-Z, ]+$/);
  expect(headers['retry-after']).toEqual(status === 503 ? expect.stringMatching(/^[1-9]\d*$/) : undefined);
});

test('titles and codes are one to one [ERR-7]', () => {
  const titles = Object.values(ERRORS).map(([, title]) => title);
  expect(new Set(titles).size).toBe(titles.length);
  for (const code of Object.keys(ERRORS)) expect(code).toMatch(/^[a-z_]+$/);
});

describe('the id', () => {
  test('is another one each time [ERR-15]', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => app.platform.get(`${S}/nope`)));
    expect(new Set(answers.map(({ body }) => body.errors[0].id)).size).toBe(5);
  });

  test('is the caller’s own when he gives one, and finds the line in the log [ERR-15]', async () => {
    const own = 'my-request_0815';
    const { body } = await withoutRoles(() => app.platform.get(`${S}/roles`, { 'X-Request-Id': own }));
    expect(body.errors[0].id).toBe(own);
    const lines = app.logLines.filter(({ requestId }) => requestId === own);
    expect(lines.map(({ msg, status }) => [msg, status])).toEqual([
      ['request failed', undefined],
      [undefined, 500],
    ]);
    expect(JSON.stringify(lines[0])).toContain('roles');
  });

  test('is the same in all errors of one answer, as it is the request’s', async () => {
    const { body, headers } = await post(named({ name: '', kind: 5 }));
    expect(body.errors.map(({ id }: Body) => id)).toEqual([headers['x-request-id'], headers['x-request-id']]);
  });
});

describe('several errors', () => {
  test.each([
    ['422 and 422', { name: '', kind: 5 }, {}, 422],
    ['422 and 403 are 400', { name: '' }, { members: { data: [] } }, 400],
    ['422 and 409 are 400', { name: '' }, { partner: { data: { type: 'users', id: NIL } } }, 400],
    ['403 and 404 are 400', {}, { members: { data: [] }, partner: { data: { type: 'partners', id: 'x' } } }, 400],
    ['400 and 422', { name: '' }, { partner: 'x' }, 400],
  ])('%s [ERR-3, ERR-12]', async (_title, attributes, relationships, expected) => {
    const { status, body } = await post(named(attributes, { relationships }));
    expect([status, body.errors.length]).toEqual([expected, 2]);
    const own = body.errors.map((error: Body) => Number(error.status));
    expect(own).toEqual(body.errors.map(({ code }: { code: keyof typeof ERRORS }) => ERRORS[code][0]));
  });
});

test('every wrong credential has the same answer, and no detail quotes it', async () => {
  const { token } = (await createOrganization(app.platform)).attributes;
  const wrong = [
    'x',
    'sk_live_',
    `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`,
    `sk_live_${'0'.repeat(36)}`,
    `Bearer${token}`,
    `Basic ${token}`,
    'abcdefghijklmnopqrstuv',
    'ä'.repeat(30),
    `${token} ${token}`,
  ];
  const answers = await Promise.all(
    wrong.map((Authorization) =>
      app.anonymous.get(`${S}/users`, { Authorization: Buffer.from(Authorization).toString('latin1') }),
    ),
  );
  for (const [i, { status, body, text, headers }] of answers.entries()) {
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect({ ...body.errors[0], id: '' }).toEqual({ ...answers[0]?.body.errors[0], id: '' });
    expect(text).not.toContain(wrong[i]);
  }
});

test('the pointers of these tests are held against what was sent [ERR-9]', () => {
  const sent = { data: { 'a/b': [{ '~c': 0 }], nothing: null } };
  expect(['', '/data/a~1b/0/~0c', '/data/nothing'].map((pointer) => valueAt(sent, pointer))).toEqual([sent, 0, null]);
  for (const pointer of ['/data/x', '/data/nothing/x', 'data', '/', '/data/a~1b/1', '/data/a~1b/length/x'])
    expect(valueAt(sent, pointer)).toBeUndefined();
});
