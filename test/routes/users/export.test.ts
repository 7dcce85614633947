import { createOrganization, createUser, document, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError } from '../documents';
import { colleague, founder, join } from '../people';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const exportOf = (id: string, asker = app.platform) => asker.get(`${S}/users/${id}/export`);
const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

const invite = (organization: string, email: string, invitedBy: string | null, n: number) =>
  app.db.query(
    `insert into invitations (id, organization_id, email, name, status, expires_at, hash, token_start, invited_by_id)
     select gen_random_uuid(), $1, $2 || case when i = 1 then '' else i::text end, 'Somebody', 'pending', now() + interval '1 day',
       sha256(($2 || i)::bytea), 'inv_live_ab', $3 from generate_series(1, $4) i`,
    [organization, email, invitedBy, n],
  );

test('one resource object a line: all that names him, and no secret [9.10]', async () => {
  const { owner, organization } = await founder(app, { name: 'His own' });
  const other = await createOrganization(app.platform, { name: 'Another' });
  await join(app, other.id, owner.id, 'billing', 'admin');
  const key = (await owner.post(`${S}/apiKeys`, document('apiKeys', { name: 'Mine' }))).body.data;
  await owner.patch(`${S}/users/${owner.id}`, document('users', { name: 'New' }, { id: owner.id }));
  await app.db.query("insert into user_networks (user_id, network) values ($1, '198.51.100.0/24')", [owner.id]);
  await app.db.query("update users set password_hash = 'the-hash' where id = $1", [owner.id]);
  await invite(other.id, owner.email.toUpperCase(), null, 1);
  await invite(organization.id, 'guest@example.com', owner.id, 1);
  const { status, headers, text } = await exportOf(owner.id, owner);
  expect([status, headers['content-type'], headers['cache-control']]).toEqual([
    200,
    'application/x-ndjson',
    'private, no-cache',
  ]);
  const all = lines(text);
  const of = (type: string) => all.filter((each) => each.type === type);
  expect(all.map(({ type }) => type)).toEqual([
    'users',
    'members',
    'members',
    'accessTokens',
    'apiKeys',
    'signInNetworks',
    'invitations',
    'invitations',
    ...Array(4).fill('events'),
  ]);
  const events = of('events').map(({ attributes }) => [attributes.eventType, attributes.organizationName]);
  expect(events.sort()).toEqual([
    ['member.added', 'Another'],
    ['member.added', 'His own'],
    ['user.updated', 'Another'],
    ['user.updated', 'His own'],
  ]);
  expect(of('events').find(({ attributes }) => attributes.eventType === 'user.updated')?.attributes).toMatchObject({
    data: { type: 'users', id: owner.id, attributes: { name: 'New' } },
    previous: { attributes: { name: null } },
  });
  expect(of('users')[0]).toMatchObject({
    id: owner.id,
    attributes: { email: owner.email, status: 'active', hasPassword: true },
  });
  expect(of('members').map(({ attributes }) => [attributes.organizationName, attributes.roleCodes])).toEqual([
    ['His own', ['owner']],
    ['Another', ['admin', 'billing']],
  ]);
  expect(of('members')[0].relationships.organization.data).toEqual({ type: 'organizations', id: organization.id });
  expect(of('apiKeys')[0]).toMatchObject({ id: key.id, attributes: { name: 'Mine' } });
  expect(of('signInNetworks')[0].attributes.network).toBe('198.51.100.0/24');
  expect(of('invitations').map(({ attributes }) => [attributes.organizationName, attributes.email])).toEqual([
    ['Another', owner.email.toUpperCase()],
    ['His own', undefined],
  ]);
  // Whom he invited is not his to have.
  expect(text).not.toContain('guest@example.com');
  for (const secret of ['the-hash', key.attributes.secret, owner.key as string, 'inv_live_ab'])
    expect(text).not.toContain(secret);
});

test('however much there is comes whole, once, and in pages', async () => {
  const { owner, organization } = await founder(app);
  await invite(organization.id, 'many@example.com', owner.id, 1_700);
  const query = jest.spyOn(Object.getPrototypeOf(app.db), 'query');
  const { text } = await exportOf(owner.id, owner);
  const pages = query.mock.results.length;
  query.mockRestore();
  const ids = lines(text).flatMap(({ type, id }) => (type === 'invitations' ? [id] : []));
  expect([ids.length, new Set(ids).size]).toEqual([1_700, 1_700]);
  expect(pages).toBeGreaterThan(7 + 3);
});

test('it is for himself, the operator, and the partner that made him: 403 for others who see him, 404 for the rest', async () => {
  const { owner, organization } = await founder(app);
  const member = await colleague(app, organization.id, 'member');
  expectDenied(await exportOf(member.id, owner), 'data:export');
  expect((await exportOf(member.id, app.as(organization.attributes.token))).status).toBe(403);
  expectError(await exportOf(member.id, await app.user()), 404, 'not_found');
  for (const id of [NIL, 'nothing']) expectError(await exportOf(id), 404, 'not_found');
  expect((await exportOf(member.id)).status).toBe(200);
  const own = await createUser(partner);
  expect((await exportOf(own.id, partner)).status).toBe(200);
  await join(app, (await createOrganization(app.platform)).id, own.id, 'member');
  expectDenied(await exportOf(own.id, partner), 'platform:admin');
});

test('somebody whose organization is suspended still gets his own data', async () => {
  const { owner, organization } = await founder(app);
  const suspended = document('organizations', { status: 'suspended', statusReason: 'x' }, { id: organization.id });
  await app.platform.patch(`${M}/organizations/${organization.id}`, suspended);
  expect((await exportOf(owner.id, owner)).status).toBe(200);
});

test('whoever was erased has no data: 404', async () => {
  const { id } = await createUser(app.platform);
  await app.platform.post(`${S}/users/${id}/erase`);
  expectError(await exportOf(id), 404, 'not_found');
});
