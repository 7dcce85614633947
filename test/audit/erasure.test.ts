import { registry } from '../../src/resources';
import { brokenLinks } from '../events/audited';
import { PASSWORD, tokensFor } from '../routes/accessTokens/people';
import { Crews, patch } from '../routes/crew';
import { accept, invited, PASSWORDS, tokenOf } from '../routes/invitations/inviting';
import {
  type Client,
  createOrganization,
  createUser,
  document,
  S,
  setPassword,
  startApp,
  type TestApp,
} from '../support/app';
import { type MailSink, startMailSink } from '../support/mailSink';

/** What is left of a person in the audit trail: his id, and chains that are whole (INV-53, domain sheet 9.10). */

let app: TestApp;
let crews: Crews;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
});
afterAll(() => app.close());

const MARK = 'xanthippe';
const FROM = { 'User-Agent': `${MARK}-agent` };

/** Every row in which the text stands anywhere. */
const rowsWith = (text: string, of = app) =>
  of.db.query(`select action, target_type from audit_events a where a::text ilike '%' || $1 || '%' order by 1, 2`, [
    text,
  ]);

/** The same clients, that say what they are. */
const marked = (asker: Client): Client => ({
  ...asker,
  get: (path, headers) => asker.get(path, { ...FROM, ...headers }),
  post: (path, body, headers) => asker.post(path, body, { ...FROM, ...headers }),
  patch: (path, body, headers) => asker.patch(path, body, { ...FROM, ...headers }),
  delete: (path, headers, body) => asker.delete(path, { ...FROM, ...headers }, body),
});

/** Somebody who was invited under one address and has another now, and has done and suffered whatever there is. */
async function known(organization: string, owner: Client, other: Client) {
  const first = `${MARK}-first@example.com`;
  const invitation = await invited(owner, organization, { email: first, name: MARK, message: MARK });
  const accepted = await accept(marked(app.anonymous), tokenOf(invitation), { ...PASSWORDS, name: MARK });
  const { id: member, relationships } = accepted.body.data;
  const { id } = relationships.user.data;
  const email = `${MARK}@example.com`;
  const self = `${S}/users/${id}`;
  await patch(app.platform, 'users', self, { email, externalId: MARK });
  await setPassword(app, id, PASSWORD);
  const session = marked(
    app.as((await tokensFor(marked(app.anonymous), { email, password: PASSWORD })).body.data.attributes.accessToken),
  );
  await patch(session, 'users', self, { locale: 'de', avatarUrl: `https://example.com/${MARK}` });
  await patch(owner, 'members', `${S}/members/${member}`, { externalId: MARK, metadata: { of: MARK } });
  const key = await session.post(`${S}/apiKeys`, document('apiKeys', { name: MARK, metadata: { of: MARK } }));
  const pair = await tokensFor(marked(app.as(key.body.data.attributes.secret)));
  await app.platform.delete(`${S}/accessTokens/${pair.body.data.id}`);
  await session.delete(`${key.body.data.links.self}?reason=${MARK}`);
  // Refused, in an organization and in none.
  await session.delete(`${S}/members/${(other as { member?: string }).member}`);
  await session.post(`${S}/users`, document('users', {}));
  const declined = await invited(owner, organization, {
    email: email.toUpperCase().replace('@', '+@'),
    name: 'Somebody',
  });
  await marked(app.anonymous).post(`${S}/invitations/${tokenOf(declined)}/decline`);
  return { id, email, session };
}

test('names, addresses and agents of a person go, in what he did and in what was done to him; all else stays', async () => {
  const crew = await crews.make();
  const gone = await createOrganization(app.platform);
  const { id, email, session } = await known(crew.id, crew.owner, crew.admin);
  const second = await invited(app.platform, gone.id, { email, message: MARK });
  await marked(app.anonymous).post(`${S}/invitations/${tokenOf(second)}/decline`);
  await app.platform.delete(`/public/v2/management/organizations/${gone.id}?purgeNow=true`);
  const strangers = await rowsWith('declined');
  const before = await rowsWith(MARK);
  expect(before.length).toBeGreaterThan(15);
  const [kept] = await app.db.query('select count(*), count(actor_personal) from audit_events');
  const answer = await session.post(`${S}/users/${id}/erase`, { meta: { password: PASSWORD } });
  expect(answer.status).toBe(200);
  // Another address, so another person: who declined it has left what he came with.
  const left = await rowsWith(MARK);
  expect(left).toEqual([
    ['invitation.created', 'invitations'],
    ['invitation.declined', 'invitations'],
  ]);
  expect(await rowsWith('declined')).toEqual(strangers);
  const [now] = await app.db.query('select count(*), count(actor_personal) from audit_events');
  expect(Number(now?.[0])).toBeGreaterThan(Number(kept?.[0]));
  expect(await rowsWith(id)).toEqual(
    expect.arrayContaining([
      ['user.erased', 'users'],
      ['member.removed', 'members'],
      ['members.remove', 'members'],
    ]),
  );
  expect(await brokenLinks(app)).toEqual([]);
});

test('of somebody who is a member of nothing nothing is written either, whoever erases him', async () => {
  for (const byHimself of [true, false]) {
    const name = byHimself ? 'Philippa' : 'Theodora';
    const person = await app.user({ name, email: `${name}@example.com` });
    const asker = byHimself ? person : app.platform;
    expect((await asker.post(`${S}/users/${person.id}/erase`)).status).toBe(200);
    expect(await rowsWith(name)).toEqual([]);
    const rows = await app.db.query(
      "select actor_personal is null, subject_personal from audit_events where action = 'user.erased' and target_id = $1",
      [person.id],
    );
    expect(rows).toEqual([[byHimself, null]]);
  }
});

