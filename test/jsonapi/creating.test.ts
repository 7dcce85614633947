import { v7 as uuidv7 } from 'uuid';
import { registry } from '../../src/resources';
import { type Body, type Client, document, link, M, NIL, S, startApp, type TestApp } from '../support/app';
import {
  buildWorld,
  creationOf,
  errorsOf,
  membership,
  pathOf,
  pointed,
  rowCounts,
  TYPES,
  type World,
  withKeys,
} from './world';

const ORGANIZATIONS = `${M}/organizations`;
const CREATABLE = TYPES.filter((type) => registry.get(type)?.operations.create !== undefined);

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = withKeys(pointed(app.platform));
});
afterAll(() => app.close());

/** Sends what must not create anything, and says what is wrong with it. */
async function refuse(path: string, body: unknown, client = platform) {
  const before = await rowCounts(app);
  const answer = await client.post(path, body);
  expect(await rowCounts(app)).toEqual(before);
  return errorsOf(answer);
}
const named = (attributes: object = {}, more: object = {}) =>
  document('organizations', { name: 'New', ...attributes }, more);

describe.each(CREATABLE)('POST of one of the %s', (type) => {
  test('is 201 with the whole resource, its Location and its ETag [CRE-1, CRE-3, CRE-4, CRE-5]', async () => {
    const { status, headers, body } = await platform.post(pathOf(type), await creationOf(app, world, type));
    expect([status, headers.location]).toEqual([201, body.data.links.self]);
    expect(headers.etag).toMatch(/^"1\./);
    const got = await platform.get(headers.location as string);
    expect([got.status, got.body.data.id]).toEqual([200, body.data.id]);
    const secret = Object.values(body.data.attributes).some((value) =>
      /^(?:(?:sk|pk|inv)_live|whsec)_/.test(String(value)),
    );
    expect(headers['cache-control']).toBe(secret ? 'no-store' : 'private, no-cache');
  });

  test('with id null or a lid makes the id here [RES-7, RES-8]', async () => {
    for (const more of [{ id: null }, { lid: 'tmp-1' }]) {
      const request = await creationOf(app, world, type);
      const { status, body } = await platform.post(pathOf(type), { data: { ...request.data, ...more } });
      expect([status, body.data.id]).toEqual([201, expect.stringMatching(/^[0-9a-f-]{36}$/)]);
      expect(body.data).not.toHaveProperty('lid');
    }
  });

  test('with @-members and members that are no part of JSON:API is as without them [DOC-14, MEM-6]', async () => {
    const { data } = await creationOf(app, world, type);
    const request = {
      '@context': 1,
      foo: 1,
      included: [],
      meta: {},
      links: { self: 'x' },
      jsonapi: { ext: ['https://example.com/nope'], version: '9' },
      data: { ...data, '@id': 2, bar: 3, links: {}, meta: {}, attributes: { '@type': 'x', ...data.attributes } },
    };
    const { status, body } = await platform.post(pathOf(type), request);
    expect(status).toBe(201);
    expect(Object.keys(body.data.attributes)).toEqual(Object.keys(registry.get(type)?.attributes ?? {}));
  });

  test('ignores read-only attributes, whatever they say', async () => {
    const request = await creationOf(app, world, type);
    const readOnly = Object.entries(registry.get(type)?.attributes ?? {}).filter(
      ([, { write }]) => write === undefined,
    );
    for (const [name] of readOnly) request.data.attributes = { ...request.data.attributes, [name]: { any: 'thing' } };
    const { status, body } = await platform.post(pathOf(type), request);
    expect(status).toBe(201);
    for (const [name] of readOnly) expect(body.data.attributes[name]).not.toEqual({ any: 'thing' });
  });

  test.each([
    ['no document', '', 400, undefined],
    ['a list', '[]', 400, ''],
    ['text', '"x"', 400, ''],
    ['null', 'null', 400, ''],
    ['no data [CRE-2]', '{}', 400, ''],
    ['data that is null [CRE-2]', '{"data":null}', 400, '/data'],
    ['data that is a list [CRE-2]', '{"data":[{"type":"TYPE"}]}', 400, '/data'],
    ['data that is text [CRE-2]', '{"data":"x"}', 400, '/data'],
    ['another type [CRE-12]', '{"data":{"type":"walruses"}}', 409, '/data/type'],
    ['the type in another case [CRE-12]', '{"data":{"type":"TYPEs"}}', 409, '/data/type'],
  ])('with %s is refused [DOC-16]', async (_title, body, status, pointer) => {
    const code = status === 409 ? 'type_mismatch' : 'malformed_document';
    expect(await refuse(pathOf(type), body.replace('TYPE', type))).toEqual([[String(status), code, pointer]]);
  });

  test.each([
    ['no type [RES-9]', { type: undefined }, '/data'],
    ['a type that is no text', { type: 5 }, '/data/type'],
    ['an id that is no text [RES-8]', { id: 5 }, '/data/id'],
    ['a lid that is no text [RES-2]', { lid: 5 }, '/data/lid'],
    ['relationships that are a list', { relationships: [] }, '/data/relationships'],
    ['relationships that are null', { relationships: null }, '/data/relationships'],
    ['attributes that are text', { attributes: 'x' }, '/data/attributes'],
    ['attributes that are null', { attributes: null }, '/data/attributes'],
  ])('with %s is malformed', async (_title, more, pointer) => {
    const { data } = await creationOf(app, world, type);
    const errors = await refuse(pathOf(type), { data: { ...data, ...more } });
    expect(errors).toContainEqual(['400', 'malformed_document', pointer]);
  });

  test('with an unknown attribute or relationship points at it [FLD-7]', async () => {
    const { data } = await creationOf(app, world, type);
    const attributes = { ...data.attributes, nope: 1, 'a/b~c': 2 };
    const relationships = { ...data.relationships, nowhere: { data: null } };
    expect(await refuse(pathOf(type), { data: { ...data, attributes, relationships } })).toEqual([
      ['422', 'unknown_attribute', '/data/attributes/nope'],
      ['422', 'unknown_attribute', '/data/attributes/a~1b~0c'],
      ['422', 'unknown_relationship', '/data/relationships/nowhere'],
    ]);
  });

  test('without a required attribute points at what should hold it [CRE-18, ERR-9]', async () => {
    const required = Object.entries(registry.get(type)?.attributes ?? {}).filter(([, attribute]) => attribute.required);
    const { data } = await creationOf(app, world, type);
    const { attributes: all = {}, ...without } = data;
    const missing = required.map(() => ['422', 'required', '/data']);
    if (missing.length > 0) expect(await refuse(pathOf(type), { data: without })).toEqual(missing);
    for (const [name] of required) {
      const { [name]: _left, ...attributes } = all;
      const { body } = await platform.post(pathOf(type), { data: { ...without, attributes } });
      const detail = `${name} is required.`;
      expect(body.errors).toEqual([
        expect.objectContaining({
          detail,
          source: { pointer: '/data/attributes' },
          meta: { attribute: name, message: detail },
        }),
      ]);
    }
  });
});

describe('client-generated ids', () => {
  test('are taken from platform and partner callers for an organization, in lower case [CRE-10]', async () => {
    for (const client of [app.platform, world.partner]) {
      const id = uuidv7();
      const { status, body } = await client.post(ORGANIZATIONS, named({}, { id: id.toUpperCase() }));
      expect([status, body.data.id]).toEqual([201, id]);
    }
  });

  test('that are taken are 409, by whomever and however often [CRE-11]', async () => {
    const expected = [['409', 'id_taken', '/data/id']];
    expect(await refuse(ORGANIZATIONS, named({}, { id: world.other.id }))).toEqual(expected);
    expect(await refuse(ORGANIZATIONS, named({}, { id: world.other.id }), world.partner)).toEqual(expected);
    expect(await refuse(ORGANIZATIONS, named({ slug: 'free' }, { id: world.other.id }))).toEqual(expected);
  });

  test('of twenty at once with one id, one wins [CRE-11]', async () => {
    const id = uuidv7();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => platform.post(ORGANIZATIONS, named({}, { id }))),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)]);
  });

  test.each(['1', 'x', '', `${NIL}0`, `{${NIL}}`])('%p is no UUID: 403 [CRE-10]', async (id) => {
    expect(await refuse(ORGANIZATIONS, named({}, { id }))).toEqual([['403', 'client_id_not_allowed', '/data/id']]);
  });

  test.each(CREATABLE.filter((type) => type !== 'organizations'))('are refused for %s [CRE-9]', async (type) => {
    const { data } = await creationOf(app, world, type);
    const errors = await refuse(pathOf(type), { data: { ...data, id: uuidv7() } });
    expect(errors).toEqual([['403', 'client_id_not_allowed', '/data/id']]);
  });
});

