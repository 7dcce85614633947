import { registry } from '../../src/resources';
import { defaultSecret } from '../routes/webhooks';
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
} from '../support/app';
import { buildWorld, errorsOf, pathOf, pointed, sampleOf, statementsOf, TYPES, type World } from './world';

const ORGANIZATIONS = `${M}/organizations`;
const UPDATABLE = TYPES.filter((type) => registry.get(type)?.operations.update !== undefined);

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const urlOf = (type: string) => `${pathOf(type)}/${sampleOf(world, type)}`;
const acme = () => urlOf('organizations');
const change = (attributes: object, more: object = {}) =>
  document('organizations', attributes, { id: world.organization.id, ...more });

/** Sends what must not change the resource, and says what is wrong with it. */
async function refuse(url: string, body: unknown, headers: Record<string, string> = {}, client = platform) {
  const before = await app.platform.get(url);
  const answer = await client.patch(url, body, headers);
  const after = await app.platform.get(url);
  expect([after.text, after.headers.etag]).toEqual([before.text, before.headers.etag]);
  return errorsOf(answer);
}

describe('round trip', () => {
  const FULL = {
    name: 'Full',
    webhookUrl: 'https://example.com/hook',
    externalId: 'full-1',
    kind: 'club',
    countryCode: 'NL',
    avatarUrl: 'https://example.com/a.png',
    primaryDomain: 'full.example',
    metadata: { a: { b: [1, 'two', null] }, c: true },
    deleteProtection: true,
  };

  test.each(UPDATABLE)(
    'what GET gave of one of the %s can be sent back and changes nothing [FLD-7, UPD-7, UPD-18]',
    async (type) => {
      const before = await app.platform.get(urlOf(type));
      const { status, body } = await platform.patch(urlOf(type), before.text);
      expect(status).toBe(200);
      expect(body.data.attributes).toEqual({
        ...before.body.data.attributes,
        updatedAt: body.data.attributes.updatedAt,
      });
      expect({ ...body.data, attributes: null }).toEqual({ ...before.body.data, attributes: null });
    },
  );

  test.each([
    ['platform', () => app.platform],
    ['partner', () => world.partner],
    ['organization', (token: string) => app.as(token)],
  ])(
    'a %s caller’s view of an organization with everything set can be sent back, secrets as null [INV-31]',
    async (_level, client) => {
      const { id, attributes } = await createOrganization(world.partner, { ...FULL, externalId: `full-${_level}` });
      const caller = pointed(client(attributes.token));
      const stored = await defaultSecret(app, id);
      const { text, body } = await caller.get(`${ORGANIZATIONS}/${id}`);
      const sent = await caller.patch(`${ORGANIZATIONS}/${id}`, text);
      expect([sent.status, { ...sent.body.data.attributes, updatedAt: '' }]).toEqual([
        200,
        { ...body.data.attributes, updatedAt: '' },
      ]);
      expect([stored, await defaultSecret(app, id)]).toEqual([expect.any(String), stored]);
      expect((await app.as(attributes.token).get(`${S}/me`)).status).toBe(200);
    },
  );

  test('an organization that is suspended can be sent back as it is', async () => {
    const { id } = await createOrganization(app.platform);
    const url = `${ORGANIZATIONS}/${id}`;
    await platform.patch(url, document('organizations', { status: 'suspended', statusReason: 'Late' }, { id }));
    const { body, text } = await platform.get(url);
    const { status, body: after } = await platform.patch(url, text);
    expect([status, after.data.attributes.statusChangedAt]).toEqual([200, body.data.attributes.statusChangedAt]);
  });

  test('read-only attributes are ignored, whatever they say [FLD-7]', async () => {
    const before = (await platform.get(acme())).body.data.attributes;
    const readOnly = {
      createdAt: '1999-01-01T00:00:00Z',
      number: 'x',
      deletedAt: 5,
      purgeAt: {},
      statusChangedAt: null,
    };
    const { status, body } = await platform.patch(acme(), change(readOnly));
    expect([status, body.data.attributes]).toEqual([200, before]);
  });
});

