import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { EVENT_TYPES } from '../src/eventTypes';
import {
  type Answer,
  type Body,
  type Client,
  document,
  link,
  M,
  type Person,
  S,
  signInWith,
  startApp,
  type TestApp,
} from './support/app';
import { fileOf, plain } from './support/images';
import { type MailSink, startMailSink } from './support/mailSink';
import { MAIN, temporaryFolder } from './support/process';
import { type ReceivedRequest, type Receiver, startReceiver } from './support/receiver';

/**
 * The life of one organization over all four surfaces. Each test goes on where the one before ended, and what is done on
 * one surface is looked for on the others.
 */

const PASSWORD = 'plum-Velvet-91-orbit';

let app: TestApp;
let sink: MailSink;
let receiver: Receiver;
/** Who made it, who is invited, and somebody who has nothing to do with it. */
let ada: Person;
let bob: Client;
let eve: Client;
let stranger: Person;
beforeAll(async () => {
  [sink, receiver] = [await startMailSink(), await startReceiver()];
  app = await startApp({ SMTP_URL: sink.url, MAIL_FROM: 'Guildhall <no-reply@example.com>' });
  [ada, stranger] = [await app.user({ name: 'Ada' }), await app.user()];
});
afterAll(async () => {
  await app.close();
  await receiver.end();
  await sink.close();
});

/** What it is by now. */
const acme = {
  id: '',
  number: 0,
  name: 'Acme',
  domain: 'acme.example',
  countryCode: null as string | null,
  avatarUrl: null as string | null,
  status: 'active',
  ownerId: '',
  maxOverages: 0,
};
/** Where it is: `/v1`, `/api`, `/organization`, JSON:API. */
const paths = () => [
  `/v1/orgs/${acme.number}/`,
  `/api/organizations/${acme.id}`,
  `/organization/${acme.id}`,
  `${M}/organizations/${acme.id}`,
];
const statusesFor = async (who: Client) => {
  const statuses: number[] = [];
  for (const path of paths()) statuses.push((await who.get(path)).status);
  return statuses;
};
const ofAcme = (more: object = {}) => ({ organization: link('organizations', acme.id), ...more });
const listOf = async (type: string, query = '') =>
  (await app.platform.get(`${S}/${type}?filter[organizationId]=${acme.id}${query}`)).body.data;

/** Holds what all four show to what it is by now. */
async function expectSame(who: Client, role: string | null): Promise<void> {
  const { id, number, name, domain, countryCode, avatarUrl, status, ownerId, maxOverages } = acme;
  const [v1, api, bare, jsonapi] = await Promise.all(paths().map((path) => who.get(path)));
  expect(v1?.body).toMatchObject({ id: number, name, role });
  expect(api?.body).toEqual({ id, name, avatarUrl, status, type: 'business', owner: ownerId });
  expect(bare?.body).toMatchObject({ id, name, domain, countryCode, avatarUrl, status, ownerId, maxOverages });
  expect(jsonapi?.body.data.attributes).toMatchObject({
    ...{ number, name, primaryDomain: domain, countryCode, avatarUrl, status },
  });
  expect(jsonapi?.body.data.relationships.owner.data).toEqual({ type: 'users', id: ownerId });
}

/** What an answer is to be, its body too where one is expected. */
function expectAnswer(answer: Answer, status: number, body?: object): Body {
  expect([answer.status, answer.body]).toEqual([
    status,
    body === undefined ? answer.body : expect.objectContaining(body),
  ]);
  return answer.body;
}

