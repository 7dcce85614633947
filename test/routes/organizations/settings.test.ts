import { randomUUID } from 'node:crypto';
import { type Client, createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { expectAttributeError, expectDenied, expectError, SETTINGS } from '../documents';
import { colleague, founder } from '../people';

const PATH = `${M}/organizations`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const patch = (id: string, settings: unknown, asker: Client = app.platform, headers = {}) =>
  asker.patch(`${PATH}/${id}`, document('organizations', { settings }, { id }), headers);
const read = async (id: string) => (await app.platform.get(`${PATH}/${id}`)).body.data.attributes.settings;
const stored = async (id: string) =>
  (await app.db.query('select settings from organizations where id = $1', [id]))[0]?.[0];

test('a new organization reads the defaults, and stores none of them [4.1]', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  expect(attributes.settings).toEqual(SETTINGS);
  expect(await read(id)).toEqual(SETTINGS);
  expect(await stored(id)).toEqual({});
});

test('a change touches what it names, null brings back the default, and only what differs is stored', async () => {
  const given = { membersMayInvite: true, allowedInviteDomains: ['example.com', 'xn--rmel-koa.de'] };
  const { id, attributes } = await createOrganization(app.platform, { settings: given });
  expect(attributes.settings).toEqual({ ...SETTINGS, ...given });
  const { status, body } = await patch(id, { defaultRole: 'auditor', auditRetentionDays: 90 });
  expect(status).toBe(200);
  const all = { ...SETTINGS, ...given, defaultRole: 'auditor', auditRetentionDays: 90 };
  expect(body.data.attributes.settings).toEqual(all);
  expect(await stored(id)).toEqual({ ...given, defaultRole: 'auditor', auditRetentionDays: 90 });
  await patch(id, { allowedInviteDomains: null, auditRetentionDays: null, defaultRole: 'member' });
  expect(await read(id)).toEqual({ ...SETTINGS, membersMayInvite: true });
  expect(await stored(id)).toEqual({ membersMayInvite: true });
});

test('what was read can be sent back: nothing changes', async () => {
  const { id } = await createOrganization(app.platform, { settings: { defaultRole: 'billing' } });
  expect((await patch(id, await read(id))).body.data.attributes.settings.defaultRole).toBe('billing');
  expect(await stored(id)).toEqual({ defaultRole: 'billing' });
});

test.each([
  ['an unknown name', { colour: 'red' }, 'unknown_attribute', 'settings/colour'],
  [
    'a domain in capitals',
    { allowedInviteDomains: ['Example.com'] },
    'invalid_format',
    'settings/allowedInviteDomains/0',
  ],
  [
    'a domain that is not in ASCII',
    { allowedInviteDomains: ['ä.de'] },
    'invalid_format',
    'settings/allowedInviteDomains/0',
  ],
  ['an address', { allowedInviteDomains: ['a@b.de'] }, 'invalid_format', 'settings/allowedInviteDomains/0'],
  [
    'a name without a dot',
    { allowedInviteDomains: ['localhost'] },
    'invalid_format',
    'settings/allowedInviteDomains/0',
  ],
  ['a domain twice', { allowedInviteDomains: ['a.de', 'a.de'] }, 'invalid_format', 'settings/allowedInviteDomains'],
  ['no days', { auditRetentionDays: 0 }, 'not_allowed', 'settings/auditRetentionDays'],
  ['a text for a switch', { membersMayInvite: 'yes' }, 'invalid_format', 'settings/membersMayInvite'],
])('%s is 422 [4.1]', async (_about, settings, code, pointer) => {
  const { id } = await createOrganization(app.platform);
  expectAttributeError(await patch(id, settings), code, pointer);
  expect(await read(id)).toEqual(SETTINGS);
  expect((await app.platform.post(PATH, document('organizations', { name: 'X', settings }))).status).toBe(422);
});