describe('all or nothing', () => {
  test('every fault is reported at once, under the status that covers them all [CRE-18, ERR-12]', async () => {
    const attributes = {
      name: '',
      slug: '-',
      kind: 5,
      countryCode: 'XX',
      metadata: { 'a.b': 1, ok: [{ _c: 2 }] },
      foo: 1,
    };
    const relationships = { bar: {}, members: { data: [] }, partner: { data: [] } };
    const before = await rowCounts(app);
    const { status, body } = await platform.post(
      ORGANIZATIONS,
      document('organizations', attributes, { relationships }),
    );
    expect(status).toBe(400);
    expect(
      errorsOf({ body } as Body)
        .map(([, code, pointer]) => `${code} ${pointer}`)
        .sort(),
    ).toEqual([
      'invalid_format /data/attributes/countryCode',
      'invalid_format /data/attributes/kind',
      'invalid_format /data/attributes/metadata/a.b',
      'invalid_format /data/attributes/metadata/ok/0/_c',
      'invalid_format /data/attributes/slug',
      'malformed_document /data/relationships/partner/data',
      'too_short /data/attributes/name',
      'too_short /data/attributes/slug',
      'unknown_attribute /data/attributes/foo',
      'unknown_relationship /data/relationships/bar',
      'update_not_offered /data/relationships/members',
    ]);
    expect(await rowCounts(app)).toEqual(before);
  });

  test('faults of one status have that status [CRE-18]', async () => {
    const { status, body } = await platform.post(
      ORGANIZATIONS,
      document('organizations', { name: '', countryCode: 'XX' }),
    );
    expect([status, body.errors.length]).toEqual([422, 2]);
    for (const { source, detail, meta } of body.errors)
      expect(meta).toEqual({ attribute: source.pointer.split('/').at(-1), message: detail });
  });

  test('good attributes beside a bad relationship create nothing [CRE-15]', async () => {
    const request = named({ slug: 'lonely' }, { relationships: { partner: link('partners', NIL) } });
    expect(await refuse(ORGANIZATIONS, request)).toEqual([['404', 'not_found', '/data/relationships/partner/data']]);
    expect((await platform.post(ORGANIZATIONS, named({ slug: 'lonely' }))).status).toBe(201);
  });

  test.each([
    ['a slug', () => [ORGANIZATIONS, named({ slug: 'acme' })], 'slug_taken', '/data/attributes/slug'],
    [
      'an external id',
      () => [ORGANIZATIONS, named({ externalId: 'acme-1' })],
      'external_id_taken',
      '/data/attributes/externalId',
    ],
    [
      'an address',
      () => [`${S}/users`, document('users', { email: world.user.attributes.email.toUpperCase() })],
      'email_taken',
      '/data/attributes/email',
    ],
    [
      'a membership',
      () => [`${S}/members`, membership(world.organization.id, world.user.id)],
      'already_member',
      '/data/relationships/user/data',
    ],
  ] as const)('%s that is taken is 409 with its place [CRE-17]', async (_title, request, code, pointer) => {
    const [path, body] = request() as [string, object];
    expect(await refuse(path, body, pointed(world.partner))).toEqual([['409', code, pointer]]);
  });
});
