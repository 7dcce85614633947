import { allRoutes } from '../../src/controllers/routes';
import { registry } from '../../src/resources';
import { ask, buildWorld, pathOf, sampleOf, TYPES, type World } from '../jsonapi/world';
import { type Answer, createOrganization, document, M, NIL, S, startApp, type TestApp } from '../support/app';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp({ DATABASE_POOL_SIZE: '2', DATABASE_TIMEOUT_MS: '200' });
  world = await buildWorld(app);
});
afterAll(() => app.close());

const ORGANIZATIONS = `${M}/organizations`;

/** Lines of the answer's request; the one that ends it is written when the connection has the last byte. */
async function linesOf({ headers }: Answer): Promise<Record<string, unknown>[]> {
  const lines = () => app.logLines.filter(({ requestId }) => requestId === headers['x-request-id']);
  const isComplete = () => lines().some(({ status }) => status !== undefined);
  for (let tries = 0; tries < 1_000 && !isComplete(); tries++) await new Promise((resolve) => setImmediate(resolve));
  return lines();
}

describe('each request has one line', () => {
  const platform = () => ({ level: 'platform', credentialId: expect.any(String) });

  test.each([
    ['a list', () => app.platform.get(`${S}/users?page[size]=1`), 'GET', `${S}/users`, 200],
    ['one resource', () => app.platform.get(`${S}/users/${world.user.id}`), 'GET', `${S}/users/{id}`, 200],
    ['one that is not there', () => app.platform.get(`${S}/users/${NIL}/`), 'GET', `${S}/users/{id}`, 404],
    ['HEAD', () => ask(app, 'HEAD', `${ORGANIZATIONS}/${world.organization.id}`), 'HEAD', `${ORGANIZATIONS}/{id}`, 200],
    [
      'POST',
      () => app.platform.post(ORGANIZATIONS, document('organizations', { name: 'x' })),
      'POST',
      ORGANIZATIONS,
      201,
    ],
    ['a bad body', () => app.platform.post(ORGANIZATIONS, '{'), 'POST', ORGANIZATIONS, 400],
    ['DELETE', () => app.platform.delete(`${S}/apiKeys/${NIL}`), 'DELETE', `${S}/apiKeys/{id}`, 404],
    [
      'an action',
      () => app.platform.post(`${ORGANIZATIONS}/${world.other.id}/restore`),
      'POST',
      `${ORGANIZATIONS}/{id}/restore`,
      409,
    ],
    ['the caller’s own page', () => app.platform.get(`${S}/me/`), 'GET', `${S}/me`, 200],
  ] as const)('%s, with the route as a template and the caller', async (_title, work, method, route, status) => {
    const answer = await work();
    expect(await linesOf(answer)).toEqual([
      expect.objectContaining({
        requestId: answer.headers['x-request-id'],
        method,
        route,
        status,
        ms: expect.any(Number),
        caller: platform(),
      }),
    ]);
  });

  test.each([
    ['no credential', () => app.anonymous.get(`${S}/users`), `${S}/users`, 401],
    ['OPTIONS', () => app.anonymous.options(`${S}/users`), `${S}/users`, 204],
    ['a method that is not there', () => app.anonymous.put(`${S}/users`), `${S}/users`, 405],
    ['an unknown path', () => app.anonymous.get('/nowhere/at/all'), 'none', 404],
    ['health', () => app.anonymous.get('/livez'), '/livez', 200],
  ] as const)('%s: without a caller', async (_title, work, route, status) => {
    const answer = await work();
    const lines = await linesOf(answer);
    expect(lines).toEqual([expect.objectContaining({ route, status })]);
    expect(lines[0]).not.toHaveProperty('caller');
  });

  test('the caller is the credential, by its level and its id', async () => {
    for (const [client, level] of [
      [world.partner, 'partner'],
      [world.key, 'organization'],
    ] as const) {
      const answer = await client.get(`${S}/me`);
      expect((await linesOf(answer))[0]?.caller).toEqual({ level, credentialId: answer.body.data.id });
    }
  });

  test('a request that fails here has a second one that says why', async () => {
    await app.source.query('alter table members rename to members_away');
    const answer = await app.platform.get(`${S}/members`);
    await app.source.query('alter table members_away rename to members');
    expect(answer.status).toBe(500);
    expect(await linesOf(answer)).toEqual([
      expect.objectContaining({
        level: 'error',
        route: `${S}/members`,
        err: expect.objectContaining({ message: expect.stringContaining('members') }),
      }),
      expect.objectContaining({ level: 'info', route: `${S}/members`, status: 500 }),
    ]);
  });

  test('what the client did wrong is no error of ours', async () => {
    const before = app.logLines.length;
    await app.platform.get(`${S}/users?foo=1`);
    await app.platform.post(ORGANIZATIONS, document('organizations', {}));
    await linesOf(await app.anonymous.get(`${S}/users`));
    expect(app.logLines.slice(before).filter(({ level }) => level !== 'info')).toEqual([]);
  });
});

