import { type Body, type Client, createOrganization, M, NIL, S, startApp, type TestApp } from '../support/app';
import { buildWorld, errorsOf, pathOf, sampleOf, TYPES, type World } from './world';

let app: TestApp;
let world: World;

/** Name → what sets the organization apart. Created a day after each other, from the first of January on. */
const ORGANIZATIONS: [string, object][] = [
  [
    'alpha',
    { externalId: 'x-1', countryCode: 'NL', metadata: { plan: 'pro', seats: 5, a: { b: 'deep' }, tags: ['red'] } },
  ],
  ['beta', { externalId: 'x-2', kind: 'club', metadata: { plan: 'free', 'two words': 'yes', a: { b: null } } }],
  ['Gamma', { countryCode: 'DE', deleteProtection: true, metadata: { plan: 'PRO', constructor: 'mine' } }],
  ['100% sure', { primaryDomain: 'sure.example' }],
  ['100 units', {}],
  ['a_c', { externalId: 'u_v' }],
  ['abc', { externalId: 'uxv' }],
  ['back\\slash', {}],
  ['one, two', {}],
  ['one', {}],
  ['two', {}],
  ['1+1', {}],
  ['Émile', {}],
];

beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  for (const [i, [name, attributes]] of ORGANIZATIONS.entries()) {
    const { id } = await createOrganization(app.platform, { name, slug: `slug-${i}`, ...attributes });
    const time = `2026-01-${String(i + 1).padStart(2, '0')}T12:00:00Z`;
    await app.source.query('update organizations set created_at = $2 where id = $1', [id, time]);
  }
});
afterAll(() => app.close());

const list = (query: string, client: Client = app.platform) =>
  client.get(`${M}/organizations?filter[slug][startsWith]=slug-&sort=createdAt&page[size]=100&${query}`);
const namesOf = ({ body }: { body: Body }): string[] => body.data.map(({ attributes }: Body) => attributes.name);
const NAMES = ORGANIZATIONS.map(([name]) => name);
const but = (...left: string[]) => NAMES.filter((name) => !left.includes(name));

