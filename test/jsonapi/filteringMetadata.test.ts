import { type Body, createOrganization, M, S, startApp, type TestApp } from '../support/app';
import { buildWorld, errorsOf, type World } from './world';

const PATH = `${M}/organizations`;

/** Values below `v`, by the name of the organization that has them. */
const VALUES: Record<string, unknown> = {
  text: 'pro',
  capitals: 'PRO',
  empty: '',
  blank: ' ',
  unicode: 'Köln',
  quote: 'say "hi" \\ it\'s',
  'text one': '1',
  one: 1,
  zero: 0,
  minus: -5,
  fraction: 1.5,
  'text fraction': '1.50',
  large: 9_007_199_254_740_991,
  precise: 0.30000000000000004,
  tiny: 1e-20,
  true: true,
  'text true': 'true',
  false: false,
  null: null,
  'text null': 'null',
  list: ['red', 'green', 7],
  'list of lists': [['deep']],
  'list of objects': [{ k: 'in' }],
  object: { k: 'in', 0: 'key' },
  'empty object': {},
  'empty list': [],
};

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  for (const [name, v] of Object.entries(VALUES)) await createOrganization(world.partner, { name, metadata: { v } });
  await createOrganization(world.partner, {
    name: 'other key',
    metadata: { w: 'pro', a: { b: { c: 'deep' } }, 'two words': 'x' },
  });
});
afterAll(() => app.close());

const ALL = [...Object.keys(VALUES), 'other key', 'Acme'];
const but = (...names: string[]) => ALL.filter((name) => !names.includes(name)).sort();
const found = async (query: string): Promise<string[]> => {
  const { status, body } = await world.partner.get(`${PATH}?${query}&page[size]=100`);
  expect([query, status]).toEqual([query, 200]);
  expect(body.meta).toMatchObject({ total: body.data.length, totalUnfiltered: ALL.length });
  return body.data.map(({ attributes }: Body) => attributes.name).sort();
};
const is = (value: string) => found(`filter[metadata.v]=${encodeURIComponent(value)}`);

test.each<[string, string[]]>([
  ['pro', ['text']],
  ['PRO', ['capitals']],
  ['Pro', []],
  ['', ['empty']],
  [' ', ['blank']],
  ['Köln', ['unicode']],
  ['Ko\u0308ln', ['unicode']],
  ['say "hi" \\ it\'s', ['quote']],
  ['1', ['one', 'text one']],
  ['01', []],
  ['1.0', []],
  ['+1', []],
  ['0', ['zero']],
  ['-0', []],
  ['-5', ['minus']],
  ['1.5', ['fraction']],
  ['1.50', ['text fraction']],
  ['9007199254740991', ['large']],
  ['9007199254740992', []],
  ['0.30000000000000004', ['precise']],
  ['1e-20', []],
  ['0.00000000000000000001', ['tiny']],
  ['true', ['text true', 'true']],
  ['false', ['false']],
  ['True', []],
  ['null', ['text null']],
  ['{}', []],
  ['[]', []],
  ["' or true --", []],
  ['"pro"', []],
  ['%', []],
  ['p_o', []],
])('eq %j finds %j: a value is compared as its text [FLT-4]', async (value, expected) => {
  expect(await is(value)).toEqual(expected);
});

test.each<[string, string, string[]]>([
  ['any-of, with a comma', 'filter[metadata.v]=pro,1,nothing', ['one', 'text', 'text one']],
  ['any-of, as in', 'filter[metadata.v][in]=true,false', ['false', 'text true', 'true']],
  ['any-of, in brackets', 'filter[metadata.v][]=pro&filter[metadata.v][]=-5', ['minus', 'text']],
  ['ne, those without it too', 'filter[metadata.v][ne]=pro', but('text')],
  ['contains, in any letters', 'filter[metadata.v][contains]=Ro', ['capitals', 'text']],
  ['startsWith, in any letters', 'filter[metadata.v][startsWith]=P', ['capitals', 'text']],
  ['startsWith of a number', 'filter[metadata.v][startsWith]=90071', ['large']],
  ['null, also where the key is missing', 'filter[metadata.v][null]=true', ['Acme', 'null', 'other key']],
  ['not null', 'filter[metadata.v][null]=false', but('Acme', 'null', 'other key')],
])('%s: %s [FLT-4, FLT-6]', async (_title, query, expected) => {
  expect(await found(query)).toEqual(expected);
});

