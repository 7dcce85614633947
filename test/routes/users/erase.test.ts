import { randomUUID } from 'node:crypto';
import {
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  NIL,
  type Person,
  S,
  signIn,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectDenied, expectError } from '../documents';
import { colleague, founder, join } from '../people';

const PASSWORD = 'correct horse battery';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const erase = (id: string, asker: Client, meta?: object) =>
  asker.post(`${S}/users/${id}/erase`, meta === undefined ? undefined : { meta });
const setPassword = async (id: string) =>
  app.db.query('update users set password_hash = $2 where id = $1', [id, await app.services.passwords.hash(PASSWORD)]);

/** Names of the tables in which `text` stands anywhere. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await app.db.query("select tablename from pg_tables where schemaname = 'public' order by 1");
  const found: string[] = [];
  for (const [table] of tables) {
    const [row] = await app.db.query(`select exists (select 1 from ${table} t where t::text ilike '%' || $1 || '%')`, [
      text,
    ]);
    if (row?.[0] === true) found.push(table as string);
  }
  return found;
}

/** Somebody of whom there is something in every table. */
async function wellKnown(): Promise<{ person: Person; organization: string; marker: string }> {
  const marker = `marker${randomUUID().slice(0, 8)}`;
  const person = await app.user({ email: `${marker}@example.com`, name: `Name ${marker}` });
  const { id: organization } = await createOrganization(app.platform);
  await setPassword(person.id);
  await app.db.query(
    `update users set avatar_url = 'https://example.com/' || $2, locale = 'de', external_id = $2 where id = $1`,
    [person.id, marker],
  );
  const member = await join(app, organization, person.id, 'admin');
  const notes = { externalId: marker, metadata: { a: marker } };
  await app.platform.patch(member.links.self, document('members', notes, { id: member.id }));
  await app.platform.patch(
    `${S}/users/${person.id}`,
    document('users', { name: `${person.id} ${marker}` }, { id: person.id }),
  );
  await app.db.query('insert into user_networks (user_id, network) values ($1, $2)', [
    person.id,
    `198.51.100.0/24 ${marker}`,
  ]);
  await person.post(`${S}/apiKeys`, document('apiKeys', { name: `Key ${marker}` }));
  for (const status of ['pending', 'accepted', 'revoked']) {
    await app.db.query(
      `insert into invitations (id, organization_id, email, name, message, status, expires_at, hash, token_start, accepted_by_id)
       values (gen_random_uuid(), $1, $2, $3, $3, $4, now() + interval '1 day', $5, 'inv', $6)`,
      [organization, person.email.toUpperCase(), `Name ${marker}`, status, randomUUID(), person.id],
    );
  }
  await app.db.query(
    `select record_events(array['invitation.created'], $1, array_agg(jsonb_build_object('type', 'invitations', 'id', i.id,
       'attributes', jsonb_build_object('email', i.email))), null, 'system', null, null, null, null)
     from invitations i where i.organization_id = $1`,
    [organization],
  );
  return { person, organization, marker };
}

test('nothing that tells who he was is left; his id is [9.10]', async () => {
  const { person, organization, marker } = await wellKnown();
  const tables = ['api_keys', 'audit_events', 'events', 'invitations', 'members', 'user_networks', 'users'];
  expect(await tablesWith(marker)).toEqual(tables);
  const { status, body } = await erase(person.id, app.platform);
  expect(status).toBe(200);
  expect(body.data.attributes).toMatchObject({
    email: expect.stringMatching(/^[0-9a-f-]{36}@erased\.invalid$/),
    name: null,
    status: 'erased',
    avatarUrl: null,
    locale: null,
    externalId: null,
    emailVerifiedAt: null,
    lastSeenAt: null,
  });
  expect(await tablesWith(marker)).toEqual([]);
  expect(await tablesWith(person.id)).toEqual(['audit_events', 'events', 'invitations', 'users']);
  const rows = await app.db.query('select status, name from invitations where organization_id = $1 order by 1', [
    organization,
  ]);
  expect(rows).toEqual([
    ['accepted', null],
    ['revoked', null],
  ]);
  const [{ password_hash: hash }] = await app.source.query('select password_hash from users where id = $1', [
    person.id,
  ]);
  expect(hash).toBeNull();
});

