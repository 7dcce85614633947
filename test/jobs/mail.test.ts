import { createServer, type Server, type Socket } from 'node:net';
import { RETRY_SECONDS } from '../../src/jobs/queue';
import type { MailPayload } from '../../src/mail/templates';
import { queueMail } from '../../src/services/mail';
import { startApp, type TestApp } from '../support/app';
import { type MailSink, startMailSink } from '../support/mailSink';
import { jobRows } from './probe';

const FROM = 'Guildhall <no-reply@mail.example.com>';
const apps: TestApp[] = [];
const sinks: MailSink[] = [];
let clock = Date.parse('2030-01-01T00:00:00Z');

async function start(url: string | undefined): Promise<TestApp> {
  const env = url === undefined ? {} : { SMTP_URL: url, MAIL_FROM: FROM };
  const app = await startApp(env, () => new Date(clock));
  apps.push(app);
  return app;
}
async function sinkWith(options?: Parameters<typeof startMailSink>[0]): Promise<MailSink> {
  const sink = await startMailSink(options);
  sinks.push(sink);
  return sink;
}
afterAll(async () => {
  for (const app of apps) await app.close();
  for (const sink of sinks) await sink.close();
});

const invitation = {
  organizationName: 'Tom & Jerry <GmbH>',
  inviterName: 'Zoë "Z" Ångström',
  message: 'Welcome!\n<script>alert(1)</script>',
  acceptUrl: 'https://guildhall.example.com/accept?token=inv_live_1&x=2',
  expiresAt: '2030-01-08T09:05:00+00:00',
};
const invite = (to = 'guest@example.com', data: object = {}): MailPayload => ({
  to,
  template: 'invitation',
  data: { ...invitation, ...data },
});

