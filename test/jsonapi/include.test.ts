import { registry } from '../../src/resources';
import { type Body, createUser, document, link, M, S, startApp, type TestApp } from '../support/app';
import { isFullyLinked } from '../support/document';
import { buildWorld, errorsOf, masked, membership, pathOf, sampleOf, statementsOf, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

const keysOf = (resources: Body[]): string[] => resources.map(({ type, id }) => `${type} ${id}`).sort();
const REFUSED = [['400', 'invalid_parameter', 'include']];

/** Every path that may be included from a type, as deep as the limit. */
function pathsFrom(type: string, depth = 3): string[] {
  if (depth === 0) return [];
  return Object.entries(registry.get(type)?.relationships ?? {})
    .filter(([, { include }]) => include)
    .flatMap(([name, { type: other }]) => [name, ...pathsFrom(other, depth - 1).map((path) => `${name}.${path}`)]);
}
const PATHS = TYPES.flatMap((type) => pathsFrom(type).map((path) => [type, path] as const));

/** Resources that a path leads to by the linkage of the document, step by step. */
function reached(body: Body, path: string): string[] {
  const all = new Map<string, Body>();
  for (const each of [...[body.data].flat(), ...body.included]) all.set(`${each.type} ${each.id}`, each);
  const found = new Set<string>();
  let at: Body[] = [body.data].flat();
  for (const name of path.split('.')) {
    const linked = at.flatMap((each) => {
      const { data } = each.relationships[name];
      // Linkage along an included path is there (CMP-5).
      expect(data).not.toBeUndefined();
      return [data].flat().filter((identifier) => identifier !== null);
    });
    at = linked.map(({ type, id }) => all.get(`${type} ${id}`)).filter((each) => each !== undefined);
    for (const { type, id } of linked) found.add(`${type} ${id}`);
  }
  return [...found].sort();
}

test('there are paths to test, deep ones among them', () => {
  expect(PATHS).toEqual(
    expect.arrayContaining([
      ['members', 'organization.owner'],
      ['apiKeys', 'organization.partner'],
    ]),
  );
});

describe.each(PATHS)('%s?include=%s', (type, path) => {
  test.each(['list', 'single'])(
    '%s: what the path reaches is included once, and nothing else [INC-3, CMP-1…5]',
    async (kind) => {
      const url = kind === 'list' ? pathOf(type) : `${pathOf(type)}/${sampleOf(world, type)}`;
      const { status, body } = await app.platform.get(`${url}?include=${path}`);
      expect(status).toBe(200);
      expect(keysOf(body.included)).toEqual(reached(body, path));
      // Of the single ones, a key has no partner.
      if (kind === 'list') expect(body.included.length).toBeGreaterThan(0);
      expect(isFullyLinked(body)).toBe(true);
      for (const each of body.included as Body[])
        expect((await app.platform.get(each.links.self)).body.data).toEqual(each);
    },
  );
});

describe('the value', () => {
  const member = () => `${S}/members/${world.members[1].id}`;

  test('several paths, comma-separated, each with its steps in between [INC-4, CMP-4]', async () => {
    const { body } = await app.platform.get(`${member()}?include=user,roles,organization,organization.owner`);
    expect(keysOf(body.included)).toEqual(
      [
        `organizations ${world.organization.id}`,
        `roles ${world.roles.admin.id}`,
        `roles ${world.roles.member.id}`,
        `users ${world.owner.id}`,
        `users ${world.user.id}`,
      ].sort(),
    );
  });

  test('the same and overlapping paths collapse [INC-8]', async () => {
    const once = await app.platform.get(`${member()}?include=organization.owner`);
    const often = await app.platform.get(
      `${member()}?include=organization,organization.owner,organization,organization.owner`,
    );
    expect(often.status).toBe(200);
    expect(keysOf(often.body.included)).toEqual(keysOf(once.body.included));
  });

  test('one resource that two paths reach is there once [CMP-3]', async () => {
    const own = `${S}/members/${world.members[0].id}`;
    const { body } = await app.platform.get(`${own}?include=user,organization.owner`);
    expect(body.included.filter(({ type }: Body) => type === 'users')).toEqual([
      (await app.platform.get(`${S}/users/${world.owner.id}`)).body.data,
    ]);
  });

  test('branches do not lend each other their steps [INC-7]', async () => {
    const { body } = await app.platform.get(`${S}/apiKeys/${world.apiKey.id}?include=partner,organization`);
    expect(keysOf(body.included)).toEqual([`organizations ${world.organization.id}`]);
  });

  test.each(['', '?include=user'])(
    'without include, and without linkage to show, nothing comes along [INC-3]',
    async (query) => {
      const { body } = await app.platform.get(`${member()}${query}`);
      expect(body.included?.map(({ type }: Body) => type)).toEqual(query === '' ? undefined : ['users']);
    },
  );

  test.each([
    ['an empty value', '/members?include='],
    ['no value', '/members?include'],
    ['a to-one that is null', () => `/management/organizations/${world.other.id}?include=owner,partner`],
    ['a list without rows', '/members?filter[number]=999999&include=user,roles'],
  ])('%s has included as an empty list [INC-2, INC-5]', async (_title, path) => {
    const { status, body } = await app.platform.get(`${S}${typeof path === 'string' ? path : path()}`);
    expect([status, body.included]).toEqual([200, []]);
  });

  test.each([
    ['a relationship that does not exist', 'nope'],
    ['one that does not exist further on', 'organization.nope'],
    ['an attribute', 'status'],
    ['a relationship with links only', 'organization.members'],
    ['the right name in the wrong case', 'User'],
    ['a comma at the end', 'user,'],
    ['a dot at the end', 'user.'],
    ['a blank around a name', 'user, roles'],
    ['a good path beside a bad one', 'user,nope'],
    ['a path that is too deep [INC-9]', 'organization.owner.members.organization'],
    ['a path of a hundred steps [INC-9]', Array(100).fill('organization').join('.')],
    ['a property of every object', 'constructor'],
    ['the prototype', '__proto__'],
  ])('%s is 400, for a list and for one [INC-6]', async (_title, value) => {
    for (const path of [`${S}/members`, member()])
      expect(errorsOf(await app.platform.get(`${path}?include=${value}`))).toEqual(REFUSED);
  });

  test('types without relationships to include refuse every path, and take the empty one', async () => {
    expect(errorsOf(await app.platform.get(`${S}/roles?include=permissions`))).toEqual(REFUSED);
    expect((await app.platform.get(`${S}/roles?include=`)).body.included).toEqual([]);
  });
});

describe('other methods', () => {
  test('POST answers with what was asked for [INC-10]', async () => {
    const request = membership(world.other.id, world.user.id, [world.roles.member.id]);
    const { status, body } = await app.platform.post(`${S}/members?include=user,roles,organization`, request);
    expect(status).toBe(201);
    expect(Object.keys(body)).toEqual(['data', 'included', 'meta', 'jsonapi']);
    const expected = [`organizations ${world.other.id}`, `roles ${world.roles.member.id}`, `users ${world.user.id}`];
    expect(keysOf(body.included)).toEqual(expected.sort());
  });

  test('PATCH answers with what was asked for [INC-10]', async () => {
    const { id } = world.organization;
    const request = document('organizations', { kind: 'club' }, { id });
    const { status, body } = await app.platform.patch(`${M}/organizations/${id}?include=owner,partner`, request);
    expect(status).toBe(200);
    expect(keysOf(body.included)).toEqual([`partners ${world.partner.id}`, `users ${world.owner.id}`]);
  });

  test('a bad path stops a write before it is done [INC-6, QRY-12]', async () => {
    const request = document('organizations', { name: 'Never' });
    expect(errorsOf(await app.platform.post(`${M}/organizations?include=nope`, request))).toEqual(REFUSED);
    expect((await app.platform.get(`${M}/organizations?filter[name]=Never`)).body.data).toEqual([]);
  });

  test('DELETE has nothing to include with [INC-1]', async () => {
    const { id } = await createUser(app.platform);
    const { body } = await app.platform.post(`${S}/members`, membership(world.other.id, id));
    for (const value of ['user', ''])
      expect(errorsOf(await app.platform.delete(`${S}/members/${body.data.id}?include=${value}`))).toEqual(REFUSED);
    expect((await app.platform.get(`${S}/members/${body.data.id}`)).status).toBe(200);
  });
});

describe('what the caller can’t see', () => {
  test('a relationship to a type of other levels can’t be included [CMP-6]', async () => {
    for (const client of [world.partner, world.key]) {
      expect(errorsOf(await client.get(`${S}/apiKeys?include=partner`))).toEqual(REFUSED);
      expect(errorsOf(await client.get(`${M}/organizations?include=partner`))).toEqual(REFUSED);
      expect(errorsOf(await client.get(`${S}/apiKeys?include=organization.partner`))).toEqual(REFUSED);
    }
  });

  test('a type that the key has no scope for is 403, not left out', async () => {
    const relationships = { organization: link('organizations', world.organization.id) };
    const made = await world.partner.post(
      `${S}/apiKeys`,
      document('apiKeys', { name: 'Narrow', scopes: ['apiKeys:read'] }, { relationships }),
    );
    const narrow = app.as(made.body.data.attributes.secret);
    expect((await narrow.get(`${S}/apiKeys`)).status).toBe(200);
    const { status, body } = await narrow.get(`${S}/apiKeys?include=organization`);
    expect([status, body.errors[0].meta]).toEqual([403, { required: 'organizations:read' }]);
  });

  test('resources of other organizations are not included', async () => {
    const { body } = await world.key.get(`${S}/members?include=user,organization.owner`);
    const seen = masked(keysOf(body.included), { [world.organization.id]: 'ACME' });
    expect(seen.filter((key: string) => key.startsWith('organizations'))).toEqual(['organizations ACME']);
    for (const each of body.included) expect((await world.key.get(each.links.self)).status).toBe(200);
  });
});

describe('statements beside authentication', () => {
  test.each(TYPES)('a list of %s costs one, whatever the size of the page, and two when it is empty', async (type) => {
    // Looks the key up, and notes its use.
    await app.platform.get(`${S}/roles`);
    for (const [query, most] of [
      ['page[size]=1', 1],
      ['page[size]=100', 1],
      ['sort=-createdAt&filter[createdAt][gte]=2020-01-01', 1],
      ['page[number]=1000', 2],
    ] as const) {
      const statements = await statementsOf(() => app.platform.get(`${pathOf(type)}?${query}`));
      expect([query, statements.length]).toEqual([query, most]);
    }
  });

  test.each([
    ['members', 'user', 2],
    ['members', 'user,roles', 3],
    ['members', 'user,roles,organization', 4],
    ['members', 'user,roles,organization,organization.owner', 5],
    ['members', 'user,roles,organization.owner,organization.partner', 6],
    ['organizations', 'owner,partner', 3],
  ])('a list of %s with include=%s costs %i: one more for each relationship', async (type, include, expected) => {
    for (const size of [3, 100]) {
      const url = `${pathOf(type)}?include=${include}&page[size]=${size}`;
      expect(await statementsOf(() => app.platform.get(url))).toHaveLength(expected);
    }
  });

  test('one resource costs one, and 404 costs no more', async () => {
    const url = `${S}/members/${world.members[0].id}`;
    expect(await statementsOf(() => app.platform.get(url))).toHaveLength(1);
    expect(await statementsOf(() => app.platform.get(`${S}/members/nope`))).toHaveLength(0);
  });
});
