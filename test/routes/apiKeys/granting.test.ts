import { SYSTEM_ROLES } from '../../../src/permissions';
import {
  type Client,
  createOrganization,
  document,
  link,
  NIL,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectDenied, expectError } from '../documents';
import { Keys, PATH } from './keys';

/** Keys that people make, for themselves and for their organizations. */

const PERSONAL_KEY = /^pat_live_[0-9A-Za-z]{36}$/;
const SCOPES = { source: { pointer: '/data/attributes/scopes' } };

let app: TestApp;
let keys: Keys;
let owner: Person;
let admin: Person;
let organization: string;
beforeAll(async () => {
  app = await startApp();
  keys = new Keys(app);
  owner = await app.user();
  admin = await app.user();
  organization = (await createOrganization(owner)).id;
  await keys.join(organization, admin, 'admin');
});
afterAll(() => app.close());

const ask = (maker: Client, attributes: object = {}, of: object = {}) =>
  maker.post(PATH, document('apiKeys', { name: 'K', ...attributes }, { relationships: of }));
const forOrganization = (id = organization) => ({ organization: link('organizations', id) });
const rights = async (client: Client) => (await client.get(`${S}/me`)).body.data.attributes.permissions;

describe('a personal key', () => {
  test('is made by whoever has signed in, needs no role, and acts for him', async () => {
    const person = await app.user();
    const key = await keys.make(person);
    expect(key.secret).toMatch(PERSONAL_KEY);
    expect(key.attributes).toMatchObject({ level: 'user', environment: 'live', scopes: ['*'], status: 'active' });
    expect(key.relationships).toMatchObject({
      organization: { data: null },
      createdBy: { data: { type: 'users', id: person.id } },
    });
    const { id } = await createOrganization(person);
    expect((await key.client.get(`${S}/me`)).body.data.attributes.level).toBe('user');
    expect((await key.client.get(`${S}/members?filter[organizationId]=${id}`)).body.meta.total).toBe(1);
  });

  test('is seen, changed, rotated and revoked by its holder alone; to his organization it is not there', async () => {
    const key = await keys.make(admin);
    const sees = async (asker: Client) =>
      (await asker.get(`${PATH}?page[size]=100`)).body.data.some((each: { id: string }) => each.id === key.id);
    expect([await sees(admin), await sees(owner)]).toEqual([true, false]);
    for (const answer of [
      await owner.get(key.self),
      await owner.delete(key.self),
      await keys.change(owner, key, { name: 'B' }),
      await keys.rotate(owner, key),
    ]) {
      expectError(answer, 404, 'not_found');
    }
    expectDenied(await keys.rotate(app.platform, key), 'apiKeys:rotate');
    expect((await keys.change(admin, key, { name: 'B' })).body.data.attributes.name).toBe('B');
    const rotated = await keys.rotate(admin, key);
    expect(rotated.status).toBe(201);
    expect(rotated.body.data.attributes.secret).toMatch(PERSONAL_KEY);
    expect((await admin.delete(`${PATH}/${rotated.body.data.id}`)).status).toBe(204);
  });

  test('makes no personal key with more scopes than its own, nor does * grow [INV-32]', async () => {
    const key = await keys.make(owner, { scopes: ['apiKeys:create', 'members:read'] });
    expectError(await ask(key.client, { scopes: ['members:read', 'roles:read'] }), 403, 'cannot_grant', SCOPES);
    const child = await keys.make(key.client, { scopes: ['*'] });
    expect(await rights(child.client)).toEqual(['members:read', 'apiKeys:create']);
    expectError(await keys.change(owner, child, { scopes: ['roles:read'] }), 403, 'cannot_grant', SCOPES);
    const reader = await keys.make(owner, { scopes: ['members:read'] });
    expectDenied(await ask(reader.client), 'apiKeys:create');
  });

  test('never has what is of platform and partners', async () => {
    expectError(await ask(owner, { scopes: ['organizations:suspend'] }), 403, 'cannot_grant', SCOPES);
  });

  test('is not for tests, and not limited to workspaces: 422', async () => {
    const workspaces = { workspaces: { data: [{ type: 'workspaces', id: NIL }] } };
    const pointer = (name: string) => ({ source: { pointer: name } });
    expectError(await ask(owner, { environment: 'test' }), 422, 'not_allowed', pointer('/data/attributes/environment'));
    expectError(await ask(owner, {}, workspaces), 422, 'not_allowed', pointer('/data/relationships/workspaces/data'));
    const limited = await ask(owner, { allWorkspaces: false });
    expectError(limited, 422, 'not_allowed', pointer('/data/attributes/allWorkspaces'));
  });
});

