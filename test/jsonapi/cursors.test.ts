import { type Answer, type Body, MEDIA_TYPE, NIL, S, startApp, type TestApp } from '../support/app';
import { CURSOR_TYPE, CURSORS, idsOf, marksOf, PROFILE, unmarked, walk } from './cursors';
import { ask, buildWorld, errorsOf, masked, pathOf, TYPES, type World } from './world';

const USERS = `${S}/users`;
/** All of them have names of their own; there are ten. */
const TEN = `${USERS}?filter[email][startsWith]=ten-&sort=email`;

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  await app.source.query(
    `insert into users (id, email, name) select gen_random_uuid(), kind || to_char(n, 'FM000') || '@example.com', kind
     from (select 'ten-' as kind, generate_series(1, 10) as n union all select 'many-', generate_series(1, 130)) made`,
  );
});
afterAll(() => app.close());

const get = (path: string, headers: Record<string, string> = CURSORS): Promise<Answer> =>
  app.platform.get(path, headers);
const plain = (path: string) => app.platform.get(path);

describe('when pages are cursors', () => {
  test.each([
    ['the profile alone', CURSOR_TYPE],
    ['without quotes', `${MEDIA_TYPE};profile=${PROFILE}`],
    ['among other profiles', `${MEDIA_TYPE};profile="https://example.com/a ${PROFILE}"`],
    ['among other ranges', `text/html, ${CURSOR_TYPE};q=0.5, ${MEDIA_TYPE};q=0.1`],
    ['in other letters', `Application/Vnd.Api+Json;PROFILE="${PROFILE}"`],
  ])('Accept names the profile: %s [CUR-25, CN-22, CN-24]', async (_title, accept) => {
    const { status, headers, body } = await get(TEN, { Accept: accept });
    expect([status, headers['content-type'], body.jsonapi]).toEqual([
      200,
      CURSOR_TYPE,
      { version: '1.1', profile: [PROFILE] },
    ]);
    expect(marksOf({ body } as Answer)).toHaveLength(10);
  });

  test.each([
    ['no Accept', {}],
    ['the media type alone', { Accept: MEDIA_TYPE }],
    ['another profile', { Accept: `${MEDIA_TYPE};profile="https://example.com/a"` }],
    ['the profile in capitals', { Accept: `${MEDIA_TYPE};profile="${PROFILE.toUpperCase()}"` }],
    ['the profile excluded', { Accept: `${CURSOR_TYPE};q=0, ${MEDIA_TYPE}` }],
  ])('not with %s: the answer is numbered, and claims nothing [CUR-25, CUR-28]', async (_title, headers) => {
    const answer = await get(TEN, headers);
    expect([answer.headers['content-type'], answer.body.jsonapi]).toEqual([MEDIA_TYPE, { version: '1.1' }]);
    expect(answer.body.meta).toMatchObject({ currentPage: 1, maxPage: 1 });
    expect(answer.body.data.every((each: Body) => each.meta?.page === undefined)).toBe(true);
  });

  test('page[after] or page[before] is there, whatever Accept says [CUR-25]', async () => {
    const [first = '', , third = ''] = marksOf(await get(TEN));
    for (const page of [
      `page[after]=${first}`,
      `page[before]=${third}`,
      `page[after]=${first}&page[before]=${third}`,
    ]) {
      const { headers, body } = await plain(`${TEN}&${page}`);
      expect([headers['content-type'], body.jsonapi.profile, body.links.self]).toEqual([
        CURSOR_TYPE,
        [PROFILE],
        { href: expect.stringContaining(page.slice(0, 10)), type: CURSOR_TYPE },
      ]);
    }
  });

  test.each(['page[number]=1', 'page[number]=2&page[size]=3', 'page[offset]=2', 'page[limit]=2'])(
    '%s is numbered although Accept names the profile, which is not claimed then [CUR-28]',
    async (page) => {
      const { headers, body } = await get(`${TEN}&${page}`);
      expect([headers['content-type'], body]).toEqual([MEDIA_TYPE, (await plain(`${TEN}&${page}`)).body]);
    },
  );

  test.each([
    ['page[number]=1', 'page[number]'],
    ['page[offset]=1', 'page[offset]'],
    ['page[limit]=1', 'page[limit]'],
    ['page[offset]=0&page[limit]=5', 'page[offset]'],
  ])('%s with a cursor is 400 [CUR-28]', async (page, parameter) => {
    const [first] = marksOf(await get(TEN));
    for (const key of ['after', 'before']) {
      const answer = await get(`${TEN}&${page}&page[${key}]=${first}`);
      const [[status, code, source] = []] = errorsOf(answer);
      expect([status, code, [parameter, `page[${key}]`].includes(source ?? '')]).toEqual([
        '400',
        'invalid_parameter',
        true,
      ]);
    }
  });

  test('one resource is no page: nothing is claimed for it', async () => {
    const { headers, body } = await get(`${USERS}/${world.user.id}`);
    expect([headers['content-type'], body.jsonapi]).toEqual([MEDIA_TYPE, { version: '1.1' }]);
  });

  test('HEAD says the same as GET', async () => {
    const { headers, text } = await ask(app, 'HEAD', TEN, CURSORS);
    expect([headers['content-type'], text]).toEqual([CURSOR_TYPE, '']);
  });
});

