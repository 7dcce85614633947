import { accountKey } from '../../../src/http/sensitive';
import { effectivePermissions } from '../../../src/permissions';
import { hashKey } from '../../../src/secrets';
import { Turns } from '../../../src/turns';
import { type Body, createUser, document, S, startApp, type TestApp } from '../../support/app';
import { ACCESS_TOKEN, accessToken, created, expectAttributeError, expectError, ID, REFRESH_TOKEN } from '../documents';
import { bodyOf, PASSWORD, PATH, person, tokensFor, use } from './people';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const signIn = (attributes: object, headers?: Record<string, string>) => tokensFor(app.anonymous, attributes, headers);

describe('somebody with a password', () => {
  test('signs in without a credential and gets both tokens, once', async () => {
    const { id: user, email } = await person(app);
    const answer = await signIn({ email, password: PASSWORD }, { 'User-Agent': 'Browser/1.0' });
    const { id, attributes } = answer.body.data;
    expect([answer.status, answer.headers['cache-control'], answer.headers.location]).toEqual([
      201,
      'no-store',
      `${PATH}/${id}`,
    ]);
    const shown = { userAgent: 'Browser/1.0', accessToken: ACCESS_TOKEN, refreshToken: REFRESH_TOKEN };
    expect(answer.body).toEqual(created(accessToken(id, shown, { user })));
    expect(id).toEqual(ID);
    const seconds = (a: string, b: string) => (Date.parse(attributes[a]) - Date.parse(attributes[b])) / 1000;
    expect(seconds('expiresAt', 'createdAt')).toBe(3600);
    expect(seconds('refreshExpiresAt', 'createdAt')).toBe(30 * 86_400);
    const again = await app.as(attributes.accessToken).get(`${PATH}/${id}`);
    expect(again.body.data.attributes).toMatchObject({ accessToken: null, refreshToken: null });
  });

  test('may do as the user with the access token, not with the refresh token', async () => {
    const { id, email } = await person(app);
    const { accessToken: access, refreshToken } = (await signIn({ email, password: PASSWORD })).body.data.attributes;
    const me = await app.as(access).get(`${S}/users/${id}`);
    expect([me.status, me.body.data.attributes.hasPassword]).toEqual([200, true]);
    expect(await use(app, refreshToken)).toEqual([401, 'invalid_credential']);
  });

  test('may write the address in any case, with blanks around it', async () => {
    const { email } = await person(app);
    expect((await signIn({ email: ` ${email.toUpperCase()} `, password: PASSWORD })).status).toBe(201);
  });

  test('may ask for less than he may do', async () => {
    const { id, email } = await person(app);
    const { attributes } = (await signIn({ email, password: PASSWORD, scopes: ['members:read'] })).body.data;
    expect(attributes.scopes).toEqual(['members:read']);
    const me = await app.as(attributes.accessToken).get(`${S}/me`);
    expect(me.body.data.attributes.permissions).toEqual(['members:read']);
    expect((await app.as(attributes.accessToken).get(`${S}/users/${id}`)).status).toBe(200);
    expect((await app.as(attributes.accessToken).get(`${S}/apiKeys`)).status).toBe(403);
  });

  test('gets nothing that no user may do', async () => {
    const { email } = await person(app);
    const answer = await signIn({ email, password: PASSWORD, scopes: ['members:read', 'platform:admin'] });
    expectError(answer, 403, 'cannot_grant', { source: { pointer: '/data/attributes/scopes' } });
    expect(effectivePermissions('user', ['*']).has('platform:admin')).toBe(false);
  });

  test('is known in his network from then on', async () => {
    const { id, email } = await person(app);
    await signIn({ email, password: 'wrong wrong wrong' });
    const networks = () => app.db.query('select network from user_networks where user_id = $1', [id]);
    expect(await networks()).toEqual([]);
    for (let i = 0; i < 2; i++) await signIn({ email, password: PASSWORD });
    expect(await networks()).toEqual([['127.0.0.1']]);
  });

  test('leaves only hashes of the tokens behind (INV-29)', async () => {
    const { email } = await person(app);
    const { id, attributes } = (await signIn({ email, password: PASSWORD })).body.data;
    const [row] = await app.db.query('select hash, refresh_hash, t::text from access_tokens t where id = $1', [id]);
    expect(row?.slice(0, 2)).toEqual([hashKey(attributes.accessToken), hashKey(attributes.refreshToken)]);
    expect(row?.[2]).not.toContain(attributes.accessToken.slice(8));
  });
});

