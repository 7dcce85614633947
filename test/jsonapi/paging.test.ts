import { type Answer, type Body, createOrganization, M, S, startApp, type TestApp } from '../support/app';
import { buildWorld, errorsOf, pathOf, sampleOf, TYPES, type World } from './world';

let app: TestApp;
let world: World;
/** Enough for offsets at which ids are looked for first (db/select.ts), most of them made in the same second. */
const MANY = 1_130;

beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  await app.source.query(
    `insert into users (id, email, name, created_at)
     select gen_random_uuid(), 'many-' || n || '@example.com', case when n % 3 > 0 then 'N' || n % 7 end,
       timestamptz '2026-01-01T00:00:00Z' + make_interval(secs => n / 400) from generate_series(1, $1) n`,
    [MANY],
  );
});
afterAll(() => app.close());

const idsOf = ({ body }: Answer): string[] => body.data.map(({ id }: Body) => id);
const get = (query = '') => app.platform.get(`${S}/users${query}`);
const total = async () => (await get('?page[size]=1')).body.meta.total as number;

describe('the parameters', () => {
  test('without them a page has 25 rows and is the first', async () => {
    const { body } = await get();
    const rows = await total();
    expect(body.data).toHaveLength(25);
    expect(body.meta).toEqual({
      total: rows,
      totalUnfiltered: rows,
      currentSize: 25,
      currentPage: 1,
      maxPage: Math.ceil(rows / 25),
    });
    expect(body.links).toEqual({
      self: `${S}/users`,
      first: `${S}/users?page[number]=1&page[size]=25`,
      last: `${S}/users?page[number]=${Math.ceil(rows / 25)}&page[size]=25`,
      prev: null,
      next: `${S}/users?page[number]=2&page[size]=25`,
    });
  });

  test.each([
    ['page[number]=2&page[size]=10', 10, 10, 2],
    ['page[size]=100', 0, 100, 1],
    ['page[number]=3', 50, 25, 3],
    ['page[number]=0003&page[size]=07', 14, 7, 3],
    ['page[offset]=3&page[limit]=4', 3, 4, 1],
    ['page[offset]=4&page[limit]=4', 4, 4, 2],
    ['page[offset]=0', 0, 25, 1],
    ['page[limit]=1', 0, 1, 1],
  ])('%s begins after %i rows and shows %i', async (query, offset, size, page) => {
    const first = idsOf(await get('?page[size]=100'));
    const answer = await get(`?${query}`);
    expect(idsOf(answer)).toEqual(first.slice(offset, offset + size));
    expect(answer.body.meta).toMatchObject({ currentSize: size, currentPage: page });
  });

  test.each([
    [
      'page[number]',
      ['0', '-1', '1.5', 'abc', '1e3', '', '+1', ' 1', '٣', '99999999999', '2147483648', 'Infinity', '0x10'],
    ],
    ['page[size]', ['0', '-1', '1.5', 'abc', '1e3', '', '+5', ' 5', '٣', 'NaN', 'null']],
    ['page[limit]', ['0', '-1', '1.5', 'abc', '']],
    ['page[offset]', ['-1', '1.5', 'abc', '', '1e2', '2147483648']],
  ])('%s takes whole numbers only [PAG-7, CUR-3]', async (name, values) => {
    for (const value of values) {
      const answer = await get(`?${name}=${encodeURIComponent(value)}`);
      expect([value, errorsOf(answer)]).toEqual([value, [['400', 'invalid_parameter', name]]]);
    }
  });

  test.each([
    ['page[size]', '101'],
    ['page[size]', '2147483647'],
    ['page[limit]', '1000'],
  ])('%s=%s is refused with the largest size, never cut down [CUR-4]', async (name, value) => {
    const { status, body, headers } = await get(`?${name}=${value}`);
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      {
        id: headers['x-request-id'],
        status: '400',
        code: 'page_size_too_large',
        title: 'Page size too large',
        detail: `${name} is at most 100.`,
        source: { parameter: name },
        meta: { page: { maxSize: 100 } },
        links: { type: 'https://jsonapi.org/profiles/ethanresnick/cursor-pagination/max-size-exceeded' },
      },
    ]);
  });

  test.each([
    ['page[foo]=1', 'page[foo]'],
    ['page[Size]=1', 'page[Size]'],
    ['page[size][x]=1', 'page[size][x]'],
    ['page[size][]=1', 'page[size][]'],
    ['page[]=1', 'page[]'],
    ['page=1', 'page'],
    ['page[_]=1', 'page[_]'],
    ['page[constructor]=1', 'page[constructor]'],
  ])('%s is an unknown parameter [PAG-6, QRY-5]', async (query, parameter) => {
    expect(errorsOf(await get(`?${query}`))).toEqual([['400', 'invalid_parameter', parameter]]);
  });

  test.each([
    ['page[number]=1&page[offset]=1', 'page[offset]'],
    ['page[size]=1&page[offset]=1', 'page[offset]'],
    ['page[number]=1&page[limit]=1', 'page[limit]'],
    ['page[size]=1&page[limit]=1', 'page[limit]'],
    ['page[limit]=1&page[offset]=0&page[number]=1', 'page[offset]'],
  ])('%s mixes two ways to page: 400 [CUR-28]', async (query, parameter) => {
    expect(errorsOf(await get(`?${query}`))).toEqual([['400', 'invalid_parameter', parameter]]);
  });

  test.each(TYPES)('one of the %s has no pages [PAG-8]', async (type) => {
    for (const name of ['page[size]', 'page[number]', 'page[offset]', 'page[limit]']) {
      const url = `${pathOf(type)}/${sampleOf(world, type)}?${name}=1`;
      expect(errorsOf(await app.platform.get(url))).toEqual([['400', 'invalid_parameter', name]]);
    }
  });
});

