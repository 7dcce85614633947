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
import { expectDenied, expectError, organization, page, TIME } from '../documents';

const PATH = `${M}/organizations`;
const PENDING = `${PATH}?filter[status]=pending_deletion`;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const remove = (id: string, asker: Client = app.platform, headers = {}) => asker.delete(`${PATH}/${id}`, headers);
const patch = (id: string, attributes: object) =>
  app.platform.patch(`${PATH}/${id}`, document('organizations', attributes, { id }));
const addMember = async (organizationId: string) => {
  const user = await createUser(app.platform);
  const relationships = { organization: link('organizations', organizationId), user: link('users', user.id) };
  return (await app.platform.post(`${S}/members`, document('members', {}, { relationships }))).body.data;
};
const makeKey = async (organizationId: string, scopes = ['*']) => {
  const relationships = { organization: link('organizations', organizationId) };
  const { body } = await app.platform.post(
    `${S}/apiKeys`,
    document('apiKeys', { name: 'K', scopes }, { relationships }),
  );
  return { id: body.data.id as string, client: app.as(body.data.attributes.secret) };
};
const exists = async (id: string) => (await app.platform.get(`${PATH}/${id}`)).status === 200;

test('the answer is 204 without a body; then it is 404 for everybody, a second DELETE too [DEL-1, DEL-3, DEL-6]', async () => {
  const { id } = await createOrganization(partner);
  const answer = await remove(id);
  expect([answer.status, answer.text]).toEqual([204, '']);
  for (const asker of [app.platform, partner]) {
    expectError(await asker.get(`${PATH}/${id}`), 404, 'not_found');
    expectError(await remove(id, asker), 404, 'not_found');
    const change = document('organizations', { name: 'A' }, { id });
    expectError(await asker.patch(`${PATH}/${id}`, change), 404, 'not_found');
  }
});

test('lists hide it; platform and partner find it with filter[status]=pending_deletion, with the time of its purge', async () => {
  const owner = await app.partner();
  const stays = await createOrganization(owner, { name: 'Stays', slug: 'stays' });
  const { id } = await createOrganization(owner, { name: 'Goes', slug: 'goes' });
  await remove(id, owner);
  expect((await owner.get(PATH)).body).toEqual(page(PATH, [organization(stays.id, { name: 'Stays', slug: 'stays' })]));
  const { body } = await owner.get(PENDING);
  const gone = { name: 'Goes', slug: 'goes', status: 'pending_deletion', deletedAt: TIME, purgeAt: TIME };
  expect(body).toEqual(page(PENDING, [organization(id, gone)], 1));
  const { deletedAt, purgeAt, statusChangedAt } = body.data[0].attributes;
  expect(statusChangedAt).toBe(deletedAt);
  expect(Date.parse(purgeAt) - Date.parse(deletedAt)).toBe(30 * 86_400_000);
  expect((await app.platform.get(`${PENDING}&filter[partnerId]=${owner.id}`)).body.data).toHaveLength(1);
  expect((await owner.get(`${PATH}?filter[status]=active,pending_deletion`)).body.meta.total).toBe(2);
  expect((await owner.get(`${PATH}?filter[status][ne]=active`)).body.data).toEqual([]);
  expect((await partner.get(`${PENDING}&filter[id]=${id}`)).body.data).toEqual([]);
});

test('its token and keys stop at once: 401 [INV-34]', async () => {
  const { id, attributes } = await createOrganization(partner);
  const { client } = await makeKey(id);
  for (const key of [client, app.as(attributes.token)]) expect((await key.get(`${S}/me`)).status).toBe(200);
  await remove(id, partner);
  for (const key of [client, app.as(attributes.token)]) {
    expectError(await key.get(`${S}/me`), 401, 'revoked_credential', { source: { header: 'Authorization' } });
    expectError(await remove(id, key), 401, 'revoked_credential', { source: { header: 'Authorization' } });
  }
});

test('with it go its members and keys, from lists and by id, and nothing can be made in it', async () => {
  const { id } = await createOrganization(partner);
  const member = await addMember(id);
  const key = await makeKey(id);
  const inIt = { relationships: { organization: link('organizations', id) } };
  await remove(id);
  for (const asker of [app.platform, partner]) {
    for (const type of ['members', 'users', 'apiKeys', 'roles']) {
      const { body } = await asker.get(`${S}/${type}?filter[organizationId]=${id}`);
      expect([body.data, body.meta.total]).toEqual([[], 0]);
    }
    expectError(await asker.get(`${S}/members/${member.id}`), 404, 'not_found');
    expectError(await asker.delete(`${S}/members/${member.id}`), 404, 'not_found');
    expectError(await asker.get(`${S}/apiKeys/${key.id}`), 404, 'not_found');
    const source = { pointer: '/data/relationships/organization/data' };
    const made = await asker.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }, inIt));
    expectError(made, 404, 'not_found', { source });
  }
});

