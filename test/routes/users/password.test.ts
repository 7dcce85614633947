import { v7 as uuidv7 } from 'uuid';
import { hashKey, makeKey } from '../../../src/secrets';
import { type Answer, type Client, createOrganization, S, signInWith, startApp, type TestApp } from '../../support/app';
import { startMailSink } from '../../support/mailSink';
import { PASSWORD, person, refresh, signedIn, tokensFor, use } from '../accessTokens/people';
import { expectDenied, expectError, single, user } from '../documents';

const NEXT = 'a much better password';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const change = (asker: Client, id: string, meta: object = {}, headers?: Record<string, string>): Promise<Answer> =>
  asker.post(
    `${S}/users/${id}/password`,
    { meta: { currentPassword: PASSWORD, password: NEXT, passwordConfirmation: NEXT, ...meta } },
    headers,
  );
const faults = ({ body }: Answer) =>
  body.errors.map(({ status, code, source, meta }: never) => [
    status,
    code,
    (source as { pointer: string }).pointer,
    (meta as { attribute: string }).attribute,
  ]);
const signIn = (email: string, password: string) => tokensFor(app.anonymous, { email, password });

test('somebody who has signed in changes his password, and gets the user', async () => {
  const session = await signedIn(app);
  const answer = await change(session, session.userId);
  expect(answer.status).toBe(200);
  const shown = user(session.userId, { email: session.email, hasPassword: true, lastSeenAt: expect.anything() });
  expect(answer.body).toEqual(
    single({ ...shown, attributes: { ...shown.attributes, lastSeenAt: answer.body.data.attributes.lastSeenAt } }),
  );
  expect((await signIn(session.email, PASSWORD)).status).toBe(401);
  expect((await signIn(session.email, NEXT)).status).toBe(201);
});

test('all his other sessions end with it, and with them their refresh tokens; his own lives on', async () => {
  const session = await signedIn(app);
  const other = await signInWith(app, session.email, PASSWORD);
  const renewed = (await refresh(app, other.refreshToken)).body.data.attributes;
  expect(await use(app, renewed.accessToken)).toEqual([200, undefined]);
  expect((await change(session, session.userId)).status).toBe(200);
  for (const key of [other.key as string, renewed.accessToken])
    expect(await use(app, key)).toEqual([401, 'revoked_credential']);
  expect((await refresh(app, renewed.refreshToken)).status).toBe(401);
  expect(await use(app, session.key as string)).toEqual([200, undefined]);
  expect((await refresh(app, session.refreshToken)).status).toBe(201);
});

test('no refresh at the same time saves another session', async () => {
  const session = await signedIn(app);
  for (let round = 0; round < 10; round++) {
    const [current, next] = round % 2 === 0 ? [PASSWORD, NEXT] : [NEXT, PASSWORD];
    const other = await signInWith(app, session.email, current);
    const meta = { currentPassword: current, password: next, passwordConfirmation: next };
    const answers = await Promise.all([
      ...Array.from({ length: 3 }, () => refresh(app, other.refreshToken)),
      change(session, session.userId, meta),
      ...Array.from({ length: 3 }, () => refresh(app, other.refreshToken)),
    ]);
    expect(answers[3]?.status).toBe(200);
    for (const { status } of answers) expect([200, 201, 401]).toContain(status);
    const alive = 'select count(*)::int from access_tokens where family_id = $1 and revoked_at is null';
    expect(await app.db.query(alive, [other.familyId])).toEqual([[0]]);
  }
});

describe('what is refused changes nothing', () => {
  let session: Awaited<ReturnType<typeof signedIn>>;
  beforeAll(async () => {
    session = await signedIn(app);
  });
  afterEach(async () => expect((await signIn(session.email, PASSWORD)).status).toBe(201));

  test('a wrong current password', async () => {
    const answer = await change(session, session.userId, { currentPassword: `${PASSWORD} ` });
    expect(faults(answer)).toEqual([['422', 'not_allowed', '/meta/currentPassword', 'currentPassword']]);
  });

  test('no current password', async () => {
    const answer = await change(session, session.userId, { currentPassword: undefined });
    expect(faults(answer)).toEqual([['422', 'required', '/meta', 'currentPassword']]);
  });

  test('a confirmation that differs, at the second (INV-25), with all that is wrong beside it', async () => {
    const meta = { currentPassword: undefined, password: 'short', passwordConfirmation: 'shorter' };
    expect(faults(await change(session, session.userId, meta))).toEqual([
      ['422', 'required', '/meta', 'currentPassword'],
      ['422', 'too_short', '/meta/password', 'password'],
      ['422', 'confirmation_mismatch', '/meta/passwordConfirmation', 'passwordConfirmation'],
    ]);
  });

  test('a password that is weak, or his address', async () => {
    for (const password of ['password1234', session.email]) {
      const answer = await change(session, session.userId, { password, passwordConfirmation: password });
      expect(faults(answer)).toEqual([['422', 'weak_password', '/meta/password', 'password']]);
    }
  });

  test('settings that are missing, of another kind, or unknown', async () => {
    expect((await session.post(`${S}/users/${session.userId}/password`)).body.errors[0].code).toBe('required');
    expect(faults(await change(session, session.userId, { password: 7 }))).toEqual([
      ['422', 'invalid_format', '/meta/password', 'password'],
    ]);
    expect(faults(await change(session, session.userId, { nonsense: 1 }))).toEqual([
      ['422', 'unknown_attribute', '/meta/nonsense', 'nonsense'],
    ]);
  });
});