test('he is nowhere any more: 404 by id, in no list and no total; a second erasure is 404', async () => {
  const { person, organization } = await wellKnown();
  const total = async (path: string) => (await app.platform.get(path)).body.meta.total;
  const [users, members] = [
    await total(`${S}/users`),
    await total(`${S}/members?filter[organizationId]=${organization}`),
  ];
  await erase(person.id, app.platform);
  expectError(await app.platform.get(`${S}/users/${person.id}`), 404, 'not_found');
  expectError(await erase(person.id, app.platform), 404, 'not_found');
  expect((await app.platform.get(`${S}/users?filter[id]=${person.id}`)).body.data).toEqual([]);
  expect(await total(`${S}/users`)).toBe(users - 1);
  expect(await total(`${S}/members?filter[organizationId]=${organization}`)).toBe(members - 1);
});

test('his sessions and personal keys stop at once, and no other begins [INV-34]', async () => {
  const { person } = await wellKnown();
  const { body } = await person.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }));
  const key = app.as(body.data.attributes.secret);
  for (const each of [person, key]) expect((await each.get(`${S}/me`)).status).toBe(200);
  await erase(person.id, app.platform);
  for (const each of [person, key]) expect((await each.get(`${S}/me`)).status).toBe(401);
  const late = app.as(await signIn(app.db, person.id));
  expect((await late.get(`${S}/me`)).status).toBe(401);
});

test('his address is free for somebody else', async () => {
  const person = await app.user();
  await erase(person.id, app.platform);
  const again = await createUser(app.platform, { email: person.email });
  expect(again.id).not.toBe(person.id);
});

test('what he has done in an organization keeps his id', async () => {
  const { owner, organization } = await founder(app);
  const heir = await colleague(app, organization.id, 'owner');
  const member = await colleague(app, organization.id, 'member');
  await app.db.query('update members set invited_by_id = $2 where user_id = $1', [member.id, owner.id]);
  expect((await erase(owner.id, app.platform)).status).toBe(200);
  const [row] = await app.db.query('select invited_by_id from members where user_id = $1', [member.id]);
  expect(row).toEqual([owner.id]);
  const { data } = (await heir.get(`${S}/members?filter[organizationId]=${organization.id}&include=invitedBy`)).body;
  expect(data).toHaveLength(2);
});

