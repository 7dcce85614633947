import {
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectDenied, expectError, single } from '../documents';

const PATH = `${M}/organizations`;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const restore = (id: string, asker: Client = app.platform, headers = {}) =>
  asker.post(`${PATH}/${id}/restore`, undefined, headers);
const remove = (id: string) => app.platform.delete(`${PATH}/${id}`);

test.each(['platform', 'partner'])('a %s caller gets everything back as it was', async (level) => {
  const asker = level === 'platform' ? app.platform : partner;
  const { id, attributes } = await createOrganization(partner, { webhookUrl: 'https://example.com/in' });
  const user = await createUser(partner);
  const relationships = { organization: link('organizations', id), user: link('users', user.id) };
  await partner.post(`${S}/members`, document('members', {}, { relationships }));
  const paths = [
    `${PATH}/${id}`,
    ...['members', 'users', 'apiKeys'].map((t) => `${S}/${t}?filter[organizationId]=${id}`),
  ];
  const look = () => Promise.all(paths.map(async (path) => (await asker.get(path)).body));
  const [before, ...lists] = await look();
  await remove(id);
  await app.db.query("update organizations set status_changed_at = '2020-01-01' where id = $1", [id]);
  const { status, body } = await restore(id, asker);
  expect(status).toBe(200);
  const times = { updatedAt: expect.any(String), statusChangedAt: expect.not.stringMatching(/^2020/) };
  expect(body).toEqual(single({ ...before.data, attributes: { ...before.data.attributes, ...times } }));
  const [after, ...restored] = await look();
  expect(after).toEqual(body);
  expect(restored).toEqual(lists);
  expect((await app.as(attributes.token).get(`${PATH}/${id}`)).status).toBe(200);
});

test('its keys work again at once, revoked ones do not', async () => {
  const { id, attributes } = await createOrganization(partner);
  const make = async () => {
    const relationships = { organization: link('organizations', id) };
    const answer = await partner.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }, { relationships }));
    return { id: answer.body.data.id, client: app.as(answer.body.data.attributes.secret) };
  };
  const kept = await make();
  const revoked = await make();
  await partner.delete(`${S}/apiKeys/${revoked.id}`);
  await remove(id);
  expect((await kept.client.get(`${S}/me`)).status).toBe(401);
  await restore(id);
  expect((await kept.client.get(`${S}/me`)).status).toBe(200);
  expect((await app.as(attributes.token).get(`${S}/me`)).status).toBe(200);
  expect((await revoked.client.get(`${S}/me`)).status).toBe(401);
});

test('a suspended one is suspended again, with its reason', async () => {
  const { id } = await createOrganization(partner);
  const suspended = { status: 'suspended', statusReason: 'Unpaid' };
  await partner.patch(`${PATH}/${id}`, document('organizations', suspended, { id }));
  await remove(id);
  expect((await restore(id)).body.data.attributes).toMatchObject({ ...suspended, deletedAt: null, purgeAt: null });
  expect((await partner.get(`${PATH}/${id}`)).body.data.attributes).toMatchObject(suspended);
});

test('it can be deleted and restored again and again', async () => {
  const { id } = await createOrganization(partner);
  for (let round = 0; round < 3; round++) {
    expect((await remove(id)).status).toBe(204);
    expect((await restore(id, partner)).body.data.attributes.status).toBe('active');
  }
});

test('one that is not being deleted is 409, active or suspended', async () => {
  const { id } = await createOrganization(partner);
  expectError(await restore(id), 409, 'invalid_transition');
  await partner.patch(`${PATH}/${id}`, document('organizations', { status: 'suspended', statusReason: 'x' }, { id }));
  expectError(await restore(id, partner), 409, 'invalid_transition');
});

test('after purgeAt it is too late: 409 [INV-9]', async () => {
  const { id } = await createOrganization(partner);
  await remove(id);
  await app.db.query("update organizations set purge_at = now() - interval '1 second' where id = $1", [id]);
  expectError(await restore(id), 409, 'invalid_transition');
});

test('a missing one, a foreign one and a purged one are 404', async () => {
  const { id } = await createOrganization(partner);
  await remove(id);
  expectError(await restore(NIL), 404, 'not_found');
  expectError(await restore('restore'), 404, 'not_found');
  expectError(await restore(id, await app.partner()), 404, 'not_found');
  await app.platform.post(`${PATH}/${id}/restore`);
  await app.platform.delete(`${PATH}/${id}?purgeNow=true`);
  expectError(await restore(id), 404, 'not_found');
});

test('of 20 at the same time one restores, the others find it active', async () => {
  const { id } = await createOrganization(partner);
  await remove(id);
  const answers = await Promise.all(Array.from({ length: 20 }, () => restore(id)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(409)]);
});

test('an If-Match that does not fit is 412, and it stays deleted [INV-59]', async () => {
  const { id } = await createOrganization(partner);
  await remove(id);
  const answer = await restore(id, app.platform, { 'If-Match': '"99.x"' });
  expectError(answer, 412, 'version_mismatch', { source: { header: 'If-Match' } });
  expect((await app.platform.get(`${PATH}/${id}`)).status).toBe(404);
});

test('a key without organizations:restore, and an organization’s own key, are told so: 403', async () => {
  const { id, attributes } = await createOrganization(partner);
  expectDenied(await restore(id, app.as(attributes.token)), 'organizations:restore');
  const relationships = { partner: link('partners', partner.id) };
  const scopes = ['organizations:read', 'organizations:delete'];
  const key = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'N', scopes }, { relationships }));
  const narrow = app.as(key.body.data.attributes.secret);
  expectDenied(await restore(id, narrow), 'organizations:restore');
  expect((await narrow.delete(`${PATH}/${id}`)).status).toBe(204);
});

// Domain sheet 2: what the caller can't see is 404, never 403. The controller judges the level before it looks for the row.
test('an organization’s own key finds no foreign organization to restore: 404', async () => {
  const { attributes } = await createOrganization(partner);
  const { id: foreign } = await createOrganization(app.platform);
  expectError(await restore(foreign, app.as(attributes.token)), 404, 'not_found');
});

test('the body is a document with meta, or none; other methods are 405', async () => {
  const { id } = await createOrganization(partner);
  await remove(id);
  const bad = await app.platform.post(`${PATH}/${id}/restore`, '{');
  expect([bad.status, bad.body.errors[0].code]).toEqual([400, 'malformed_document']);
  expect((await app.platform.post(`${PATH}/${id}/restore`, { meta: {} })).status).toBe(200);
  for (const method of ['get', 'delete'] as const) {
    const answer = await app.platform[method](`${PATH}/${id}/restore`);
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST, OPTIONS']);
  }
});