describe('X-Request-Id', () => {
  test.each(['12345678', 'a-b_c-D9', 'x'.repeat(64)])('%s is taken, for answers and errors', async (id) => {
    for (const path of [`${S}/roles`, `${S}/nope`, '/livez']) {
      const answer = await app.platform.get(path, { 'X-Request-Id': id });
      expect(answer.headers['x-request-id']).toBe(id);
      if (answer.status === 404) expect(answer.body.errors[0].id).toBe(id);
    }
  });

  test.each([
    '1234567',
    'x'.repeat(65),
    'with blank',
    'semi;colon',
    'dotted.id',
    'umlaut-ä',
    '',
    '{"a":1}',
    '../../etc',
  ])('%p is replaced by one of ours', async (id) => {
    const { headers } = await ask(app, 'GET', `${S}/roles`, { 'X-Request-Id': id });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(app.logLines.filter(({ requestId }) => requestId === id)).toEqual([]);
  });
});

test('no secret is in any line, whatever way it came and however the request ended', async () => {
  const hook = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
  const given = 'Moved-in-token-of-22-characters';
  const created = await createOrganization(world.partner, {
    webhookUrl: 'https://example.com/x',
    webhookSecret: hook,
    token: given,
  });
  const { token, webhookSecret } = (await createOrganization(world.partner, { webhookUrl: 'https://example.com/y' }))
    .attributes;
  const { secret } = (await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'x' }))).body.data.attributes;
  const secrets = [
    hook,
    given,
    token,
    webhookSecret,
    secret,
    app.platform.key,
    world.key.key,
    world.partner.key,
  ] as string[];
  expect(secrets.every((each) => each.length > 20)).toBe(true);
  const own = created.links.self;
  const patch = (attributes: object) =>
    app.platform.patch(own, document('organizations', attributes, { id: created.id }));
  const send = async (each: string) => {
    const encoded = encodeURIComponent(each);
    await app.as(each).get(`${S}/me`);
    await app.anonymous.get(`${S}/me`, { Authorization: each });
    await app.anonymous.get(`${S}/me`, { Authorization: `${each}x` });
    await app.anonymous.get(`${S}/me`, { 'X-Request-Id': each.padEnd(65, 'x') });
    await app.platform.get(`${S}/users/${encoded}`);
    await app.platform.get(`/${encoded}?${encoded}=${encoded}`);
    await app.platform.get(`${S}/users?filter[${encoded}]=${encoded}`);
    await app.platform.get(`${ORGANIZATIONS}?filter[name]=${encoded}&include=${encoded}`);
    await app.platform.get(`${S}/roles`, { Accept: each, 'User-Agent': each, Cookie: `a=${each}`, Referer: each });
    await app.platform.post(ORGANIZATIONS, `{"data":{"type":"organizations","attributes":{"token":"${each}"`);
    await app.platform.post(
      ORGANIZATIONS,
      document('organizations', { name: '', token: each, webhookSecret: each, slug: each }),
    );
    await app.platform.post(ORGANIZATIONS, document('organizations', { name: 'Known', token: each }));
    await app.platform.post(ORGANIZATIONS, document(each, {}), { 'Content-Type': each });
    await patch({ token: `${each}x`.slice(0, 200), metadata: { [each.slice(0, 10)]: 5 } });
    await patch({ webhookSecret: each, legalHold: each });
  };
  for (const each of secrets) await send(each);
  // And when the database fails in the midst of a write that holds one.
  await app.source.query("alter table organizations add constraint no_boom_check check (name <> 'Boom')");
  const boom = await app.platform.post(
    ORGANIZATIONS,
    document('organizations', {
      name: 'Boom',
      token: `${given}-2`,
      webhookSecret: hook,
      webhookUrl: 'https://example.com',
    }),
  );
  await app.source.query('alter table organizations drop constraint no_boom_check');
  expect([boom.status, (await linesOf(boom)).length]).toEqual([500, 2]);
  const log = JSON.stringify(app.logLines);
  for (const each of [...secrets, `${given}-2`]) {
    for (const form of [
      each,
      encodeURIComponent(each),
      Buffer.from(each).toString('base64'),
      JSON.stringify(each).slice(1, -1),
    ])
      expect(log.includes(form)).toBe(false);
  }
});

