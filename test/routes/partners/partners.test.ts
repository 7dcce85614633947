import { createOrganization, document, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { created, expectAttributeError, expectDenied, expectError, ID, page, partner, single } from '../documents';

const PATH = `${M}/partners`;
const x = (n: number) => 'x'.repeat(n);

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const create = (attributes: object, asker = app.platform) => asker.post(PATH, document('partners', attributes));
const patch = (id: string, attributes: object, asker = app.platform) =>
  asker.patch(`${PATH}/${id}`, document('partners', attributes, { id }));
const read = async (id: string) => (await app.platform.get(`${PATH}/${id}`)).body.data;

const ACCEPTED: [attribute: string, about: string, given: unknown, shown?: unknown][] = [
  ['name', 'of one character', 'A'],
  ['name', 'of 120 emoji', '😀'.repeat(120)],
  ['name', 'trimmed and in NFC', ' Cafe\u0301 ', 'Café'],
  ['status', 'active', 'active'],
  ['status', 'suspended', 'suspended'],
  ['externalId', 'of 255 characters', x(255)],
  ['externalId', 'null', null],
  ['metadata', 'an object', { a: { b: [1, null] } }],
];
const REFUSED: [attribute: string, about: string, given: unknown, code: string][] = [
  ['name', 'empty', '', 'too_short'],
  ['name', 'of 121 characters', x(121), 'too_long'],
  ['name', 'null', null, 'invalid_format'],
  ['name', 'with a tab inside', 'a\tb', 'invalid_format'],
  ['status', 'deleted', 'deleted', 'not_allowed'],
  ['externalId', 'empty', '', 'too_short'],
  ['externalId', 'of 256 characters', x(256), 'too_long'],
  ['metadata', 'null', null, 'invalid_format'],
  ['slug', 'given', 'a', 'unknown_attribute'],
];

describe('POST', () => {
  test('answers 201 with Location and the whole resource, which can then be read', async () => {
    const answer = await create({ name: 'Reseller', externalId: 'r-1', metadata: { a: 1 } });
    expect(answer.status).toBe(201);
    const { id } = answer.body.data;
    expect(id).toEqual(ID);
    expect(answer.headers.location).toBe(`${PATH}/${id}`);
    const shown = partner(id, { name: 'Reseller', externalId: 'r-1', metadata: { a: 1 } });
    expect(answer.body).toEqual(created(shown));
    expect((await app.platform.get(`${PATH}/${id}`)).body).toEqual(single(shown));
  });

  test.each(ACCEPTED)('%s may be %s', async (attribute, _about, given, shown = given) => {
    const { status, body } = await create({ name: 'A', [attribute]: given });
    expect(status).toBe(201);
    expect(body.data.attributes[attribute]).toEqual(shown);
    expect(await read(body.data.id)).toEqual(body.data);
    // Free for the same value in the tests of PATCH.
    await patch(body.data.id, { externalId: null });
  });

  test.each(REFUSED)('%s may not be %s: 422', async (attribute, _about, given, code) => {
    expectAttributeError(await create({ name: 'A', [attribute]: given }), code, attribute);
  });

  test('a name is required, and the id is the server’s', async () => {
    const missing = await create({});
    expectError(missing, 422, 'required', {
      source: { pointer: '/data/attributes' },
      meta: { attribute: 'name', message: missing.body.errors[0].detail },
    });
    const own = await app.platform.post(PATH, document('partners', { name: 'A' }, { id: NIL }));
    expectError(own, 403, 'client_id_not_allowed', { source: { pointer: '/data/id' } });
  });

  test('an externalId is unique among partners: 409, for one of 10 at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => create({ name: 'A', externalId: 'once' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
    expectError(await create({ name: 'A', externalId: 'once' }), 409, 'external_id_taken', {
      source: { pointer: '/data/attributes/externalId' },
    });
  });
});

describe('PATCH', () => {
  let id: string;
  beforeAll(async () => {
    id = (await create({ name: 'Patched', externalId: 'patched', metadata: { a: 1 } })).body.data.id;
  });

  test.each(ACCEPTED)('%s may be %s, and nothing else changes', async (attribute, _about, given, shown = given) => {
    const before = await read(id);
    const { status, body } = await patch(id, { [attribute]: given });
    expect(status).toBe(200);
    const { updatedAt } = body.data.attributes;
    expect(body.data.attributes).toEqual({ ...before.attributes, updatedAt, [attribute]: shown });
    expect(await read(id)).toEqual(body.data);
  });

  test.each(REFUSED)('%s may not be %s: 422, and nothing is written', async (attribute, _about, given, code) => {
    const before = await read(id);
    expectAttributeError(await patch(id, { metadata: { b: 2 }, [attribute]: given }), code, attribute);
    expect(await read(id)).toEqual(before);
  });

  test('an externalId that another has is 409', async () => {
    await create({ name: 'A', externalId: 'of-another' });
    expectError(await patch(id, { externalId: 'of-another' }), 409, 'external_id_taken', {
      source: { pointer: '/data/attributes/externalId' },
    });
  });

  test('a missing one is 404, an If-Match that does not fit 412 [INV-59]', async () => {
    expectError(await patch(NIL, { name: 'A' }), 404, 'not_found');
    const late = await app.platform.patch(`${PATH}/${id}`, document('partners', { name: 'B' }, { id }), {
      'If-Match': '"99.x"',
    });
    expectError(late, 412, 'version_mismatch', { source: { header: 'If-Match' } });
  });
});