describe('operators', () => {
  test.each([
    ['eq is meant without an operator', 'filter[name]=alpha', ['alpha']],
    ['eq by name', 'filter[name][eq]=alpha', ['alpha']],
    ['text is compared with its case', 'filter[name]=gamma', []],
    ['text is compared in one Unicode form', `filter[name]=${encodeURIComponent('E\u0301mile')}`, ['Émile']],
    ['a blank is a plus or %20 [QRY-6]', 'filter[name]=100+units', ['100 units']],
    ['a plus is %2B [QRY-6]', 'filter[name]=1%2B1', ['1+1']],
    ['ne', 'filter[name][ne]=alpha', but('alpha')],
    ['ne counts null among the others', 'filter[externalId][ne]=x-1', but('alpha')],
    ['a comma makes any-of [FLT-2]', 'filter[name]=alpha,beta', ['alpha', 'beta']],
    ['in is the same', 'filter[name][in]=alpha,beta,nobody', ['alpha', 'beta']],
    ['ne takes the comma as it is', 'filter[name][ne]=one,%20two', but('one, two')],
    ['brackets without a name are any-of [FLT-6]', 'filter[name][]=alpha&filter[name][]=beta', ['alpha', 'beta']],
    ['and let values have commas [FLT-6]', 'filter[name][]=one,%20two', ['one, two']],
    ['in with brackets', 'filter[name][in][]=one,%20two&filter[name][in][]=two', ['one, two', 'two']],
    ['contains ignores the case', 'filter[name][contains]=AMM', ['Gamma']],
    ['startsWith', 'filter[name][startsWith]=a', ['alpha', 'a_c', 'abc']],
    ['% is itself in contains', 'filter[name][contains]=100%25', ['100% sure']],
    ['% is itself in startsWith', 'filter[name][startsWith]=100%25', ['100% sure']],
    ['_ is itself in contains', 'filter[name][contains]=a_c', ['a_c']],
    ['_ is itself in startsWith', 'filter[name][startsWith]=a_', ['a_c']],
    ['\\ is itself in contains', 'filter[name][contains]=k%5Cs', ['back\\slash']],
    ['\\ is itself in startsWith', 'filter[name][startsWith]=back%5C', ['back\\slash']],
    ['null', 'filter[externalId][null]=false', ['alpha', 'beta', 'a_c', 'abc']],
    ['not null', 'filter[externalId][null]=true', but('alpha', 'beta', 'a_c', 'abc')],
    ['text from an enum', 'filter[status]=active,suspended', NAMES],
    ['ne of an enum', 'filter[status][ne]=active', []],
    ['booleans', 'filter[deleteProtection]=true', ['Gamma']],
    ['ne of a boolean', 'filter[deleteProtection][ne]=false', ['Gamma']],
    [
      'several filters are all-of [FLT-2]',
      'filter[name][contains]=a&filter[countryCode][null]=false',
      ['alpha', 'Gamma'],
    ],
    [
      'several operators on one attribute',
      'filter[name][contains]=a&filter[name][ne]=alpha&filter[kind]=club',
      ['beta'],
    ],
    ['an empty value is the empty text', 'filter[name]=', []],
  ])('%s: %s', async (_title, query, expected) => {
    const { status, body } = await list(query);
    expect([status, namesOf({ body })]).toEqual([200, expected]);
    expect(body.meta.total).toBe(expected.length);
  });

  const day = (from: number, to: number) => NAMES.slice(from - 1, to);
  test.each([
    ['gte', '[gte]=2026-01-03T12:00:00Z', day(3, 13)],
    ['gt', '[gt]=2026-01-03T12:00:00Z', day(4, 13)],
    ['lte', '[lte]=2026-01-03T12:00:00Z', day(1, 3)],
    ['lt', '[lt]=2026-01-03T12:00:00Z', day(1, 2)],
    ['eq', '=2026-01-03T12:00:00Z', day(3, 3)],
    ['ne', '[ne]=2026-01-03T12:00:00Z', but('Gamma')],
    ['a day is its first second', '[lt]=2026-01-03', day(1, 2)],
    ['the form that we print', '=2026-01-03T12:00:00%2B00:00', day(3, 3)],
    ['with a plus that the client did not encode', '=2026-01-03T12:00:00+00:00', day(3, 3)],
    ['another offset', '=2026-01-03T14:30:00+02:30', day(3, 3)],
    ['without seconds', '=2026-01-03T12:00Z', day(3, 3)],
    ['with a fraction', '[gt]=2026-01-03T11:59:59.999Z', day(3, 13)],
    ['small letters', '=2026-01-03t12:00:00z', day(3, 3)],
    ['null', '[null]=true', []],
    ['far in the past', '[gt]=0001-01-01', NAMES],
    ['far in the future', '[lt]=9999-12-31', NAMES],
  ])('times, %s: filter[createdAt]%s', async (_title, rest, expected) => {
    const { status, body } = await list(`filter[createdAt]${rest}`);
    expect([status, namesOf({ body })]).toEqual([200, expected]);
  });

  test('integers', async () => {
    const numbers = (await list('')).body.data.map(({ attributes }: Body) => attributes.number);
    const [first, second, third] = numbers;
    for (const [rest, expected] of [
      [`=${first}`, 1],
      [`=${first},${second}`, 2],
      [`[ne]=${first}`, numbers.length - 1],
      [`[lt]=${third}`, 2],
      [`[lte]=${third}`, 3],
      [`[gt]=${third}`, numbers.length - 3],
      [`[gte]=${third}`, numbers.length - 2],
      ['[gt]=-5', numbers.length],
    ] as const)
      expect([rest, (await list(`filter[number]${rest}`)).body.data.length]).toEqual([rest, expected]);
  });

  test('ids and the ids of a to-one, in any case', async () => {
    const { id } = world.organization;
    for (const query of [
      `filter[id]=${id}`,
      `filter[id]=${id.toUpperCase()},${NIL}`,
      `filter[partnerId]=${world.partner.id}`,
    ]) {
      const { body } = await app.platform.get(`${M}/organizations?${query}`);
      expect(body.data.map((each: Body) => each.id)).toEqual([id]);
    }
    const without = await app.platform.get(`${S}/apiKeys?filter[organizationId][null]=true`);
    expect(new Set(without.body.data.map(({ attributes }: Body) => attributes.level))).toEqual(
      new Set(['platform', 'partner']),
    );
    const mine = await app.platform.get(
      `${S}/members?filter[userId]=${world.owner.id}&filter[organizationId][ne]=${NIL}`,
    );
    expect(mine.body.data.map((each: Body) => each.id)).toEqual([world.members[0].id]);
  });

  test.each([
    ['a value', 'filter[metadata.plan]=pro', ['alpha']],
    ['ne, those without it too', 'filter[metadata.plan][ne]=pro', but('alpha')],
    ['any-of', 'filter[metadata.plan]=pro,free', ['alpha', 'beta']],
    ['contains ignores the case', 'filter[metadata.plan][contains]=pro', ['alpha', 'Gamma']],
    ['startsWith', 'filter[metadata.plan][startsWith]=f', ['beta']],
    ['a path', 'filter[metadata.a.b]=deep', ['alpha']],
    ['an item of a list', 'filter[metadata.tags.0]=red', ['alpha']],
    ['a number is its text', 'filter[metadata.seats]=5', ['alpha']],
    ['null is like absent', 'filter[metadata.a.b][null]=false', ['alpha']],
    ['a key with a blank', 'filter[metadata.two+words]=yes', ['beta']],
    ['a key that every object has', 'filter[metadata.constructor]=mine', ['Gamma']],
    ['a key that nobody has', 'filter[metadata.toString]=x', []],
  ])('metadata, %s: %s', async (_title, query, expected) => {
    expect(namesOf(await list(query))).toEqual(expected);
  });

  test.each([
    ['the name', 'SURE', ['100% sure']],
    ['the slug', 'slug-12', ['Émile']],
    ['the external id', 'X-2', ['beta']],
    ['the domain', 'sure.ex', ['100% sure']],
    ['no wildcard', '100%25', ['100% sure']],
    ['no wildcard either', 'u_v', ['a_c']],
    ['nothing', 'nowhere', []],
  ])('q looks into %s', async (_title, q, expected) => {
    expect(namesOf(await list(`filter[q]=${q}`))).toEqual(expected);
  });
});