test('made on /organization by a user, and the same on every other surface', async () => {
  const made = await ada.post('/organization', { organizationName: 'Acme', domain: 'acme.example' });
  acme.id = expectAnswer(made, 201, { name: 'Acme', ownerId: ada.id }).id;
  acme.ownerId = ada.id;
  const [listed] = expectAnswer(await ada.get('/v1/orgs/'), 200);
  acme.number = listed.id;
  await expectSame(ada, 'owner');
  expect(await statusesFor(stranger)).toEqual([404, 404, 404, 404]);

  expectAnswer(await ada.patch(`/v1/orgs/${acme.number}/`, { name: 'Acme Ltd' }), 200);
  expectAnswer(await ada.put(`/organization/${acme.id}`, { domain: 'acme.test' }), 200);
  const country = document('organizations', { countryCode: 'NL' }, { id: acme.id });
  expectAnswer(await ada.patch(`${M}/organizations/${acme.id}`, country), 200);
  Object.assign(acme, { name: 'Acme Ltd', domain: 'acme.test', countryCode: 'NL' });
  await expectSame(ada, 'owner');
  await expectSame(app.platform, null);
});

/** Secrets of the webhook, and how many requests had come when it got each. */
const secrets: { secret: string; from: number }[] = [];
const deliver = async (): Promise<ReceivedRequest[]> => {
  await app.runPendingDeliveries();
  return receiver.requests('/hook');
};
/** Sets the webhook on /v1, with a new secret. */
async function setWebhook(): Promise<void> {
  const from = (await deliver()).length;
  const answer = await ada.put('/v1/webhook', { url: receiver.url('/hook') });
  secrets.push({ secret: expectAnswer(answer, 200).secret, from });
}

test('a webhook set on /v1 is the default endpoint of JSON:API', async () => {
  await setWebhook();
  const { body } = await ada.get(`${M}/organizations/${acme.id}`);
  expect(body.data.attributes).toMatchObject({ webhookUrl: receiver.url('/hook'), webhookSecret: null });
  const [endpoint] = await listOf('webhookEndpoints');
  expect(endpoint.attributes).toMatchObject({ isDefault: true, legacySignatureHeader: 'X-ThunderPhone-Signature' });
  const strict = document('webhookEndpoints', { ordering: 'strict' }, { id: endpoint.id });
  expectAnswer(await ada.patch(`${S}/webhookEndpoints/${endpoint.id}`, strict), 200);
});

/** Invites on /api, and gives the token that came by mail. */
async function invite(email: string, name: string, role: string): Promise<string> {
  const [{ attributes }] = (await ada.get(`${S}/roles?filter[code]=${role}`)).body.data;
  const sent = { email, name, roles: [attributes.number] };
  expectAnswer(await ada.post(`/api/organizations/${acme.id}/invite`, sent), 200, { success: true });
  await app.runPendingJobs();
  const mail = await sink.next();
  expect([mail.recipients, mail.subject]).toEqual([[email], 'Invitation to Acme Ltd']);
  return /inv_live_[0-9A-Za-z]{36}/.exec(mail.text)?.[0] as string;
}

