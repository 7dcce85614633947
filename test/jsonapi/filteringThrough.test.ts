import { registry } from '../../src/resources';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { CURSORS, walk } from './cursors';
import { buildWorld, errorsOf, membership, pathOf, RELATIONSHIPS, type World } from './world';

let app: TestApp;
let world: World;
/** An organization of somebody else, with a member of its own. */
let foreign: Body;
let stranger: Body;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  foreign = await createOrganization(app.platform, {
    name: 'Foreign',
    slug: 'foreign',
    metadata: { plan: 'gold', a: { b: 1 } },
  });
  stranger = await createUser(app.platform, { name: 'Sven', email: 'Sven@Foreign.example' });
  await app.platform.post(`${S}/members`, membership(foreign.id, stranger.id, [world.roles.owner.id]));
  const relationships = { organization: link('organizations', foreign.id) };
  await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Foreign' }, { relationships }));
});
afterAll(() => app.close());

const TO_ONE = RELATIONSHIPS.flatMap(([type, name, relationship]) =>
  'one' in relationship ? [[type, name, relationship] as const] : [],
);
/** Each attribute of each to-one that can be filtered by, with each of its operators. */
const CASES = TO_ONE.flatMap(([type, name, { type: other }]) =>
  Object.entries(registry.get(other)?.attributes ?? {})
    .filter(([field]) => field !== 'metadata')
    .flatMap(([field, { filter = [] }]) => filter.map((operator) => [type, name, field, operator] as const)),
);

const all = async (path: string, client: Client = app.platform): Promise<Body[]> => {
  const answer = await client.get(`${path}${path.includes('?') ? '&' : '?'}page[size]=100`);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.body.data;
};
/** All rows of a type as they were at first. */
const known = new Map<string, Promise<Body[]>>();
const rowsOf = (type: string): Promise<Body[]> => {
  const rows = known.get(type) ?? all(pathOf(type));
  known.set(type, rows);
  return rows;
};
const idsOf = (rows: Body[]) => rows.map(({ id }) => id).sort();

test.each(CASES)(
  '%s?filter[%s.%s][%s] is the rows whose other one fits [FLT-4]',
  async (type, name, field, operator) => {
    const other = TO_ONE.find(([from, each]) => from === type && each === name)?.[2].type as string;
    const [rows, others] = [await rowsOf(type), await rowsOf(other)];
    const values = [...new Set(others.map(({ attributes }) => attributes[field]).filter((value) => value !== null))];
    const asked =
      operator === 'null' ? ['true', 'false'] : [...values.slice(0, 1), ...(operator === 'in' ? [values.join()] : [])];
    for (const value of asked) {
      const query = `[${operator}]=${encodeURIComponent(String(value))}`;
      const fitting = idsOf(await all(`${pathOf(other)}?filter[${field}]${query}`));
      const expected = rows.filter(({ relationships }) => fitting.includes(relationships[name].data?.id));
      const answer = await app.platform.get(`${pathOf(type)}?filter[${name}.${field}]${query}&page[size]=100`);
      expect([answer.status, idsOf(answer.body.data)]).toEqual([200, idsOf(expected)]);
      expect(answer.body.meta).toMatchObject({ total: expected.length, totalUnfiltered: rows.length });
    }
  },
);