describe('the ends of a list', () => {
  test.each([
    'page[number]=1000000&page[size]=100',
    'page[number]=2147483647&page[size]=100',
    'page[offset]=2147483647',
  ])('%s is beyond the end: an empty page with the totals [PAG-2]', async (query) => {
    const rows = await total();
    const { status, body } = await get(`?${query}`);
    expect([status, body.data]).toEqual([200, []]);
    expect(body.meta).toMatchObject({ total: rows, totalUnfiltered: rows });
    expect(body.links.next).toBeNull();
    // From there the way back leads to rows.
    expect((await app.platform.get(body.links.prev)).body.data).not.toEqual([]);
  });

  test('a list without rows has one empty page', async () => {
    const { status, body } = await get('?filter[name]=nobody&page[size]=10');
    expect([status, body.data]).toEqual([200, []]);
    expect(body.meta).toEqual({
      total: 0,
      totalUnfiltered: await total(),
      currentSize: 10,
      currentPage: 1,
      maxPage: 1,
    });
    const first = `${S}/users?filter[name]=nobody&page[number]=1&page[size]=10`;
    expect(body.links).toMatchObject({ first, last: first, prev: null, next: null });
  });

  test('the last page has what is left, also when that is a whole page [CUR-16]', async () => {
    const rows = await total();
    for (const size of [7, 100]) {
      const { body } = await get(`?page[size]=${size}`);
      const last = await app.platform.get(body.links.last);
      expect(last.body.data).toHaveLength(rows % size || size);
      expect([last.body.links.next, last.body.meta.currentPage]).toEqual([null, body.meta.maxPage]);
    }
    const whole = await get('?filter[email][startsWith]=many-100&page[size]=4');
    // many-100 and many-1000 to many-1009 are eleven rows; three more pages of four would be one too many.
    expect(whole.body.meta).toMatchObject({ total: 11, maxPage: 3 });
    const exact = await get('?filter[email][startsWith]=many-100&page[size]=11');
    expect([exact.body.links.next, exact.body.meta.maxPage]).toEqual([null, 1]);
  });

  test('the first page has no one before it [CUR-17]', async () => {
    for (const query of ['page[size]=5', 'page[number]=1', 'page[offset]=0&page[limit]=5'])
      expect((await get(`?${query}`)).body.links.prev).toBeNull();
  });

  test('an offset that is no multiple of the limit leads back to the first row, not before it', async () => {
    const { body } = await get('?page[offset]=3&page[limit]=10');
    expect(body.links.prev).toBe(`${S}/users?page[offset]=0&page[limit]=10`);
  });
});