test('people invited by mail on /api join there and on JSON:API; roles given on JSON:API count everywhere', async () => {
  const [forBob, forEve] = [
    await invite('bob@example.com', 'Bob', 'admin'),
    await invite('eve@example.com', 'Eve', 'member'),
  ];
  const pending = await listOf('invitations', '&sort=createdAt');
  expect(pending.map(({ attributes }: Body) => [attributes.email, attributes.status])).toEqual([
    ['bob@example.com', 'pending'],
    ['eve@example.com', 'pending'],
  ]);
  const both = { password: PASSWORD, password_confirmation: PASSWORD };
  expectAnswer(await app.anonymous.post(`/api/organizations/invite/${forBob}/accept`, both), 200, { success: true });
  const acceptance = document('invitationAcceptances', { password: PASSWORD, passwordConfirmation: PASSWORD });
  expectAnswer(await app.anonymous.post(`${S}/invitations/${forEve}/accept`, acceptance), 201);
  [bob, eve] = [await signInWith(app, 'bob@example.com', PASSWORD), await signInWith(app, 'eve@example.com', PASSWORD)];
  await expectSame(bob, 'admin');
  await expectSame(eve, 'member');

  const { data: members } = (await bob.get(`/api/organizations/${acme.id}/members`)).body;
  expect(members.map(({ user, roles }: Body) => [user.name, roles.map(({ name }: Body) => name)])).toEqual([
    ['Ada', ['Owner']],
    ['Bob', ['Admin']],
    ['Eve', ['Member']],
  ]);
  const [billing] = (await ada.get(`${S}/roles?filter[code]=billing`)).body.data;
  const [member] = await listOf('members', `&filter[userId]=${members[2].user.id}`);
  const roles = { roles: { data: [{ type: 'roles', id: billing.id }] } };
  const change = document('members', {}, { id: member.id, relationships: roles });
  expectAnswer(await ada.patch(`${S}/members/${member.id}`, change), 200);
  const now = (await ada.get(`/api/organizations/${acme.id}/members`)).body.data[2];
  expect([now.id, now.roles]).toEqual([member.attributes.number, [{ id: billing.attributes.number, name: 'Billing' }]]);
  // Who has another role is a member on /v1, and may change nothing anywhere.
  await expectSame(eve, 'member');
  expectAnswer(await eve.patch(`/v1/orgs/${acme.number}/`, { name: 'Mine' }), 403, { code: 'permission_denied' });
  expectAnswer(await eve.put(`/organization/${acme.id}`, { name: 'Mine' }), 403);
  expectAnswer(await eve.patch(`/api/organizations/${acme.id}`, { name: 'Mine' }), 403);
});