test('the whole document [CUR-15, CUR-19, CUR-20, CUR-21, CUR-22, CUR-26]', async () => {
  const { body } = await get(`${TEN}&page[size]=2&fields[users]=email`);
  const [one, two] = marksOf({ body } as Answer);
  const names = { [body.data[0].id]: 'ONE', [body.data[1].id]: 'TWO' };
  const rest = 'filter[email][startsWith]=ten-&sort=email&fields[users]=email';
  const user = (id: string, email: string, cursor: unknown) => ({
    id,
    type: 'users',
    attributes: { email },
    links: { self: `${USERS}/${id}` },
    meta: { page: { cursor } },
  });
  expect(masked(body, names)).toEqual({
    data: [user('ONE', 'ten-001@example.com', one), user('TWO', 'ten-002@example.com', two)],
    meta: { total: 10, totalUnfiltered: expect.any(Number), page: { total: 10 } },
    links: {
      self: {
        href: `${USERS}?filter[email][startsWith]=ten-&sort=email&page[size]=2&fields[users]=email`,
        type: CURSOR_TYPE,
      },
      first: expect.stringMatching(/page\[after\]=[\w-]+&page\[size\]=2$/),
      last: expect.stringMatching(/page\[before\]=[\w-]+&page\[size\]=2$/),
      prev: null,
      next: `${USERS}?${rest}&page[after]=${two}&page[size]=2`,
    },
    jsonapi: { version: '1.1', profile: [PROFILE] },
  });
});

describe.each(TYPES)('a page of %s', (type) => {
  test('has the profile, both totals, a cursor for each item, and prev and next [CUR-10, CUR-15, CUR-20, CUR-25]', async () => {
    const { headers, body } = await get(pathOf(type));
    expect(headers['content-type']).toBe(CURSOR_TYPE);
    const numbered = (await plain(pathOf(type))).body;
    const { total, totalUnfiltered } = numbered.meta;
    expect(body.meta).toEqual({ total, totalUnfiltered, page: { total } });
    expect(unmarked(body.data)).toEqual(numbered.data);
    expect(Object.keys(body.links)).toEqual(['self', 'first', 'last', 'prev', 'next']);
    for (const each of body.data)
      expect(each.meta).toMatchObject({ page: { cursor: expect.stringMatching(/^[\w-]+$/) } });
  });

  test('an empty one is 200, with nothing before and behind it [CUR-8, CUR-10, CUR-16, CUR-17]', async () => {
    const { status, body } = await get(`${pathOf(type)}?filter[id]=${NIL}`);
    expect([status, body.data, body.links.prev, body.links.next]).toEqual([200, [], null, null]);
    expect(body.meta).toMatchObject({ total: 0, page: { total: 0 } });
    for (const link of [body.links.first, body.links.last])
      expect((await get(link)).body).toMatchObject({ data: [], links: { prev: null, next: null } });
  });
});