describe('members', () => {
  const members = async (query: string, client: Client = app.platform): Promise<string[]> => {
    const rows = await all(`${S}/members?include=user&${query}`, client);
    return rows.map(({ relationships }: Body) => relationships.user.data.id).sort();
  };
  const of = (...users: Body[]) => users.map(({ id }) => id).sort();
  const acme = () => world.members.map(({ relationships }) => relationships.user.data.id).sort();

  test('by the slug of the organization, or several [FLT-4, FLT-6]', async () => {
    expect(await members('filter[organization.slug]=foreign')).toEqual(of(stranger));
    expect(await members('filter[organization.slug]=acme')).toEqual(acme());
    for (const query of [
      'filter[organization.slug]=foreign,acme,nothing',
      'filter[organization.slug][in]=foreign,acme',
      'filter[organization.slug][]=foreign&filter[organization.slug][]=acme',
    ])
      expect(await members(query)).toEqual([...acme(), stranger.id].sort());
    expect(await members('filter[organization.slug]=nothing')).toEqual([]);
  });

  test('by the e-mail address of the user, in any letters [FLT-4]', async () => {
    for (const email of ['Sven@Foreign.example', 'sven@foreign.example', 'SVEN@FOREIGN.EXAMPLE'])
      for (const query of [`filter[user.email]=${email}`, `filter[user.email][in]=${email},x@example.com`])
        expect(await members(query)).toEqual(of(stranger));
    expect(await members('filter[user.email][startsWith]=SVEN@')).toEqual(of(stranger));
    expect(await members('filter[user.email][contains]=foreign.EX')).toEqual(of(stranger));
    expect(await members('filter[user.email][ne]=SVEN@foreign.example&filter[organization.slug]=foreign')).toEqual([]);
  });

  test('several filters are all-of, through one and through both, with those of its own [FLT-2]', async () => {
    expect(await members('filter[organization.slug]=acme&filter[user.name]=Uwe')).toEqual(of(world.user));
    expect(await members('filter[organization.slug]=acme&filter[user.name]=Sven')).toEqual([]);
    expect(await members('filter[organization.slug]=acme&filter[organization.name]=Foreign')).toEqual([]);
    expect(await members('filter[organization.slug]=acme&filter[isPrimaryOwner]=true')).toEqual(of(world.owner));
    expect(await members(`filter[organization.slug]=acme&filter[userId]=${world.user.id}`)).toEqual(of(world.user));
  });

  test('by metadata of the organization [FLT-4]', async () => {
    expect(await members('filter[organization.metadata.plan]=gold')).toEqual(of(stranger));
    expect(await members('filter[organization.metadata.a.b]=1')).toEqual(of(stranger));
    expect(await members('filter[organization.metadata.plan]=silver,gold')).toEqual(of(stranger));
    expect(await members('filter[organization.metadata.plan][null]=true')).toEqual(acme());
  });

  test('on a related list and on linkage, sorted and walked by cursors', async () => {
    const list = `${M}/organizations/${world.organization.id}`;
    const query = 'filter[user.name][null]=false&sort=-createdAt';
    for (const path of [`${list}/members?${query}`, `${list}/relationships/members?${query}`]) {
      const rows = await all(path);
      expect(idsOf(rows)).toEqual(idsOf([world.members[0], world.members[1]]));
      const pages = await walk((at) => app.platform.get(at, CURSORS), `${path}&page[size]=1`);
      expect(pages.flatMap(({ body }) => body.data.map(({ id }: Body) => id))).toEqual(rows.map(({ id }) => id));
    }
  });
});

test.each(TO_ONE)(
  '%s?filter[%s] is its id, as the filter with the name of the key is [FLT-2]',
  async (type, name, { key }) => {
    const rows = await all(pathOf(type));
    const ids = [...new Set(rows.flatMap(({ relationships }) => relationships[name].data?.id ?? []))];
    for (const query of [
      `=${ids[0]}`,
      `=${ids.join()}`,
      // A type may have a filter of its own under the name of the key, with fewer operators.
      ...(registry.get(type)?.filters[key] === undefined ? [`[ne]=${ids[0]}`, '[null]=true', '[null]=false'] : []),
      `[]=${ids[0]}`,
    ]) {
      const [byName, byKey] = [
        await all(`${pathOf(type)}?filter[${name}]${query}`),
        await all(`${pathOf(type)}?filter[${key}]${query}`),
      ];
      expect(idsOf(byName)).toEqual(idsOf(byKey));
    }
    if (registry.get(type)?.filters[key] !== undefined) return;
    const one = await all(`${pathOf(type)}?filter[${name}]=${ids[0]}`);
    expect(idsOf(one)).toEqual(idsOf(rows.filter(({ relationships }) => relationships[name].data?.id === ids[0])));
  },
);

test('rows whose other one is not there fit no filter through it, not even ne or null', async () => {
  for (const query of ['filter[owner.name][null]=true', 'filter[owner.name][null]=false', 'filter[owner.name][ne]=x']) {
    const rows = await all(`${M}/organizations?${query}`);
    expect(rows.map(({ id }) => id)).not.toContain(world.other.id);
  }
});

describe('what is no filter', () => {
  test.each([
    ['an unknown attribute', 'members', 'organization.nope'],
    ['an attribute of another type', 'members', 'user.slug'],
    ['a hidden column', 'members', 'organization.webhookSecretCipher'],
    ['a secret', 'members', 'organization.token'],
    ['a secret of a key', 'members', 'organization.webhookSecret'],
    ['the version', 'members', 'user.version'],
    ['a column of the table', 'members', 'organization.partnerId'],
    ['the id', 'members', 'organization.id'],
    ['a filter that is no attribute', 'members', 'organization.q'],
    ['a to-many', 'members', 'roles.code'],
    ['a to-many of an organization', 'organizations', 'members.status'],
    ['two steps', 'members', 'organization.owner.email'],
    ['nothing behind the dot', 'members', 'organization.'],
    ['nothing before the dot', 'members', '.slug'],
    ['metadata without a path', 'members', 'organization.metadata'],
    ['a path into what is no JSON', 'members', 'organization.slug.a'],
    ['a name of JavaScript', 'members', 'constructor.slug'],
    ['another one', 'members', 'organization.__proto__'],
    ['another case', 'members', 'Organization.slug'],
  ])('%s: %s?filter[%s] is 400 [FLT-3, QRY-9]', async (_title, type, name) => {
    for (const suffix of ['', '[ne]', '[null]', '[]']) {
      const answer = await app.platform.get(`${pathOf(type)}?filter[${name}]${suffix}=true`);
      expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', `filter[${name}]${suffix}`]]);
    }
  });

  test.each([
    ['organization.createdAt][gte', 'banana'],
    ['organization.createdAt', 'banana'],
    ['organization.status', 'asleep'],
    ['organization.number', 'x'],
    ['organization.deleteProtection', '1'],
    ['organization.status][contains', 'act'],
    ['organization.slug][gt', 'a'],
    ['user.emailVerifiedAt][in', '2026-01-01T00:00:00Z'],
    ['organization.slug][null', 'maybe'],
  ])('filter[%s]=%s: the value or the operator does not fit [FLT-5]', async (name, value) => {
    const answer = await app.platform.get(`${S}/members?filter[${name}]=${value}`);
    expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', `filter[${name}]`]]);
  });

  test('more than a hundred values are too many', async () => {
    const values = Array.from({ length: 101 }, (_, i) => `s${i}`);
    const answer = await app.platform.get(`${S}/members?filter[organization.slug]=${values.join()}`);
    expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', 'filter[organization.slug]']]);
    expect((await all(`${S}/members?filter[organization.slug]=${values.slice(1).join()}`)).length).toBe(0);
  });
});