describe('what can’t be processed is 400 that names the parameter', () => {
  const refused = async (path: string, name: string) => {
    expect(errorsOf(await app.platform.get(path))).toEqual([['400', 'invalid_parameter', name]]);
  };

  test.each([
    [
      'createdAt',
      ['banana', '', '2026', '2026-13-01', '2026-02-30', '2026-01-01T25:00:00Z', '2026-01-01T12:00', '1', '1e9'],
    ],
    ['createdAt', ['0000-01-01', '0000-01-01T00:00:00%2B23:59', '9999-12-31T23:59:59-23:59', '2026-01-01,2026-01-02']],
    ['number', ['x', '', '1.0', '1e3', '2147483648', '99999999999999999999', '0x1', '--1', 'NaN', '1,x']],
    ['id', ['x', '', '1', `${NIL}0`, `${NIL},x`, `{${NIL}}`]],
    ['partnerId', ['x', '', 'null']],
    ['status', ['nope', '', 'Active', 'active,nope']],
    ['deleteProtection', ['1', '', 'TRUE', 'yes', 'true,false']],
    ['externalId][null', ['1', '', 'yes']],
    ['name', ['%00', '%1F', 'a%0Ab', '%7F', '%C2%85']],
    ['name', [Array(101).fill('x').join(',')]],
  ])('%s with bad values [FLT-5]', async (field, values) => {
    for (const value of values) await refused(`${M}/organizations?filter[${field}]=${value}`, `filter[${field}]`);
  });

  test.each([
    'filter[nope]', // FLT-3
    'filter[name][nope]', // FLT-4
    'filter[name][EQ]',
    'filter[name][gt]',
    'filter[name][eq][ne]',
    'filter[createdAt][in]',
    'filter[createdAt][contains]',
    'filter[deleteProtection][]',
    'filter[name][ne][]',
    'filter[q][contains]',
    'filter[id][null]',
    'filter[number][startsWith]',
    'filter[partner.nope]',
    'filter[partner.metadata]',
    'filter[partner.organizations]',
    'filter[partner.name.x]',
    'filter[members.status]', // a list of others
    'filter[name.x]',
    'filter[metadata]',
    'filter[metadata.a][gt]',
    'filter[metadata.]',
    'filter[metadata..a]',
    'filter[metadata._a]',
    'filter[metadata.__proto__]',
    'filter[statusReason]',
    'filter[]',
    'filter',
    'filter[_]', // FLT-8
    'filter[-a]', // QRY-5
    'filter[a..b]',
    'filter[constructor]',
    'filter[__proto__][x]',
    'filter[Name]', // MEM-5
    'filter[organization]',
  ])('%s [FLT-3, FLT-4, FLT-8]', async (name) => {
    await refused(`${M}/organizations?${name}=1`, name);
  });

  test.each(TYPES)('one of the %s is not filtered [QRY-2]', async (type) => {
    await refused(`${pathOf(type)}/${sampleOf(world, type)}?filter[id]=${NIL}`, 'filter[id]');
  });
});