describe('the size', () => {
  test.each([
    ['1', 1],
    ['3', 3],
    ['05', 5],
    ['0000000000000007', 7],
    ['10', 10],
    ['11', 10],
    ['100', 10],
  ])('%s of ten shows %i [CUR-3, CUR-6]', async (size, shown) => {
    expect(idsOf(await get(`${TEN}&page[size]=${size}`))).toHaveLength(shown);
  });

  test.each(['0', '-1', '1.5', '%2B5', 'abc', '', ' 5', '5%20', '1e1', '0x5', '٣', 'NaN', '00'])(
    '%j is 400 [CUR-3]',
    async (size) => {
      expect(errorsOf(await get(`${TEN}&page[size]=${size}`))).toEqual([['400', 'invalid_parameter', 'page[size]']]);
    },
  );

  test.each(['101', '100000', '2147483648', '99999999999999999999999'])(
    '%s is more than there is: 400 with the most and the type of the problem [CUR-4, CUR-20, CUR-26]',
    async (size) => {
      const [cursor] = marksOf(await get(TEN));
      for (const more of ['', `&page[after]=${cursor}`, `&page[before]=${cursor}`]) {
        const { status, body, headers } = await get(`${TEN}&page[size]=${size}${more}`);
        expect([status, body.errors]).toEqual([
          400,
          [
            {
              id: headers['x-request-id'],
              links: { type: `${PROFILE}/max-size-exceeded` },
              status: '400',
              code: 'page_size_too_large',
              title: 'Page size too large',
              detail: expect.any(String),
              source: { parameter: 'page[size]' },
              meta: { page: { maxSize: 100 } },
            },
          ],
        ]);
      }
    },
  );

  test('left out it is 25, and 100 for a range [CUR-5, CUR-13]', async () => {
    const many = `${USERS}?filter[name]=many-`;
    const pages = await walk(get, `${many}&page[size]=100`);
    const [ids, marks] = [pages.flatMap(idsOf), pages.flatMap(marksOf)];
    expect(idsOf(await get(many))).toEqual(ids.slice(0, 25));
    expect(idsOf(await plain(`${many}&page[after]=${marks[9]}`))).toEqual(ids.slice(10, 35));
    expect(idsOf(await plain(`${many}&page[before]=${marks[99]}`))).toEqual(ids.slice(74, 99));
    const range = await plain(`${many}&page[after]=${marks[0]}&page[before]=${marks[129]}`);
    expect([idsOf(range), range.body.meta.page.rangeTruncated]).toEqual([ids.slice(1, 101), true]);
    const whole = await plain(`${many}&page[after]=${marks[20]}&page[before]=${marks[121]}`);
    expect([idsOf(whole), whole.body.meta.page]).toEqual([ids.slice(21, 121), { total: 130 }]);
  });
});

describe('what can’t be sorted by', () => {
  test.each(['nope', 'metadata', 'organizations.name', '', '-', 'Email'])(
    'sort=%s is 400 of the profile’s own kind [CUR-24, SRT-3]',
    async (sort) => {
      const { status, body } = await get(`${USERS}?sort=${sort}`);
      const { source, links } = body.errors[0];
      expect([status, source, links]).toEqual([400, { parameter: 'sort' }, { type: `${PROFILE}/unsupported-sort` }]);
    },
  );

  test('is 400 without it where pages are numbered', async () => {
    const [error] = (await plain(`${USERS}?sort=nope`)).body.errors;
    expect([error.source, 'links' in error]).toEqual([{ parameter: 'sort' }, false]);
  });
});
