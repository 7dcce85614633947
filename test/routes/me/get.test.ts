import { PERMISSIONS } from '../../../src/permissions';
import { type Client, createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { expectError } from '../documents';

const PATH = `${S}/me`;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const all = (...lacks: string[]) => PERMISSIONS.filter((each) => !lacks.includes(each));
const shown = (id: unknown, attributes: object, relationships?: object) => ({
  data: {
    id,
    type: 'callers',
    attributes,
    ...(relationships === undefined ? {} : { relationships }),
    links: { self: PATH },
  },
  links: { self: PATH },
  jsonapi: { version: '1.1' },
});
const idOf = async (query: string) => (await app.platform.get(`${S}/apiKeys?${query}`)).body.data[0].id;

test('a platform key is told its level and every permission', async () => {
  const { status, body, headers } = await app.platform.get(PATH);
  expect(status).toBe(200);
  expect(headers['cache-control']).toBe('private, no-cache');
  const id = await idOf('filter[level]=platform');
  expect(body).toEqual(shown(id, { level: 'platform', name: 'Test', permissions: all() }));
});

test('a partner key is told its partner, although it can’t read partners', async () => {
  const id = await idOf(`filter[partnerId]=${partner.id}`);
  expect((await partner.get(`${PATH}/`)).body).toEqual(
    shown(
      id,
      { level: 'partner', name: 'Key', permissions: all('platform:admin') },
      { partner: { data: { type: 'partners', id: partner.id } } },
    ),
  );
});

test('an organization key is told its organization', async () => {
  const { id: organization, attributes } = await createOrganization(partner);
  const id = await idOf(`filter[organizationId]=${organization}`);
  expect((await app.as(attributes.token).get(PATH)).body).toEqual(
    shown(
      id,
      {
        level: 'organization',
        name: 'Organization token',
        permissions: all('platform:admin', 'organizations:suspend'),
      },
      { organization: { data: { type: 'organizations', id: organization } } },
    ),
  );
});

test('a narrow key is told its scopes, and needs none of them to ask', async () => {
  const body = document('apiKeys', { name: 'Narrow', scopes: ['audit:read'] });
  const key = (await app.platform.post(`${S}/apiKeys`, body)).body.data;
  const me = await app.as(key.attributes.secret).get(PATH);
  expect(me.body).toEqual(shown(key.id, { level: 'platform', name: 'Narrow', permissions: ['audit:read'] }));
});

test('the same ETag until something changes: If-None-Match is 304', async () => {
  const { headers } = await app.platform.get(PATH);
  const again = await app.platform.get(PATH, { 'If-None-Match': headers.etag as string });
  expect([again.status, again.text]).toEqual([304, '']);
  expect((await partner.get(PATH, { 'If-None-Match': headers.etag as string })).status).toBe(200);
});

test('there are no parameters, and no methods but GET, HEAD and OPTIONS', async () => {
  const answer = await app.platform.get(`${PATH}?include=partner`);
  expectError(answer, 400, 'invalid_parameter', { source: { parameter: 'include' } });
  for (const method of ['post', 'put', 'delete'] as const) {
    const refused = await app.platform[method](PATH);
    expectError(refused, 405, 'method_not_allowed');
    expect(refused.headers.allow).toBe('GET, HEAD, OPTIONS');
  }
  const head = await fetch(`${app.url}${PATH}`, {
    method: 'HEAD',
    headers: { Authorization: app.platform.key as string },
  });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

describe('without a good credential it is 401 with WWW-Authenticate', () => {
  const flip = (key: string) => key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');
  /** The body without the id of the request. */
  const bodyOf = ({ text, headers }: { text: string; headers: Record<string, string> }) =>
    text.replaceAll(headers['x-request-id'] as string, '<request>');
  const ask = async (authorization: string, path = PATH) => app.anonymous.get(path, { Authorization: authorization });

  test('no credential at all is missing_credential', async () => {
    for (const answer of [await app.anonymous.get(PATH), await ask(''), await ask('   ')]) {
      expectError(answer, 401, 'missing_credential', { source: { header: 'Authorization' } });
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });

  test('malformed, unknown, mistyped and mutated ones get one body, on every path', async () => {
    const key = app.platform.key as string;
    const wrong = [
      'x',
      'Bearer',
      'Bearer x',
      `Bearer ${flip(key)}`,
      `Bearer ${key}x`,
      `Bearer ${key.slice(0, -1)}`,
      `Bearer ${key.toLowerCase()}`,
      `Bearer ${key.replace('pk_', 'sk_')}`,
      'Bearer unknown-but-well-formed-0123456789',
      `Bearer sk_live_${'0'.repeat(36)}`,
      `Bearer ${'x'.repeat(256)}`,
      `Bearer ${'ä'.repeat(30)}`,
      `Basic ${Buffer.from(`user:${key}`).toString('base64')}`,
      `Bearer ${key}, Bearer ${key}`,
    ];
    const paths = [PATH, `${M}/organizations`, `${M}/partners`, `${S}/users/1`];
    const answers = await Promise.all(paths.flatMap((path) => wrong.map((each) => ask(each, path))));
    for (const answer of answers) {
      expectError(answer, 401, 'invalid_credential', { source: { header: 'Authorization' } });
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
    expect(new Set(answers.map(bodyOf)).size).toBe(1);
  });

  test('it goes before every look at the row, the query and the body', async () => {
    const asked: ((client: Client) => Promise<{ status: number }>)[] = [
      (client) => client.get(`${M}/organizations/nothing?nonsense=1`),
      (client) => client.post(`${M}/organizations`, '{'),
      (client) => client.delete(`${S}/members/nothing`),
    ];
    for (const ask of asked) expect((await ask(app.anonymous)).status).toBe(401);
  });

  test('only the holder of the real key learns that it is revoked', async () => {
    const { id } = await createOrganization(app.platform);
    const body = document('apiKeys', { name: 'K' }, { relationships: { organization: link('organizations', id) } });
    const { attributes, id: keyId } = (await app.platform.post(`${S}/apiKeys`, body)).body.data;
    await app.platform.delete(`${S}/apiKeys/${keyId}`);
    const real = await ask(attributes.secret);
    expectError(real, 401, 'revoked_credential', { source: { header: 'Authorization' } });
    expectError(await ask(flip(attributes.secret)), 401, 'invalid_credential', { source: { header: 'Authorization' } });
  });
});

test('the caller takes no update: PATCH is 403 with Allow', async () => {
  const answer = await app.platform.patch(PATH, document('callers', { name: 'Me' }));
  expectError(answer, 403, 'update_not_offered');
  expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS');
});
