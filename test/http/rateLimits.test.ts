import { createPlatformKey } from '../../src/services/apiKeys';
import { ask, rowCounts } from '../jsonapi/world';
import { expectError } from '../routes/documents';
import { type Answer, type Client, document, M, NIL, S, startApp, type TestApp } from '../support/app';

const LIMIT = 50;
/** A tenth of the limit, and ten at the least. */
const FAILURES = 10;
const ORGANIZATIONS = `${M}/organizations`;
const INVALID = { Authorization: 'not-a-credential' };

let app: TestApp;
beforeAll(async () => {
  app = await startApp({
    RATE_LIMIT: `${LIMIT}/60`,
    TRUST_PROXY: '1',
    DATABASE_POOL_SIZE: '2',
    DATABASE_TIMEOUT_MS: '200',
  });
});
afterAll(() => app.close());

/** A credential that has not sent anything. */
const fresh = async (of = app): Promise<Client> => of.as(await createPlatformKey(of.services, 'Fresh'));
const me = (client: Client) => client.get(`${S}/me`);
const times = <T>(count: number, work: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)));

/** Name, requests left and seconds left of `RateLimit`. */
function left({ headers }: Answer): [name: string, requests: number, seconds: number] {
  const [, name = '', requests, seconds] = /^"(\w+)";r=(\d+);t=(\d+)$/.exec(headers.ratelimit ?? '') ?? [];
  return [name, Number(requests), Number(seconds)];
}

function expectNoFields({ headers }: Answer): void {
  for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after']) expect(headers).not.toHaveProperty(name);
}

async function exhaust(client: Client): Promise<void> {
  const answers = await times(LIMIT, () => me(client));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
}

test('every answer to a valid credential says what is left: documents, 304, 204 and errors', async () => {
  const client = await fresh();
  const list = await client.get(`${S}/roles`);
  expect(list.headers['ratelimit-policy']).toBe(`"default";q=${LIMIT};w=60`);
  expect(list.headers.ratelimit).toBe(`"default";r=${LIMIT - 1};t=60`);
  const created = await client.post(ORGANIZATIONS, document('organizations', { name: 'Acme' }));
  const own = created.body.data.links.self;
  const one = await client.get(own);
  const answers = [
    created,
    one,
    await client.get(own, { 'If-None-Match': one.headers.etag as string }),
    await client.head(own),
    await client.patch(own, '{'),
    await client.get(`${S}/roles?foo=1`),
    await client.get(`${S}/users/${NIL}`),
    await client.delete(own),
    await me(client),
  ];
  expect(answers.map(({ status }) => status)).toEqual([201, 200, 304, 200, 400, 400, 404, 204, 200]);
  for (const [i, answer] of answers.entries()) {
    const [name, requests, seconds] = left(answer);
    expect([name, requests]).toEqual(['default', LIMIT - 2 - i]);
    expect(seconds).toBeGreaterThanOrEqual(50);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(answer.headers['ratelimit-policy']).toBe(`"default";q=${LIMIT};w=60`);
    expect(answer.headers).not.toHaveProperty('retry-after');
  }
});

test('one too many is 429 with Retry-After, on every path, and writes nothing', async () => {
  const client = await fresh();
  await exhaust(client);
  const rows = await rowCounts(app);
  const creation = document('organizations', { name: 'One too many' });
  for (const answer of [await me(client), await client.get(`${S}/roles`), await client.post(ORGANIZATIONS, creation)]) {
    expectError(answer, 429, 'rate_limited');
    const [name, requests, seconds] = left(answer);
    expect([name, requests]).toEqual(['default', 0]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(seconds);
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'ratelimit-policy': `"default";q=${LIMIT};w=60`,
    });
    expect(answer.body.errors[0].detail).toBe(`At most ${LIMIT} requests in 60 s: try again in ${seconds} s.`);
  }
  const head = await ask(app, 'HEAD', `${S}/me`, { Authorization: client.key as string });
  expect([head.status, head.text, left(head).slice(0, 2)]).toEqual([429, '', ['default', 0]]);
  expect(await rowCounts(app)).toEqual(rows);
});

test('the log says who sent too many', async () => {
  const client = await fresh();
  const { id } = (await me(client)).body.data;
  await times(LIMIT, () => me(client));
  const { headers } = await me(client);
  const line = () => app.logLines.find(({ requestId }) => requestId === headers['x-request-id']);
  while (line() === undefined) await new Promise((resolve) => setImmediate(resolve));
  expect(line()).toMatchObject({ status: 429, caller: { level: 'platform', credentialId: id } });
});

test('of 200 requests at once, exactly as many as the limit are served', async () => {
  const client = await fresh();
  const answers = await times(200, () => me(client));
  const served = answers.filter(({ status }) => status === 200);
  expect(served).toHaveLength(LIMIT);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(200 - LIMIT);
  const rest = served.map((answer) => left(answer)[1]).sort((a, b) => a - b);
  expect(rest).toEqual(Array.from({ length: LIMIT }, (_, i) => i));
});

test('one credential does not use what another has', async () => {
  const [one, other] = [await fresh(), await fresh()];
  await exhaust(one);
  expect((await me(one)).status).toBe(429);
  expect(left(await me(other)).slice(0, 2)).toEqual(['default', LIMIT - 1]);
});