describe('PATCH', () => {
  test.each(UPDATABLE)(
    'of one of the %s with nothing to change is 200 with the whole resource [UPD-6, UPD-7]',
    async (type) => {
      const before = await platform.get(urlOf(type));
      for (const more of [{}, { attributes: {} }, { relationships: {} }, { attributes: {}, relationships: {} }]) {
        const { status, body, headers } = await platform.patch(urlOf(type), {
          data: { type, id: sampleOf(world, type), ...more },
        });
        expect([status, body, headers.etag]).toEqual([200, before.body, before.headers.etag]);
      }
    },
  );

  test('of one attribute leaves the others and the relationships as they are [UPD-2, UPD-3]', async () => {
    const values = {
      name: 'Acme II',
      kind: 'club',
      countryCode: 'BE',
      primaryDomain: 'acme.example',
      metadata: { x: 1 },
      deleteProtection: true,
    };
    const expected = (await platform.get(acme())).body.data;
    for (const [name, value] of Object.entries(values)) {
      const { status, body, headers } = await platform.patch(acme(), change({ [name]: value }));
      Object.assign(expected.attributes, { [name]: value, updatedAt: body.data.attributes.updatedAt });
      expect([status, body.data]).toEqual([200, expected]);
      const got = await platform.get(acme());
      expect([got.body, got.headers.etag]).toEqual([body, headers.etag]);
    }
  });

  test('replaces metadata as a whole [UPD-2]', async () => {
    await platform.patch(acme(), change({ metadata: { a: 1, b: { c: 2 } } }));
    const { body } = await platform.patch(acme(), change({ metadata: { b: {} } }));
    expect(body.data.attributes.metadata).toEqual({ b: {} });
  });

  test('takes the id of the body in any case', async () => {
    const { status } = await platform.patch(
      acme(),
      document('organizations', {}, { id: world.organization.id.toUpperCase() }),
    );
    expect(status).toBe(200);
  });

  test.each(TYPES.filter((type) => !UPDATABLE.includes(type)))(
    'of one of the %s is not offered: 403 with Allow [UPD-9]',
    async (type) => {
      const before = await app.platform.get(urlOf(type));
      const request = document(type, { name: 'Changed' }, { id: sampleOf(world, type) });
      const { status, headers, body } = await platform.patch(urlOf(type), request);
      expect([status, headers.allow]).toEqual([403, expect.stringMatching(/^GET, HEAD.*OPTIONS$/)]);
      expect(headers.allow).not.toContain('PATCH');
      expect(body.errors[0]).toMatchObject({ code: 'update_not_offered', title: 'Update not offered' });
      expect((await app.platform.get(urlOf(type))).text).toBe(before.text);
    },
  );

  test.each([NIL, 'x', `${NIL}0`])('of %s is 404 [UPD-10]', async (id) => {
    const answer = await platform.patch(`${ORGANIZATIONS}/${id}`, document('organizations', { name: 'x' }, { id }));
    expect(errorsOf(answer)).toEqual([['404', 'not_found', undefined]]);
  });

  test('of what the caller can’t see is like of what does not exist, also with a bad body [FET-10]', async () => {
    const stranger = await app.partner('Stranger');
    for (const body of ['{', '[]', change({ name: '' }), change({ name: 'Taken' })]) {
      const seen = errorsOf(await stranger.patch(acme(), body));
      const missing = JSON.parse(JSON.stringify(body).replace(world.organization.id, NIL));
      expect(seen).toEqual(errorsOf(await stranger.patch(`${ORGANIZATIONS}/${NIL}`, missing)));
    }
    expect((await platform.get(acme())).body.data.attributes.name).not.toBe('Taken');
  });

  test('method override is not offered [UPD-17]', async () => {
    const answer = await platform.post(acme(), change({ name: 'x' }), { 'X-HTTP-Method-Override': 'PATCH' });
    expect(answer.status).toBe(405);
  });
});