describe('GET', () => {
  test('lists them newest first, and the links of one lead to its organizations and keys', async () => {
    const own = await startApp();
    try {
      const first = await own.partner('First');
      const second = await own.partner('Second');
      const shown = [partner(second.id, { name: 'Second' }), partner(first.id, { name: 'First' })];
      expect((await own.platform.get(PATH)).body).toEqual(page(PATH, shown));
      const { id } = await createOrganization(first);
      await createOrganization(second);
      const { relationships } = (await own.platform.get(`${PATH}/${first.id}`)).body.data;
      const organizations = await own.platform.get(relationships.organizations.links.related);
      expect(organizations.body.data.map((each: { id: string }) => each.id)).toEqual([id]);
      const keys = await own.platform.get(relationships.apiKeys.links.related);
      expect(keys.body.data).toMatchObject([{ attributes: { level: 'partner' } }]);
    } finally {
      await own.close();
    }
  });

  test('a missing one is 404', async () => {
    expectError(await app.platform.get(`${PATH}/${NIL}`), 404, 'not_found');
  });

  test('they are never deleted: 405 with Allow', async () => {
    const answer = await app.platform.delete(`${PATH}/${NIL}`);
    expectError(answer, 405, 'method_not_allowed');
    expect(answer.headers.allow).toBe('GET, HEAD, PATCH, OPTIONS');
  });
});

describe('only platform callers know of partners', () => {
  test.each(['partner', 'organization'])(
    'a %s caller: list and POST 403, by id 404, its own partner too',
    async (level) => {
      const made = await app.partner();
      const { attributes } = await createOrganization(made);
      const asker = level === 'partner' ? made : app.as(attributes.token);
      const { total } = (await app.platform.get(PATH)).body.meta;
      expectDenied(await asker.get(PATH), 'platform:admin');
      expectDenied(await create({ name: 'A' }, asker), 'platform:admin');
      for (const id of [made.id, NIL]) {
        expectError(await asker.get(`${PATH}/${id}`), 404, 'not_found');
        expectError(await patch(id, { name: 'A' }, asker), 404, 'not_found');
      }
      expect((await app.platform.get(PATH)).body.meta.total).toBe(total);
    },
  );

  test('a platform key without platform:admin is told so', async () => {
    const { id } = await app.partner();
    const narrow = document('apiKeys', { name: 'N', scopes: ['organizations:read'] });
    const { body } = await app.platform.post(`${S}/apiKeys`, narrow);
    const key = app.as(body.data.attributes.secret);
    for (const answer of [await key.get(PATH), await key.get(`${PATH}/${id}`), await patch(id, { name: 'A' }, key)]) {
      expectDenied(answer, 'platform:admin');
    }
  });
});

describe('suspension', () => {
  test('stops the partner’s keys at once: 403 partner_suspended; its organizations’ keys go on [INV-34]', async () => {
    const made = await app.partner();
    const { id, attributes } = await createOrganization(made);
    expect((await made.get(`${S}/me`)).status).toBe(200);
    await patch(made.id, { status: 'suspended' });
    for (const path of [`${S}/me`, `${M}/organizations`, `${M}/organizations/${id}`]) {
      expectError(await made.get(path), 403, 'partner_suspended');
    }
    expect((await app.as(attributes.token).get(`${M}/organizations/${id}`)).status).toBe(200);
    expect((await app.platform.get(`${M}/organizations/${id}`)).status).toBe(200);
    await patch(made.id, { status: 'active' });
    expect((await made.get(`${S}/me`)).status).toBe(200);
  });

  test('of a partner can be had at creation, and a key made then does not work', async () => {
    const { id } = (await create({ name: 'A', status: 'suspended' })).body.data;
    const relationships = { partner: link('partners', id) };
    const key = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }, { relationships }));
    expectError(await app.as(key.body.data.attributes.secret).get(`${S}/me`), 403, 'partner_suspended');
  });
});