describe('defaultRole', () => {
  const source = { pointer: '/data/attributes/settings/defaultRole' };
  const role = async (organizationId: string, code: string) => {
    const relationships = { organization: link('organizations', organizationId) };
    const attributes = { code, name: 'Of its own', permissions: ['organizations:read'] };
    expect((await app.platform.post(`${S}/roles`, document('roles', attributes, { relationships }))).status).toBe(201);
  };

  test('is a role of the organization, and never the owner’s', async () => {
    const { id } = await createOrganization(app.platform);
    const { id: other } = await createOrganization(app.platform);
    await role(id, 'editor');
    await role(other, 'writer');
    for (const defaultRole of ['owner', 'writer', 'nobody', 'constructor']) {
      expectError(await patch(id, { defaultRole }), 422, 'not_allowed', { source });
      const made = await app.platform.post(PATH, document('organizations', { name: 'X', settings: { defaultRole } }));
      expectError(made, 422, 'not_allowed', { source });
    }
    expect((await patch(id, { defaultRole: 'editor' })).body.data.attributes.settings.defaultRole).toBe('editor');
  });

  test('is what somebody gets who is given no role', async () => {
    const { id } = await createOrganization(app.platform, { settings: { defaultRole: 'billing' } });
    const user = await app.user();
    const relationships = { organization: link('organizations', id), user: link('users', user.id) };
    await app.platform.post(`${S}/members`, document('members', {}, { relationships }));
    expect((await user.get(`${PATH}/${id}`)).body.data.meta.role).toEqual(['billing']);
  });
});

test('only those who may change the organization change its settings', async () => {
  const { owner, organization } = await founder(app);
  const member = await colleague(app, organization.id, 'member');
  const admin = await colleague(app, organization.id, 'admin');
  expectDenied(await patch(organization.id, { membersMayInvite: true }, member), 'organizations:update');
  for (const asker of [owner, admin])
    expect((await patch(organization.id, { membersMayInvite: true }, asker)).status).toBe(200);
});

describe('requireIdempotencyKey', () => {
  const keyed = () => ({ 'Idempotency-Key': randomUUID() });
  const rename = (asker: Client, id: string, headers = {}) =>
    asker.patch(`${PATH}/${id}`, document('organizations', { name: 'Renamed' }, { id }), headers);

  test('writes of its keys and members need the header, at once; reads and the operator do not', async () => {
    const { owner, organization } = await founder(app);
    const { id, attributes } = organization;
    const own = app.as(attributes.token);
    for (const asker of [owner, own]) expect((await rename(asker, id)).status).toBe(200);
    expect((await patch(id, { requireIdempotencyKey: true }, owner)).status).toBe(200);
    for (const asker of [owner, own]) {
      const refused = await rename(asker, id);
      expectError(refused, 400, 'idempotency_key_required', { source: { header: 'Idempotency-Key' } });
      expect((await rename(asker, id, keyed())).status).toBe(200);
      expect((await asker.get(`${PATH}/${id}`)).status).toBe(200);
      const relationships = { organization: link('organizations', id) };
      const workspace = document('workspaces', { name: 'W', slug: randomUUID().slice(0, 8) }, { relationships });
      expectError(await asker.post(`${S}/workspaces`, workspace), 400, 'idempotency_key_required', {
        source: { header: 'Idempotency-Key' },
      });
      expect((await asker.post(`${S}/workspaces`, workspace, keyed())).status).toBe(201);
    }
    expect((await rename(app.platform, id)).status).toBe(200);
    expect((await patch(id, { requireIdempotencyKey: false }, owner, keyed())).status).toBe(200);
    for (const asker of [owner, own]) expect((await rename(asker, id)).status).toBe(200);
  });

  test('says nothing of the member’s other organizations', async () => {
    const { owner, organization } = await founder(app);
    const other = await createOrganization(owner);
    await patch(organization.id, { requireIdempotencyKey: true });
    expect((await rename(owner, other.id)).status).toBe(200);
    expect((await rename(owner, organization.id)).status).toBe(400);
  });
});
