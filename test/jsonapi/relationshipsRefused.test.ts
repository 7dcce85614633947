import {
  type Body,
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
import { buildWorld, errorsOf, pathOf, pointed, RELATIONSHIPS, sampleOf, type World } from './world';

let app: TestApp;
let world: World;
let platform: Client;
/** A user whom the partner can't see. */
let foreign: Body;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
  foreign = await createUser(app.platform);
});
afterAll(() => app.close());

const WRITES = ['patch', 'post', 'delete'] as const;
type Write = (typeof WRITES)[number];
const send = (client: Client, method: Write, path: string, body: unknown, headers = {}) =>
  method === 'delete' ? client.delete(path, headers, body) : client[method](path, body, headers);

const linkageOf = (type: string, name: string, id = sampleOf(world, type)) =>
  `${pathOf(type)}/${id}/relationships/${name}`;
const roles = () => linkageOf('members', 'roles');
const owner = () => linkageOf('organizations', 'owner');
const role = (id = world.roles.member.id) => ({ type: 'roles', id });

/** Sends what must not change the linkage, and says what is wrong with it. */
async function refuse(path: string, method: Write, body: unknown, client = platform, headers = {}) {
  const before = await app.platform.get(path);
  const answer = await send(client, method, path, body, headers);
  const after = await app.platform.get(path);
  expect([after.text, after.headers.etag]).toEqual([before.text, before.headers.etag]);
  return errorsOf(answer);
}

describe.each(RELATIONSHIPS)('%s/{id}/relationships/%s', (type, name, relationship) => {
  const { change } = relationship;
  const isMany = 'many' in relationship;
  const offered = change === undefined ? [] : isMany ? WRITES : ['patch'];
  const allow = ['GET', 'HEAD', ...offered.map((method) => method.toUpperCase()), 'OPTIONS'].join(', ');
  const refused = WRITES.filter((method) => !offered.includes(method));

  test('OPTIONS tells what it takes, and PUT is 405 [FET-12, FET-13]', async () => {
    const path = linkageOf(type, name);
    const options = await app.platform.options(path);
    expect([options.status, options.headers.allow]).toEqual([204, allow]);
    const put = await app.platform.put(path, { data: null });
    expect([put.status, put.headers.allow, errorsOf(put)]).toEqual([
      405,
      allow,
      [['405', 'method_not_allowed', undefined]],
    ]);
  });

  if (refused.length > 0)
    test(`${refused.join(', ').toUpperCase()} is 403 with Allow, whatever is sent [RUP-12, RUP-14, UPD-9]`, async () => {
      const path = linkageOf(type, name);
      const current = (await app.platform.get(path)).body.data;
      for (const method of refused)
        for (const data of [current, null, [], { type: relationship.type, id: NIL }, 'x']) {
          const answer = await send(app.platform, method, path, { data });
          expect([answer.status, answer.headers.allow]).toEqual([403, allow]);
          expect(errorsOf(answer)).toEqual([['403', 'update_not_offered', undefined]]);
        }
      expect((await app.platform.get(path)).body.data).toEqual(current);
    });

  if (change === undefined) return;

  test('of a missing row, a malformed id or a row that the caller can’t see is 404 [RUP-13, FRL-5]', async () => {
    const { data } = (await app.platform.get(linkageOf(type, name))).body;
    const stranger = await app.partner('Stranger');
    for (const method of offered as Write[]) {
      for (const id of [NIL, 'not-a-uuid'])
        expect(errorsOf(await send(app.platform, method, linkageOf(type, name, id), { data }))).toEqual([
          ['404', 'not_found', undefined],
        ]);
      expect(await refuse(linkageOf(type, name), method, { data }, stranger)).toEqual([
        ['404', 'not_found', undefined],
      ]);
    }
  });

  test('takes no query parameters but its own [QRY-12, INC-1]', async () => {
    const { data } = (await app.platform.get(linkageOf(type, name))).body;
    for (const method of offered as Write[])
      for (const query of [
        `include=${name}`,
        `fields[${relationship.type}]=`,
        'sort=id',
        'page[size]=1',
        'filter[id]=x',
        'foo=1',
      ]) {
        const answer = await send(platform, method, `${linkageOf(type, name)}?${query}`, { data });
        expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', query.split('=')[0]]]);
      }
  });

  test('takes JSON:API only [CN-9, CN-11]', async () => {
    for (const method of offered as Write[])
      for (const contentType of ['application/json', 'application/vnd.api+json;a=b'])
        expect(
          await refuse(linkageOf(type, name), method, { data: null }, platform, { 'Content-Type': contentType }),
        ).toEqual([['415', 'unsupported_media_type', 'Content-Type']]);
  });

  test('without the right it is 403 for what the caller sees, 404 for the rest', async () => {
    const relationships = { organization: link('organizations', world.organization.id) };
    const scopes = ['organizations:read', 'members:read', 'roles:read'];
    const made = await app.platform.post(
      `${S}/apiKeys`,
      document('apiKeys', { name: 'Reader', scopes }, { relationships }),
    );
    const reader = app.as(made.body.data.attributes.secret);
    for (const method of offered as Write[]) {
      expect(await refuse(linkageOf(type, name), method, 'not even JSON', reader)).toEqual([
        ['403', 'permission_denied', undefined],
      ]);
      expect(errorsOf(await send(reader, method, linkageOf(type, name, NIL), { data: null }))).toEqual([
        ['404', 'not_found', undefined],
      ]);
      expect((await send(app.anonymous, method, linkageOf(type, name), { data: null })).status).toBe(401);
    }
  });
});