test.each<[string, string, string[]]>([
  ['a path', 'filter[metadata.a.b.c]=deep', ['other key']],
  ['a path that ends too early', 'filter[metadata.a.b]=deep', []],
  ['a path that goes too far', 'filter[metadata.a.b.c.d]=deep', []],
  ['a key with a blank', 'filter[metadata.two+words]=x', ['other key']],
  ['the first of a list', 'filter[metadata.v.0]=red', ['list']],
  ['the last of a list', 'filter[metadata.v.2]=7', ['list']],
  ['a place that no list has', 'filter[metadata.v.9]=red', []],
  ['a place that is a key', 'filter[metadata.v.0]=key', ['object']],
  ['a list in a list', 'filter[metadata.v.0.0]=deep', ['list of lists']],
  ['an object in a list', 'filter[metadata.v.0.k]=in', ['list of objects']],
  ['a key of an object', 'filter[metadata.v.k]=in', ['object']],
  ['any-of at a place', 'filter[metadata.v.1]=green,blue', ['list']],
  ['an item without its place', 'filter[metadata.v]=red', []],
])('%s: %s [FLT-4]', async (_title, query, expected) => {
  expect(await found(query)).toEqual(expected);
});

test('two of them are all-of, and go with other filters [FLT-2]', async () => {
  expect(await found('filter[metadata.w]=pro&filter[metadata.a.b.c]=deep')).toEqual(['other key']);
  expect(await found('filter[metadata.w]=pro&filter[metadata.v]=pro')).toEqual([]);
  expect(await found('filter[metadata.v]=1&filter[name]=one')).toEqual(['one']);
});

test('a change of the value is found at once, the old one no more', async () => {
  const { id } = await createOrganization(world.partner, { name: 'changing', metadata: { phase: 'a' } });
  const by = async (phase: string) =>
    (await world.partner.get(`${PATH}?filter[metadata.phase]=${phase}`)).body.data.length;
  expect([await by('a'), await by('b')]).toEqual([1, 0]);
  await world.partner.patch(`${PATH}/${id}`, {
    data: { type: 'organizations', id, attributes: { metadata: { phase: 'b' } } },
  });
  expect([await by('a'), await by('b')]).toEqual([0, 1]);
  await world.partner.delete(`${PATH}/${id}`);
});

test.each(['members', 'apiKeys', 'partners'])('%s are filtered by theirs as well', async (type) => {
  const metadata = { plan: type, n: 3 };
  const answer =
    type === 'members'
      ? await app.platform.patch(world.members[1].links.self, {
          data: { type, id: world.members[1].id, attributes: { metadata } },
        })
      : await app.platform.post(type === 'partners' ? `${M}/partners` : `${S}/${type}`, {
          data: { type, attributes: { name: 'M', metadata } },
        });
  const path = type === 'partners' ? `${M}/partners` : `${S}/${type}`;
  for (const query of [`filter[metadata.plan]=${type}`, `filter[metadata.n]=3&filter[metadata.plan]=${type}`])
    expect((await app.platform.get(`${path}?${query}`)).body.data.map(({ id }: Body) => id)).toEqual([
      answer.body.data.id,
    ]);
  expect((await app.platform.get(`${path}?filter[metadata.plan]=nothing`)).body.data).toEqual([]);
});

test.each([
  'filter[metadata]',
  'filter[metadata.]',
  'filter[metadata..v]',
  'filter[metadata.v][gt]',
  'filter[metadata.v][lte]',
  'filter[metadata.@v]',
  'filter[metadata.__proto__]',
])('%s is 400 [FLT-3, FLT-8]', async (name) => {
  expect(errorsOf(await app.platform.get(`${PATH}?${name}=1`))).toEqual([['400', 'invalid_parameter', name]]);
});