describe('/livez, /readyz and /metrics', () => {
  test.each([
    ['/livez', { status: 'ok' }],
    ['/readyz', { status: 'ready' }],
  ])('%s answers without a credential, with a slash at the end too', async (path, expected) => {
    for (const each of [path, `${path}/`]) {
      const { status, headers, body } = await app.anonymous.get(each);
      expect([status, body, headers['content-type'], headers['cache-control']]).toEqual([
        200,
        expected,
        'application/json',
        'no-store',
      ]);
    }
  });

  test.each(['/livez', '/readyz', '/metrics'])('%s takes GET, HEAD and OPTIONS [FET-12, FET-13]', async (path) => {
    const allow = 'GET, HEAD, OPTIONS';
    const head = await ask(app, 'HEAD', path);
    expect([head.status, head.text]).toEqual([200, '']);
    const options = await app.anonymous.options(path);
    expect([options.status, options.headers.allow, options.text, options.headers.vary]).toEqual([
      204,
      allow,
      '',
      'Accept',
    ]);
    expect(options.headers['x-request-id']).toBeDefined();
    const post = await app.anonymous.post(path, {});
    expect([post.status, post.headers.allow, post.body.errors[0].code]).toEqual([405, allow, 'method_not_allowed']);
  });

  test('without a connection to the database it is alive and not ready', async () => {
    const runners = [app.source.createQueryRunner(), app.source.createQueryRunner()];
    for (const runner of runners) await runner.connect();
    const ready = await app.anonymous.get('/readyz');
    const alive = await app.anonymous.get('/livez');
    for (const runner of runners) await runner.release();
    expect([ready.status, ready.body, ready.headers['retry-after']]).toEqual([
      503,
      { status: 'database unavailable' },
      '5',
    ]);
    expect(alive.status).toBe(200);
    expect((await app.anonymous.get('/readyz')).status).toBe(200);
  });

  test('/metrics counts requests by method, route template and status, and nothing by path', async () => {
    for (const type of TYPES) await app.platform.get(`${pathOf(type)}/${sampleOf(world, type)}`);
    await linesOf(await app.anonymous.get('/no/such/path'));
    const { status, text, headers } = await app.anonymous.get('/metrics');
    expect([status, headers['content-type']]).toEqual([200, expect.stringMatching(/^text\/plain/)]);
    const labels = [...text.matchAll(/^http_request_duration_seconds_count\{(.*)\} (\d+)$/gm)].map(
      (match) => match[1] as string,
    );
    for (const type of TYPES) expect(labels).toContain(`method="GET",route="${pathOf(type)}/{id}",status="200"`);
    expect(labels).toContain('method="GET",route="none",status="404"');
    const routes = new Set(labels.map((label) => /route="([^"]*)"/.exec(label)?.[1]));
    const known = [
      ...allRoutes(registry).map(({ template }) => template),
      `${S}/me`,
      '/livez',
      '/readyz',
      '/metrics',
      'none',
    ];
    expect([...routes].filter((route) => !known.includes(route ?? ''))).toEqual([]);
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}|such\/path/);
  });

  test('/metrics shows the pool and the process', async () => {
    const { text } = await app.anonymous.get('/metrics');
    const value = (state: string) =>
      Number(new RegExp(`^database_connections\\{state="${state}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
    expect(value('waiting')).toBe(0);
    expect(value('idle') + value('busy')).toBeGreaterThanOrEqual(1);
    expect(value('idle') + value('busy')).toBeLessThanOrEqual(2);
    expect(text).toContain('process_cpu_seconds_total');
  });
});