describe('the body', () => {
  const MALFORMED = (pointer?: string) => [['400', 'malformed_document', pointer]];

  describe.each(WRITES)('of %s to a to-many', (method) => {
    test.each([
      ['nothing', '', undefined],
      ['no JSON', '{', undefined],
      ['a list', [], ''],
      ['a text', '"x"', ''],
      ['null', 'null', ''],
      ['no data', {}, ''],
      ['meta alone', { meta: {} }, ''],
      ['null for data', { data: null }, '/data'],
      ['one identifier', { data: { type: 'roles', id: NIL } }, '/data'],
      ['text for data', { data: 'x' }, '/data'],
      ['null in the list', { data: [null] }, '/data/0'],
      ['text in the list', { data: ['x'] }, '/data/0'],
      ['a list in the list', { data: [[]] }, '/data/0'],
      ['no type', { data: [{ id: NIL }] }, '/data/0'],
      ['no id', { data: [{ type: 'roles' }] }, '/data/0'],
      ['a lid for an id', { data: [{ type: 'roles', lid: 'a' }] }, '/data/0'],
      ['a number for an id', { data: [{ type: 'roles', id: 1 }] }, '/data/0'],
    ])('%s is 400 [RUP-3, RID-5, ERR-9]', async (_title, body, pointer) => {
      expect(await refuse(roles(), method, body)).toEqual(MALFORMED(pointer));
    });

    test('another type is 409, at the type of the element [RUP-15]', async () => {
      const data = [role(), { type: 'users', id: world.user.id }, { type: 'Roles', id: NIL }];
      expect(await refuse(roles(), method, { data })).toEqual([
        ['409', 'type_mismatch', '/data/1/type'],
        ['409', 'type_mismatch', '/data/2/type'],
      ]);
    });

    test('several faults are reported together', async () => {
      const data = [role(), 5, { type: 'users', id: NIL }, { type: 'roles' }];
      expect(await refuse(roles(), method, { data })).toEqual([
        ['400', 'malformed_document', '/data/1'],
        ['409', 'type_mismatch', '/data/2/type'],
        ['400', 'malformed_document', '/data/3'],
      ]);
    });
  });

  test.each([
    ['nothing', '', '400', 'malformed_document', undefined],
    ['no data', {}, '400', 'malformed_document', ''],
    ['a list', { data: [] }, '400', 'malformed_document', '/data'],
    ['text', { data: 'x' }, '400', 'malformed_document', '/data'],
    ['no type', { data: { id: NIL } }, '400', 'malformed_document', '/data'],
    ['no id', { data: { type: 'users' } }, '400', 'malformed_document', '/data'],
    ['another type', { data: { type: 'members', id: NIL } }, '409', 'type_mismatch', '/data/type'],
    ['an id that no user has', { data: { type: 'users', id: NIL } }, '404', 'not_found', '/data'],
    ['a malformed id', { data: { type: 'users', id: 'x' } }, '404', 'not_found', '/data'],
  ])('of PATCH to a to-one: %s [RUP-1, RUP-15, UPD-11, ERR-9]', async (_title, body, status, code, pointer) => {
    expect(await refuse(owner(), 'patch', body)).toEqual([[status, code, pointer]]);
  });

  test('a user of another tenant is as missing as one that does not exist [RUP-17, INV-18]', async () => {
    const key = app.as(world.organization.attributes.token);
    for (const client of [world.partner, key].map(pointed))
      for (const id of [foreign.id, NIL])
        expect(await refuse(owner(), 'patch', { data: { type: 'users', id } }, client)).toEqual([
          ['404', 'not_found', '/data'],
        ]);
  });

  test('one who is visible and no member is 422, at his place', async () => {
    expect(await refuse(owner(), 'patch', { data: { type: 'users', id: foreign.id } })).toEqual([
      ['422', 'not_allowed', '/data'],
    ]);
  });

  test('a member without a role is 422, and an organization without an owner 409, at the linkage [RUP-14, RUP-16]', async () => {
    const all = (await app.platform.get(roles())).body.data;
    for (const [method, data] of [
      ['patch', []],
      ['delete', all],
    ] as const)
      expect(await refuse(roles(), method, { data })).toEqual([['422', 'too_short', '/data']]);
    expect(await refuse(owner(), 'patch', { data: null })).toEqual([['409', 'last_owner', undefined]]);
  });
});

test('a suspended organization’s own key changes no linkage, others do', async () => {
  const { id, attributes } = await createOrganization(world.partner);
  const suspended = document('organizations', { status: 'suspended', statusReason: 'Unpaid' }, { id });
  await world.partner.patch(`${M}/organizations/${id}`, suspended);
  const path = linkageOf('organizations', 'owner', id);
  expect(await refuse(path, 'patch', { data: null }, app.as(attributes.token))).toEqual([
    ['403', 'organization_suspended', undefined],
  ]);
  expect((await world.partner.patch(path, { data: null })).status).toBe(200);
});