test('what needs no credential is not counted', async () => {
  const client = await fresh();
  for (const path of ['/livez', '/readyz', '/metrics', '/docs', `${S}/openapi.json`, '/nowhere']) {
    expectNoFields(await client.get(path));
  }
  expectNoFields(await client.options(`${S}/roles`));
  // Refused before anybody asks who that is.
  for (const answer of [await client.put(`${S}/roles`), await client.get(`${S}/roles`, { Accept: 'text/html' })]) {
    expectNoFields(answer);
  }
  expect(left(await me(client))[1]).toBe(LIMIT - 1);
});

describe('failed authentication', () => {
  const from = (address: string, headers: Record<string, string> = INVALID) =>
    app.anonymous.get(`${S}/me`, { ...headers, 'X-Forwarded-For': address });
  const fail = (address: string, count = FAILURES) => times(count, () => from(address));

  test('counts by address: 401 with what is left, then 429', async () => {
    for (let i = 1; i <= FAILURES; i++) {
      const answer = await from('192.0.2.1');
      expectError(answer, 401, 'invalid_credential', { source: { header: 'Authorization' } });
      expect(answer.headers['ratelimit-policy']).toBe(`"authentication";q=${FAILURES};w=60`);
      expect(left(answer).slice(0, 2)).toEqual(['authentication', FAILURES - i]);
    }
    const answer = await from('192.0.2.1');
    expectError(answer, 429, 'rate_limited');
    const [name, requests, seconds] = left(answer);
    expect([name, requests, Number(answer.headers['retry-after'])]).toEqual(['authentication', 0, seconds]);
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect((await from('192.0.2.2')).status).toBe(401);
  });

  test('a valid credential from the same address goes on', async () => {
    const client = await fresh();
    await fail('192.0.2.3');
    const answers = await fail('192.0.2.3', 20);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([429]));
    const answer = await from('192.0.2.3', { Authorization: client.key as string });
    expect([answer.status, ...left(answer).slice(0, 2)]).toEqual([200, 'default', LIMIT - 1]);
  });

  test('is also a credential that has the right form, one that was revoked, and one that has expired', async () => {
    const [unknown, revoked, expired] = [await fresh(), await fresh(), await fresh()];
    const set = (client: Client, column: string) =>
      app.db.query(`update api_keys set ${column} = now() - interval '1 hour' where hash = sha256($1::bytea)`, [
        client.key,
      ]);
    await app.db.query('delete from api_keys where hash = sha256($1::bytea)', [unknown.key]);
    await set(revoked, 'revoked_at');
    await set(expired, 'expires_at');
    const codes = [];
    for (const client of [unknown, revoked, expired]) {
      const answer = await from('192.0.2.4', { Authorization: client.key as string });
      codes.push([answer.body.errors[0].code, left(answer)[1]]);
    }
    expect(codes).toEqual([
      ['invalid_credential', FAILURES - 1],
      ['revoked_credential', FAILURES - 2],
      ['expired_credential', FAILURES - 3],
    ]);
  });

  test('is not to send no credential at all', async () => {
    await fail('192.0.2.5');
    const answer = await from('192.0.2.5', {});
    expectError(answer, 401, 'missing_credential', { source: { header: 'Authorization' } });
    expectNoFields(answer);
  });

  test('counts a whole IPv6 network as one address', async () => {
    for (let i = 1; i <= FAILURES; i++) expect((await from(`2001:db8:1:2::${i}`)).status).toBe(401);
    expect((await from('2001:db8:1:2:ffff::1')).status).toBe(429);
    expect((await from('2001:db8:1:3::1')).status).toBe(401);
  });
});

describe('without a connection to the database', () => {
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

  test('nobody counts: what needs none is served, the rest is 503', async () => {
    const client = await fresh();
    // The reserve of one is used up, and the credential is known for a moment.
    await me(client);
    await me(client);
    const [who, list, wrong] = await withoutConnections(() =>
      Promise.all([me(client), client.get(`${S}/roles`), app.anonymous.get(`${S}/me`, INVALID)]),
    );
    expect([who.status, list.status, wrong.status]).toEqual([200, 503, 401]);
    for (const answer of [who, wrong]) expectNoFields(answer);
    expect(list.headers['retry-after']).toBe('5');
    expect(left(await me(client))[1]).toBe(LIMIT - 3);
  });
});

test('when the window ends, the credential may send as much again', async () => {
  const short = await startApp({ RATE_LIMIT: '3/1' });
  const client = await fresh(short);
  const statuses = async (count: number) => (await times(count, () => me(client))).map(({ status }) => status).sort();
  expect(await statuses(5)).toEqual([200, 200, 200, 429, 429]);
  const refused = await me(client);
  expect([refused.status, refused.headers['retry-after'], refused.headers.ratelimit]).toEqual([
    429,
    '1',
    '"default";r=0;t=1',
  ]);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(await statuses(5)).toEqual([200, 200, 200, 429, 429]);
  await short.close();
});

test('off: nothing is counted', async () => {
  const open = await startApp({ RATE_LIMIT: 'off' });
  const answers = await times(30, () => open.anonymous.get(`${S}/me`, INVALID));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  const answer = await me(open.platform);
  expect(answer.status).toBe(200);
  for (const each of [answer, ...answers]) expectNoFields(each);
  expect(await open.db.query('select * from rate_limits')).toEqual([]);
  await open.close();
});