test('an avatar uploaded on /api is served to everybody', async () => {
  const { body, headers } = fileOf(await plain(64, 64).png().toBuffer());
  const answer = await bob.post(`/api/organizations/${acme.id}/upload-avatar`, body, headers);
  expectAnswer(answer, 200, { success: true, message: 'File uploaded successfully' });
  acme.avatarUrl = (await ada.get(`/organization/${acme.id}`)).body.avatarUrl as string;
  const { pathname } = new URL(acme.avatarUrl);
  expect(pathname).toMatch(/^\/media\//);
  await expectSame(ada, 'owner');
  const image = await app.anonymous.get(pathname);
  expect([image.status, image.headers['content-type'], image.headers['x-content-type-options']]).toEqual([
    200,
    expect.stringMatching(/^image\//),
    'nosniff',
  ]);
});

/** Its wallets on JSON:API: asset → balance, held, available. */
async function walletsNow(): Promise<Record<string, [number, number, number | null]>> {
  const wallets = await listOf('wallets');
  return Object.fromEntries(
    wallets.map(({ attributes: { asset, balance, held, available } }: Body) => [asset, [balance, held, available]]),
  );
}
const topUp = (amount: number, key: string) =>
  ada.post(
    `${S}/walletTransactions`,
    document('walletTransactions', { kind: 'topup', amount }, { relationships: ofAcme() }),
    { 'Idempotency-Key': key },
  );
const charge = (more: object) =>
  app.platform.post(`/api/admin/organizations/${acme.id}/charge`, { service: 'sms', sms_point: 10, ...more });
const setLimit = (maxOverages: number) => ada.patch(`/organization/${acme.id}/max-overages`, { maxOverages });

test('money: topped up on JSON:API, charged on /api, limited on /organization, held and captured, and it adds up', async () => {
  const [first, again] = [await topUp(10_000, 'first'), await topUp(10_000, 'first')];
  expect([first.status, again.status, again.headers['idempotent-replayed']]).toEqual([201, 201, 'true']);
  const done = { success: true, message: 'Charge processed successfully', data: null };
  const sent = { amount: 1_000, sms_point: 100, reason: 'Monthly SMS package' };
  expectAnswer(await charge(sent), 200, done);
  expect(await walletsNow()).toEqual({ USD: [9_000, 0, 9_000], SMS_POINT: [100, 0, 100] });

  const set = { organizationId: acme.id, maxOverages: 500, overageUsed: 0, balance: 9_000, asset: 'USD' };
  expect((await setLimit(500)).body).toEqual(set);
  acme.maxOverages = 500;
  await expectSame(ada, 'owner');
  expect((await listOf('overageLimits')).map(({ attributes }: Body) => attributes.maxOverage)).toEqual([500]);
  expectAnswer(await charge({ amount: 9_400 }), 200, done);
  expect((await setLimit(500)).body).toEqual({ ...set, overageUsed: 400, balance: -400 });
  expectAnswer(await charge({ amount: 101 }), 402, { success: false });
  const beyond = { kind: 'charge', amount: 101, service: 'sms', quantity: 1 };
  const refused = await app.platform.post(
    `${S}/walletTransactions`,
    document('walletTransactions', beyond, { relationships: ofAcme() }),
    { 'Idempotency-Key': 'beyond' },
  );
  expect([refused.status, refused.body.errors[0].code]).toEqual([402, 'overage_limit_exceeded']);
  expect(await walletsNow()).toEqual({ USD: [-400, 0, 100], SMS_POINT: [110, 0, 110] });

  expect((await topUp(1_400, 'second')).status).toBe(201);
  const held = await ada.post(`${S}/holds`, document('holds', { amount: 600 }, { relationships: ofAcme() }), {
    'Idempotency-Key': 'hold',
  });
  const { id } = expectAnswer(held, 201).data;
  expect((await walletsNow()).USD).toEqual([1_000, 600, 900]);
  const captured = await ada.post(`${S}/holds/${id}/capture`, { meta: { amount: 250 } }, { 'Idempotency-Key': 'take' });
  expect(expectAnswer(captured, 200).data.attributes).toMatchObject({
    status: 'captured',
    captured: 250,
    released: 350,
  });
  expect((await setLimit(0)).body).toEqual({ ...set, maxOverages: 0, balance: 750 });
  acme.maxOverages = 0;
  for (const wallet of await listOf('wallets')) {
    const { meta } = expectAnswer(await ada.get(`${S}/wallets/${wallet.id}/verify`), 200);
    expect([meta.ok, meta.problems]).toEqual([true, []]);
  }
});

test('keys rotated on JSON:API end and begin on all surfaces, and a new secret signs the webhook', async () => {
  const made = await ada.post(`${S}/apiKeys`, document('apiKeys', { name: 'Server' }, { relationships: ofAcme() }));
  const { id, attributes } = expectAnswer(made, 201).data;
  const old = app.as(attributes.secret);
  await expectSame(old, null);
  expect((await old.get('/v1/orgs/')).body.map((each: Body) => each.id)).toEqual([acme.number]);
  expect((await old.get('/organization/list')).body.map((each: Body) => each.id)).toEqual([acme.id]);
  const rotated = await ada.post(`${S}/apiKeys/${id}/rotate`, { meta: { gracePeriodSeconds: 0 } });
  const successor = app.as(expectAnswer(rotated, 201).data.attributes.secret);
  expect(await statusesFor(old)).toEqual([401, 401, 401, 401]);
  await expectSame(successor, null);
  await setWebhook();
  expect(secrets[1]?.secret).not.toBe(secrets[0]?.secret);
});

test('suspended by the operator on /api: read everywhere, written nowhere, until it is taken back on JSON:API', async () => {
  const reason = { status: 'suspended', statusReason: 'Unpaid' };
  expectAnswer(await app.platform.patch(`/api/organizations/${acme.id}`, reason), 200, { status: 'suspended' });
  acme.status = 'suspended';
  await expectSame(ada, 'owner');
  const name = 'Other';
  const refused = [
    await ada.patch(`/v1/orgs/${acme.number}/`, { name }),
    await ada.patch(`/api/organizations/${acme.id}`, { name }),
    await ada.put(`/organization/${acme.id}`, { name }),
    await ada.patch(`${M}/organizations/${acme.id}`, document('organizations', { name }, { id: acme.id })),
    await ada.post(`/api/organizations/${acme.id}/invite`, { email: 'late@example.com' }),
    await charge({ amount: 1 }),
  ];
  expect(refused.map(({ status }) => status)).toEqual(Array(6).fill(403));
  const active = document('organizations', { status: 'active' }, { id: acme.id });
  expectAnswer(await app.platform.patch(`${M}/organizations/${acme.id}`, active), 200);
  acme.status = 'active';
  await expectSame(bob, 'admin');
});

test('removed on /organization, he is a member nowhere', async () => {
  const [{ id: bobId }] = (await app.platform.get(`${S}/users?filter[email]=bob@example.com`)).body.data;
  const { members } = expectAnswer(await ada.delete(`/organization/${acme.id}/member/${bobId}`), 200);
  expect(members.map(({ name }: Body) => name)).toEqual(['Ada', 'Eve']);
  expect(await statusesFor(bob)).toEqual([404, 404, 404, 404]);
  expect((await ada.get(`/api/organizations/${acme.id}/members`)).body.meta.total).toBe(2);
  expect(await listOf('members', `&filter[userId]=${bobId}`)).toEqual([]);
});

/** Holds a request to the secret it was signed with: by the standard, and for receivers of /v1. */
function verified({ headers, body }: ReceivedRequest, at: number): Body {
  const { secret } = secrets.filter(({ from }) => from <= at).at(-1) as { secret: string };
  new Webhook(secret).verify(body.toString(), headers as Record<string, string>);
  const digest = createHmac('sha256', secret).update(body).digest('hex');
  expect(headers['x-thunderphone-signature']).toBe(digest);
  return JSON.parse(body.toString());
}

test('the receiver got what the feed tells, in its order', async () => {
  const events = (await deliver()).map(verified);
  const feed = await listOf('events', '&sort=sequence&page[size]=100');
  const first = feed.findIndex(({ attributes }: Body) => attributes.eventType === 'webhook_endpoint.created');
  // An endpoint is not told of itself (INV-43), but of the organization that got its URL.
  const expected = feed.filter(
    ({ attributes }: Body, i: number) => i >= first - 1 && !attributes.eventType.startsWith('webhook_'),
  );
  expect(events.map(({ sequence, type, id }) => [sequence, type, id])).toEqual(
    expected.map(({ id, attributes }: Body) => [attributes.sequence, attributes.eventType, id]),
  );
  expect(new Set(events.map(({ type }) => type))).toEqual(
    new Set([
      ...['organization.updated', 'organization.suspended', 'organization.reactivated', 'organization.avatar_updated'],
      ...[
        'invitation.created',
        'invitation.accepted',
        'user.created',
        'member.added',
        'member.updated',
        'member.removed',
      ],
      ...['api_key.created', 'api_key.rotated', 'api_key.revoked', 'overage_limit.updated'],
      ...[
        'wallet.topped_up',
        'wallet.charged',
        'wallet.charge_refused',
        'wallet.overage_started',
        'wallet.overage_cleared',
      ],
      ...['wallet.hold_placed', 'wallet.hold_captured'],
    ]),
  );
});

/** `guildhall verify` of an export, as somebody runs it who has nothing else: its exit code and what it prints. */
function verifyOffline(lines: string): [number | null, string] {
  const folder = temporaryFolder('guildhall-life-');
  try {
    const file = join(folder, 'trail.ndjson');
    writeFileSync(file, lines);
    const env = { PATH: process.env.PATH, DATA_DIR: folder };
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'verify', file], { encoding: 'utf8', env });
    return [status, stdout + stderr];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const trail = (path = '') => `${S}/auditEvents${path}?filter[organizationId]=${acme.id}`;
const trailFor = async (who: Client): Promise<Body[]> => {
  const { data } = expectAnswer(await who.get(`${trail()}&sort=sequence&page[size]=100`), 200);
  return data.map(({ attributes }: Body) => attributes);
};
/** The last hash that somebody has kept elsewhere. */
let kept: { sequence: number; hash: string };

test('the audit trail has a row for each event and each refusal, and its export is verified away from here', async () => {
  const feed = await listOf('events', '&sort=sequence&page[size]=100');
  const rows = await trailFor(ada);
  const types = new Set<string>(EVENT_TYPES);
  expect(rows.filter(({ action }) => types.has(action)).map(({ action }) => action)).toEqual(
    feed.map(({ attributes }: Body) => attributes.eventType),
  );
  const refusals = rows.filter(({ outcome }) => outcome !== 'success');
  expect(refusals.map(({ action, outcome }) => [action, outcome])).toEqual(
    expect.arrayContaining([['organizations.charge', 'denied']]),
  );
  const avatar = rows.find(({ action }) => action === 'organization.avatar_updated');
  expect([avatar.actor.name, avatar.context.path]).toEqual(['Bob', `/api/organizations/${acme.id}/upload-avatar`]);

  const { meta } = expectAnswer(await ada.get(trail('/verify')), 200);
  expect([meta.ok, meta.problems]).toEqual([true, []]);
  kept = { sequence: meta.lastSequence, hash: meta.lastHash };
  const { status, text } = await ada.get(trail('/export'));
  expect(status).toBe(200);
  for (const secret of [PASSWORD, ...secrets.map((each) => each.secret)]) expect(text).not.toContain(secret);
  expect(verifyOffline(text)).toEqual([0, expect.stringMatching(/: good\.$/m)]);
  const { sequence: forged } = rows.find(({ action }) => action === 'organization.suspended');
  expect(verifyOffline(text.replace('Unpaid', 'Thanks'))).toEqual([1, expect.stringContaining(`row ${forged}:`)]);
});

test('deleted on /v1 when nobody else is left, brought back, and purged by the operator', async () => {
  const path = `/v1/orgs/${acme.number}/`;
  expectAnswer(await ada.delete(path), 400, { code: 'only_organization' });
  expectAnswer(await ada.post('/v1/orgs/', { name: 'Another' }), 201);
  expectAnswer(await ada.delete(path), 400, { code: 'members_present' });
  expectAnswer(await eve.delete(path), 403, { code: 'owner_required' });
  const { data } = (await eve.get(`/api/organizations/${acme.id}/members`)).body;
  expectAnswer(await eve.delete(`/api/organizations/${acme.id}/members/${data[1].id}`), 200, { success: true });
  expect((await ada.delete(path)).status).toBe(204);
  expect(await statusesFor(ada)).toEqual([404, 404, 404, 404]);
  expect((await ada.get('/organization/list')).body.map((each: Body) => each.name)).toEqual(['Another']);
  const told = async () => (await deliver()).map(verified).at(-1).type;
  expect(await told()).toBe('organization.deletion_scheduled');

  expectAnswer(await ada.post(`${M}/organizations/${acme.id}/restore`), 200);
  await expectSame(ada, 'owner');
  expect(await told()).toBe('organization.restored');
  const purge = await app.platform.delete(`${M}/organizations/${acme.id}?purgeNow=true`);
  expect(purge.status).toBe(204);
  for (const who of [ada, app.platform]) expect(await statusesFor(who)).toEqual([404, 404, 404, 404]);
});

test('its audit trail outlives it (INV-55)', async () => {
  const rows = await trailFor(app.platform);
  expect(rows.find(({ sequence }) => sequence === kept.sequence).hash).toBe(kept.hash);
  const lives = rows.filter(({ action }) => /^organization[.](deletion|restored|purged)/.test(action));
  expect(lives.map(({ action }) => action)).toEqual([
    ...['organization.deletion_scheduled', 'organization.restored', 'organization.purged'],
  ]);
  const { meta } = expectAnswer(await app.platform.get(trail('/verify')), 200);
  expect([meta.ok, meta.problems]).toEqual([true, []]);
  expect(verifyOffline((await app.platform.get(trail('/export'))).text)).toEqual([0, expect.any(String)]);
  expect((await ada.get(trail())).body.data).toEqual([]);
});
