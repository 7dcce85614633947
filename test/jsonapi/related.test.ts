import { OPERATIONS, PERMISSIONS } from '../../src/permissions';
import { registry } from '../../src/resources';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { isFullyLinked } from '../support/document';
import {
  ask,
  buildWorld,
  errorsOf,
  firstAttribute,
  membership,
  pathOf,
  RELATIONSHIPS,
  sampleOf,
  type World,
} from './world';

const NOT_FOUND = [['404', 'not_found', undefined]];
const SINGLES = RELATIONSHIPS.filter(([, , each]) => 'one' in each);

let app: TestApp;
let world: World;
let stranger: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  stranger = await app.partner('Stranger');
  for (const name of ['Second', 'Third']) {
    const { id } = await createOrganization(world.partner, { name });
    await app.platform.post(`${S}/members`, membership(id, world.owner.id));
  }
});
afterAll(() => app.close());

const rowOf = (type: string, id = sampleOf(world, type)) => `${pathOf(type)}/${id}`;
const get = async (path: string, headers = {}): Promise<Body> => (await app.platform.get(path, headers)).body;
const idsOf = ({ data }: Body): string[] => data.map(({ id }: Body) => id);
/** The id of the error is the only thing in which two refusals differ. */
const withoutId = ({ status, body }: Answer) => ({
  status,
  errors: body.errors.map((error: object) => ({ ...error, id: undefined })),
});

describe.each(RELATIONSHIPS)('%s/{id}/%s', (type, name, relationship) => {
  const url = () => `${rowOf(type)}/${name}`;

  test('shows what the linkage stands for, as resources that are the same everywhere [FET-2, REL-6, RES-3]', async () => {
    const answer = await app.platform.get(url());
    const { data } = answer.body;
    const linkage = (await get(`${rowOf(type)}/relationships/${name}`)).data;
    const identifiers = (rows: Body) => [rows].flat().map((row: Body) => row && { type: row.type, id: row.id });
    expect([answer.status, Array.isArray(data), identifiers(data)]).toEqual([
      200,
      'many' in relationship,
      [linkage].flat(),
    ]);
    for (const each of [data].flat().filter(Boolean)) expect(each).toEqual((await get(each.links.self)).data);
  });

  test('of a missing row, a malformed id or one that the caller can’t see is the same 404 [FET-8, FET-10]', async () => {
    const missing = await app.platform.get(`${rowOf(type, NIL)}/${name}`);
    expect(errorsOf(missing)).toEqual(NOT_FOUND);
    for (const id of ['not-a-uuid', '1', `${NIL}%20`, '%00'])
      expect(withoutId(await app.platform.get(`${rowOf(type, id)}/${name}`))).toEqual(withoutId(missing));
    expect(withoutId(await stranger.get(url()))).toEqual(withoutId(await stranger.get(`${rowOf(type, NIL)}/${name}`)));
    expect(errorsOf(await stranger.get(url()))).toEqual(NOT_FOUND);
  });

  test('HEAD is GET without a body, and a slash behind it is the same [FET-11]', async () => {
    const got = await ask(app, 'GET', url());
    const { status, text, headers } = await ask(app, 'HEAD', url());
    expect([status, text, headers.etag, headers['content-length']]).toEqual([
      200,
      '',
      got.headers.etag,
      got.headers['content-length'],
    ]);
    expect((await ask(app, 'GET', `${url()}/`)).text).toBe(got.text);
  });

  const needed = OPERATIONS[`${relationship.type}.${'many' in relationship ? 'list' : 'get'}`]?.permission ?? '';

  test(`needs ${needed}, and tells so only of rows that the caller sees [FET-10]`, async () => {
    const key = async (scopes: string[]) => {
      const { body } = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Narrow', scopes }));
      return app.as(body.data.attributes.secret);
    };
    const lacking = await key(PERMISSIONS.filter((scope) => scope !== needed));
    const denied = await lacking.get(url());
    expect([denied.status, denied.body.errors[0].meta]).toEqual([403, { required: needed }]);
    expect(errorsOf(await lacking.get(`${rowOf(type, NIL)}/${name}`))).toEqual(NOT_FOUND);
    const row = OPERATIONS[`${type}.get`]?.permission ?? needed;
    expect((await (await key([...new Set([needed, row])])).get(url())).status).toBe(200);
  });

  test('takes include and fields of what it shows [INC-11, SPF-1, SPF-4]', async () => {
    const [below] =
      Object.entries(registry.get(relationship.type)?.relationships ?? {}).find(([, each]) => each.include) ?? [];
    const field = firstAttribute(relationship.type);
    const body = await get(`${url()}?include=${below ?? ''}&fields[${relationship.type}]=${field}`);
    for (const each of [body.data].flat().filter(Boolean))
      expect(each).toEqual({
        type: relationship.type,
        id: each.id,
        attributes: { [field]: expect.anything() },
        links: each.links,
      });
    const whole = await get(`${url()}?include=${below ?? ''}`);
    expect(body.included.map(({ id }: Body) => id)).toEqual(whole.included.map(({ id }: Body) => id));
    expect(isFullyLinked(whole)).toBe(true);
    expect(errorsOf(await app.platform.get(`${url()}?include=${name}.nope`))).toEqual([
      ['400', 'invalid_parameter', 'include'],
    ]);
  });
});