describe('what the caller may not read', () => {
  const readerOf = async (...scopes: string[]): Promise<Client> => {
    const relationships = { organization: link('organizations', world.organization.id) };
    const { body } = await app.platform.post(
      `${S}/apiKeys`,
      document('apiKeys', { name: 'Reader', scopes }, { relationships }),
    );
    return app.as(body.data.attributes.secret);
  };

  test.each(TO_ONE.filter(([, , { type }]) => type === 'partners'))(
    '%s.%s: a level that never reads the other type has no such filter, as if there were none [FLT-3]',
    async (type, name) => {
      for (const client of [world.partner, world.key])
        for (const field of ['name', 'status', 'nope']) {
          const answer = await client.get(`${pathOf(type)}?filter[${name}.${field}]=x`);
          expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', `filter[${name}.${field}]`]]);
        }
    },
  );

  test('without the scope it is 403 that names the right, for what is there and what is not', async () => {
    const reader = await readerOf('apiKeys:read');
    const denied = ({ status, body }: Answer) => [status, body.errors[0].code, body.errors[0].meta];
    for (const slug of ['acme', 'nothing', 'foreign'])
      for (const query of [`filter[organization.slug]=${slug}`, `filter[organization.slug][ne]=${slug}`])
        expect(denied(await reader.get(`${S}/apiKeys?${query}`))).toEqual([
          403,
          'permission_denied',
          { required: 'organizations:read' },
        ]);
    expect(errorsOf(await reader.get(`${S}/apiKeys?filter[organization.nope]=x`))).toEqual([
      ['400', 'invalid_parameter', 'filter[organization.nope]'],
    ]);
    const both = await readerOf('apiKeys:read', 'organizations:read');
    expect((await both.get(`${S}/apiKeys?filter[organization.slug]=acme`)).body.data).not.toEqual([]);
  });

  test('rows of others do not answer: what is there and hidden is as what is not [INV-18]', async () => {
    const body = async (client: Client, query: string) => {
      const answer = await client.get(`${S}/members?${query}`);
      expect(answer.status).toBe(200);
      return { data: answer.body.data, meta: answer.body.meta };
    };
    for (const client of [world.partner, world.key]) {
      const nothing = await body(client, 'filter[organization.slug]=nothing');
      expect(nothing.data).toEqual([]);
      for (const query of [
        'filter[organization.slug]=foreign',
        'filter[organization.slug][startsWith]=for',
        'filter[organization.name]=Foreign',
        'filter[organization.metadata.plan]=gold',
        'filter[user.email]=sven@foreign.example',
        'filter[user.email][contains]=foreign',
        'filter[user.name]=Sven',
      ])
        expect([query, await body(client, query)]).toEqual([query, nothing]);
      const known = await body(client, 'filter[organization.slug]=acme');
      expect((await body(client, 'filter[organization.slug]=acme,foreign')).data).toEqual(known.data);
      expect((await body(client, 'filter[user.name][ne]=Sven')).data.length).toBe(3);
    }
  });

  test('an organization that is being deleted answers no filter, but its members are hidden as well', async () => {
    const gone = await createOrganization(world.partner, { name: 'Gone', slug: 'gone' });
    await app.platform.post(`${S}/members`, membership(gone.id, (await createUser(world.partner)).id));
    expect(await all(`${S}/members?filter[organization.slug]=gone`)).toHaveLength(1);
    await world.partner.delete(`${M}/organizations/${gone.id}`);
    for (const query of ['organization.slug]=gone', 'organization.status]=pending_deletion'])
      expect(await all(`${S}/members?filter[${query}`)).toEqual([]);
  });
});