describe('the last owner', () => {
  test('stays: 409 with the organizations that he would leave without one [INV-2]', async () => {
    const { owner, organization } = await founder(app);
    const second = await createOrganization(owner);
    const shared = await createOrganization(owner);
    const heir = await colleague(app, shared.id, 'owner');
    const answer = await erase(owner.id, owner);
    expectError(answer, 409, 'last_owner', { meta: { organizationIds: [organization.id, second.id].sort() } });
    expect((await owner.get(`${S}/me`)).status).toBe(200);
    for (const { id } of [organization, second])
      await app.platform.delete(`/public/v2/management/organizations/${id}?purgeNow=true`);
    expect((await erase(owner.id, owner)).status).toBe(200);
    const { body } = await heir.get(`/public/v2/management/organizations/${shared.id}`);
    expect(body.data.relationships.owner.data.id).toBe(heir.id);
  });

  test('of two owners erased at the same time one stays [INV-2]', async () => {
    const { owner, organization } = await founder(app);
    const other = await colleague(app, organization.id, 'owner');
    const answers = await Promise.all([owner, other].map(({ id }) => erase(id, app.platform)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });
});

test('he becomes no member while he is erased', async () => {
  const { id: organization } = await createOrganization(app.platform);
  const users = await Promise.all(Array.from({ length: 10 }, () => createUser(app.platform)));
  const relationships = (id: string) => ({
    organization: link('organizations', organization),
    user: link('users', id),
  });
  await Promise.all(
    users.flatMap(({ id }) => [
      erase(id, app.platform),
      app.platform.post(`${S}/members`, document('members', {}, { relationships: relationships(id) })),
    ]),
  );
  const [row] = await app.db.query(
    "select count(*) from members m join users u on u.id = m.user_id where u.status = 'erased'",
  );
  expect(Number(row?.[0])).toBe(0);
  const [erased] = users as [{ id: string }];
  await erase(erased.id, app.platform);
  await expect(
    app.db.query("insert into members (id, organization_id, user_id, join_method) values ($1, $2, $3, 'admin')", [
      randomUUID(),
      organization,
      erased.id,
    ]),
  ).rejects.toMatchObject({ faults: [{ code: 'not_found' }] });
});

describe('by himself', () => {
  test('with his password, when he has one: 422 without it or with another', async () => {
    const person = await app.user();
    await setPassword(person.id);
    const missing = await erase(person.id, person);
    expect(missing.body.errors[0]).toMatchObject({ status: '422', code: 'required', meta: { attribute: 'password' } });
    const wrong = await erase(person.id, person, { password: 'not the right one' });
    expect(wrong.body.errors[0]).toMatchObject({
      status: '422',
      code: 'not_allowed',
      source: { pointer: '/meta/password' },
    });
    expect((await erase(person.id, person, { password: PASSWORD })).status).toBe(200);
  });

  test('without one, when he has none', async () => {
    const person = await app.user();
    expect((await erase(person.id, person)).status).toBe(200);
  });

  test('a personal key needs the scope', async () => {
    const person = await app.user();
    const { body } = await person.post(`${S}/apiKeys`, document('apiKeys', { name: 'K', scopes: ['members:read'] }));
    expectDenied(await erase(person.id, app.as(body.data.attributes.secret)), 'data:erase');
  });

  test('guesses of the password are counted as those of signing in are', async () => {
    const limited = await startApp({ RATE_LIMIT: '600/60' });
    try {
      const person = await limited.user();
      const hash = await limited.services.passwords.hash(PASSWORD);
      await limited.db.query('update users set password_hash = $2 where id = $1', [person.id, hash]);
      const statuses: number[] = [];
      for (let i = 0; i < 12; i++) {
        statuses.push((await erase(person.id, person, { password: `guess number ${i}` })).status);
      }
      expect(statuses[0]).toBe(422);
      expect(statuses.at(-1)).toBe(429);
      expect((await limited.platform.get(`${S}/users/${person.id}`)).status).toBe(200);
    } finally {
      await limited.close();
    }
  });
});

test('a partner erases whom it made, and who is in none but its organizations', async () => {
  const own = await createUser(partner);
  await join(app, (await createOrganization(partner)).id, own.id, 'member');
  const elsewhere = await createUser(partner);
  await join(app, (await createOrganization(app.platform)).id, elsewhere.id, 'member');
  const guest = await app.user();
  await join(app, (await createOrganization(partner)).id, guest.id, 'member');
  expectDenied(await erase(elsewhere.id, partner), 'platform:admin');
  expectDenied(await erase(guest.id, partner), 'platform:admin');
  expectError(await erase((await createUser(app.platform)).id, partner), 404, 'not_found');
  expect((await erase(own.id, partner)).status).toBe(200);
});

test('nobody else does: 403 for those who see him, 404 for the others', async () => {
  const { owner, organization } = await founder(app);
  const member = await colleague(app, organization.id, 'member');
  expectDenied(await erase(member.id, owner), 'data:erase');
  expect((await erase(member.id, app.as(organization.attributes.token))).status).toBe(403);
  expectError(await erase(member.id, await app.user()), 404, 'not_found');
  for (const id of [NIL, 'nothing']) expectError(await erase(id, app.platform), 404, 'not_found');
});

test('events about him lose their content, and are delivered no more; those about others stay', async () => {
  const { person, organization } = await wellKnown();
  const other = await colleague(app, organization, 'member');
  const url = 'https://hooks.example.com/erased';
  const relationships = { organization: link('organizations', organization) };
  const made = await app.platform.post(
    `${S}/webhookEndpoints`,
    document('webhookEndpoints', { url }, { relationships }),
  );
  for (const { id } of [person, other]) {
    const answer = await app.platform.patch(`${S}/users/${id}`, document('users', { name: 'Another' }, { id }));
    expect(answer.status).toBe(200);
  }
  await erase(person.id, app.platform);
  const path = `${S}/webhookEndpoints/${made.body.data.id}/deliveries?include=event&sort=createdAt`;
  const { data, included } = (await app.platform.get(path)).body;
  const events = new Map(included.map((event: Body) => [event.id, event.attributes]));
  const seen = data.map(({ attributes, relationships: { event } }: Body) => {
    const { eventType, data: about } = events.get(event.data.id) as Body;
    return [eventType, about?.id ?? null, attributes.status];
  });
  expect(seen.sort()).toEqual(
    [
      ['member.removed', expect.any(String), 'pending'],
      ['user.erased', person.id, 'pending'],
      ['user.updated', null, 'cancelled'],
      ['user.updated', other.id, 'pending'],
    ].sort(),
  );
});
