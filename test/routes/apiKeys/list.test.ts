import { type Client, createOrganization, document, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { apiKey, expectError, page } from '../documents';

const PATH = `${S}/apiKeys`;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const make = async (asker: Client, relationships: object) =>
  (await asker.post(PATH, document('apiKeys', { name: 'K' }, { relationships }))).body.data;
const ids = async (asker: Client, query = '') => {
  const { body } = await asker.get(`${PATH}?page[size]=100${query}`);
  expect(body.meta.total).toBe(body.data.length);
  return body.data.map((each: { id: string }) => each.id).sort();
};

test('an organization key sees the keys of its organization, the token among them, newest first', async () => {
  const { id, attributes } = await createOrganization(partner);
  await createOrganization(partner);
  const own = app.as(attributes.token);
  const made = await make(own, {});
  await app.services.callers.drain();
  const common = { level: 'organization', lastUsedAt: expect.anything(), lastUsedIp: '127.0.0.1' };
  const token = {
    ...common,
    name: 'Organization token',
    start: attributes.token.slice(0, 12),
    isOrganizationToken: true,
  };
  const key = { ...common, name: 'K', start: made.attributes.start, lastUsedAt: null, lastUsedIp: null };
  const { body } = await own.get(PATH);
  expect(body).toEqual(
    page(PATH, [apiKey(made.id, key, { organization: id }), apiKey(body.data[1].id, token, { organization: id })]),
  );
});

test('a partner sees its own keys and those of its organizations, the platform sees all', async () => {
  const one = await app.partner();
  const other = await app.partner();
  const { id } = await createOrganization(one);
  await createOrganization(other);
  const extra = await make(one, { organization: link('organizations', id) });
  const { body } = await one.get(`${PATH}?sort=createdAt,id`);
  expect(body.data.map((each: { attributes: { level: string } }) => each.attributes.level)).toEqual([
    'partner',
    'organization',
    'organization',
  ]);
  expect(body.meta).toMatchObject({ total: 3, totalUnfiltered: 3 });
  const all = await ids(app.platform);
  for (const key of [...(await ids(one)), ...(await ids(other))]) expect(all).toContain(key);
  expect(await ids(one, '&filter[level]=partner')).not.toContain(extra.id);
  expect(await ids(app.platform, `&filter[partnerId]=${one.id}`)).toEqual(await ids(one, '&filter[level]=partner'));
  for (const asker of [app.platform, one]) expect(await ids(asker, `&filter[organizationId]=${id}`)).toHaveLength(2);
  expect(await ids(other, `&filter[organizationId]=${id}`)).toEqual([]);
});

test('what one can’t see is 404 by id: the platform’s key to a partner, the partner’s to its organization', async () => {
  const { attributes } = await createOrganization(partner);
  const [platformKey] = await ids(app.platform, '&filter[level]=platform');
  const [partnerKey] = await ids(partner, '&filter[level]=partner');
  expectError(await partner.get(`${PATH}/${platformKey}`), 404, 'not_found');
  expectError(await app.as(attributes.token).get(`${PATH}/${partnerKey}`), 404, 'not_found');
  expectError(await app.platform.get(`${PATH}/${NIL}`), 404, 'not_found');
});

test('include brings organization and partner', async () => {
  const { id } = await createOrganization(partner);
  const { body } = await app.platform.get(`${PATH}?filter[organizationId]=${id}&include=organization.partner,partner`);
  expect(body.included.map((each: { type: string; id: string }) => [each.type, each.id])).toEqual([
    ['organizations', id],
    ['partners', partner.id],
  ]);
  expect(body.included[0].attributes.token).toBeNull();
});

test('keys of a deleted organization are gone until it is restored', async () => {
  const { id } = await createOrganization(partner);
  const before = await ids(partner);
  await partner.delete(`${M}/organizations/${id}`);
  expect(await ids(partner)).toHaveLength(before.length - 1);
  await partner.post(`${M}/organizations/${id}/restore`);
  expect(await ids(partner)).toEqual(before);
});