describe.each(SINGLES)('the one of %s/{id}/%s', (type, name) => {
  const url = () => `${rowOf(type)}/${name}`;
  const owned = async () => {
    const { data } = await get(`${pathOf(type)}?page[size]=100&sort=id`);
    return data.find(({ relationships }: Body) => relationships[name].data !== null) as Body;
  };

  test('is one resource with its version in the ETag, which answers 304 [FET-4, FET-14]', async () => {
    const row = await owned();
    const path = `${row.links.self}/${name}`;
    const { status, body, headers } = await app.platform.get(path);
    expect([status, body]).toEqual([200, { data: body.data, links: { self: path }, jsonapi: { version: '1.1' } }]);
    expect(body.data.id).toBe(row.relationships[name].data.id);
    const own = await app.platform.get(body.data.links.self);
    expect(headers.etag?.split('.')[0]).toBe(own.headers.etag?.split('.')[0]);
    const again = await app.platform.get(path, { 'If-None-Match': headers.etag as string });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  test.each(['sort=id', 'page[size]=1', 'page[after]=x', `filter[id]=${NIL}`, 'withCapabilities=true', 'foo=1'])(
    'takes no %s [QRY-2, PAG-8, SRT-3]',
    async (query) => {
      const [parameter] = query.split('=');
      expect(errorsOf(await app.platform.get(`${url()}?${query}`))).toEqual([['400', 'invalid_parameter', parameter]]);
    },
  );
});

describe('nothing behind it', () => {
  test('is 200 with null or with no rows, and included is empty [FET-5, FET-3, REL-6]', async () => {
    const at = `${M}/organizations/${world.other.id}`;
    for (const name of ['owner', 'partner']) {
      const { status, body, headers } = await app.platform.get(`${at}/${name}`);
      expect([status, body]).toEqual([
        200,
        { data: null, links: { self: `${at}/${name}` }, jsonapi: { version: '1.1' } },
      ]);
      expect((await app.platform.get(`${at}/${name}`, { 'If-None-Match': headers.etag as string })).status).toBe(304);
      expect((await get(`${at}/${name}?include=organizations`)).included).toEqual([]);
    }
    for (const query of ['members?include=user', 'users?include=organizations']) {
      const { status, body } = await app.platform.get(`${at}/${query}`);
      expect([status, body.data, body.included, body.meta.total]).toEqual([200, [], [], 0]);
    }
  });

  test('what comes later is there at once, also for who holds the tag of nothing [REL-6, FET-14]', async () => {
    const { id, links } = await createOrganization(app.platform);
    const { etag = '' } = (await app.platform.get(`${links.self}/owner`)).headers;
    const user = await createUser(app.platform);
    await app.platform.post(`${S}/members`, membership(id, user.id, [world.roles.owner.id]));
    const { status, body } = await app.platform.get(`${links.self}/owner`, { 'If-None-Match': etag });
    expect([status, body.data.id]).toEqual([200, user.id]);
    expect(idsOf(await get(`${links.self}/users`))).toEqual([user.id]);
  });
});

test('each caller gets what he sees: of a user in three organizations, those [FET-10, CMP-6]', async () => {
  for (const [client, count] of [
    [app.platform, 3],
    [world.partner, 3],
    [world.key, 1],
  ] as const) {
    for (const name of ['organizations', 'members']) {
      const { body } = await client.get(`${rowOf('users')}/${name}`);
      expect([body.data.length, body.meta.total, body.meta.totalUnfiltered]).toEqual([count, count, count]);
    }
  }
  for (const client of [world.partner, world.key])
    expect(errorsOf(await client.get(`${rowOf('organizations')}/partner`))).toEqual(NOT_FOUND);
});