test('more rows than one statement changes', async () => {
  const person = await app.user({ name: 'Eudocia' });
  const { id } = await createOrganization(person);
  await crews.join(id, ['owner']);
  await app.db.query(
    `select record_audit('audit.read', $1, 'success', array_fill(null::jsonb, array[2500]), null, 'user', $2, 'request-1', $3, null)`,
    [id, person.id, { ip: '192.0.2.1', name: 'Eudocia' }],
  );
  expect((await rowsWith('Eudocia')).length).toBeGreaterThan(2_500);
  expect((await app.platform.post(`${S}/users/${person.id}/erase`)).status).toBe(200);
  expect(await rowsWith('Eudocia')).toEqual([]);
  expect(await brokenLinks(app)).toEqual([]);
});

test('of people who erase each other at the same time nothing is left', async () => {
  const people = await Promise.all(Array.from({ length: 6 }, (_, i) => app.user({ name: `Melpomene ${i}` })));
  const { id } = await createOrganization(app.platform);
  for (const { id: user } of people)
    for (const { id: other } of people)
      await app.db.query(
        `select record_audit('user.updated', $1, 'success', array[jsonb_build_object('type', 'users', 'id', $2::uuid, 'attributes', '{"name": "Melpomene"}'::jsonb)],
           null, 'user', $3, null, '{"name": "Melpomene"}', null)`,
        [id, user, other],
      );
  const answers = await Promise.all(people.map((each) => app.platform.post(`${S}/users/${each.id}/erase`)));
  expect(answers.map(({ status }) => status)).toEqual(people.map(() => 200));
  expect(await rowsWith('Melpomene')).toEqual([]);
});

test('whoever asks for a new password, and gets it, is known to the installation alone', async () => {
  const sink: MailSink = await startMailSink();
  const mailed = await startApp({ SMTP_URL: sink.url, MAIL_FROM: 'no-reply@example.com' });
  try {
    const { id, attributes } = await createUser(mailed.platform, { name: 'Clio' });
    const ask = (email: string) =>
      mailed.anonymous.post(`${S}/passwordResets`, document('passwordResets', { email }), FROM);
    const answers = [await ask('nobody@example.com'), await ask(attributes.email)];
    await mailed.runPendingJobs();
    const token = /pwr_live_\w{36}/.exec((await sink.next()).text)?.[0];
    const next = { token, password: 'a much better password', passwordConfirmation: 'a much better password' };
    const confirmed = await mailed.anonymous.post(
      `${S}/passwordResets/confirm`,
      document('passwordResets', next),
      FROM,
    );
    const rows = await mailed.db.query(
      `select organization_id, request_id, action, actor_type, target_id, changes, actor_personal::json->>'userAgent'
       from audit_events where action like 'password%' or action = 'user.updated' order by sequence`,
    );
    const chain = '00000000-0000-0000-0000-000000000000';
    const agent = FROM['User-Agent'];
    const changes = [
      { field: 'hasPassword', from: false, to: true },
      { field: 'emailVerifiedAt', from: null, to: expect.any(String) },
      { field: 'password', from: null, to: '***' },
    ];
    const confirmation = confirmed.headers['x-request-id'];
    expect(rows).toEqual([
      [chain, answers[1]?.headers['x-request-id'], 'password_reset.requested', 'system', id, [], agent],
      [chain, confirmation, 'password_reset.confirmed', 'user', id, [], agent],
      [chain, confirmation, 'user.updated', 'user', id, changes, agent],
    ]);
    await mailed.platform.post(`${S}/users/${id}/erase`);
    expect(await rowsWith(agent, mailed)).toEqual([]);
    expect(await brokenLinks(mailed)).toEqual([]);
  } finally {
    await mailed.close();
    await sink.close();
  }
});

describe('what is personal', () => {
  /** What tells nobody who somebody is, of the types that are about people. A new attribute belongs to one side. */
  const PLAIN: Record<string, string[]> = {
    users: ['status', 'emailVerifiedAt', 'hasPassword', 'lastSeenAt'],
    members: ['number', 'status', 'joinMethod', 'isPrimaryOwner', 'allWorkspaces', 'joinedAt'],
    invitations: [
      'kind',
      'status',
      'expiresAt',
      'send',
      'token',
      'acceptUrl',
      'tokenStart',
      'sendCount',
      'lastSentAt',
      'maxUses',
      'useCount',
      'acceptedAt',
      'declinedAt',
      'revokedAt',
    ],
    accessTokens: [
      'accessToken',
      'refreshToken',
      'tokenType',
      'expiresIn',
      'expiresAt',
      'refreshExpiresAt',
      'scopes',
      'familyId',
      'lastUsedAt',
    ],
    apiKeys: [
      'level',
      'environment',
      'start',
      'secret',
      'scopes',
      'status',
      'disabled',
      'expiresAt',
      'graceUntil',
      'rateLimit',
      'lastUsedAt',
      'isOrganizationToken',
      'allWorkspaces',
      'revokedAt',
    ],
  };

  test.each(Object.keys(PLAIN))('of %s: all but what is named here', async (type) => {
    const names = Object.keys(registry.get(type)?.attributes ?? {}).filter(
      (name) => !/^(created|updated)At$/.test(name),
    );
    const rows = await app.db.query('select n from unnest($1::text[]) n where not is_personal(n)', [names]);
    expect(rows.flat()).toEqual(PLAIN[type]);
  });
});
