import { createOrganization, createUser, document, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectAttributeError, expectDenied, expectError, organization, single } from '../documents';
import { colleague, founder } from '../people';

const PATH = `${M}/organizations`;
const SUSPENDED = { status: 'suspended', statusReason: 'Unpaid' };

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const patch = (id: string, attributes: object, asker = app.platform) =>
  asker.patch(`${PATH}/${id}`, document('organizations', attributes, { id }));
const state = async (id: string) => {
  const { status, statusReason } = (await app.platform.get(`${PATH}/${id}`)).body.data.attributes;
  return { status, statusReason };
};
const source = (name: string) => ({ source: { pointer: `/data/attributes/${name}` } });

test.each(['platform', 'partner'])(
  'a %s caller suspends with a reason, and ends it, which clears the reason',
  async (level) => {
    const asker = level === 'platform' ? app.platform : partner;
    const { id, attributes } = await createOrganization(partner);
    await app.db.query("update organizations set status_changed_at = '2020-01-01' where id = $1", [id]);
    const { status, body } = await patch(id, SUSPENDED, asker);
    expect(status).toBe(200);
    const of = level === 'platform' ? partner.id : undefined;
    const shown = { name: 'Acme', slug: attributes.slug };
    expect(body).toEqual(single(organization(id, { ...shown, ...SUSPENDED }, null, of)));
    expect(body.data.attributes.statusChangedAt).not.toMatch(/^2020/);
    expect(await state(id)).toEqual(SUSPENDED);
    expect((await patch(id, { status: 'active' }, asker)).body).toEqual(single(organization(id, shown, null, of)));
    expect(await state(id)).toEqual({ status: 'active', statusReason: null });
  },
);

test('statusChangedAt stays when the status that was read is sent back', async () => {
  const { id } = await createOrganization(app.platform);
  await patch(id, SUSPENDED);
  await app.db.query("update organizations set status_changed_at = '2020-01-01' where id = $1", [id]);
  const { body } = await patch(id, { ...SUSPENDED, name: 'Other' });
  expect(body.data.attributes).toMatchObject({ ...SUSPENDED, statusChangedAt: '2020-01-01T00:00:00+00:00' });
});

test('a suspension without a reason is 422, for a reason that is absent, null, empty or too long', async () => {
  const { id } = await createOrganization(app.platform);
  expectError(await patch(id, { status: 'suspended' }), 422, 'required', {
    source: { pointer: '/data/attributes' },
    meta: { attribute: 'statusReason' },
  });
  expectError(await patch(id, { status: 'suspended', statusReason: null }), 422, 'required', source('statusReason'));
  expectAttributeError(await patch(id, { status: 'suspended', statusReason: ' ' }), 'too_short', 'statusReason');
  const long = { status: 'suspended', statusReason: 'x'.repeat(501) };
  expectAttributeError(await patch(id, long), 'too_long', 'statusReason');
  expect(await state(id)).toEqual({ status: 'active', statusReason: null });
  const reason = 'é'.repeat(500);
  expect((await patch(id, { status: 'suspended', statusReason: reason })).body.data.attributes.statusReason).toBe(
    reason,
  );
});

test('the reason of a suspension may be changed, not taken away, and an active organization has none', async () => {
  const { id } = await createOrganization(app.platform);
  expectError(await patch(id, { statusReason: 'Why' }), 422, 'not_allowed', source('statusReason'));
  expect((await patch(id, { statusReason: null })).status).toBe(200);
  await patch(id, SUSPENDED);
  expect((await patch(id, { statusReason: 'Fraud' })).status).toBe(200);
  expectError(await patch(id, { statusReason: null }), 422, 'not_allowed', source('statusReason'));
  expect(await state(id)).toEqual({ status: 'suspended', statusReason: 'Fraud' });
});

test('a PATCH to pending_deletion is 422: that is DELETE; to anything else too', async () => {
  const { id } = await createOrganization(app.platform);
  expectError(await patch(id, { status: 'pending_deletion' }), 422, 'not_allowed', source('status'));
  expectAttributeError(await patch(id, { status: 'gone' }), 'not_allowed', 'status');
  expect((await patch(id, { status: null })).status).toBe(422);
  expect(await state(id)).toEqual({ status: 'active', statusReason: null });
});

test('an organization’s own key can’t change the status, but may send back what it read', async () => {
  const { id, attributes } = await createOrganization(partner);
  const own = app.as(attributes.token);
  expectDenied(await patch(id, SUSPENDED, own), 'organizations:suspend');
  expectDenied(await patch(id, { statusReason: 'Why' }, own), 'organizations:suspend');
  expect((await patch(id, { status: 'active', statusReason: null, name: 'Same' }, own)).status).toBe(200);
  expect(await state(id)).toEqual({ status: 'active', statusReason: null });
});