describe('an organization’s key, made by one of its people', () => {
  test('has at the most what he may there, for ever [INV-13] [INV-32]', async () => {
    const key = await keys.make(admin, {}, organization);
    expect(key.secret).toMatch(/^sk_live_/);
    expect(key.relationships.createdBy.data).toEqual({ type: 'users', id: admin.id });
    expect([...(await rights(key.client))].sort()).toEqual([...(SYSTEM_ROLES.admin?.permissions ?? [])].sort());
    const answer = await ask(admin, { scopes: ['members:read', 'organizations:delete'] }, forOrganization());
    expectError(answer, 403, 'cannot_grant', SCOPES);
    // Not even an owner makes it more than its maker might do.
    expectError(await keys.change(owner, key, { scopes: ['organizations:delete'] }), 403, 'cannot_grant', SCOPES);
  });

  test('needs apiKeys:create there, and by his credential', async () => {
    const member = await app.user();
    await keys.join(organization, member, 'member');
    expectDenied(await ask(member, {}, forOrganization()), 'apiKeys:create');
    const source = { source: { pointer: '/data/relationships/organization/data' } };
    expectError(await ask(await app.user(), {}, forOrganization()), 404, 'not_found', source);
    const narrow = await keys.make(owner, { scopes: ['apiKeys:create', 'members:read'] });
    const made = await keys.make(narrow.client, {}, organization);
    expect(await rights(made.client)).toEqual(['members:read', 'apiKeys:create']);
  });

  test('stays the organization’s when its maker has left', async () => {
    const maker = await app.user();
    const membership = await keys.join(organization, maker, 'admin');
    const key = await keys.make(maker, { scopes: ['members:read'] }, organization);
    expect((await owner.delete(`${S}/members/${membership}`)).status).toBe(204);
    expect(await rights(key.client)).toEqual(['members:read']);
    expectError(await maker.get(key.self), 404, 'not_found');
  });

  test('may be for tests', async () => {
    const key = await keys.make(owner, { environment: 'test' }, organization);
    expect([key.secret, key.attributes.environment]).toEqual([
      expect.stringMatching(/^sk_test_[0-9A-Za-z]{36}$/),
      'test',
    ]);
    expect((await key.client.get(`${S}/me`)).status).toBe(200);
    const { body } = await keys.rotate(owner, key);
    expect(body.data.attributes.secret).toMatch(/^sk_test_/);
  });

  test('is made by one with the rights that he has at that moment, not those of a moment ago [INV-13]', async () => {
    const maker = await app.user();
    const membership = await keys.join(organization, maker, 'admin');
    const blocker = app.source.createQueryRunner();
    await blocker.query('begin');
    await blocker.query('select 1 from organizations where id = $1 for update', [organization]);
    const asked = ask(maker, { scopes: ['members:remove'] }, forOrganization());
    const waiting =
      "select count(*)::int from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    while ((await app.db.query(waiting))[0]?.[0] !== 1);
    await blocker.query(
      `with role as (insert into member_roles select $1, id from roles where code = 'billing' and kind = 'system')
       delete from member_roles mr using roles r where r.id = mr.role_id and r.code = 'admin' and mr.member_id = $1`,
      [membership],
    );
    await blocker.query('commit');
    await blocker.release();
    expectError(await asked, 403, 'cannot_grant', SCOPES);
  });
});

test('only platform callers name partners', async () => {
  const partner = await app.partner();
  const source = { source: { pointer: '/data/relationships/partner/data' } };
  expectError(await ask(owner, {}, { partner: link('partners', partner.id) }), 404, 'not_found', source);
});

test('a quota of the organization holds: 409 quota_exceeded', async () => {
  const small = await startApp({ QUOTAS: 'apiKeys=3' });
  const { id } = await createOrganization(small.platform);
  const of = forOrganization(id);
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await ask(small.platform, {}, of));
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 409]);
  await small.close();
});