describe('a mail', () => {
  let app: TestApp;
  let sink: MailSink;
  beforeAll(async () => {
    sink = await sinkWith();
    app = await start(sink.url);
  });
  const send = async (mail: MailPayload) => {
    expect(await queueMail(app.services, mail)).toBe(true);
    const [job] = await jobRows(app);
    expect(await app.runPendingJobs()).toBe(1);
    return { id: job?.id as string, mail: await sink.next() };
  };

  test('comes as text and HTML, from MAIL_FROM, with an id made of its job’s', async () => {
    const { id, mail } = await send(invite());
    expect(mail).toMatchObject({
      recipients: ['guest@example.com'],
      from: 'no-reply@mail.example.com',
      to: 'guest@example.com',
      subject: 'Invitation to Tom & Jerry <GmbH>',
    });
    expect(mail.headers['message-id']).toBe(`<${id}@mail.example.com>`);
    expect(mail.headers['auto-submitted']).toBe('auto-generated');
    expect(mail.headers['content-type']).toMatch(/^multipart\/alternative;/);
    expect(mail.text.replace(/\r\n/g, '\n').trimEnd()).toBe(`Zoë "Z" Ångström invites you to join Tom & Jerry <GmbH>.

The invitation can be accepted until 8 January 2030 at 09:05 UTC.

> Welcome!
> <script>alert(1)</script>

Accept the invitation:
https://guildhall.example.com/accept?token=inv_live_1&x=2

-- 
If you did not expect this invitation, ignore this mail: without your consent nothing happens.`);
    expect(mail.html).toContain('Zoë &quot;Z&quot; Ångström invites you to join Tom &amp; Jerry &lt;GmbH&gt;.');
    expect(mail.html).toContain('Welcome!\n&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(mail.html).toContain('href="https://guildhall.example.com/accept?token=inv_live_1&amp;x=2"');
    expect(mail.html).not.toMatch(/<script|<img|src=|url\(/);
  });

  test('of an invitation without inviter and message leaves both out', async () => {
    const { mail } = await send(invite(undefined, { inviterName: null, message: null }));
    expect(mail.text).toMatch(/^You are invited to join Tom & Jerry <GmbH>\./);
    expect(mail.text).not.toContain('> ');
    expect(mail.html).not.toContain('<blockquote');
  });

  test.each<[MailPayload & { template: string }, string, string[]]>([
    [
      {
        to: 'a@example.com',
        template: 'passwordReset',
        data: { token: 'pwr_1', url: 'https://x.example/reset?t=1', confirmUrl: 'https://api.example/c', minutes: 30 },
      },
      'Set a new password',
      ['https://x.example/reset?t=1', 'The link works once, within 30 minutes'],
    ],
    [
      {
        to: 'a@example.com',
        template: 'passwordReset',
        data: { token: 'pwr_live_1', url: null, confirmUrl: 'https://api.example/confirm', minutes: 60 },
      },
      'Set a new password',
      ['Your token: pwr_live_1', 'It works once, within 60 minutes', 'https://api.example/confirm'],
    ],
    [
      { to: 'a@example.com', template: 'passwordChanged', data: { changedAt: '2030-01-01T12:00:00+00:00' } },
      'Your password was changed',
      ['1 January 2030 at 12:00 UTC'],
    ],
    [
      {
        to: 'a@example.com',
        template: 'keyExpiring',
        data: {
          keyName: 'CI',
          keyStart: 'sk_live_AbCd',
          organizationName: 'Acme',
          expiresAt: '2030-02-01T00:00:00+00:00',
        },
      },
      'The API key CI expires soon',
      ['The API key CI (sk_live_AbCd…) of Acme expires on 1 February 2030 at 00:00 UTC.'],
    ],
  ])('of the template $template says what it is filled with, in both parts', async (payload, subject, texts) => {
    const { mail } = await send(payload);
    expect(mail.subject).toBe(subject);
    for (const part of [mail.text, mail.html]) for (const text of texts) expect(part).toContain(text);
    expect(mail.html).toContain('</html>');
  });

  test('has no header field that a name brought in', async () => {
    const organizationName = 'Acme\r\nBcc: evil@example.com\r\n\r\nBuy now\u2028X-Evil: 1';
    const { mail } = await send(
      invite('guest@example.com', { organizationName, inviterName: 'Eve\nBcc: x@y.example' }),
    );
    expect(mail.recipients).toEqual(['guest@example.com']);
    expect(mail.subject).toBe('Invitation to Acme Bcc: evil@example.com Buy now X-Evil: 1');
    expect(Object.keys(mail.headers).filter((name) => /bcc|evil/.test(name))).toEqual([]);
    expect(mail.text.split(/\r?\n/)[0]).toBe(
      'Eve Bcc: x@y.example invites you to join Acme Bcc: evil@example.com Buy now X-Evil: 1.',
    );
  });

  test.each([
    'a@example.com, b@example.com',
    'a@example.com;b@example.com',
    'a@example.com\r\nBcc: b@example.com',
    'a@example.com\r\nRCPT TO:<b@example.com>',
    'Name <a@example.com>',
    'group: a@example.com, b@example.com;',
    '<a@example.com>',
    'a@example.com b@example.com',
    '"a@example.com,"@b.example',
    'nobody',
    '',
  ])('goes to one address, so %j gets none', async (to) => {
    const before = sink.mails.length;
    await queueMail(app.services, invite(to));
    await app.runPendingJobs();
    expect(await jobRows(app)).toMatchObject([{ lastError: 'the recipient is not one e-mail address' }]);
    expect(sink.mails).toHaveLength(before);
    await app.db.query('delete from jobs');
  });

  test('that is sent again after a crash has the same Message-ID', async () => {
    await queueMail(app.services, invite());
    await app.db.query(`create function keep() returns trigger language plpgsql as 'begin return null; end'`);
    await app.db.query('create trigger keep before delete on jobs for each row execute function keep()');
    await app.runPendingJobs();
    await app.db.query('drop function keep cascade');
    clock += 60_000;
    await app.runPendingJobs();
    const [first, second] = [await sink.next(), await sink.next()];
    expect(second.headers['message-id']).toBe(first.headers['message-id']);
    expect(await jobRows(app)).toEqual([]);
  });
});

test('without SMTP_URL no mail is enqueued', async () => {
  const app = await start(undefined);
  expect(app.services.mailer).toBeNull();
  expect(await queueMail(app.services, invite())).toBe(false);
  expect(await jobRows(app)).toEqual([]);
});

test('a server that refuses gets the mail later, and its answer leaves no address in the log', async () => {
  let refuses = true;
  const sink = await sinkWith({
    onRcptTo: ({ address }, _session, done) => {
      done(refuses ? Object.assign(new Error(`no mail for ${address}`), { responseCode: 451 }) : null);
    },
  });
  const app = await start(sink.url);
  await queueMail(app.services, invite());
  await app.runPendingJobs();
  const [job] = await jobRows(app);
  expect(job?.lastError).toMatch(/^the mail server did not take the mail: EENVELOPE 451 at RCPT TO$/);
  expect(JSON.stringify(app.logLines)).toContain('a job has failed');
  expect(JSON.stringify(app.logLines)).not.toMatch(/guest@|inv_live/);
  refuses = false;
  clock += RETRY_SECONDS[0] * 2_000;
  await app.runPendingJobs();
  expect((await sink.next()).recipients).toEqual(['guest@example.com']);
  expect(await jobRows(app)).toEqual([]);
});

test('a server that is away gets the mail when it is back', async () => {
  const gone = await startMailSink();
  const app = await start(gone.url);
  await gone.close();
  await queueMail(app.services, invite());
  await app.runPendingJobs();
  expect(await jobRows(app)).toMatchObject([
    { attempts: 1, lastError: expect.stringMatching(/did not take the mail: ESOCKET|ECONNECTION/) },
  ]);
});

test('a server that says nothing is given up after 10 s, and the mail is tried again', async () => {
  const sockets = new Set<Socket>();
  const silent: Server = createServer((socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const app = await start(`smtp://127.0.0.1:${port}`);
  await queueMail(app.services, invite());
  const begin = Date.now();
  await app.runPendingJobs();
  expect(Date.now() - begin).toBeLessThan(15_000);
  expect(await jobRows(app)).toMatchObject([{ attempts: 1, lastError: expect.stringContaining('ETIMEDOUT') }]);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});