describe('whoever may not sign in is told the same', () => {
  /** How many passwords are hashed meanwhile: that is the time an answer takes. */
  async function hashesDuring(work: () => Promise<unknown>): Promise<number> {
    const spy = jest.spyOn(Turns.prototype, 'take');
    await work();
    const { length } = spy.mock.calls;
    spy.mockRestore();
    return length;
  }
  const cases: [string, () => Promise<object>][] = [
    ['a wrong password', async () => ({ email: (await person(app)).email, password: `${PASSWORD}!` })],
    ['an empty password', async () => ({ email: (await person(app)).email, password: '' })],
    ['an unknown address', async () => ({ email: 'nobody@example.com', password: PASSWORD })],
    ['a text that is no address', async () => ({ email: 'nobody', password: PASSWORD })],
    [
      'a user without a password',
      async () => ({ email: (await createUser(app.platform)).attributes.email, password: PASSWORD }),
    ],
    ...['suspended', 'erased'].map((status): [string, () => Promise<object>] => [
      `a user who is ${status}`,
      async () => {
        const { id, email } = await person(app);
        await app.db.query('update users set status = $2 where id = $1', [id, status]);
        return { email, password: PASSWORD };
      },
    ]),
  ];
  const bodies = new Set<string>();

  test.each(cases)('%s: 401 after one hash', async (_title, attributesOf) => {
    const attributes = await attributesOf();
    let answer = await signIn({ email: 'nobody@example.com', password: PASSWORD });
    expect(
      await hashesDuring(async () => {
        answer = await signIn(attributes);
      }),
    ).toBe(1);
    expectError(answer, 401, 'invalid_credential', { source: { pointer: '/data/attributes' } });
    bodies.add(bodyOf(answer));
    expect(bodies.size).toBe(1);
  });

  test('who signs in with the right password hashes once, too', async () => {
    const { email } = await person(app);
    expect(await hashesDuring(() => signIn({ email, password: PASSWORD }))).toBe(1);
  });

  test('neither address nor password is in a line of the log', async () => {
    const { email } = await person(app);
    await signIn({ email, password: PASSWORD });
    await signIn({ email, password: 'a-wrong-password-of-mine' });
    const lines = JSON.stringify(app.logLines);
    for (const text of [email, PASSWORD, 'a-wrong-password-of-mine']) expect(lines).not.toContain(text);
  });
});

test('a password that changes while it is checked opens no session', async () => {
  const { id, email } = await person(app);
  const runner = app.source.createQueryRunner();
  await runner.startTransaction();
  await runner.query("update users set password_hash = 'another' where id = $1", [id]);
  const answer = signIn({ email, password: PASSWORD });
  const waiting =
    "select count(*)::int from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
  while ((await app.db.query(waiting))[0]?.[0] === 0) await new Promise(setImmediate);
  await runner.commitTransaction();
  await runner.release();
  expect((await answer).status).toBe(401);
  expect(await app.db.query('select 1 from access_tokens where user_id = $1', [id])).toEqual([]);
});

describe('a request that does not say who', () => {
  test('is told all that is missing', async () => {
    for (const body of [document('accessTokens'), { data: { type: 'accessTokens' } }]) {
      const { status, body: answer } = await app.anonymous.post(PATH, body);
      expect(status).toBe(422);
      expect(answer.errors.map(({ code, meta, source }: Body) => [code, meta.attribute, source])).toEqual([
        ['required', 'email', { pointer: '/data' }],
        ['required', 'password', { pointer: '/data' }],
      ]);
    }
    const answer = await signIn({ email: 'a@example.com' });
    expect([answer.status, answer.body.errors[0].meta.attribute]).toEqual([422, 'password']);
  });

  test('is told what is wrong with its attributes', async () => {
    expectAttributeError(await signIn({ email: 'a@example.com', password: 7 }), 'invalid_format', 'password');
    expectAttributeError(await signIn({ email: 'a\u0000@example.com', password: PASSWORD }), 'invalid_format', 'email');
    expectAttributeError(
      await signIn({ email: 'a@example.com', password: PASSWORD, name: 'x' }),
      'unknown_attribute',
      'name',
    );
    expectAttributeError(
      await signIn({ email: 'a@example.com', password: PASSWORD, scopes: [] }),
      'too_short',
      'scopes',
    );
    expectError(await app.anonymous.post(PATH, document('users', { email: 'a@example.com' })), 409, 'type_mismatch', {
      source: { pointer: '/data/type' },
    });
  });
});

describe('attempts are limited', () => {
  let limited: TestApp;
  beforeAll(async () => {
    limited = await startApp({ RATE_LIMIT: '100000/60', TRUST_PROXY: '1' });
  });
  afterAll(() => limited.close());
  const from = (network: string, email: string, password: string) =>
    limited.anonymous.post(PATH, document('accessTokens', { email, password }), { 'X-Forwarded-For': network });

  test('to ten for an account and a network, alike for accounts that do not exist', async () => {
    const { email } = await person(limited);
    for (const account of [email, 'nobody@example.com']) {
      for (let i = 0; i < 10; i++) expect((await from('192.0.2.1', account, `wrong password ${i}`)).status).toBe(401);
      const refused = await from('192.0.2.1', account.toUpperCase(), PASSWORD);
      expectError(refused, 429, 'rate_limited');
      expect(refused.headers['ratelimit-policy']).toBe('"signIn";q=10;w=900');
    }
    expect((await from('192.0.2.2', email, PASSWORD)).status).toBe(201);
  });

  test('over all networks that he did not sign in from, so that strangers don’t keep a user out', async () => {
    const { email } = await person(limited);
    expect((await from('198.51.100.1', email, PASSWORD)).status).toBe(201);
    // A hundred guesses without their hashes.
    const { limiter } = limited.services;
    const policy = limiter?.policies.signInAccount as never;
    while ((await limiter?.take(policy, accountKey(email)))?.isAdmitted);
    const refused = await from('203.0.113.9', email, PASSWORD);
    expectError(refused, 429, 'rate_limited');
    expect(refused.headers['ratelimit-policy']).toBe('"signInAccount";q=100;w=3600');
    expect((await from('198.51.100.1', email, PASSWORD)).status).toBe(201);
  });
});
