import {
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectDenied, expectError } from '../documents';
import { colleague, founder, join } from '../people';

const PATH = `${M}/organizations`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const remove = (id: string, asker: Client) => asker.delete(`${PATH}/${id}`);
const restore = (id: string, asker: Client) => asker.post(`${PATH}/${id}/restore`);
const protect = (id: string, attributes: object) =>
  app.platform.patch(`${PATH}/${id}`, document('organizations', attributes, { id }));
const personalKey = async (asker: Client, scopes: string[]): Promise<Client> => {
  const { body } = await asker.post(`${S}/apiKeys`, document('apiKeys', { name: 'Mine', scopes }));
  return app.as(body.data.attributes.secret);
};

test('only an owner deletes: 403 for every other role, also for one that has the permission [INV-5]', async () => {
  const { organization } = await founder(app);
  for (const role of ['admin', 'member', 'auditor']) {
    const person = await colleague(app, organization.id, role);
    expectError(await remove(organization.id, person), 403, 'owner_required');
  }
  const relationships = { organization: link('organizations', organization.id) };
  const attributes = { code: 'closer', name: 'Closer', permissions: ['organizations:read', 'organizations:delete'] };
  const role = await app.platform.post(`${S}/roles`, document('roles', attributes, { relationships }));
  const closer = await colleague(app, organization.id, 'member');
  const [member] = (await app.platform.get(`${S}/members?filter[userId]=${closer.id}`)).body.data;
  await app.platform.patch(`${S}/members/${member.id}/relationships/roles`, {
    data: [{ type: 'roles', id: role.body.data.id }],
  });
  expectError(await remove(organization.id, closer), 403, 'owner_required');
});

test('an owner’s personal key needs the scope', async () => {
  const { owner, organization } = await founder(app);
  await createOrganization(owner);
  const narrow = await personalKey(owner, ['organizations:read']);
  expectDenied(await remove(organization.id, narrow), 'organizations:delete');
  expect(
    (await remove(organization.id, await personalKey(owner, ['organizations:delete', 'organizations:read']))).status,
  ).toBe(204);
});

test('what a user does not see is 404 [INV-10]', async () => {
  const { organization } = await founder(app);
  const stranger = await app.user();
  expectError(await remove(organization.id, stranger), 404, 'not_found');
});

test('his only organization stays; with a second one, which is not being deleted, one of them goes [INV-7]', async () => {
  const { owner, organization } = await founder(app);
  expectError(await remove(organization.id, owner), 409, 'only_organization');
  const second = await createOrganization(owner);
  expect((await remove(organization.id, owner)).status).toBe(204);
  expectError(await remove(second.id, owner), 409, 'only_organization');
  expect((await remove(second.id, app.platform)).status).toBe(204);
});

test('of his two, deleted at the same time, one stays [INV-7]', async () => {
  const { owner, organization } = await founder(app);
  const second = await createOrganization(owner);
  const answers = await Promise.all([organization.id, second.id].map((id) => remove(id, owner)));
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
});

test('one with other members stays; open invitations do not count [INV-6]', async () => {
  const { owner, organization } = await founder(app);
  await createOrganization(owner);
  const member = await join(app, organization.id, (await app.user()).id, 'member');
  expectError(await remove(organization.id, owner), 409, 'members_present');
  expectError(await remove(organization.id, app.as(organization.attributes.token)), 409, 'members_present');
  await owner.delete(`${S}/members/${member.id}`);
  expect((await remove(organization.id, owner)).status).toBe(204);
});

test('the first of several reasons is told, in the order of INV-10', async () => {
  const { owner, organization } = await founder(app);
  const { id } = organization;
  const admin = await colleague(app, id, 'admin');
  await protect(id, { deleteProtection: true, legalHold: true });
  expectError(await remove(id, await app.user()), 404, 'not_found');
  expectError(await remove(id, admin), 403, 'owner_required');
  expectError(await remove(id, owner), 409, 'only_organization');
  await createOrganization(owner);
  expectError(await remove(id, owner), 409, 'members_present');
  const [member] = (await owner.get(`${S}/members?filter[userId]=${admin.id}&filter[organizationId]=${id}`)).body.data;
  await owner.delete(`${S}/members/${member.id}`);
  expectError(await remove(id, owner), 409, 'delete_protected');
  await protect(id, { deleteProtection: false });
  expectError(await remove(id, owner), 409, 'legal_hold');
  await protect(id, { legalHold: false });
  expect((await remove(id, owner)).status).toBe(204);
});

