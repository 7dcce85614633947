import { statementsOf } from '../../jsonapi/world';
import { type Answer, createUser, document, S, startApp, type TestApp } from '../../support/app';
import { type MailSink, startMailSink } from '../../support/mailSink';
import { bodyOf, PASSWORD, person } from '../accessTokens/people';
import { expectAttributeError, expectError } from '../documents';

const PATH = `${S}/passwordResets`;
const FROM = { MAIL_FROM: 'no-reply@example.com' };

let sink: MailSink;
let app: TestApp;
beforeAll(async () => {
  sink = await startMailSink();
  app = await startApp({ ...FROM, SMTP_URL: sink.url, PASSWORD_RESET_URL: 'https://app.example.com/reset?lang=en' });
});
afterAll(async () => {
  await app.close();
  await sink.close();
});

const ask = (email: unknown, of = app): Promise<Answer> =>
  of.anonymous.post(PATH, document('passwordResets', { email }));
/** Runs the job that looks the user up, and the mail that comes of it. */
const resets = (userId: string) =>
  app.db.query(
    "select encode(hash, 'hex'), expires_at > now() + interval '59 minutes' from password_resets where user_id = $1",
    [userId],
  );

test('mails a link to the page of PASSWORD_RESET_URL, and keeps only a hash of its token (INV-29)', async () => {
  const { id, email } = await person(app);
  const answer = await ask(` ${email.toUpperCase()}`);
  expect([answer.status, answer.body]).toEqual([202, { meta: {}, jsonapi: { version: '1.1' } }]);
  expect(await app.runPendingJobs()).toBe(2);
  const mail = await sink.next();
  expect(mail).toMatchObject({ recipients: [email], subject: 'Set a new password' });
  const [, token] = /https:\/\/app\.example\.com\/reset\?lang=en&token=(pwr_live_\w{36})\s/.exec(mail.text) ?? [];
  const { createHash } = await import('node:crypto');
  expect(await resets(id)).toEqual([
    [
      createHash('sha256')
        .update(token ?? '')
        .digest('hex'),
      true,
    ],
  ]);
});

test('answers all alike, with the same statements', async () => {
  const known = (await person(app)).email;
  const { id, email: suspended } = await person(app);
  await app.db.query("update users set status = 'suspended' where id = $1", [id]);
  const seen = [];
  for (const email of [known, suspended, 'nobody@example.com', 'no address']) {
    let answer: Answer | undefined;
    const statements = await statementsOf(async () => {
      answer = await ask(email);
    });
    const { date: _date, 'x-request-id': _id, ...headers } = answer?.headers ?? {};
    seen.push(JSON.stringify([answer?.status, headers, bodyOf(answer as Answer), statements]));
  }
  expect(new Set(seen).size).toBe(1);
  await app.runPendingJobs();
  expect((await sink.next()).recipients).toEqual([known]);
  expect(sink.mails).toHaveLength(2);
});

test('goes to active users only, with or without a password', async () => {
  const before = sink.mails.length;
  const { attributes } = await createUser(app.platform);
  for (const status of ['suspended', 'erased']) {
    const { id, email } = await person(app);
    await app.db.query('update users set status = $2 where id = $1', [id, status]);
    await ask(email);
  }
  await ask(attributes.email);
  await app.runPendingJobs();
  expect(sink.mails.slice(before).map(({ to }) => to)).toEqual([attributes.email]);
  await sink.next();
});

test('tells the token itself, and how to use it, when there is no page', async () => {
  const plain = await startApp({ ...FROM, SMTP_URL: sink.url, PUBLIC_URL: 'https://api.example.com' });
  try {
    const { email } = await person(plain);
    await ask(email, plain);
    await plain.runPendingJobs();
    const { text } = await sink.next();
    expect(text).toMatch(/Your token: pwr_live_\w{36}/);
    expect(text.replace(/\s+/g, ' ')).toContain('to https://api.example.com/public/v2/passwordResets/confirm');
  } finally {
    await plain.close();
  }
});

test('is 202 too where no mail leaves, and enqueues nothing', async () => {
  const silent = await startApp();
  try {
    const { email } = await person(silent);
    expect((await ask(email, silent)).status).toBe(202);
    expect(await silent.runPendingJobs()).toBe(0);
  } finally {
    await silent.close();
  }
});

test('needs an address', async () => {
  const answer = await app.anonymous.post(PATH, document('passwordResets'));
  expect([answer.status, answer.body.errors[0].code]).toEqual([422, 'required']);
  expectAttributeError(await ask(7), 'invalid_format', 'email');
  expectAttributeError(await ask(''), 'too_short', 'email');
  expectAttributeError(await ask('x'.repeat(255)), 'too_long', 'email');
});

test('holds neither the address nor the token in the log', async () => {
  const { email } = await person(app);
  await ask(email);
  await app.runPendingJobs();
  const [token] = /pwr_live_\w{36}/.exec((await sink.next()).text) ?? [];
  const lines = JSON.stringify(app.logLines);
  for (const text of [email, token as string, PASSWORD]) expect(lines).not.toContain(text);
});

test('is limited: five an hour for an address, known or not, in whatever case', async () => {
  const limited = await startApp({ RATE_LIMIT: '100000/60' });
  try {
    for (const email of [(await person(limited)).email, 'nobody@example.com']) {
      for (let i = 0; i < 5; i++) expect((await ask(email, limited)).status).toBe(202);
      const refused = await ask(email.toUpperCase(), limited);
      expectError(refused, 429, 'rate_limited');
      expect(refused.headers['ratelimit-policy']).toBe('"passwordReset";q=5;w=3600');
    }
    const statuses = [];
    for (let i = 0; i < 19; i++) statuses.push((await ask(`u${i}@example.com`, limited)).status);
    // Thirty from one network, the two that were refused included.
    expect(statuses).toEqual([...Array(18).fill(202), 429]);
  } finally {
    await limited.close();
  }
});
