import {
  type Body,
  type Client,
  createOrganization,
  document,
  M,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectAttributeError, expectDenied, expectError } from '../documents';
import { Keys, PATH } from './keys';

const SCOPES = { source: { pointer: '/data/attributes/scopes' } };
const attribute = (name: string) => ({ source: { pointer: `/data/attributes/${name}` } });

let app: TestApp;
let keys: Keys;
let owner: Person;
let organization: string;
let token: Client;
beforeAll(async () => {
  app = await startApp();
  keys = new Keys(app);
  owner = await app.user();
  const made = await createOrganization(owner);
  organization = made.id;
  token = app.as(made.attributes.token);
});
afterAll(() => app.close());

const make = (attributes: object = {}, maker: Client = owner) => keys.make(maker, attributes, organization);
const rights = async (client: Client) => (await client.get(`${S}/me`)).body.data.attributes.permissions;

test.each<[string, unknown, unknown?]>([
  ['name', '  Build  ', 'Build'],
  ['ipAllowList', ['192.0.2.0/24', '2001:db8::1', '127.0.0.1']],
  ['disabled', true],
  ['expiresAt', '2099-12-31T23:59:59+02:00', '2099-12-31T21:59:59+00:00'],
  ['rateLimit', { limit: 10, windowSeconds: 60 }],
  ['metadata', { team: 'build' }],
  ['scopes', ['members:read', 'roles:read']],
])('%s can be changed, and is what was sent', async (name, given, shown = given) => {
  const key = await make();
  const { status, body } = await keys.change(owner, key, { [name]: given });
  expect([status, body.data.attributes[name]]).toEqual([200, shown]);
  expect(body.data.attributes.secret).toBeNull();
  expect((await owner.get(key.self)).body.data).toEqual(body.data);
});

test('what is the server’s is ignored, so that a key may be sent back as it was read', async () => {
  const key = await make({ expiresAt: '2099-01-01T00:00:00.700Z', ipAllowList: ['127.0.0.1'] });
  const read = (await owner.get(key.self)).body.data;
  const { status, body } = await owner.patch(key.self, { data: read });
  expect(status).toBe(200);
  const shown = ({ attributes: { updatedAt: _, ...rest }, ...more }: Body) => ({ ...more, attributes: rest });
  expect(shown(body.data)).toEqual(shown({ ...read, attributes: { ...read.attributes, lastUsedAt: null } }));
  const level = await keys.change(owner, key, { level: 'platform', environment: 'test', status: 'revoked' });
  expect(level.body.data.attributes).toMatchObject({ level: 'organization', environment: 'live', status: 'active' });
});

describe('scopes', () => {
  test('narrow what the key may do on the next request', async () => {
    const key = await make({ scopes: ['members:read', 'roles:read'] });
    expect(await rights(key.client)).toEqual(['members:read', 'roles:read']);
    await keys.change(owner, key, { scopes: ['members:read'] });
    expect(await rights(key.client)).toEqual(['members:read']);
    expectDenied(await key.client.get(`${S}/roles`), 'roles:read');
  });

  test('can be taken away by one who lacks them, and be given by one who has them [INV-13]', async () => {
    const key = await make({ scopes: ['members:read', 'organizations:delete'] });
    const admin = await app.user();
    await keys.join(organization, admin, 'admin');
    expect((await keys.change(admin, key, { scopes: ['organizations:delete'] })).status).toBe(200);
    const widened = await keys.change(admin, key, { scopes: ['organizations:delete', 'members:read', 'roles:read'] });
    expect(widened.status).toBe(200);
    await keys.change(admin, key, { scopes: ['members:read'] });
    for (const scopes of [['members:read', 'organizations:delete'], ['*']]) {
      expectError(await keys.change(admin, key, { scopes }), 403, 'cannot_grant', SCOPES);
    }
    expect((await keys.change(owner, key, { scopes: ['*'] })).status).toBe(200);
    expect(await rights(key.client)).toContain('organizations:delete');
  });

  test('a key gives itself nothing', async () => {
    const key = await make({ scopes: ['apiKeys:update', 'apiKeys:read'] });
    expectError(await keys.change(key.client, key, { scopes: ['*'] }), 403, 'cannot_grant', SCOPES);
    expect((await keys.change(key.client, key, { scopes: ['apiKeys:update'] })).status).toBe(200);
    expect(await rights(key.client)).toEqual(['apiKeys:update']);
  });

  test('never exceed those of the maker: the ceiling [INV-32]', async () => {
    const maker = await make({ scopes: ['apiKeys:create', 'members:read'] });
    const key = await make({}, maker.client);
    expectError(await keys.change(owner, key, { scopes: ['roles:read'] }), 403, 'cannot_grant', SCOPES);
    expect((await keys.change(owner, key, { scopes: ['members:read'] })).status).toBe(200);
    expect((await keys.change(owner, key, { scopes: ['*'] })).status).toBe(200);
    expect(await rights(key.client)).toEqual(['members:read', 'apiKeys:create']);
  });

  test('of the organization token are all, for ever: 422', async () => {
    const { body } = await owner.get(`${PATH}?filter[organizationId]=${organization}&filter[isOrganizationToken]=true`);
    const { id, links } = body.data[0];
    const change = (attributes: object) => keys.change(owner, { id, self: links.self }, attributes);
    expectError(await change({ scopes: ['members:read'] }), 422, 'not_allowed', SCOPES);
    expectError(await change({ allWorkspaces: false }), 422, 'not_allowed', attribute('allWorkspaces'));
    expect((await change({ scopes: ['*'], name: 'Main' })).body.data.attributes.name).toBe('Main');
  });
});

