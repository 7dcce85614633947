import { createOrganization, document, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import {
  created,
  expectAttributeError,
  expectDenied,
  expectError,
  ID,
  ORGANIZATION_KEY,
  organization,
  single,
} from '../documents';
import { ACCEPTED, REFUSED } from './attributes';

const PATH = `${M}/organizations`;
const FREE = '018f4b1c-0000-7000-8000-00000000000';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const create = (attributes: object, more: object = {}, asker = app.platform) =>
  asker.post(PATH, document('organizations', attributes, more));

test('a name is enough: the answer is 201 with Location, the whole resource, its token, and meta {}', async () => {
  const answer = await app.platform.post(`${PATH}/`, document('organizations', { name: 'Test Org' }));
  const { id, attributes } = answer.body.data;
  expect(answer.status).toBe(201);
  expect(answer.headers.location).toBe(`${PATH}/${id}`);
  expect(answer.headers['cache-control']).toBe('no-store');
  const shown = { name: 'Test Org', slug: 'test-org' };
  expect(answer.body).toEqual(created(organization(id, { ...shown, token: ORGANIZATION_KEY }, null, null)));
  expect(id).toEqual(ID);
  expect(attributes.updatedAt).toBe(attributes.createdAt);
  const { body } = await app.platform.get(answer.headers.location as string);
  expect(body).toEqual(single(organization(id, shown, null, null)));
});

test('the answer has the bytes of the seed document, with what is ours behind its members', async () => {
  const token = '5I9cezE6QPYl8v9jggrN3w';
  const answer = await create({ name: 'Seed', webhookUrl: null, webhookSecret: null, token });
  const { id, attributes } = answer.body.data;
  const seed =
    `{"data":{"id":"${id}","type":"organizations","attributes":{"createdAt":"${attributes.createdAt}",` +
    `"updatedAt":"${attributes.updatedAt}","name":"Seed","webhookUrl":null,"webhookSecret":null,"token":"${token}",`;
  expect(answer.text.slice(0, seed.length)).toBe(seed);
  expect(answer.text).toContain(
    `"relationships":{"users":{"links":{"related":"/public/v2/users?filter[organizationId]=${id}",`,
  );
  expect(answer.text.endsWith(',"meta":{},"jsonapi":{"version":"1.1"}}')).toBe(true);
});

test.each(ACCEPTED)('%s may be %s', async (attribute, _about, given, shown = given) => {
  const answer = await create({ name: 'Acme', [attribute]: given });
  expect(answer.status).toBe(201);
  expect(answer.body.data.attributes[attribute]).toEqual(shown);
  const read = await app.platform.get(`${PATH}/${answer.body.data.id}`);
  expect(read.body.data.attributes).toEqual({ ...answer.body.data.attributes, token: null, webhookSecret: null });
});

test.each(REFUSED)('%s may not be %s: 422', async (attribute, _about, given, code, pointer = attribute) => {
  const before = (await app.platform.get(PATH)).body.meta.total;
  const answer = await create({ name: 'Acme', [attribute]: given });
  expectAttributeError(answer, code, pointer);
  expect((await app.platform.get(PATH)).body.meta.total).toBe(before);
});

test('all faults of a body are told at once, a missing name too', async () => {
  const answer = await create({ slug: '-', countryCode: 'x', colour: 1, metadata: { 'a.b': 1 } });
  expect(answer.status).toBe(422);
  const told = answer.body.errors.map(({ code, source }: never) => [code, (source as { pointer: string }).pointer]);
  expect(told.sort()).toEqual(
    [
      ['unknown_attribute', '/data/attributes/colour'],
      ['required', '/data/attributes'],
      ['too_short', '/data/attributes/slug'],
      ['invalid_format', '/data/attributes/slug'],
      ['invalid_format', '/data/attributes/countryCode'],
      ['invalid_format', '/data/attributes/metadata/a.b'],
    ].sort(),
  );
});

test('attributes that the server makes are ignored, so that what was read can be sent', async () => {
  const read = await createOrganization(app.platform, { name: 'Round trip' });
  const { slug: _slug, token: _token, ...attributes } = read.attributes;
  const sent = { ...attributes, number: 1, createdAt: '2001-01-01T00:00:00+00:00', deletedAt: '2001-01-01T00:00:00Z' };
  const answer = await create(sent);
  expect(answer.status).toBe(201);
  expect(answer.body.data.attributes).toMatchObject({ deletedAt: null, createdAt: expect.stringMatching(/^20[2-9]/) });
  expect(answer.body.data.attributes.number).not.toBe(1);
});

test('an organization begins as active, nothing else', async () => {
  expectError(await create({ name: 'A', status: 'suspended', statusReason: 'x' }), 422, 'not_allowed', {
    source: { pointer: '/data/attributes/status' },
  });
  expect((await create({ name: 'A', status: 'active' })).body.data.attributes.status).toBe('active');
});

describe('the slug', () => {
  test.each([
    ['Ärger & Söhne GmbH', 'arger-sohne-gmbh'],
    ['  --Hello,   World!-- ', 'hello-world'],
    ['x'.repeat(62) + ' '.repeat(3) + 'y'.repeat(9), `${'x'.repeat(62)}`],
  ])('is made from the name: %s', async (name, slug) => {
    expect((await create({ name })).body.data.attributes.slug).toBe(slug);
  });

  test.each([
    ['Same Name', /^same-name-[0-9a-z]{6}$/, 'is taken'],
    ['Admin', /^admin-[0-9a-z]{6}$/, 'is reserved'],
    ['Z', /^z-[0-9a-z]{6}$/, 'would be too short'],
    ['株式会社', /^org-[0-9a-z]{6}$/, 'would be empty'],
  ])('made from %s gets six random characters (%s) when it %s', async (name, form) => {
    if (name === 'Same Name') await create({ name });
    expect((await create({ name })).body.data.attributes.slug).toMatch(form);
  });

  test('that is taken is 409 with its pointer, whoever has it [INV-11]', async () => {
    await create({ name: 'A', slug: 'wanted' }, {}, partner);
    const answer = await create({ name: 'B', slug: 'wanted' });
    expectError(answer, 409, 'slug_taken', { source: { pointer: '/data/attributes/slug' } });
  });

  test('is given out once when 20 want it at the same time [INV-11]', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create({ name: 'A', slug: 'only-one' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)]);
  });

  test('is made different for each of 20 of one name at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create({ name: 'All the same' })));
    expect(new Set(answers.map(({ body }) => body.data.attributes.slug)).size).toBe(20);
  });
});