test('open invitations are revoked with it, and stay so when it comes back [6.1]', async () => {
  const { owner, organization } = await founder(app);
  await createOrganization(owner);
  await app.db.query(
    `insert into invitations (id, organization_id, email, status, expires_at, hash, token_start)
     values (gen_random_uuid(), $1, 'open@example.com', 'pending', now() + interval '1 day', 'a', 'inv'),
       (gen_random_uuid(), $1, 'done@example.com', 'accepted', now() + interval '1 day', 'b', 'inv')`,
    [organization.id],
  );
  const states = () =>
    app.db.query('select email, status, revoked_by_id from invitations where organization_id = $1 order by email', [
      organization.id,
    ]);
  const gone = [
    ['done@example.com', 'accepted', null],
    ['open@example.com', 'revoked', owner.id],
  ];
  await remove(organization.id, owner);
  expect(await states()).toEqual(gone);
  await restore(organization.id, owner);
  expect(await states()).toEqual(gone);
});

test('its keys, and tokens made from them, stop at once: 401; its people see it no more [6.1]', async () => {
  const { owner, organization } = await founder(app);
  await createOrganization(owner);
  const own = app.as(organization.attributes.token);
  expect((await own.get(`${S}/me`)).status).toBe(200);
  await remove(organization.id, owner);
  expectError(await own.get(`${S}/me`), 401, 'revoked_credential', { source: { header: 'Authorization' } });
  expectError(await owner.get(`${PATH}/${organization.id}`), 404, 'not_found');
  expect((await owner.get(PATH)).body.meta.total).toBe(1);
});

describe('restore by a user', () => {
  test('an owner brings back what was deleted, as often as he likes [6.1]', async () => {
    const { owner, organization } = await founder(app, { name: 'Back again' });
    await createOrganization(owner);
    for (let i = 0; i < 2; i++) {
      await remove(organization.id, owner);
      const { status, body } = await restore(organization.id, owner);
      expect(status).toBe(200);
      expect(body.data.attributes).toMatchObject({ name: 'Back again', status: 'active', purgeAt: null });
      expect(body.data.meta).toEqual({ role: ['owner'], memberCount: 1 });
    }
    expect((await app.as(organization.attributes.token).get(`${S}/me`)).status).toBe(200);
  });

  test('to everybody else it is not there: members, former owners, strangers', async () => {
    const { owner, organization } = await founder(app);
    const admin = await colleague(app, organization.id, 'admin');
    const suspended = await colleague(app, organization.id, 'owner');
    await app.db.query("update members set status = 'suspended' where user_id = $1", [suspended.id]);
    await remove(organization.id, app.platform);
    for (const asker of [admin, suspended, await app.user()]) {
      expectError(await restore(organization.id, asker), 404, 'not_found');
    }
    expect((await restore(organization.id, owner)).status).toBe(200);
  });

  test('one that is not being deleted: 409 for an owner, 403 for others who see it, 404 for the rest', async () => {
    const { owner, organization } = await founder(app);
    const admin = await colleague(app, organization.id, 'admin');
    expectError(await restore(organization.id, owner), 409, 'invalid_transition');
    expectError(await restore(organization.id, admin), 403, 'owner_required');
    expectError(await restore(organization.id, await app.user()), 404, 'not_found');
    const narrow = await personalKey(owner, ['organizations:read']);
    expectDenied(await restore(organization.id, narrow), 'organizations:restore');
  });

  test('its slug is reserved meanwhile [INV-11]', async () => {
    const { owner, organization } = await founder(app, { slug: 'kept-for-later' });
    await createOrganization(owner);
    await remove(organization.id, owner);
    const taken = await owner.post(PATH, document('organizations', { name: 'X', slug: 'kept-for-later' }));
    expectError(taken, 409, 'slug_taken', { source: { pointer: '/data/attributes/slug' } });
    expect((await restore(organization.id, owner)).body.data.attributes.slug).toBe('kept-for-later');
  });
});

test('an organization made for somebody has him as owner and primary owner [INV-1, INV-3]', async () => {
  const partner = await app.partner();
  for (const asker of [app.platform, partner]) {
    const user = await createUser(asker);
    const relationships = { owner: link('users', user.id) };
    const { status, body } = await asker.post(PATH, document('organizations', { name: 'For him' }, { relationships }));
    expect(status).toBe(201);
    expect(body.data.meta).toEqual({ memberCount: 1 });
    expect(body.data.relationships.owner.data).toEqual({ type: 'users', id: user.id });
    const { data } = (await asker.get(`${S}/members?filter[organizationId]=${body.data.id}&include=roles`)).body;
    expect(data).toHaveLength(1);
    expect(data[0].attributes).toMatchObject({ isPrimaryOwner: true, status: 'active', joinMethod: 'created' });
    expectError(await asker.delete(`${S}/members/${data[0].id}`), 409, 'last_owner');
  }
  const foreign = await createUser(app.platform);
  const relationships = { owner: link('users', foreign.id) };
  const refused = await partner.post(PATH, document('organizations', { name: 'X' }, { relationships }));
  expectError(refused, 404, 'not_found', { source: { pointer: '/data/relationships/owner/data' } });
});
