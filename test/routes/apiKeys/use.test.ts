import { CallerCache } from '../../../src/services/callers';
import { type Client, createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { expectError } from '../documents';

const PATH = `${S}/apiKeys`;
const HEADER = { source: { header: 'Authorization' } };

let app: TestApp;
let clock = Date.now();
beforeAll(async () => {
  app = await startApp({}, () => new Date(clock));
});
afterAll(() => app.close());
beforeEach(() => {
  clock = Math.floor(Date.now() / 1000) * 1000;
});

const make = async (attributes: object = {}, maker: Client = app.platform) => {
  const { id: organization } = await createOrganization(app.platform);
  const relationships = { organization: link('organizations', organization) };
  const { body } = await maker.post(PATH, document('apiKeys', { name: 'K', ...attributes }, { relationships }));
  const { secret } = body.data.attributes;
  return { id: body.data.id as string, secret: secret as string, client: app.as(secret), organization };
};
const me = (client: Client) => client.get(`${S}/me`);
const read = async (id: string) => (await app.platform.get(`${PATH}/${id}`)).body.data.attributes;

test.each(['', 'Bearer ', 'bearer ', 'BEARER ', 'bEaReR   '])('Authorization may be "%skey"', async (scheme) => {
  const { id, secret } = await make();
  const answer = await app.anonymous.get(`${S}/me`, { Authorization: `${scheme}${secret}` });
  expect(answer.status).toBe(200);
  expect(answer.body.data.id).toBe(id);
});

test.each(['Basic ', 'Token ', 'Bearer: ', 'Bearer Bearer '])(
  'Authorization may not be "%skey": 401',
  async (scheme) => {
    const { secret } = await make();
    const answer = await app.anonymous.get(`${S}/me`, { Authorization: `${scheme}${secret}` });
    expectError(answer, 401, 'invalid_credential', HEADER);
  },
);

test('the key is never read from the query string', async () => {
  const { secret } = await make();
  for (const name of ['token', 'access_token', 'apiKey']) {
    expectError(await app.anonymous.get(`${M}/organizations?${name}=${secret}`), 401, 'missing_credential', HEADER);
  }
});

describe('expiry', () => {
  test('from expiresAt on the key is 401 expired_credential, to the millisecond', async () => {
    const expiresAt = clock + 3_600_000;
    const { client } = await make({ expiresAt: new Date(expiresAt).toISOString() });
    clock = expiresAt - 1;
    expect((await me(client)).status).toBe(200);
    clock = expiresAt;
    expectError(await me(client), 401, 'expired_credential', HEADER);
    clock = expiresAt + 86_400_000;
    expectError(await me(client), 401, 'expired_credential', HEADER);
  });

  test('an expired key is still in the list, with the status expired', async () => {
    const { id, client, organization } = await make();
    await app.db.query("update api_keys set expires_at = now() - interval '1 minute' where id = $1", [id]);
    app.services.callers.forget();
    expect(await read(id)).toMatchObject({ status: 'expired', revokedAt: null });
    const found = async (status: string) =>
      (await app.platform.get(`${PATH}?filter[organizationId]=${organization}&filter[status]=${status}`)).body.data.map(
        (each: { id: string }) => each.id,
      );
    expect(await found('expired')).toEqual([id]);
    expect(await found('active')).not.toContain(id);
    expectError(await me(client), 401, 'expired_credential', HEADER);
  });

  test('a revoked key that has expired is told that it is revoked: the order of domain sheet 6.3', async () => {
    const { id, client } = await make({ expiresAt: new Date(clock + 1000).toISOString() });
    await app.platform.delete(`${PATH}/${id}`);
    clock += 2000;
    expectError(await me(client), 401, 'revoked_credential', HEADER);
  });
});

test('another process notices a revocation within a second, without being told [INV-34]', async () => {
  const { id, secret } = await make();
  const other = new CallerCache(app.db, () => new Date(clock));
  const find = async () => other.find(secret, '127.0.0.1');
  expect(await find()).toMatchObject({ credentialId: id });
  await app.platform.delete(`${PATH}/${id}`);
  clock += 999;
  await expect(find()).rejects.toMatchObject({ faults: [{ code: 'revoked_credential' }] });
  await other.drain();
});

describe('lastUsedAt and lastUsedIp', () => {
  const use = async (client: Client, times = 1) => {
    await Promise.all(Array.from({ length: times }, () => me(client)));
    await app.services.callers.drain();
  };
  const shown = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, '+00:00');

  test('are written with the first use, and then once a minute at the most', async () => {
    const { id, client } = await make();
    expect(await read(id)).toMatchObject({ lastUsedAt: null, lastUsedIp: null });
    const first = clock;
    await use(client, 5);
    expect(await read(id)).toMatchObject({ lastUsedAt: shown(first), lastUsedIp: '127.0.0.1' });
    clock = first + 59_000;
    await use(client);
    expect((await read(id)).lastUsedAt).toBe(shown(first));
    clock = first + 60_000;
    await use(client);
    expect((await read(id)).lastUsedAt).toBe(shown(first + 60_000));
    // Another process has another memory of it: the row decides.
    app.services.callers.forget();
    clock = first + 100_000;
    await use(client);
    expect((await read(id)).lastUsedAt).toBe(shown(first + 60_000));
  });

  test('a use is no change: version and updatedAt stay', async () => {
    const { id, client } = await make();
    await app.db.query("update api_keys set updated_at = '2020-01-01' where id = $1", [id]);
    await use(client);
    const { updatedAt, lastUsedAt } = await read(id);
    expect([updatedAt, lastUsedAt]).toEqual(['2020-01-01T00:00:00+00:00', shown(clock)]);
    const [row] = await app.db.query('select version from api_keys where id = $1', [id]);
    expect(row).toEqual([1]);
  });

  test('a refused credential is not used', async () => {
    const { id, client } = await make();
    await app.db.query("update api_keys set expires_at = now() - interval '1 day' where id = $1", [id]);
    await use(client);
    expect((await read(id)).lastUsedAt).toBeNull();
  });
});

test('what changes without a version changes the ETag all the same: no 304 for another document', async () => {
  const { id, client } = await make();
  const path = `${PATH}/${id}`;
  const before = await app.platform.get(path);
  const headers = { 'If-None-Match': before.headers.etag as string };
  expect((await app.platform.get(path, headers)).status).toBe(304);
  await me(client);
  await app.services.callers.drain();
  expect((await app.platform.get(path, headers)).status).toBe(200);
});