test('an externalId is unique among the organizations of one partner, and of nobody else', async () => {
  const externalId = 'customer-7';
  const source = { pointer: '/data/attributes/externalId' };
  expect((await create({ name: 'A', externalId })).status).toBe(201);
  expect((await create({ name: 'A', externalId }, {}, partner)).status).toBe(201);
  expect((await create({ name: 'A', externalId }, {}, await app.partner())).status).toBe(201);
  expectError(await create({ name: 'B', externalId }), 409, 'external_id_taken', { source });
  expectError(await create({ name: 'B', externalId }, {}, partner), 409, 'external_id_taken', { source });
  const relationships = { partner: link('partners', partner.id) };
  expectError(await create({ name: 'B', externalId }, { relationships }), 409, 'external_id_taken', { source });
});

describe('the id', () => {
  test.each(['platform', 'partner'])('may be chosen by a %s caller, in any case of letters', async (level) => {
    const asker = level === 'platform' ? app.platform : partner;
    const id = `${FREE}${level === 'platform' ? 'A' : 'B'}`;
    const answer = await create({ name: 'Chosen' }, { id }, asker);
    expect(answer.status).toBe(201);
    expect(answer.body.data.id).toBe(id.toLowerCase());
    expect((await asker.get(`${PATH}/${id}`)).body.data.attributes.name).toBe('Chosen');
  });

  test('that is used is 409, also to a partner that does not see the other', async () => {
    const { id } = await createOrganization(app.platform);
    const source = { pointer: '/data/id' };
    expectError(await create({ name: 'B' }, { id }), 409, 'id_taken', { source });
    expectError(await create({ name: 'B' }, { id }, partner), 409, 'id_taken', { source });
    expect((await app.platform.get(`${PATH}/${id}`)).body.data.attributes.name).toBe('Acme');
  });

  test('of a purged organization is used too', async () => {
    const { id } = await createOrganization(app.platform);
    await app.platform.delete(`${PATH}/${id}?purgeNow=true`);
    expectError(await create({ name: 'B' }, { id }), 409, 'id_taken', { source: { pointer: '/data/id' } });
  });

  test.each(['text', '', '018f4b1c00007000800000000000000c', '{018f4b1c-0000-7000-8000-00000000000d}'])(
    'that is no UUID is 403: %j',
    async (id) => {
      const answer = await create({ name: 'A' }, { id });
      expectError(answer, 403, 'client_id_not_allowed', { source: { pointer: '/data/id' } });
    },
  );
});