describe('a body', () => {
  test.each([
    ['without document', '', '400 malformed_document undefined'],
    ['that is a list', '[]', '400 malformed_document '],
    ['without data', '{}', '400 malformed_document '],
    ['with null as data', '{"data":null}', '400 malformed_document /data'],
    ['with a list as data', '{"data":[]}', '400 malformed_document /data'],
    ['without type and id [UPD-1]', '{"data":{}}', '400 malformed_document /data,400 malformed_document /data'],
    ['without id [UPD-1]', '{"data":{"type":"organizations"}}', '400 malformed_document /data'],
    ['with null as id [UPD-1]', '{"data":{"type":"organizations","id":null}}', '400 malformed_document /data/id'],
    ['with a number as id', '{"data":{"type":"organizations","id":1}}', '400 malformed_document /data/id'],
    ['with another id [UPD-12]', `{"data":{"type":"organizations","id":"${NIL}"}}`, '409 id_mismatch /data/id'],
    ['with another type [UPD-12]', '{"data":{"type":"partners","id":"ID"}}', '409 type_mismatch /data/type'],
  ])('%s changes nothing', async (_title, body, expected) => {
    const errors = await refuse(acme(), body.replace('ID', world.organization.id));
    expect(errors.map((error) => error.map(String).join(' ')).join()).toBe(expected);
  });

  test('with one bad attribute of two stores neither [UPD-15]', async () => {
    const errors = await refuse(acme(), change({ name: 'Half', countryCode: 'XX' }));
    expect(errors).toEqual([['422', 'invalid_format', '/data/attributes/countryCode']]);
  });

  test('has all its faults reported at once [CRE-18, ERR-9]', async () => {
    const attributes = { name: '', kind: 5, foo: 1, metadata: [], deleteProtection: null };
    const relationships = { partner: { data: null }, bar: { data: null }, owner: {}, users: 'x' };
    const errors = await refuse(acme(), change(attributes, { relationships }));
    expect(errors.map(([, code, pointer]) => `${code} ${pointer}`).sort()).toEqual([
      'invalid_format /data/attributes/deleteProtection',
      'invalid_format /data/attributes/kind',
      'invalid_format /data/attributes/metadata',
      'malformed_document /data/relationships/owner',
      'malformed_document /data/relationships/users',
      'too_short /data/attributes/name',
      'unknown_attribute /data/attributes/foo',
      'unknown_relationship /data/relationships/bar',
      'update_not_offered /data/relationships/partner',
    ]);
  });

  test('with a slug that is taken is 409 with its place [UPD-13, UPD-14]', async () => {
    const { attributes } = await createOrganization(app.platform, { slug: 'taken' });
    expect(await refuse(acme(), change({ name: 'x', slug: attributes.slug }))).toEqual([
      ['409', 'slug_taken', '/data/attributes/slug'],
    ]);
  });
});

describe('relationships', () => {
  const owner = { type: 'users', id: NIL };

  test.each([
    ['no partner [UPD-9]', { partner: { data: null } }, '403 update_not_offered /partner'],
    ['no users [UPD-5]', { users: { data: [] } }, '403 update_not_offered /users'],
    ['no owner', { owner: { data: null } }, '409 last_owner'],
    ['an owner that does not exist [UPD-11]', { owner: { data: owner } }, '404 not_found /owner/data'],
    [
      'an owner of another type',
      { owner: { data: { ...owner, type: 'roles' } } },
      '409 type_mismatch /owner/data/type',
    ],
    ['the owner in a list', { owner: { data: [owner] } }, '400 malformed_document /owner/data'],
  ])('%s is refused, and the attributes beside it are not stored [UPD-15]', async (_title, relationships, expected) => {
    const [error = []] = await refuse(acme(), change({ name: 'Never' }, { relationships }));
    expect(error.filter(Boolean).join(' ').replace('/data/relationships', '')).toBe(expected);
  });

  test('an owner who is no member is refused, a member is stored with the attributes beside him [UPD-4]', async () => {
    const { id } = await createUser(app.platform);
    const handOver = (user: string) =>
      change({ name: 'Handed over' }, { relationships: { owner: link('users', user) } });
    expect(await refuse(acme(), handOver(id))).toEqual([['422', 'not_allowed', '/data/relationships/owner/data']]);
    for (const user of [world.user.id, world.owner.id]) {
      const { status, body } = await platform.patch(acme(), handOver(user));
      const { attributes, relationships } = body.data;
      expect([status, attributes.name, relationships.owner.data.id]).toEqual([200, 'Handed over', user]);
      expect((await platform.get(acme())).body.data).toEqual(body.data);
    }
  });

  test('linkage as it was read, and links or meta alone, are no update [UPD-18]', async () => {
    const relationships = {
      owner: { ...link('users', world.owner.id), links: { related: '/x' } },
      partner: link('partners', world.partner.id),
      users: { links: { related: '/x' } },
      members: { meta: {} },
    };
    expect((await platform.patch(acme(), change({ kind: 'team' }, { relationships }))).status).toBe(200);
    const empty = { owner: { data: null }, partner: { data: null } };
    const other = document('organizations', {}, { id: world.other.id, relationships: empty });
    expect((await platform.patch(`${ORGANIZATIONS}/${world.other.id}`, other)).status).toBe(200);
  });

  test('cost a statement only when the body has linkage', async () => {
    expect(await statementsOf(() => platform.patch(acme(), change({ kind: 'one' })))).toHaveLength(1);
    const relationships = { users: { links: { related: '/x' } } };
    expect(await statementsOf(() => platform.patch(acme(), change({ kind: 'two' }, { relationships })))).toHaveLength(
      1,
    );
  });
});