describe('expiresAt', () => {
  test.each(['2020-01-01T00:00:00Z', new Date().toISOString()])('must be in the future, not %s: 422', async (time) => {
    expectError(
      await keys.change(owner, await make(), { expiresAt: time }),
      422,
      'not_allowed',
      attribute('expiresAt'),
    );
  });

  test('can be taken away; of a key that has expired it can’t be changed: 409', async () => {
    const key = await make({ expiresAt: '2099-01-01T00:00:00Z' });
    expect((await keys.change(owner, key, { expiresAt: null })).body.data.attributes.expiresAt).toBeNull();
    await app.db.query("update api_keys set expires_at = now() - interval '1 day' where id = $1", [key.id]);
    for (const expiresAt of [null, '2099-01-01T00:00:00Z']) {
      expectError(await keys.change(owner, key, { expiresAt }), 409, 'invalid_transition');
    }
    const { expiresAt } = (await owner.get(key.self)).body.data.attributes;
    expect((await keys.change(owner, key, { expiresAt, name: 'Old' })).body.data.attributes.status).toBe('expired');
  });
});

test.each<[string, unknown, string, string?]>([
  ['name', null, 'invalid_format'],
  ['scopes', [], 'too_short'],
  ['scopes', ['members:fly'], 'not_allowed', 'scopes/0'],
  ['disabled', 'yes', 'invalid_format'],
  ['expiresAt', '2099-01-01', 'invalid_format'],
  ['rateLimit', { limit: 0, windowSeconds: 60 }, 'not_allowed', 'rateLimit/limit'],
])('%s may not be %j: 422', async (name, value, code, pointer = name) => {
  expectAttributeError(await keys.change(owner, await make(), { [name]: value }), code, pointer);
});

test('is for those with apiKeys:update; out of sight it is 404, and nothing has changed', async () => {
  const key = await make();
  const member = await app.user();
  await keys.join(organization, member, 'member');
  const reader = await make({ scopes: ['apiKeys:read'] });
  for (const asker of [member, reader.client]) {
    expectDenied(await keys.change(asker, key, { name: 'B' }), 'apiKeys:update');
  }
  const strangers = [
    await app.user(),
    await app.partner(),
    app.as((await createOrganization(app.platform)).attributes.token),
  ];
  for (const asker of strangers) expectError(await keys.change(asker, key, { name: 'B' }), 404, 'not_found');
  await owner.delete(key.self);
  expectError(await keys.change(owner, key, { name: 'B' }), 404, 'not_found');
  expect((await keys.shown(key)).attributes.name).toBe('K');
});

test('a suspended organization’s people and keys change nothing', async () => {
  const boss = await app.user();
  const { id, links, attributes } = await createOrganization(boss);
  const key = await keys.make(boss, {}, id);
  const suspension = document('organizations', { status: 'suspended', statusReason: 'x' }, { id });
  await app.platform.patch(links.self, suspension);
  for (const asker of [boss, app.as(attributes.token)]) {
    for (const answer of [
      await keys.change(asker, key, { name: 'B' }),
      await keys.rotate(asker, key),
      await asker.delete(key.self),
    ]) {
      expectError(answer, 403, 'organization_suspended');
    }
  }
  expect((await keys.change(app.platform, key, { name: 'B' })).status).toBe(200);
});

test('an If-Match that does not fit is 412 [INV-59]', async () => {
  const key = await make();
  const { headers } = await owner.get(key.self);
  const patch = (tag: string) =>
    owner.patch(key.self, document('apiKeys', { name: 'B' }, { id: key.id }), { 'If-Match': tag });
  expect((await patch(headers.etag as string)).status).toBe(200);
  expectError(await patch(headers.etag as string), 412, 'version_mismatch', { source: { header: 'If-Match' } });
});

test('of 20 at the same time each is written whole, none is lost', async () => {
  const key = await make({}, token);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => keys.change(owner, key, { name: `N${i}`, metadata: { i } })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const { name, metadata } = (await keys.shown(key)).attributes;
  expect(name).toBe(`N${metadata.i}`);
  const [row] = await app.db.query('select version from api_keys where id = $1', [key.id]);
  expect(row).toEqual([21]);
});

test('the keys of a partner are changed by it and by the platform, those of the platform by it alone', async () => {
  const partner = await app.partner();
  const [own] = (await partner.get(PATH)).body.data;
  const at = ({ id, links }: Body) => ({ id, self: links.self });
  expect((await keys.change(partner, at(own), { name: 'B' })).status).toBe(200);
  const { body } = await app.platform.get(`${PATH}?filter[level]=platform`);
  expectError(await keys.change(partner, at(body.data[0]), { name: 'B' }), 404, 'not_found');
  const suspends = await keys.change(partner, at(own), { scopes: ['platform:admin'] });
  expectError(suspends, 403, 'cannot_grant', SCOPES);
  expect((await app.platform.get(`${M}/organizations`)).status).toBe(200);
});