describe('who may create', () => {
  test('an organization key may not, with an id or without', async () => {
    const { attributes } = await createOrganization(app.platform);
    const organizationKey = app.as(attributes.token);
    expectDenied(await create({ name: 'A' }, {}, organizationKey), 'organizations:update');
    expectDenied(await create({ name: 'A' }, { id: `${FREE}e` }, organizationKey), 'organizations:update');
  });

  test('what a partner creates is the partner’s, which it is not shown', async () => {
    const answer = await create({ name: 'Of the partner' }, {}, partner);
    const { id, attributes } = answer.body.data;
    const shown = { name: 'Of the partner', slug: 'of-the-partner' };
    expect(answer.body).toEqual(created(organization(id, { ...shown, token: attributes.token })));
    const read = await app.platform.get(`${PATH}/${id}`);
    expect(read.body).toEqual(single(organization(id, shown, null, partner.id)));
  });

  test('a platform caller may name the partner, and one that does not exist is 404 with its pointer', async () => {
    const named = (id: string) =>
      create({ name: 'For a partner' }, { relationships: { partner: link('partners', id) } });
    const { body } = await named(partner.id);
    expect(body.data.relationships.partner.data).toEqual({ type: 'partners', id: partner.id });
    expect((await partner.get(`${PATH}/${body.data.id}`)).status).toBe(200);
    expectError(await named(NIL), 404, 'not_found', { source: { pointer: '/data/relationships/partner/data' } });
  });

  test('a partner may name itself and no other: 404 for a foreign one as for a missing one', async () => {
    const named = (id: string) => create({ name: 'A' }, { relationships: { partner: link('partners', id) } }, partner);
    expect((await named(partner.id)).status).toBe(201);
    const source = { pointer: '/data/relationships/partner/data' };
    expectError(await named((await app.partner()).id), 404, 'not_found', { source });
    expectError(await named(NIL), 404, 'not_found', { source });
  });

  test('legalHold is for platform callers: a partner may send false, not true', async () => {
    expect((await create({ name: 'A', legalHold: false }, {}, partner)).status).toBe(201);
    expectDenied(await create({ name: 'A', legalHold: true }, {}, partner), 'platform:admin');
  });

  test.each(['users', 'members'])('the relationship %s is not set here: 403', async (name) => {
    const answer = await create({ name: 'A' }, { relationships: { [name]: { data: [] } } });
    expectError(answer, 403, 'update_not_offered', { source: { pointer: `/data/relationships/${name}` } });
  });

  test('a new organization has its token as key, no member and no owner [INV-1]', async () => {
    const { id, attributes } = await createOrganization(app.platform);
    const { body } = await app.platform.get(`${S}/apiKeys?filter[organizationId]=${id}`);
    expect(body.data).toHaveLength(1);
    expect(body.data[0].attributes).toMatchObject({ isOrganizationToken: true, start: attributes.token.slice(0, 12) });
    expect((await app.platform.get(`${S}/members?filter[organizationId]=${id}`)).body.data).toEqual([]);
  });
});
