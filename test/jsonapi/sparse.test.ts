import { registry } from '../../src/resources';
import { type Body, document, M, S, startApp, type TestApp } from '../support/app';
import { buildWorld, errorsOf, pathOf, sampleOf, statementsOf, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

const fieldsOf = (type: string) => {
  const { attributes = {}, relationships = {} } = registry.get(type) ?? {};
  return { attributes: Object.keys(attributes), relationships: Object.keys(relationships) };
};
const shown = ({ attributes = {}, relationships = {} }: Body) => [Object.keys(attributes), Object.keys(relationships)];
const acme = () => `${M}/organizations/${world.organization.id}`;

describe.each(TYPES)('fields[%s]', (type) => {
  const urls = () => [pathOf(type), `${pathOf(type)}/${sampleOf(world, type)}`];

  test('each field alone shows that field and no other [SPF-1, SPF-8]', async () => {
    const { attributes, relationships } = fieldsOf(type);
    const full = (await app.platform.get(`${pathOf(type)}/${sampleOf(world, type)}`)).body.data;
    for (const name of attributes) {
      const { body } = await app.platform.get(`${pathOf(type)}/${full.id}?fields[${type}]=${name}`);
      const { id, links } = full;
      expect(body.data).toEqual({ type, id, links, attributes: { [name]: full.attributes[name] } });
    }
    for (const name of relationships) {
      const { body } = await app.platform.get(`${pathOf(type)}/${full.id}?fields[${type}]=${name}`);
      const { id, links } = full;
      const expected = { type, id, links, attributes: {}, relationships: { [name]: full.relationships[name] } };
      expect(body.data).toEqual(expected);
    }
  });

  test('an empty value shows no field at all [SPF-3]', async () => {
    for (const url of urls()) {
      const { status, body } = await app.platform.get(`${url}?fields[${type}]=`);
      expect(status).toBe(200);
      for (const each of [body.data].flat()) {
        expect(shown(each)).toEqual([[], []]);
        expect([each.type, each.links.self]).toEqual([type, `${pathOf(type)}/${each.id}`]);
      }
    }
  });

  test('all names at once are the same as none, in the order of the type [SPF-2, SPF-5]', async () => {
    const { attributes, relationships } = fieldsOf(type);
    const names = [...relationships, ...attributes].reverse().join(',');
    for (const url of urls()) {
      const all = await app.platform.get(`${url}?fields[${type}]=${names}`);
      // Whoever names what he wants is spared the rest: `meta` is no field.
      const whole = JSON.parse((await app.platform.get(url)).text, (key, value) =>
        key === 'meta' ? undefined : value,
      );
      expect(JSON.stringify(all.body.data)).toBe(JSON.stringify(whole.data));
    }
  });

  test.each([
    'nope',
    'id',
    'type',
    'links',
    'CreatedAt',
    'createdAt,',
    'createdAt, updatedAt',
    'createdAt.x',
    'constructor',
    '__proto__',
    'version',
    'passwordHash',
  ])('the field %s does not exist: 400 [SPF-7]', async (name) => {
    for (const url of urls())
      expect(errorsOf(await app.platform.get(`${url}?fields[${type}]=${name}`))).toEqual([
        ['400', 'invalid_parameter', `fields[${type}]`],
      ]);
  });
});

test.each(['nope', 'Organizations', 'constructor', '__proto__', 'callers', ''])(
  'the type %s does not exist: 400 [SPF-7]',
  async (type) => {
    for (const path of [`${S}/users`, acme()])
      expect(errorsOf(await app.platform.get(`${path}?fields[${type}]=name`))).toEqual([
        ['400', 'invalid_parameter', `fields[${type}]`],
      ]);
  },
);

test('a name twice is like once', async () => {
  const { body } = await app.platform.get(`${acme()}?fields[organizations]=name,name`);
  expect(shown(body.data)).toEqual([['name'], []]);
});

test.each(['fields=name', 'fields[users][name]=x', 'fields[users][]=name'])(
  '%s is no form of fields: 400',
  async (query) => {
    const [parameter] = query.split('=');
    expect(errorsOf(await app.platform.get(`${S}/users?${query}`))).toEqual([['400', 'invalid_parameter', parameter]]);
  },
);

test('a type that is not in the document may be named', async () => {
  const plain = await app.platform.get(acme());
  const { status, body } = await app.platform.get(`${acme()}?fields[users]=email&fields[roles]=`);
  expect([status, body.data]).toEqual([200, plain.body.data]);
});

describe('with include', () => {
  test('included types have theirs, others stay whole [SPF-4, SPF-5]', async () => {
    const { body } = await app.platform.get(`${acme()}?include=owner,partner&fields[users]=email`);
    const user = body.included.find(({ type }: Body) => type === 'users');
    const partner = body.included.find(({ type }: Body) => type === 'partners');
    expect(user).toEqual({
      type: 'users',
      id: world.owner.id,
      attributes: { email: world.owner.attributes.email },
      links: { self: `${S}/users/${world.owner.id}` },
    });
    expect(shown(partner)).toEqual([fieldsOf('partners').attributes, fieldsOf('partners').relationships]);
    expect(shown(body.data)).toEqual([fieldsOf('organizations').attributes, fieldsOf('organizations').relationships]);
  });

  test('what is linked by a field that is left out is included all the same [SPF-6]', async () => {
    const { body } = await app.platform.get(`${acme()}?include=owner&fields[organizations]=name`);
    expect(shown(body.data)).toEqual([['name'], []]);
    expect(body.included.map(({ id }: Body) => id)).toEqual([world.owner.id]);
  });

  test('that holds for steps in between and for lists [SPF-6]', async () => {
    const query =
      'include=organization.owner,roles&fields[members]=&fields[organizations]=&fields[users]=name&fields[roles]=code';
    for (const url of [
      `${S}/members?filter[id]=${world.members[1].id}&${query}`,
      `${S}/members/${world.members[1].id}?${query}`,
    ]) {
      const { body } = await app.platform.get(url);
      expect([body.data].flat().map(shown)).toEqual([[[], []]]);
      const seen = body.included.map((each: Body) => [each.type, ...Object.values(each.attributes)]).sort();
      expect(seen).toEqual([['organizations'], ['roles', 'admin'], ['roles', 'member'], ['users', 'Olga']]);
    }
  });
});

describe('with lists in an include', () => {
  const members = () => world.members.map(({ id }) => id).sort();
  const idsOf = (rows: Body[], type: string) =>
    rows
      .filter((each) => each.type === type)
      .map(({ id }) => id)
      .sort();

  test('lists and steps that are not shown are included all the same [SPF-6]', async () => {
    const query = 'include=members.user&fields[organizations]=name&fields[members]=&fields[users]=email';
    for (const url of [`${acme()}?${query}`, `${M}/organizations?filter[externalId]=acme-1&${query}`]) {
      const { body } = await app.platform.get(url);
      expect([body.data].flat().map(shown)).toEqual([[['name'], []]]);
      expect(idsOf(body.included, 'members')).toEqual(members());
      expect(idsOf(body.included, 'users')).toHaveLength(3);
      for (const each of body.included) expect(shown(each)).toEqual([each.type === 'users' ? ['email'] : [], []]);
    }
  });

  test('a list that is named shows its linkage when it is included, else its links [SPF-2]', async () => {
    const path = `${acme()}?fields[organizations]=members,users`;
    const { data } = (await app.platform.get(path)).body;
    expect(Object.values<Body>(data.relationships).map((each) => Object.keys(each))).toEqual([['links'], ['links']]);
    const { relationships } = (await app.platform.get(`${path}&include=members`)).body.data;
    expect(Object.keys(relationships)).toEqual(['users', 'members']);
    expect(relationships.members).toMatchObject({ links: { next: null }, meta: { page: { total: 3 } } });
    expect(idsOf(relationships.members.data, 'members')).toEqual(members());
    expect(Object.keys(relationships.users)).toEqual(['links']);
  });

  test('the fields of a type hold for the primary data and for what a path comes back to [SPF-1, SPF-4]', async () => {
    const { body } = await app.platform.get(
      `${S}/members/${world.members[1].id}?include=organization.members&fields[members]=number,user`,
    );
    expect(idsOf(body.included, 'members')).toHaveLength(2);
    for (const each of [body.data, ...body.included.filter(({ type }: Body) => type === 'members')])
      expect(shown(each)).toEqual([['number'], ['user']]);
  });
});

describe('other methods', () => {
  test('POST answers with the named fields only, the secret if it is one of them [SPF-9]', async () => {
    const path = `${M}/organizations?fields[organizations]=`;
    const one = await app.platform.post(`${path}name`, document('organizations', { name: 'Sparse' }));
    expect([one.status, one.body.data.attributes]).toEqual([201, { name: 'Sparse' }]);
    expect(one.body.data).not.toHaveProperty('relationships');
    const two = await app.platform.post(`${path}token`, document('organizations', { name: 'Sparse' }));
    expect(two.body.data.attributes).toEqual({ token: expect.stringMatching(/^sk_live_/) });
    expect((await app.as(two.body.data.attributes.token).get(`${S}/me`)).status).toBe(200);
  });

  test('PATCH changes what the body says and shows what the query says [SPF-9]', async () => {
    const { id } = world.organization;
    const request = document('organizations', { kind: 'club' }, { id });
    const { status, body } = await app.platform.patch(`${acme()}?fields[organizations]=name,owner`, request);
    expect([status, shown(body.data)]).toEqual([200, [['name'], ['owner']]]);
    expect((await app.platform.get(acme())).body.data.attributes.kind).toBe('club');
  });

  test('a bad field stops a write before it is done [SPF-7, QRY-12]', async () => {
    const path = `${M}/organizations?fields[organizations]=nope`;
    expect((await app.platform.post(path, document('organizations', { name: 'Never' }))).status).toBe(400);
    expect((await app.platform.get(`${M}/organizations?filter[name]=Never`)).body.data).toEqual([]);
  });

  test('DELETE shows nothing, so it takes no fields', async () => {
    const path = `${S}/apiKeys/${world.apiKey.id}`;
    expect((await app.platform.delete(`${path}?fields[apiKeys]=name`)).status).toBe(400);
    expect((await app.platform.get(path)).status).toBe(200);
  });
});

describe('columns of fields that are not shown are not read [SPF-10]', () => {
  const COLUMNS = ['t.metadata', 't.name', 't.email', 't.owner_id', 't.organization_id', 't.user_id', 'member_roles'];
  /** By statement: which of these columns it selects; of a list in an include, for each row of it. */
  const columnsOf = async (path: string): Promise<string[][]> => {
    const statements = await statementsOf(() => app.platform.get(path));
    const selected = (sql: string) => sql.slice(Math.max(0, sql.indexOf('lateral'))).split(/\sfrom \w+ t\b/)[0] ?? '';
    return statements.map((sql) => COLUMNS.filter((column) => selected(sql).includes(column)));
  };
  const member = () => `${S}/members/${world.members[1].id}`;

  test('of what is included, one or many, but for the keys that the next step needs', async () => {
    const user = `${member()}?include=user&fields[members]=`;
    expect(await columnsOf(`${user}&fields[users]=email`)).toEqual([['t.user_id'], ['t.email']]);
    const members = `${acme()}?fields[organizations]=&fields[members]=status`;
    expect(await columnsOf(`${members}&include=members`)).toEqual([[], []]);
    expect(await columnsOf(`${members}&include=members.user&fields[users]=name`)).toEqual([
      [],
      ['t.user_id'],
      ['t.name'],
    ]);
    expect(await columnsOf(`${members}&include=members.roles&fields[roles]=code`)).toEqual([[], ['member_roles'], []]);
    const whole = await columnsOf(`${acme()}?fields[organizations]=&include=members`);
    expect(whole).toEqual([[], ['t.metadata', 't.organization_id', 't.user_id', 'member_roles']]);
  });

  test('of what is related, and of linkage all but the id', async () => {
    expect(await columnsOf(`${acme()}/members?fields[members]=user`)).toEqual([[], ['t.user_id']]);
    expect(await columnsOf(`${acme()}/owner?fields[users]=email`)).toEqual([['t.owner_id'], ['t.email']]);
    expect(await columnsOf(`${acme()}/relationships/members`)).toEqual([[], []]);
    expect(await columnsOf(`${acme()}/relationships/owner`)).toEqual([['t.owner_id']]);
    const included = `${acme()}/relationships/members?include=members.user&fields[members]=status&fields[users]=`;
    expect(await columnsOf(included)).toEqual([[], ['t.user_id'], []]);
  });

  test('of primary data, in a list and alone', async () => {
    const all = ['t.metadata', 't.name', 't.owner_id'];
    for (const path of [`${M}/organizations?`, `${acme()}?`]) {
      expect(await columnsOf(path)).toEqual([all]);
      expect(await columnsOf(`${path}&fields[organizations]=name`)).toEqual([['t.name']]);
      expect(await columnsOf(`${path}&fields[organizations]=`)).toEqual([[]]);
      // The key is needed for what it links to.
      const [list, users] = await columnsOf(`${path}&fields[organizations]=name&include=owner`);
      expect([list, users]).toEqual([
        ['t.name', 't.owner_id'],
        ['t.name', 't.email'],
      ]);
    }
  });
});

test('a caller is shown no relationship to a type he can’t read, named or not', async () => {
  const { body } = await world.key.get(`${S}/apiKeys/${world.apiKey.id}?fields[apiKeys]=name,organization,partner`);
  expect(shown(body.data)).toEqual([['name'], ['organization']]);
});
