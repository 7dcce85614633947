import { makeKey } from '../../../src/secrets';
import { type Answer, type Body, document, S, signInWith, startApp, type TestApp } from '../../support/app';
import { type MailSink, startMailSink } from '../../support/mailSink';
import { bodyOf, lookAlike, PASSWORD, person, refresh, signedIn, tokensFor, use } from '../accessTokens/people';
import { expectError } from '../documents';

const PATH = `${S}/passwordResets`;
const NEXT = 'a much better password';
const SOURCE = { pointer: '/data/attributes/token' };

let sink: MailSink;
let app: TestApp;
beforeAll(async () => {
  sink = await startMailSink();
  app = await startApp({ SMTP_URL: sink.url, MAIL_FROM: 'no-reply@example.com' });
});
afterAll(async () => {
  await app.close();
  await sink.close();
});

/** The token that is mailed to a user. */
async function tokenFor(email: string): Promise<string> {
  await app.anonymous.post(PATH, document('passwordResets', { email }));
  await app.runPendingJobs();
  return /pwr_live_\w{36}/.exec((await sink.next()).text)?.[0] as string;
}
const confirm = (token: unknown, more: object = {}): Promise<Answer> =>
  app.anonymous.post(
    `${PATH}/confirm`,
    document('passwordResets', { token, password: NEXT, passwordConfirmation: NEXT, ...more }),
  );
const signIn = async (email: string, password: string) => (await tokensFor(app.anonymous, { email, password })).status;
/** Takes the mail about a change out of the sink. */
async function toldOfChange(): Promise<string> {
  expect(await app.runPendingJobs()).toBe(1);
  const { subject, to } = await sink.next();
  expect(subject).toBe('Your password was changed');
  return to;
}

test('sets the password, verifies the address, and tells the user', async () => {
  const { id, email } = await person(app);
  const answer = await confirm(await tokenFor(email));
  expect([answer.status, answer.text]).toEqual([204, '']);
  expect([await signIn(email, PASSWORD), await signIn(email, NEXT)]).toEqual([401, 201]);
  const { attributes } = (await app.platform.get(`${S}/users/${id}`)).body.data;
  expect(attributes.emailVerifiedAt).not.toBeNull();
  expect(await toldOfChange()).toBe(email);
});

test('gives a first password to somebody who has none', async () => {
  const { email } = await app.user();
  expect((await confirm(await tokenFor(email))).status).toBe(204);
  expect(await signIn(email, NEXT)).toBe(201);
  await toldOfChange();
});

test('ends every session of the user at once, and no other (INV-34)', async () => {
  const [session, other] = [await signedIn(app), await signedIn(app)];
  const second = await signInWith(app, session.email, PASSWORD);
  const token = await tokenFor(session.email);
  for (const { key } of [session, second, other]) expect(await use(app, key as string)).toEqual([200, undefined]);
  expect((await confirm(token)).status).toBe(204);
  for (const { key, refreshToken } of [session, second]) {
    expect(await use(app, key as string)).toEqual([401, 'revoked_credential']);
    expect((await refresh(app, refreshToken)).status).toBe(401);
  }
  expect(await use(app, other.key as string)).toEqual([200, undefined]);
  await toldOfChange();
});

test('ends the personal keys of an account whose address was not proved before, and keeps them when it was', async () => {
  const session = await signedIn(app);
  const keyOf = async (of: { key?: string | undefined }) =>
    (await app.as(of.key).post(`${S}/apiKeys`, document('apiKeys', { name: 'Mine' }))).body.data.attributes.secret;
  const key = await keyOf(session);
  expect(await use(app, key)).toEqual([200, undefined]);
  await confirm(await tokenFor(session.email));
  expect(await use(app, key)).toEqual([401, 'revoked_credential']);
  await toldOfChange();

  const later = await keyOf(await signInWith(app, session.email, NEXT));
  await confirm(await tokenFor(session.email));
  expect(await use(app, later)).toEqual([200, undefined]);
  await toldOfChange();
});

