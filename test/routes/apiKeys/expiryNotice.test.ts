import {
  type Client,
  createOrganization,
  document,
  M,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { type MailSink, startMailSink } from '../../support/mailSink';
import { type Key, Keys } from './keys';

/** Seven days before a key expires somebody is told. */

const DAY = 86_400_000;

let app: TestApp;
let sink: MailSink;
let keys: Keys;
let clock = Date.now();
beforeAll(async () => {
  sink = await startMailSink();
  app = await startApp({ SMTP_URL: sink.url, MAIL_FROM: 'keys@mail.example.com' }, () => new Date(clock));
  keys = new Keys(app);
});
afterAll(async () => {
  await app.close();
  await sink.close();
});
beforeEach(async () => {
  clock = Math.floor(Date.now() / 1000) * 1000;
  await app.db.query('delete from jobs');
  sink.mails.length = 0;
});

const inDays = (days: number) => new Date(clock + days * DAY).toISOString();
/** Who has got a mail after so many days. */
async function told(days: number): Promise<string[]> {
  const before = clock;
  clock += days * DAY;
  await app.runPendingJobs();
  clock = before;
  return sink.mails.splice(0).flatMap(({ recipients }) => recipients);
}

async function organizationOf(owner: Person): Promise<string> {
  return (await createOrganization(owner, { name: 'Acme' })).id;
}

test('its maker gets one mail, with what may be shown of it', async () => {
  const [owner, maker] = [await app.user(), await app.user()];
  const organization = await organizationOf(owner);
  await keys.join(organization, maker, 'admin');
  const key = await keys.make(maker, { name: 'Nightly build', expiresAt: inDays(30) }, organization);
  expect(await told(22.9)).toEqual([]);
  const before = clock;
  clock += 23 * DAY;
  await app.runPendingJobs();
  clock = before;
  expect(sink.mails).toHaveLength(1);
  const { recipients, subject, text } = sink.mails.splice(0)[0] ?? {};
  expect([recipients, subject]).toEqual([[maker.email], 'The API key Nightly build expires soon']);
  for (const shown of ['Nightly build', `${key.attributes.start}…`, 'Acme']) expect(text).toContain(shown);
  expect(text).not.toContain(key.secret);
  expect(await told(29)).toEqual([]);
});

test.each<[string, (owner: Person, organization: string) => Promise<Client>]>([
  ['a key', async (owner, organization) => (await keys.make(owner, {}, organization)).client],
  ['the platform', async () => app.platform],
  [
    'somebody who has left',
    async (owner, organization) => {
      const maker = await app.user();
      const membership = await keys.join(organization, maker, 'admin');
      // He goes when he has made the key: see below.
      return {
        ...maker,
        post: async (...given) => {
          const answer = await maker.post(...given);
          await owner.delete(`${S}/members/${membership}`);
          return answer;
        },
      };
    },
  ],
])('of a key made by %s the owner is told', async (_title, makerOf) => {
  const owner = await app.user();
  const organization = await organizationOf(owner);
  const maker = await makerOf(owner, organization);
  await keys.make(maker, { scopes: ['members:read'], expiresAt: inDays(10) }, organization);
  expect(await told(3)).toEqual([owner.email]);
});

test('of a personal key its holder is told', async () => {
  const person = await app.user();
  await keys.make(person, { expiresAt: inDays(8) });
  expect(await told(1)).toEqual([person.email]);
});

test('of keys without a person behind them nobody is', async () => {
  await keys.make(app.platform, { expiresAt: inDays(8) });
  const { id } = await createOrganization(app.platform);
  await keys.make(app.platform, { expiresAt: inDays(8) }, id);
  expect(await told(7)).toEqual([]);
});

describe('nobody is told of', () => {
  const CHANGES: [string, (owner: Person, key: Key, organization: string) => Promise<unknown>][] = [
    ['a key that was revoked', (owner, key) => owner.delete(key.self)],
    ['a disabled one', (owner, key) => keys.change(owner, key, { disabled: true })],
    ['one that lives longer now', (owner, key) => keys.change(owner, key, { expiresAt: inDays(100) })],
    ['one that lives for ever', (owner, key) => keys.change(owner, key, { expiresAt: null })],
    [
      'one of an organization that is being deleted',
      (_owner, _key, organization) => app.platform.delete(`${M}/organizations/${organization}`),
    ],
  ];
  test.each(CHANGES)('%s', async (_title, change) => {
    const owner = await app.user();
    const organization = await organizationOf(owner);
    const key = await keys.make(owner, { expiresAt: inDays(20) }, organization);
    await change(owner, key, organization);
    expect(await told(14)).toEqual([]);
  });

  test('a key that ends sooner than that', async () => {
    await keys.make(await app.user(), { expiresAt: inDays(6) });
    expect(await told(6)).toEqual([]);
  });
});

test('after a change of the end, and of the key by rotation, it is told of what there is now', async () => {
  const owner = await app.user();
  const organization = await organizationOf(owner);
  const key = await keys.make(owner, { name: 'Moved' }, organization);
  expect((await keys.change(owner, key, { expiresAt: inDays(20) })).status).toBe(200);
  expect((await keys.change(owner, key, { expiresAt: inDays(40) })).status).toBe(200);
  const successor = keys.read((await keys.rotate(owner, key)).body.data);
  expect(await told(14)).toEqual([]);
  clock += 33 * DAY;
  await app.runPendingJobs();
  expect(sink.mails.map(({ text }) => text.includes(successor.attributes.start))).toEqual([true]);
});

test('without a mailer the time passes in silence', async () => {
  const mute = await startApp({}, () => new Date(clock));
  const person = await mute.user();
  await mute.as(person.key).post(`${S}/apiKeys`, document('apiKeys', { name: 'K', expiresAt: inDays(8) }));
  clock += 2 * DAY;
  expect(await mute.runPendingJobs()).toBe(1);
  expect(await mute.db.query('select 1 from jobs')).toEqual([]);
  await mute.close();
});