describe('links', () => {
  const query = 'filter[name]=N1,N2&sort=name,-email&fields[users]=name,email&include=&page[size]=3';

  test('keep every other parameter [PAG-5]', async () => {
    const { body } = await get(`?page[number]=2&${query}`);
    for (const name of ['first', 'prev', 'next', 'last']) {
      const link = new URL(body.links[name], app.url);
      expect(Object.fromEntries(link.searchParams)).toMatchObject({
        'filter[name]': 'N1,N2',
        sort: 'name,-email',
        'fields[users]': 'name,email',
        include: '',
        'page[size]': '3',
      });
    }
    expect(body.links.next).toContain('page[number]=3');
  });

  test.each([
    query,
    'include=',
    'page[offset]=2&page[limit]=3',
    'filter[name]=a%2Bb%26c%3Dd%23e%25f%20g&page[size]=2',
    'filter[email][contains]=%E2%9C%93%F0%9F%98%80',
    'filter[name][]=a,b&filter[name][]=c',
    'filter%5Bname%5D=N1&page%5Bsize%5D=2',
    'filter[createdAt][gte]=2026-01-01T00:00:00%2B00:00',
    'filter[createdAt][gte]=2026-01-01T00:00:00+00:00',
  ])('self of ?%s gives the same document [DOC-10]', async (search) => {
    const asked = await get(`?${search}`);
    expect(asked.status).toBe(200);
    const again = await app.platform.get(asked.body.links.self);
    expect(again.text).toBe(asked.text);
    for (const link of Object.values(asked.body.links).filter((each) => each !== null))
      expect((await app.platform.get(link as string)).status).toBe(200);
  });

  test('the way back meets the pages of the way there', async () => {
    const pages: string[][] = [];
    let answer = await get(`?${query}`);
    for (; answer.body.links.next !== null && pages.length < 5; answer = await app.platform.get(answer.body.links.next))
      pages.push(idsOf(answer));
    for (const page of pages.reverse()) {
      answer = await app.platform.get(answer.body.links.prev);
      expect(idsOf(answer)).toEqual(page);
    }
    expect(answer.body.links.prev).toBeNull();
  });
});

describe('a walk from the first page to the last', () => {
  const walk = async (first: string) => {
    const seen: string[] = [];
    for (let next: string | null = first; next !== null; ) {
      const answer: Answer = await app.platform.get(next);
      seen.push(...idsOf(answer));
      next = answer.body.links.next;
    }
    return seen;
  };
  const inOrder = async (order: string): Promise<string[]> =>
    (await app.source.query(`select id from users order by ${order}`)).map(({ id }: { id: string }) => id);

  test.each([
    ['?page[size]=100', 'created_at desc, id desc'],
    ['?sort=createdAt&page[size]=97', 'created_at, id'],
    ['?sort=name&page[size]=100', 'name, id'],
    ['?sort=-name,email&page[offset]=0&page[limit]=90', 'name desc, email, id'],
  ])(
    '%s visits every row once, in the order of the database, past the deep offset too [PAG-9]',
    async (query, order) => {
      const seen = await walk(`${S}/users${query}`);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(await inOrder(order));
      expect(seen.length).toBe(await total());
    },
  );

  test.each(['-createdAt', 'name', '-name,email'])(
    'sorted by %s, a deep page continues the shallow one before it',
    async (sort) => {
      const whole = await walk(`${S}/users?sort=${sort}&page[size]=100`);
      for (const offset of [499, 500, 501, 1_000, 1_100]) {
        const page = await get(`?sort=${sort}&page[offset]=${offset}&page[limit]=20`);
        expect(idsOf(page)).toEqual(whole.slice(offset, offset + 20));
        expect(page.body.meta.total).toBe(whole.length);
      }
    },
  );
});

test('deleted and created rows change the totals at once', async () => {
  const count = async () => (await app.platform.get(`${M}/organizations?page[size]=1`)).body.meta.total;
  const before = await count();
  const { links } = await createOrganization(app.platform);
  expect(await count()).toBe(before + 1);
  await app.platform.delete(links.self);
  expect(await count()).toBe(before);
});