describe('one answer for every token that is good for nothing (INV-28)', () => {
  const bodies = new Set<string>();
  async function expectRefused(token: unknown): Promise<void> {
    const answer = await confirm(token);
    expectError(answer, 404, 'not_found', { source: SOURCE });
    bodies.add(bodyOf(answer));
    expect(bodies.size).toBe(1);
  }

  test('malformed, cut, unknown, of another kind', async () => {
    const token = await tokenFor((await person(app)).email);
    const wrong = [
      '',
      'x',
      token.slice(0, -1),
      `${token}0`,
      lookAlike(token),
      makeKey('inv'),
      app.platform.key,
      'ä',
      '\u0000',
    ];
    for (const each of wrong) await expectRefused(each);
  });

  test('used, whether by itself or by another one that came later', async () => {
    const { email } = await person(app);
    const [first, second] = [await tokenFor(email), await tokenFor(email)];
    expect((await confirm(second)).status).toBe(204);
    await toldOfChange();
    for (const each of [first, second]) await expectRefused(each);
  });

  test('expired', async () => {
    const { id, email } = await person(app);
    const token = await tokenFor(email);
    await app.db.query('update password_resets set expires_at = now() where user_id = $1', [id]);
    await expectRefused(token);
  });

  test('sent to an address that the user has no longer', async () => {
    const { id, email } = await person(app);
    const token = await tokenFor(email);
    await app.db.query("update users set email = 'new-' || email where id = $1", [id]);
    await expectRefused(token);
  });

  test.each(['suspended', 'erased'])('of a user who is %s', async (status) => {
    const { id, email } = await person(app);
    const token = await tokenFor(email);
    await app.db.query('update users set status = $2 where id = $1', [id, status]);
    await expectRefused(token);
  });

  test('sent before the password was changed by its owner', async () => {
    const session = await signedIn(app);
    const token = await tokenFor(session.email);
    const meta = { currentPassword: PASSWORD, password: NEXT, passwordConfirmation: NEXT };
    expect((await session.post(`${S}/users/${session.userId}/password`, { meta })).status).toBe(200);
    await toldOfChange();
    await expectRefused(token);
  });
});

test('a bad password uses the token up no more than a missing one: it can be tried again', async () => {
  const { email } = await person(app);
  const token = await tokenFor(email);
  const codes = async (more: object) =>
    (await confirm(token, more)).body.errors.map(({ code, source }: Body) => [code, source.pointer]);
  expect(await codes({ password: 'short' })).toEqual([
    ['too_short', '/data/attributes/password'],
    ['confirmation_mismatch', '/data/attributes/passwordConfirmation'],
  ]);
  expect(await codes({ password: email, passwordConfirmation: email })).toEqual([
    ['weak_password', '/data/attributes/password'],
  ]);
  expect(await codes({ password: undefined })).toEqual([['required', '/data/attributes']]);
  expect((await confirm(token)).status).toBe(204);
  await toldOfChange();
});

test('of many who use one token at once, one wins', async () => {
  const { email } = await person(app);
  const token = await tokenFor(email);
  const passwords = Array.from({ length: 6 }, (_, i) => `${NEXT} ${i}`);
  const answers = await Promise.all(
    passwords.map((password) => confirm(token, { password, passwordConfirmation: password })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(5).fill(404)]);
  const winner = passwords[answers.findIndex(({ status }) => status === 204)] as string;
  expect(await signIn(email, winner)).toBe(201);
  await toldOfChange();
});

test('guesses are limited for a network', async () => {
  const limited = await startApp({ RATE_LIMIT: '100000/60' });
  try {
    const attributes = { token: makeKey('pwr'), password: NEXT, passwordConfirmation: NEXT };
    const guess = () => limited.anonymous.post(`${PATH}/confirm`, document('passwordResets', attributes));
    for (let i = 0; i < 30; i++) expect((await guess()).status).toBe(404);
    expectError(await guess(), 429, 'rate_limited');
  } finally {
    await limited.close();
  }
});
