import { createOrganization, document, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectAttributeError, expectDenied, expectError, organization, single } from '../documents';
import { ACCEPTED, REFUSED } from './attributes';

const PATH = `${M}/organizations`;
/** Every attribute that PATCH may change and GET shows, with a value that is not the default. */
const FULL = {
  name: 'Full',
  slug: 'full',
  externalId: 'ext-1',
  kind: 'agency',
  countryCode: 'AT',
  avatarUrl: 'https://example.com/a.png',
  primaryDomain: 'example.com',
  webhookUrl: 'https://example.com/in',
  metadata: { a: 1 },
  deleteProtection: true,
  legalHold: true,
};

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const patch = (id: string, attributes: object, asker = app.platform, headers = {}) =>
  asker.patch(`${PATH}/${id}`, document('organizations', attributes, { id }), headers);
const read = async (id: string) => (await app.platform.get(`${PATH}/${id}`)).body.data;

test('the answer is 200 with the whole resource, and what was not sent stays as it was', async () => {
  const { id } = await createOrganization(app.platform, { ...FULL, slug: 'whole' });
  const answer = await patch(id, { name: 'New' });
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual(single(organization(id, { ...FULL, slug: 'whole', name: 'New' }, null, null)));
  expect(await read(id)).toEqual(answer.body.data);
});

test('a PATCH without changes writes nothing, not even a version', async () => {
  const { id } = await createOrganization(app.platform, { ...FULL, slug: 'nothing', externalId: 'nothing' });
  const before = await app.platform.get(`${PATH}/${id}`);
  for (const data of [
    { id, type: 'organizations' },
    { id, type: 'organizations', attributes: {} },
  ]) {
    const answer = await app.platform.patch(`${PATH}/${id}`, { data });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(before.body);
    expect(answer.headers.etag).toBe(before.headers.etag);
  }
});

test('updatedAt and the version go on with each change, createdAt stays', async () => {
  const { id } = await createOrganization(app.platform);
  const long = '2020-02-03T04:05:06+00:00';
  await app.db.query('update organizations set created_at = $2, updated_at = $2 where id = $1', [id, long]);
  const { etag } = (await app.platform.get(`${PATH}/${id}`)).headers;
  const { body, headers } = await patch(id, { name: 'Later' });
  expect(body.data.attributes.createdAt).toBe(long);
  expect(Date.parse(body.data.attributes.updatedAt)).toBeGreaterThan(Date.now() - 60_000);
  expect(headers.etag).not.toBe(etag);
});

describe('each attribute', () => {
  let id: string;
  beforeAll(async () => {
    ({ id } = await createOrganization(app.platform, { ...FULL, externalId: 'each', slug: 'each' }));
  });

  test.each(ACCEPTED)('%s may be %s, and nothing else changes', async (attribute, _about, given, shown = given) => {
    const before = await read(id);
    const answer = await patch(id, { [attribute]: given });
    expect(answer.status).toBe(200);
    const { updatedAt } = answer.body.data.attributes;
    expect(answer.body.data.attributes).toEqual({ ...before.attributes, updatedAt, [attribute]: shown });
    expect(await read(id)).toEqual(answer.body.data);
  });

  test.each(REFUSED)('%s may not be %s: 422', async (attribute, _about, given, code, pointer = attribute) => {
    const before = await read(id);
    expectAttributeError(await patch(id, { kind: 'changed', [attribute]: given }), code, pointer);
    expect(await read(id)).toEqual(before);
  });
});

test.each([
  ['slug', 'slug_taken'],
  ['externalId', 'external_id_taken'],
])('a %s that another has is 409, and nothing is written; his own may be sent again', async (attribute, code) => {
  const value = `taken-${attribute.toLowerCase()}`;
  await createOrganization(app.platform, { [attribute]: value });
  const { id } = await createOrganization(app.platform, { [attribute]: 'own' });
  const before = await read(id);
  const answer = await patch(id, { name: 'Changed', [attribute]: value });
  expectError(answer, 409, code, { source: { pointer: `/data/attributes/${attribute}` } });
  expect(await read(id)).toEqual(before);
  expect((await patch(id, { [attribute]: 'own' })).status).toBe(200);
});