describe('nobody else may', () => {
  test('another user: 404 when he does not see him', async () => {
    const [mine, other] = [await signedIn(app), await signedIn(app)];
    expectError(await change(mine, other.userId), 404, 'not_found');
    expectError(await change(mine, 'x'), 404, 'not_found');
    expect((await signIn(other.email, PASSWORD)).status).toBe(201);
  });

  test('the owner of his organization: 403', async () => {
    const owner = await signedIn(app);
    const organization = await createOrganization(owner);
    const { id } = await person(app);
    await app.db.query(
      `with joined as (insert into members (id, organization_id, user_id, join_method) values (gen_random_uuid(), $1, $2, 'admin') returning id)
       insert into member_roles (member_id, role_id) select joined.id, r.id from joined, roles r where r.code = 'member' and r.organization_id is null`,
      [organization.id, id],
    );
    expectDenied(await change(owner, id), 'users.password');
  });

  test('keys and partners, nor a personal key of his own or a token made from it', async () => {
    const { id } = await person(app);
    const { attributes } = await createOrganization(app.platform);
    for (const asker of [app.platform, await app.partner(), app.as(attributes.token)]) {
      expectDenied(await change(asker, id), 'users.password');
    }
    const secret = makeKey('pat');
    await app.db.query(
      "insert into api_keys (id, level, user_id, name, hash, start, scopes, ceiling) values ($1, 'user', $2, 'Own', $3, 'pat', '{*}', '{*}')",
      [uuidv7(), id, hashKey(secret)],
    );
    const token = (await tokensFor(app.as(secret))).body.data.attributes.accessToken;
    for (const key of [secret, token]) expectDenied(await change(app.as(key), id), 'users.password');
  });
});

test('who has no password yet sets his first one without a current one', async () => {
  const newcomer = await app.user();
  const answer = await change(newcomer, newcomer.id, { currentPassword: undefined });
  expect([answer.status, answer.body.data.attributes.hasPassword]).toEqual([200, true]);
  expect((await signIn(newcomer.email, NEXT)).status).toBe(201);
});

test('a repeated request is answered from its Idempotency-Key, without the password in what is kept', async () => {
  const session = await signedIn(app);
  const headers = { 'Idempotency-Key': 'change' };
  const [first, again] = [
    await change(session, session.userId, {}, headers),
    await change(session, session.userId, {}, headers),
  ];
  expect([first.status, again.status, again.headers['idempotent-replayed']]).toEqual([200, 200, 'true']);
  const [row] = await app.db.query("select t::text from idempotency_records t where key = 'change'");
  expect(row?.[0]).not.toContain(NEXT);
});

test('guesses of the current password are limited as sign-ins are', async () => {
  const limited = await startApp({ RATE_LIMIT: '100000/60' });
  try {
    const session = await signedIn(limited);
    const guess = (i: number) => change(session, session.userId, { currentPassword: `guess ${i} of a password` });
    for (let i = 0; i < 9; i++) expect((await guess(i)).status).toBe(422);
    expectError(await change(session, session.userId), 429, 'rate_limited');
  } finally {
    await limited.close();
  }
});

test('the user is told by mail, without the password', async () => {
  const sink = await startMailSink();
  const mailing = await startApp({ SMTP_URL: sink.url, MAIL_FROM: 'no-reply@example.com' });
  try {
    const session = await signedIn(mailing);
    await change(session, session.userId, { currentPassword: 'not mine at all' });
    expect(await mailing.runPendingJobs()).toBe(0);
    expect((await change(session, session.userId)).status).toBe(200);
    expect(await mailing.runPendingJobs()).toBe(1);
    const mail = await sink.next();
    expect(mail).toMatchObject({ recipients: [session.email], subject: 'Your password was changed' });
    expect(mail.source).not.toContain(NEXT);
  } finally {
    await mailing.close();
    await sink.close();
  }
});
