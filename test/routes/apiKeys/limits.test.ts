import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectAttributeError, expectError } from '../documents';
import { Keys, PATH } from './keys';

/** From where and how often a key may be used. */

const LIMIT = 50;
const RATE_LIMIT = { source: { pointer: '/data/attributes/rateLimit' } };

let app: TestApp;
let keys: Keys;
let owner: Person;
let organization: Body;
beforeAll(async () => {
  app = await startApp({ RATE_LIMIT: `${LIMIT}/60`, TRUST_PROXY: '1' });
  keys = new Keys(app);
  owner = await app.user();
  organization = await createOrganization(owner);
});
afterAll(() => app.close());

const me = (client: Client, from = '127.0.0.1') => client.get(`${S}/me`, { 'X-Forwarded-For': from });
const ask = (maker: Client, attributes: object) =>
  maker.post(PATH, document('apiKeys', { name: 'K', ...attributes }, { relationships: of() }));
const of = () => ({ organization: link('organizations', organization.id) });

describe('ipAllowList', () => {
  test('the key is good from these addresses alone: 403 ip_not_allowed from all others, also for its access tokens', async () => {
    const ipAllowList = ['192.0.2.0/24', '2001:db8::/32', '203.0.113.7'];
    const key = await keys.make(app.platform, { ipAllowList }, organization.id);
    expect(key.attributes.ipAllowList).toEqual(ipAllowList);
    const token = await keys.token(key);
    for (const client of [key.client, token]) {
      for (const from of ['192.0.2.200', '2001:DB8:1::9', '203.0.113.7', '::ffff:192.0.2.1']) {
        expect([from, (await me(client, from)).status]).toEqual([from, 200]);
      }
      for (const from of ['192.0.3.1', '2001:db9::1', '203.0.113.8', '::ffff:192.0.3.1', '::1']) {
        expectError(await me(client, from), 403, 'ip_not_allowed');
      }
    }
    const [rows] = await app.db.query('select last_used_ip::text from api_keys where id = $1', [key.id]);
    expect(rows?.[0]).toMatch(/^(192\.0\.2\.|2001:db8:|203\.0\.113\.7)/);
  });

  test('who is elsewhere uses up what his address has, and nothing of the key', async () => {
    const key = await keys.make(app.platform, { ipAllowList: ['192.0.2.1'] }, organization.id);
    for (let i = 0; i < LIMIT; i++) expectError(await me(key.client, '198.51.100.1'), 403, 'ip_not_allowed');
    expectError(await me(key.client, '198.51.100.1'), 429, 'rate_limited');
    const answer = await me(key.client, '192.0.2.1');
    expect([answer.status, answer.headers.ratelimit]).toEqual([200, expect.stringContaining(`r=${LIMIT - 1};`)]);
  });

  test('an empty one is no limit', async () => {
    const key = await keys.make(app.platform, { ipAllowList: ['192.0.2.1'] }, organization.id);
    expectError(await me(key.client), 403, 'ip_not_allowed');
    await keys.change(app.platform, key, { ipAllowList: [] });
    expect((await me(key.client)).status).toBe(200);
  });

  test.each([['192.0.2.1', '192.0.2.0/33'], ['localhost'], ['::ffff:192.0.2.1'], ['192.0.2.1', 7]])(
    'what is no address is pointed at: %j',
    async (...list) => {
      const answer = await ask(app.platform, { ipAllowList: list });
      expectAttributeError(answer, 'invalid_format', `ipAllowList/${list.length - 1}`);
    },
  );

  test('holds 50 at the most, each once', async () => {
    const list = Array.from({ length: 51 }, (_, i) => `192.0.2.${i}`);
    expect((await ask(app.platform, { ipAllowList: list.slice(1) })).status).toBe(201);
    expectAttributeError(await ask(app.platform, { ipAllowList: list }), 'too_long', 'ipAllowList');
    expectAttributeError(await ask(app.platform, { ipAllowList: ['::1', '::1'] }), 'invalid_format', 'ipAllowList');
    expectAttributeError(await ask(app.platform, { ipAllowList: null }), 'invalid_format', 'ipAllowList');
  });
});

