import { registry } from '../../src/resources';
import { type Body, createOrganization, M, S, startApp, type TestApp } from '../support/app';
import { isFullyLinked } from '../support/document';
import { buildWorld, errorsOf, membership, pathOf, RELATIONSHIPS, sampleOf, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  // Two organizations for Uwe, one more for the partner.
  await app.platform.post(`${S}/members`, membership(world.other.id, world.user.id, [world.roles.owner.id]));
  await createOrganization(world.partner, { name: 'Second' });
});
afterAll(() => app.close());

const keyOf = ({ type, id }: Body): string => `${type} ${id}`;
const keysOf = (resources: Body[]): string[] => resources.map(keyOf).sort();
const REFUSED = [['400', 'invalid_parameter', 'include']];

/** Every single step, and a dozen ways that go further: through lists, through to-ones, and back to where they began. */
const STEPS = RELATIONSHIPS.filter(([, , { include }]) => include).map(([type, name]) => [type, name] as const);
const DEEP = [
  ['organizations', 'members.user'],
  ['organizations', 'members.roles'],
  ['organizations', 'members.organization'],
  ['organizations', 'owner.members.roles'],
  ['organizations', 'users.organizations.owner'],
  ['organizations', 'partner.organizations.owner'],
  ['partners', 'organizations.members.user'],
  ['partners', 'apiKeys.partner.organizations'],
  ['users', 'organizations.roles'],
  ['users', 'members.organization.partner'],
  ['members', 'organization.members.user'],
  ['members', 'user.members.roles'],
  ['apiKeys', 'organization.owner.organizations'],
  ['apiKeys', 'organization.apiKeys'],
] as const;

/** Resources that a path leads to by the linkage of the document, step by step; the primary ones are not among them. */
function reached(body: Body, path: string): string[] {
  const all = new Map<string, Body>();
  for (const each of [...[body.data].flat(), ...body.included]) all.set(keyOf(each), each);
  const found = new Set<string>();
  let at: Body[] = [body.data].flat();
  for (const name of path.split('.')) {
    const linked = at.flatMap((each) => {
      const { data } = each.relationships[name];
      // Linkage along an included path is there (CMP-5).
      expect(data).not.toBeUndefined();
      return [data].flat().filter((identifier) => identifier !== null);
    });
    at = [...new Set(linked.map(keyOf))].map((key) => all.get(key));
    expect(at).not.toContain(undefined);
    for (const each of linked) found.add(keyOf(each));
  }
  for (const each of [body.data].flat()) found.delete(keyOf(each));
  return [...found].sort();
}

/** The resource without what an include adds to its lists. */
function plain(resource: Body): Body {
  const isLinked = (name: string) => {
    const relationship = registry.get(resource.type)?.relationships[name];
    return relationship !== undefined && 'many' in relationship && relationship.keys === undefined;
  };
  const shown = Object.entries<Body>(resource.relationships ?? {}).map(([name, each]) => {
    const { self, related } = each.links;
    return [name, isLinked(name) ? { links: { self, related } } : each];
  });
  return { ...resource, ...(resource.relationships && { relationships: Object.fromEntries(shown) }) };
}

describe.each([...STEPS, ...DEEP])('%s?include=%s', (type, path) => {
  test.each(['list', 'single'])(
    '%s: what the path reaches is included once, and nothing else [INC-3, CMP-1…5]',
    async (kind) => {
      const url = kind === 'list' ? `${pathOf(type)}?page[size]=2&` : `${pathOf(type)}/${sampleOf(world, type)}?`;
      const { status, body } = await app.platform.get(`${url}include=${path}`);
      expect(status).toBe(200);
      expect(keysOf(body.included)).toEqual(reached(body, path));
      expect(isFullyLinked(body)).toBe(true);
      for (const each of body.included as Body[])
        expect(plain(each)).toEqual((await app.platform.get(each.links.self)).body.data);
    },
  );
});

describe.each(STEPS)('%s.%s', (type, name) => {
  const row = () => `${pathOf(type)}/${sampleOf(world, type)}`;

  test('is included alike from a list, from one, from its linkage, and is what its related link shows [INC-11]', async () => {
    const related = [(await app.platform.get(`${row()}/${name}`)).body.data].flat().filter((each) => each !== null);
    const asked = [
      `${pathOf(type)}?filter[id]=${sampleOf(world, type)}&include=${name}`,
      `${row()}?include=${name}`,
      `${row()}/relationships/${name}?include=${name}`,
    ];
    for (const url of asked) expect([url, (await app.platform.get(url)).body.included]).toEqual([url, related]);
  });

  test('has linkage in the order of its own list [CMP-5]', async () => {
    const { data } = (await app.platform.get(`${row()}?include=${name}`)).body;
    expect(data.relationships[name].data).toEqual((await app.platform.get(`${row()}/relationships/${name}`)).body.data);
  });
});