test('a key without organizations:suspend is told so', async () => {
  const { id } = await createOrganization(partner);
  const scopes = ['organizations:read', 'organizations:update'];
  const relationships = { partner: link('partners', partner.id) };
  const key = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'N', scopes }, { relationships }));
  const narrow = app.as(key.body.data.attributes.secret);
  expectDenied(await patch(id, SUSPENDED, narrow), 'organizations:suspend');
  expect((await patch(id, { name: 'Changed' }, narrow)).status).toBe(200);
});

describe('the key of a suspended organization', () => {
  let id: string;
  let own: ReturnType<TestApp['as']>;
  let memberId: string;
  beforeAll(async () => {
    const made = await createOrganization(partner, { name: 'Halted', slug: 'halted' });
    ({ id } = made);
    own = app.as(made.attributes.token);
    const user = await createUser(partner);
    const relationships = { organization: link('organizations', id), user: link('users', user.id) };
    memberId = (await partner.post(`${S}/members`, document('members', {}, { relationships }))).body.data.id;
    expect((await own.get(`${PATH}/${id}`)).status).toBe(200);
    await patch(id, SUSPENDED);
  });

  test('reads on', async () => {
    const { status, body } = await own.get(`${PATH}/${id}`);
    expect(status).toBe(200);
    expect(body).toEqual(
      single(organization(id, { name: 'Halted', slug: 'halted', ...SUSPENDED }, null, undefined, 1)),
    );
    for (const path of [PATH, `${S}/users`, `${S}/members`, `${S}/members/${memberId}`, `${S}/apiKeys`, `${S}/me`]) {
      expect((await own.get(path)).status).toBe(200);
    }
  });

  test.each<[string, () => Promise<Parameters<typeof expectError>[0]>]>([
    ['change the organization', () => patch(id, { name: 'A' }, own)],
    ['change its status', () => patch(id, { status: 'active' }, own)],
    ['delete it', () => own.delete(`${PATH}/${id}`)],
    ['make a key', () => own.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }))],
    ['remove a member', () => own.delete(`${S}/members/${memberId}`)],
  ])('can’t %s: 403', async (_title, attempt) => {
    expectError(await attempt(), 403, 'organization_suspended');
    expect(await state(id)).toEqual(SUSPENDED);
    expect((await app.platform.get(`${S}/members/${memberId}`)).status).toBe(200);
  });

  test('finds nothing where there is nothing: 404 goes first', async () => {
    expectError(await patch(NIL, { name: 'A' }, own), 404, 'not_found');
  });

  test('does not bind platform and partner callers', async () => {
    expect((await patch(id, { kind: 'agency' }, partner)).status).toBe(200);
    expect((await patch(id, { kind: 'business' }, app.platform)).status).toBe(200);
  });

  test('writes again at once when the suspension ends [INV-34]', async () => {
    await patch(id, { status: 'active' }, partner);
    expect((await patch(id, { name: 'Back' }, own)).status).toBe(200);
  });
});

describe('members of a suspended organization', () => {
  test('read on and write nothing: 403, whatever their roles; elsewhere they do [6.1]', async () => {
    const { owner, organization } = await founder(app);
    const admin = await colleague(app, organization.id, 'admin');
    const other = await createOrganization(owner);
    const path = `${PATH}/${organization.id}`;
    const suspended = document(
      'organizations',
      { status: 'suspended', statusReason: 'Unpaid' },
      { id: organization.id },
    );
    expect((await app.platform.patch(path, suspended)).status).toBe(200);
    const [member] = (await owner.get(`${S}/members?filter[organizationId]=${organization.id}`)).body.data;
    for (const asker of [owner, admin]) {
      expect((await asker.get(path)).body.data.attributes.status).toBe('suspended');
      const renamed = document('organizations', { name: 'X' }, { id: organization.id });
      expectError(await asker.patch(path, renamed), 403, 'organization_suspended');
      expectError(await asker.post(`${path}/token/rotate`), 403, 'organization_suspended');
      expectError(await asker.delete(`${S}/members/${member.id}`), 403, 'organization_suspended');
    }
    expectError(await owner.delete(path), 403, 'organization_suspended');
    const transfer = { meta: { memberId: member.id } };
    expectError(await owner.post(`${path}/transferOwnership`, transfer), 403, 'organization_suspended');
    const renamed = document('organizations', { name: 'X' }, { id: other.id });
    expect((await owner.patch(`${PATH}/${other.id}`, renamed)).status).toBe(200);
    const active = document('organizations', { status: 'active' }, { id: organization.id });
    await app.platform.patch(path, active);
    const again = document('organizations', { name: 'Again' }, { id: organization.id });
    expect((await owner.patch(path, again)).status).toBe(200);
  });
});
