import { registry } from '../../src/resources';
import { createOrganization, document, M, S, startApp, type TestApp } from '../support/app';
import { ask, buildWorld, creationOf, errorsOf, pathOf, rowCounts, sampleOf, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  await createOrganization(app.platform, { name: 'a b', slug: 'blank' });
  await createOrganization(app.platform, { name: 'a+b', slug: 'plus' });
  await createOrganization(app.platform, { name: '✓ 😀', slug: 'symbols' });
});
afterAll(() => app.close());

const ORGANIZATIONS = `${M}/organizations`;
/** The path as it is written here, byte for byte. */
const get = (path: string) => ask(app, 'GET', path);
const refused = (name: string) => [['400', 'invalid_parameter', name]];
const slugsOf = async (query: string) => {
  const { status, body } = await get(`${ORGANIZATIONS}?${query}`);
  return [status, body.data?.map(({ attributes }: { attributes: { slug: string } }) => attributes.slug)];
};

/** Every kind of endpoint that takes a query string. */
const endpoints = () => [
  ...TYPES.map((type) => pathOf(type)),
  ...TYPES.map((type) => `${pathOf(type)}/${sampleOf(world, type)}`),
  `${S}/me`,
];

describe('unknown parameters', () => {
  test.each([
    ['foo=1', 'foo'], // QRY-1
    ['foo', 'foo'],
    ['fooBar=1', 'fooBar'], // QRY-4
    ['foo-bar=1', 'foo-bar'],
    ['foo[bar]=1', 'foo[bar]'],
    ['Sort=name', 'Sort'],
    ['includes=', 'includes'],
    ['atomic:foo=1', 'atomic:foo'], // QRY-10
    ['access_token=x', 'access_token'],
    ['__proto__=1', '__proto__'], // QRY-9
    ['__proto__[x]=1', '__proto__[x]'],
    ['constructor=1', 'constructor'],
    ['constructor[prototype][x]=1', 'constructor[prototype][x]'],
    ['toString=1', 'toString'],
    ['purgeNow=true', 'purgeNow'],
  ])('?%s is 400 everywhere, and named exactly [QRY-1, QRY-4, QRY-9, QRY-10]', async (query, name) => {
    for (const path of endpoints())
      expect([path, errorsOf(await get(`${path}?${query}`))]).toEqual([path, refused(name)]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test.each(TYPES)('lists only take sort, page and filter: one of the %s does not [QRY-2]', async (type) => {
    for (const query of ['sort=createdAt', 'page[number]=1', 'filter[id]=x', 'page[after]=x'])
      expect(errorsOf(await get(`${pathOf(type)}/${sampleOf(world, type)}?${query}`))).toEqual(
        refused(query.split('=')[0] as string),
      );
  });

  test('the caller’s own page takes none, not even those of the specification [QRY-2]', async () => {
    for (const query of ['include=organization', 'include=', 'fields[callers]=name', 'sort=name'])
      expect(errorsOf(await get(`${S}/me?${query}`))).toEqual(refused(query.split('=')[0] as string));
  });
});

describe('writes', () => {
  test.each(TYPES.filter((type) => registry.get(type)?.operations.create))(
    'POST to %s with one is 400, and creates nothing [QRY-12]',
    async (type) => {
      const request = await creationOf(app, world, type);
      const before = await rowCounts(app);
      for (const query of [
        'foo=1',
        'fooBar=1',
        'sort=createdAt',
        'page[size]=1',
        'filter[id]=x',
        'include=nope',
        'purgeNow=true',
      ])
        expect(errorsOf(await app.platform.post(`${pathOf(type)}?${query}`, request))).toEqual(
          refused(query.split('=')[0] as string),
        );
      expect(await rowCounts(app)).toEqual(before);
    },
  );

  test('PATCH and actions with one are 400, and change nothing [QRY-12]', async () => {
    const url = `${ORGANIZATIONS}/${world.organization.id}`;
    const before = await app.platform.get(url);
    const request = document('organizations', { name: 'Changed' }, { id: world.organization.id });
    for (const query of ['foo=1', 'sort=name', 'filter[id]=x', 'purgeNow=true']) {
      const [name = ''] = query.split('=');
      expect(errorsOf(await app.platform.patch(`${url}?${query}`, request))).toEqual(refused(name));
      expect(errorsOf(await app.platform.post(`${url}/restore?${query}`))).toEqual(refused(name));
    }
    expect((await app.platform.get(url)).text).toBe(before.text);
  });

  test('DELETE with one is 400, and deletes nothing; purgeNow is for organizations alone, and true or false [QRY-3, QRY-12]', async () => {
    const url = `${ORGANIZATIONS}/${world.other.id}`;
    const before = await rowCounts(app);
    for (const [query, name] of [
      ['foo=1', 'foo'],
      ['purgeNow', 'purgeNow'],
      ['purgeNow=', 'purgeNow'],
      ['purgeNow=yes', 'purgeNow'],
      ['purgeNow=TRUE', 'purgeNow'],
      ['purgenow=true', 'purgenow'],
      ['purgeNow[]=true', 'purgeNow[]'],
      ['purgeNow=true&purgeNow=true', 'purgeNow'],
      ['fields[organizations]=name', 'fields[organizations]'],
    ] as const)
      expect([query, errorsOf(await app.platform.delete(`${url}?${query}`))]).toEqual([query, refused(name)]);
    for (const type of ['members', 'apiKeys'])
      expect(errorsOf(await app.platform.delete(`${pathOf(type)}/${sampleOf(world, type)}?purgeNow=true`))).toEqual(
        refused('purgeNow'),
      );
    expect(await rowCounts(app)).toEqual(before);
    expect((await app.platform.get(url)).status).toBe(200);
  });
});

describe('names', () => {
  test.each([
    'filter[-a]',
    'filter[a-]',
    'filter[_a]',
    'filter[ a]',
    'fields[]',
    'fields[-a]',
    'page[_]',
    'page[-]',
    'filter[a!b]',
    'filter[a:b]',
  ])('%s breaks the rules of member names: 400 [QRY-5]', async (name) => {
    expect(errorsOf(await get(`${ORGANIZATIONS}?${encodeURIComponent(name)}=1`))).toEqual(refused(name));
  });

  test.each([
    '[]',
    '[a]',
    '[',
    ']',
    'a[',
    'a]',
    'a]b',
    'filter[a',
    'filter]a[',
    'filter[a]b',
    'filter[[a]]',
    'filter[a][',
    'filter[a]]',
    'a[b]c[d]',
  ])('%s is the name of nothing: 400', async (name) => {
    for (const written of [name, encodeURIComponent(name)])
      expect(errorsOf(await get(`${ORGANIZATIONS}?${written}=1`))).toEqual(refused(name));
  });

  test.each([
    ['sort=name&sort=name', 'sort'],
    ['sort=name&sort=slug', 'sort'],
    ['include=owner&include=partner', 'include'],
    ['page[size]=1&page[size]=1', 'page[size]'],
    ['filter[name]=a&filter[name]=a', 'filter[name]'],
    ['filter[name]=a&filter%5Bname%5D=b', 'filter[name]'],
    ['fields[users]=name&fields[users]=email', 'fields[users]'],
  ])('?%s has one twice: 400 [QRY-8]', async (query, name) => {
    expect(errorsOf(await get(`${ORGANIZATIONS}?${query}`))).toEqual(refused(name));
  });

  test('a list in brackets is the one thing that is written twice [QRY-8, FLT-6]', async () => {
    expect(await slugsOf('filter[slug][]=plus&filter[slug][]=blank&sort=slug')).toEqual([200, ['blank', 'plus']]);
  });
});

describe('encoding', () => {
  test.each([
    ['a plus is a blank', 'filter[name]=a+b', ['blank']],
    ['%20 is a blank', 'filter[name]=a%20b', ['blank']],
    ['%2B is a plus', 'filter[name]=a%2Bb', ['plus']],
    ['names are decoded', 'filter%5Bname%5D=a+b', ['blank']],
    ['every letter may be encoded', '%66%69lter%5b%6eame%5d=%61%2bb', ['plus']],
    ['values are UTF-8', 'filter[name]=%E2%9C%93+%F0%9F%98%80', ['symbols']],
    ['an equals sign belongs to the value', 'filter[name]=a=b', []],
    ['an encoded ampersand too', 'filter[name]=a%26sort=nope', []],
    ['a question mark is a letter', 'filter[name]=a?b', []],
    ['what was decoded is not decoded again', 'filter[name]=a%252Bb', []],
    ['an encoded comma separates as well', 'filter[slug]=plus%2Cblank&sort=slug', ['blank', 'plus']],
  ])('%s [QRY-6]', async (_title, query, expected) => {
    expect(await slugsOf(query)).toEqual([200, expected]);
  });

  test.each([
    'filter[slug]=plus',
    'page[size]=1&page[number]=2',
    'fields[organizations]=name',
    'filter[name][contains]=a&sort=name',
  ])('%s is the same with its brackets encoded [QRY-7]', async (query) => {
    const raw = await get(`${ORGANIZATIONS}?${query}`);
    for (const [open, close] of [
      ['%5B', '%5D'],
      ['%5b', '%5d'],
    ] as const) {
      const encoded = await get(`${ORGANIZATIONS}?${query.replaceAll('[', open).replaceAll(']', close)}`);
      expect([encoded.status, encoded.text]).toEqual([200, raw.text]);
    }
  });

  test.each(['%', '%z', '%zz', 'a%', '%E0%A4%A', '%C0%80', '%ED%A0%80', '%FF', '%F5%80%80%80'])(
    '%s is not UTF-8: 400, in a name and in a value [ERR-18]',
    async (text) => {
      for (const query of [`filter[name]=${text}`, `${text}=1`, text, `filter[${text}]=1`])
        expect(errorsOf(await get(`${ORGANIZATIONS}?${query}`))).toEqual([['400', 'malformed_request', undefined]]);
    },
  );

  test.each(['%00', '%0A', '%0D%0A', '%1B', '%7F', '%C2%80'])(
    'the control character %s is 400, in a name and in a value',
    async (text) => {
      for (const query of [`filter[name]=${text}`, `${text}=1`, `sort=${text}`])
        expect(errorsOf(await get(`${ORGANIZATIONS}?${query}`))).toEqual(
          refused(decodeURIComponent(query.split('=')[0] as string)),
        );
    },
  );
});

describe('edges [QRY-11]', () => {
  test.each(['?', '?&', '?&&&', '?&sort=name&'])('%p has nothing in it but what it has: 200', async (query) => {
    for (const path of [ORGANIZATIONS, `${ORGANIZATIONS}/`]) expect((await get(`${path}${query}`)).status).toBe(200);
  });

  test.each(['?', '?&', '?&&&', '?include', '?include=', '?fields[organizations]'])(
    '%p on one resource: 200',
    async (query) => {
      expect((await get(`${ORGANIZATIONS}/${world.organization.id}${query}`)).status).toBe(200);
    },
  );

  test.each(['=1', '=', '==', 'page', 'fields', 'filter', 'sort', 'page=', 'fields=', 'filter='])(
    '?%s: 400',
    async (query) => {
      expect(errorsOf(await get(`${ORGANIZATIONS}?${query}`))).toEqual(refused(query.split('=')[0] as string));
    },
  );

  test('a query that is as long as it may be is read', async () => {
    const prefix = `${ORGANIZATIONS}?filter[name]=`;
    expect((await get(prefix.padEnd(8192, 'x'))).status).toBe(200);
    expect((await get(prefix.padEnd(8193, 'x'))).status).toBe(414);
  });

  test('hundreds of conditions are a query like others', async () => {
    const conditions = Array.from({ length: 250 }, (_, i) => `filter[metadata.k${i}][ne]=x`);
    const { status, body } = await get(`${ORGANIZATIONS}?${conditions.join('&')}`);
    expect([status, body.data.length]).toEqual([200, (await get(ORGANIZATIONS)).body.data.length]);
  });
});
