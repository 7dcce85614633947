import { S, startApp, type TestApp } from '../../support/app';
import { type MailSink, startMailSink } from '../../support/mailSink';
import { type Crew, Crews } from '../crew';
import { TIME } from '../documents';
import { accept, freshEmail, invite, invited, PATH, settings, stateOf, tokenOf } from './inviting';

let app: TestApp;
let sink: MailSink;
let crew: Crew;
beforeAll(async () => {
  sink = await startMailSink();
  app = await startApp({
    SMTP_URL: sink.url,
    MAIL_FROM: 'no-reply@guildhall.example.com',
    PUBLIC_URL: 'https://guildhall.example.com',
    RATE_LIMIT: '100000/60',
  });
  crew = await (await Crews.of(app)).make();
});
afterAll(async () => {
  await app.close();
  await sink.close();
});

/** The URL in the next mail, which went to this address. */
async function mailed(email: string): Promise<URL> {
  expect(await app.runPendingJobs()).toBe(1);
  const mail = await sink.next();
  expect(mail.recipients).toEqual([email]);
  const url = /https:\S+inv_live_\S+/.exec(mail.text)?.[0] as string;
  expect(mail.html).toContain(url.replaceAll('&', '&amp;'));
  return new URL(url);
}
const jobs = async (): Promise<number> => Number((await app.db.query('select count(*) from jobs'))[0]?.[0]);
const resend = (id: string, meta?: object) => crew.owner.post(`${PATH}/${id}/resend`, meta && { meta });
const sentAgo = (id: string, seconds: number) =>
  app.db.query("update invitations set last_sent_at = now() - interval '1 second' * $2 where id = $1", [id, seconds]);

test('the link of the mail is followed: the invitation is seen and accepted there, and signs nobody in twice', async () => {
  const email = freshEmail();
  await app.db.query("update users set name = 'Olga' where id = $1", [crew.owner.id]);
  const given = { email, message: 'Glad to have you.\nOlga' };
  const made = await invited(crew.owner, crew.id, given);
  expect(made.attributes).toMatchObject({ sendCount: 1, lastSentAt: TIME });
  const { origin, pathname } = await mailed(email);
  const { text, subject } = sink.mails.at(-1) as NonNullable<(typeof sink.mails)[0]>;
  expect(subject).toBe('Invitation to Acme');
  expect(text).toContain('invites you to join Acme.');
  expect(text).toContain('> Glad to have you.');
  expect(`${origin}${pathname}`).toBe(made.attributes.acceptUrl);
  const seen = await app.anonymous.get(pathname, { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
  expect(seen.body.data.attributes).toMatchObject({ email, status: 'pending', message: given.message });
  const { status, body } = await accept(app.anonymous, pathname.split('/').at(-1) as string);
  expect([status, body.included[0].attributes.email]).toEqual([201, email]);
});

test('the mail leads to the redirectUrl, which gets the token', async () => {
  const email = freshEmail();
  await invited(crew.owner, crew.id, { email, redirectUrl: 'https://guildhall.example.com/join?a=b' });
  const { pathname, searchParams } = await mailed(email);
  expect([pathname, searchParams.get('a')]).toEqual(['/join', 'b']);
  expect((await accept(app.anonymous, searchParams.get('token') as string)).status).toBe(201);
});

test('send: false mails nothing, and the link is in the answer all the same', async () => {
  const made = await invited(crew.owner, crew.id, { email: freshEmail(), send: false });
  expect(made.attributes).toMatchObject({ sendCount: 0, lastSentAt: null });
  expect(await jobs()).toBe(0);
  expect((await accept(app.anonymous, tokenOf(made))).status).toBe(201);
});

test('an invitation that is refused mails nothing', async () => {
  expect((await invite(crew.owner, crew.id, { email: crew.member.email })).status).toBe(409);
  await settings(app, crew.id, { allowedInviteDomains: ['elsewhere.example'] });
  expect((await invite(crew.owner, crew.id)).status).toBe(422);
  await settings(app, crew.id, {});
  expect(await jobs()).toBe(0);
});

test('resend mails a new link, not sooner than a minute after the last one (INV-22)', async () => {
  const email = freshEmail();
  const made = await invited(crew.owner, crew.id, { email });
  const first = await mailed(email);
  const early = await resend(made.id);
  expect([early.status, early.body.errors[0].code]).toEqual([429, 'rate_limited']);
  const seconds = Number(early.headers['retry-after']);
  expect(seconds).toBeGreaterThan(30);
  expect(seconds).toBeLessThanOrEqual(60);
  expect((await app.anonymous.get(first.pathname)).status).toBe(200);
  await sentAgo(made.id, 61);
  expect((await resend(made.id)).body.data.attributes).toMatchObject({ sendCount: 2, lastSentAt: TIME });
  const second = await mailed(email);
  expect((await app.anonymous.get(first.pathname)).status).toBe(404);
  expect((await app.anonymous.get(second.pathname)).status).toBe(200);
  await sentAgo(made.id, 61);
  expect((await resend(made.id, { send: false })).body.data.attributes.sendCount).toBe(2);
  expect(await jobs()).toBe(0);
});

test('the pause holds for onConflict=resend too', async () => {
  const email = freshEmail();
  const made = await invited(crew.owner, crew.id, { email });
  const again = () => invite(crew.owner, crew.id, { email }, {}, '?onConflict=resend');
  const early = await again();
  expect([early.status, early.headers['retry-after']]).toEqual([429, expect.stringMatching(/^\d+$/)]);
  await sentAgo(made.id, 61);
  expect((await again()).body.data).toMatchObject({ id: made.id, attributes: { sendCount: 2 } });
  // The first mail had not left: the second one takes its place.
  await mailed(email);
});

test('a mail that waits is not sent of an invitation that is revoked, or whose invitee is erased', async () => {
  const made = await invited(crew.owner, crew.id);
  expect(await jobs()).toBe(1);
  await crew.owner.delete(`${PATH}/${made.id}`);
  expect(await jobs()).toBe(0);
  const person = await app.user();
  await invited(crew.owner, crew.id, { email: person.email });
  await app.platform.post(`${S}/users/${person.id}/erase`);
  expect(await jobs()).toBe(0);
  expect((await stateOf(app, made.id)).status).toBe('revoked');
});