test('its slug and externalId stay taken until it is purged [INV-11]', async () => {
  const { id } = await createOrganization(app.platform, { slug: 'still-taken', externalId: 'still-taken' });
  await remove(id);
  const again = (attributes: object) =>
    app.platform.post(PATH, document('organizations', { name: 'B', ...attributes }));
  expect((await again({ slug: 'still-taken' })).body.errors[0].code).toBe('slug_taken');
  expect((await again({ externalId: 'still-taken' })).body.errors[0].code).toBe('external_id_taken');
});

test.each(['deleteProtection', 'legalHold'])('%s blocks it for everybody: 409 [INV-8]', async (attribute) => {
  const { id, attributes } = await createOrganization(partner);
  await patch(id, { [attribute]: true });
  const code = attribute === 'legalHold' ? 'legal_hold' : 'delete_protected';
  for (const asker of [app.platform, partner, app.as(attributes.token)]) {
    expectError(await remove(id, asker), 409, code);
    expect(await exists(id)).toBe(true);
  }
  await patch(id, { [attribute]: false });
  expect((await remove(id)).status).toBe(204);
});

test('an organization key deletes its organization when that has one member, not with two: 409 [INV-6]', async () => {
  const { id, attributes } = await createOrganization(partner);
  const own = app.as(attributes.token);
  await addMember(id);
  const { id: other } = await addMember(id);
  expectError(await remove(id, own), 409, 'members_present');
  expect(await exists(id)).toBe(true);
  expect((await app.platform.delete(`${S}/members/${other}`)).status).toBe(204);
  expect((await remove(id, own)).status).toBe(204);
  expect(await exists(id)).toBe(false);
});

test.each(['platform', 'partner'])('a %s caller is not bound by the members [INV-6]', async (level) => {
  const { id } = await createOrganization(partner);
  await addMember(id);
  await addMember(id);
  expect((await remove(id, level === 'platform' ? app.platform : partner)).status).toBe(204);
});

test('the checks come in this order: 404, 403, 412, members, protection, hold [INV-10]', async () => {
  const { id, attributes } = await createOrganization(partner);
  const members = [await addMember(id), await addMember(id)];
  await patch(id, { deleteProtection: true, legalHold: true });
  const own = app.as(attributes.token);
  const { client: reader } = await makeKey(id, ['organizations:read']);
  const stale = { 'If-Match': '"99.x"' };
  const { id: foreign } = await createOrganization(partner);
  for (const asker of [reader, own]) {
    expectError(await remove(foreign, asker, stale), 404, 'not_found');
    expectError(await remove(NIL, asker, stale), 404, 'not_found');
  }
  expectDenied(await remove(id, reader, stale), 'organizations:delete');
  expectError(await remove(id, own, stale), 412, 'version_mismatch', { source: { header: 'If-Match' } });
  expectError(await remove(id, own), 409, 'members_present');
  await app.platform.delete(`${S}/members/${members[0].id}`);
  expectError(await remove(id, own), 409, 'delete_protected');
  await patch(id, { deleteProtection: false });
  expectError(await remove(id, own), 409, 'legal_hold');
  await patch(id, { legalHold: false });
  expect((await remove(id, own)).status).toBe(204);
});

test('If-Match with the version that was read lets it through [INV-59]', async () => {
  const { id } = await createOrganization(app.platform);
  const { etag } = (await app.platform.get(`${PATH}/${id}`)).headers as { etag: string };
  expect((await remove(id, app.platform, { 'If-Match': etag })).status).toBe(204);
});

test('of 20 at the same time one deletes, the others find nothing', async () => {
  const { id } = await createOrganization(partner);
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => remove(id, i % 2 ? app.platform : partner)));
  expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(19).fill(404)]);
});

test('another partner and another organization find nothing to delete', async () => {
  const { id } = await createOrganization(partner);
  const other = await createOrganization(partner);
  for (const stranger of [await app.partner(), app.as(other.attributes.token)]) {
    expectError(await remove(id, stranger), 404, 'not_found');
  }
  expect(await exists(id)).toBe(true);
});