describe('the value', () => {
  const member = () => `${S}/members/${world.members[1].id}`;
  const acme = () => `${M}/organizations/${world.organization.id}`;

  test('several paths, comma-separated, each with its steps in between [INC-4, CMP-4]', async () => {
    const { body } = await app.platform.get(`${member()}?include=user,roles,organization.owner.members`);
    expect(keysOf(body.included)).toEqual(
      [
        `members ${world.members[0].id}`,
        `organizations ${world.organization.id}`,
        `roles ${world.roles.admin.id}`,
        `roles ${world.roles.member.id}`,
        `users ${world.owner.id}`,
        `users ${world.user.id}`,
      ].sort(),
    );
  });

  test('the same and overlapping paths collapse [INC-8]', async () => {
    const once = await app.platform.get(`${acme()}?include=members.roles`);
    const often = await app.platform.get(`${acme()}?include=members,members.roles,members,members.roles`);
    expect(often.status).toBe(200);
    expect([often.body.data, often.body.included]).toEqual([once.body.data, once.body.included]);
  });

  test('one resource that two paths reach is there once [CMP-3]', async () => {
    const { body } = await app.platform.get(`${acme()}?include=users,owner,members.user`);
    const users = keysOf(body.included.filter(({ type }: Body) => type === 'users'));
    expect(users).toEqual([...new Set(users)]);
    expect(users).toHaveLength(3);
  });

  test('primary data that a path comes back to is not included again, and is linked to [CMP-3]', async () => {
    const { body } = await app.platform.get(
      `${S}/members?filter[organizationId]=${world.organization.id}&include=organization.members`,
    );
    expect(keysOf(body.included)).toEqual([`organizations ${world.organization.id}`]);
    const linked = body.included[0].relationships.members.data;
    expect(keysOf(linked)).toEqual(keysOf(body.data));
    expect(linked).toHaveLength(3);
  });

  test('branches do not lend each other their steps [INC-7]', async () => {
    const { body } = await app.platform.get(`${acme()}?include=owner.members,users.organizations`);
    const of = (type: string) => body.included.filter((each: Body) => each.type === type);
    // Uwe's memberships are not asked for: only the owner's are.
    expect(keysOf(of('members'))).toEqual([`members ${world.members[0].id}`]);
    expect(keysOf(of('organizations'))).toEqual([`organizations ${world.other.id}`]);
    const uwe = of('users').find(({ id }: Body) => id === world.user.id);
    expect([uwe.relationships.members, uwe.relationships.organizations.data.length]).toEqual([
      { links: expect.any(Object) },
      2,
    ]);
    for (const { relationships } of of('members'))
      expect(keysOf([relationships.user.data])).toEqual([`users ${world.owner.id}`]);
  });

  test('what is included stands in the order of the paths and of the linkage, always [RES-3, FET-14]', async () => {
    // A row that has been written is at another place in its table.
    for (const { id } of [world.members[1], world.owner, world.members[0]]) {
      for (const table of ['members', 'users'])
        await app.source.query(`update ${table} set version = version where id = $1`, [id]);
    }
    const { body } = await app.platform.get(`${acme()}?include=members.user,members.roles,owner`);
    const members = body.data.relationships.members.data;
    const byKey = new Map<string, Body>(body.included.map((each: Body) => [keyOf(each), each]));
    const linked = (name: string) => members.flatMap((each: Body) => byKey.get(keyOf(each))?.relationships[name].data);
    const expected = new Set([...members, ...linked('user'), ...linked('roles')].map(keyOf));
    expect(body.included.map(keyOf)).toEqual([...expected]);
  });

  test.each(['', '?include=user'])('%j brings nothing that it does not name [INC-3]', async (query) => {
    const { body } = await app.platform.get(`${member()}${query}`);
    expect(body.included?.map(({ type }: Body) => type)).toEqual(query === '' ? undefined : ['users']);
  });

  test.each([
    ['an empty value', '/members?include='],
    ['no value', '/members?include'],
    ['a to-one that is null', () => `/management/organizations/${world.other.id}?include=partner`],
    ['a list without rows', '/members?filter[number]=999999&include=user,roles'],
    [
      'a related to-one that is null',
      () => `/management/organizations/${world.other.id}/partner?include=organizations`,
    ],
    [
      'a related list without rows',
      () => `/users/${world.owner.id}/members?filter[number]=999999&include=organization`,
    ],
  ])('%s has included as an empty list [INC-2, INC-5]', async (_title, path) => {
    const { status, body } = await app.platform.get(`${S}${typeof path === 'string' ? path : path()}`);
    expect([status, body.included]).toEqual([200, []]);
  });

  test('a list of others without rows is linked as empty, with its total [INC-2, CMP-5]', async () => {
    const { id } = await createOrganization(app.platform);
    const { body } = await app.platform.get(`${M}/organizations/${id}?include=members.user,users`);
    expect(body.included).toEqual([]);
    for (const name of ['members', 'users'])
      expect(body.data.relationships[name]).toMatchObject({
        data: [],
        links: { prev: null, next: null },
        meta: { page: { total: 0 } },
      });
  });

  test.each([
    ['a relationship that does not exist', 'nope'],
    ['one that does not exist further on', 'organization.nope'],
    ['an attribute', 'status'],
    ['the right name in the wrong case', 'User'],
    ['a comma at the end', 'user,'],
    ['a dot at the end', 'user.'],
    ['a blank around a name', 'user, roles'],
    ['a good path beside a bad one', 'user,nope'],
    ['a step behind a type that has none', 'roles.permissions'],
    ['a path that is too deep [INC-9]', 'organization.owner.members.organization'],
    ['a path of a hundred steps [INC-9]', Array(100).fill('organization').join('.')],
    ['a property of every object', 'constructor'],
    ['the prototype', '__proto__'],
  ])('%s is 400, for a list and for one [INC-6]', async (_title, value) => {
    for (const path of [`${S}/members`, member(), `${acme()}/members`])
      expect(errorsOf(await app.platform.get(`${path}?include=${value}`))).toEqual(REFUSED);
  });

  test('types without relationships to include refuse every path, and take the empty one', async () => {
    expect(errorsOf(await app.platform.get(`${S}/roles?include=permissions`))).toEqual(REFUSED);
    expect((await app.platform.get(`${S}/roles?include=`)).body.included).toEqual([]);
  });
});