test('what was read can be sent back whole: read-only attributes are ignored, the rest is as it was', async () => {
  const { id } = await createOrganization(app.platform, { ...FULL, slug: 'back', externalId: 'back' });
  const before = await read(id);
  const answer = await app.platform.patch(`${PATH}/${id}`, {
    data: { ...before, attributes: { ...before.attributes, number: 0, createdAt: null, purgeAt: 'never' } },
  });
  expect(answer.status).toBe(200);
  expect(answer.body.data).toEqual({ ...before, attributes: { ...before.attributes, updatedAt: expect.any(String) } });
});

test('a partner is for ever: 403 with its pointer; an owner that is nobody is 404', async () => {
  const { id } = await createOrganization(app.platform);
  const set = (relationships: object) =>
    app.platform.patch(`${PATH}/${id}`, document('organizations', {}, { id, relationships }));
  const source = (pointer: string) => ({ source: { pointer: `/data/relationships/${pointer}` } });
  expectError(await set({ partner: link('partners', NIL) }), 403, 'update_not_offered', source('partner'));
  expectError(await set({ owner: link('users', NIL) }), 404, 'not_found', source('owner/data'));
  const { owner, partner } = (await read(id)).relationships;
  expect([owner.data, partner.data]).toEqual([null, null]);
});

describe('who may change', () => {
  test('the organization’s own key and its partner may; another organization or partner finds nothing', async () => {
    const partner = await app.partner();
    const { id, attributes } = await createOrganization(partner);
    const organizationKey = app.as(attributes.token);
    expect((await patch(id, { name: 'By its key' }, organizationKey)).status).toBe(200);
    expect((await read(id)).attributes.name).toBe('By its key');
    expect((await patch(id, { name: 'By its partner' }, partner)).status).toBe(200);
    const other = app.as((await createOrganization(partner)).attributes.token);
    for (const stranger of [other, await app.partner()]) {
      expectError(await patch(id, { name: 'Stolen' }, stranger), 404, 'not_found');
    }
    expect((await read(id)).attributes.name).toBe('By its partner');
  });

  test('a key without organizations:update is told so: 403', async () => {
    const { id } = await createOrganization(app.platform);
    const key = await app.platform.post(
      `${S}/apiKeys`,
      document(
        'apiKeys',
        { name: 'Reader', scopes: ['organizations:read'] },
        { relationships: { organization: link('organizations', id) } },
      ),
    );
    const reader = app.as(key.body.data.attributes.secret);
    expect((await reader.get(`${PATH}/${id}`)).status).toBe(200);
    expectDenied(await patch(id, { name: 'A' }, reader), 'organizations:update');
    expectError(await patch(NIL, { name: 'A' }, reader), 404, 'not_found');
  });

  test.each(['partner', 'organization'])('a %s caller may send legalHold as it is, not change it', async (level) => {
    const partner = await app.partner();
    const { id, attributes } = await createOrganization(partner);
    const asker = level === 'partner' ? partner : app.as(attributes.token);
    expect((await patch(id, { legalHold: false, name: 'Same' }, asker)).status).toBe(200);
    expectDenied(await patch(id, { legalHold: true, name: 'Changed' }, asker), 'platform:admin');
    expect((await read(id)).attributes).toMatchObject({ legalHold: false, name: 'Same' });
    await patch(id, { legalHold: true });
    expectDenied(await patch(id, { legalHold: false }, asker), 'platform:admin');
  });
});

describe('If-Match [INV-59]', () => {
  test('that does not fit is 412, and nothing is written', async () => {
    const { id } = await createOrganization(app.platform);
    const { etag } = (await app.platform.get(`${PATH}/${id}`)).headers as { etag: string };
    expect((await patch(id, { name: 'First' }, app.platform, { 'If-Match': etag })).status).toBe(200);
    const late = await patch(id, { name: 'Second' }, app.platform, { 'If-Match': etag });
    expectError(late, 412, 'version_mismatch', { source: { header: 'If-Match' } });
    expect((await read(id)).attributes.name).toBe('First');
  });

  test('lets one of 20 through that change the same version at the same time', async () => {
    const { id } = await createOrganization(app.platform);
    const { etag } = (await app.platform.get(`${PATH}/${id}`)).headers as { etag: string };
    const names = Array.from({ length: 20 }, (_, i) => `Number ${i}`);
    const answers = await Promise.all(names.map((name) => patch(id, { name }, app.platform, { 'If-Match': etag })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)]);
    const winner = answers.findIndex(({ status }) => status === 200);
    expect((await read(id)).attributes.name).toBe(names[winner]);
  });
});