describe('rateLimit', () => {
  const left = ({ headers }: Answer) => [headers['ratelimit-policy'], headers.ratelimit];

  test('counts instead of the installation’s, shows in RateLimit, and refuses what is too much: 429', async () => {
    const rateLimit = { limit: 3, windowSeconds: 600 };
    const key = await keys.make(app.platform, { rateLimit }, organization.id);
    for (const remaining of [2, 1, 0]) {
      expect(left(await me(key.client))).toEqual(['"key";q=3;w=600', `"key";r=${remaining};t=600`]);
    }
    const answer = await me(key.client);
    expectError(answer, 429, 'rate_limited');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(590);
    const other = await keys.make(app.platform, { rateLimit }, organization.id);
    expect((await me(other.client)).status).toBe(200);
  });

  test('is shared by the key and its access tokens', async () => {
    const key = await keys.make(app.platform, { rateLimit: { limit: 3, windowSeconds: 600 } }, organization.id);
    const [one, two] = [await keys.token(key), await keys.token(key)];
    const statuses = [];
    for (const client of [key.client, one, two, one, key.client]) statuses.push((await me(client)).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  });

  test('of a key may be more than the installation’s when platform or partner say so', async () => {
    const key = await keys.make(app.platform, { rateLimit: { limit: 2 * LIMIT, windowSeconds: 60 } }, organization.id);
    const answers = await Promise.all(Array.from({ length: 2 * LIMIT + 5 }, () => me(key.client)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2 * LIMIT);
    const { attributes } = (await app.platform.get(key.self)).body.data;
    expect((await keys.change(owner, key, { rateLimit: attributes.rateLimit })).status).toBe(200);
  });

  test.each([
    [LIMIT + 1, 60],
    [LIMIT, 59],
    [LIMIT + 1, 3_600],
    [1, 1],
    [10, 60],
  ])(
    '%i in %i s is less for those of an organization only if it is, at once and on average',
    async (limit, windowSeconds) => {
      const isLess = limit <= LIMIT && limit * 60 <= LIMIT * windowSeconds;
      const rateLimit = { limit, windowSeconds };
      const key = await keys.make(owner, {}, organization.id);
      for (const answer of [await ask(owner, { rateLimit }), await keys.change(owner, key, { rateLimit })]) {
        if (isLess) expect(answer.status).toBeLessThan(300);
        else expectError(answer, 422, 'not_allowed', RATE_LIMIT);
      }
    },
  );

  test('null is the installation’s', async () => {
    const key = await keys.make(app.platform, { rateLimit: { limit: 1, windowSeconds: 600 } }, organization.id);
    await keys.change(app.platform, key, { rateLimit: null });
    expect(left(await me(key.client))[0]).toBe(`"default";q=${LIMIT};w=60`);
  });

  test.each([
    [{ limit: 1.5, windowSeconds: 1 }, 'invalid_format', 'rateLimit/limit'],
    [{ limit: 1_000_001, windowSeconds: 1 }, 'not_allowed', 'rateLimit/limit'],
    [{ limit: 1, windowSeconds: 86_401 }, 'not_allowed', 'rateLimit/windowSeconds'],
    [{ limit: 1, windowSeconds: 60, burst: 1 }, 'unknown_attribute', 'rateLimit/burst'],
    ['10/60', 'invalid_format', 'rateLimit'],
  ])('may not be %j: 422', async (rateLimit, code, pointer) => {
    expectAttributeError(await ask(app.platform, { rateLimit }), code, pointer);
  });

  test('needs both numbers', async () => {
    const answer = await ask(app.platform, { rateLimit: { limit: 1 } });
    expect(answer.body.errors.map(({ code, source, meta }: Body) => [code, source.pointer, meta.attribute])).toEqual([
      ['required', '/data/attributes/rateLimit', 'windowSeconds'],
    ]);
  });
});
