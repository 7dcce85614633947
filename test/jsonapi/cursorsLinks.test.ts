import { type Answer, M, S, startApp, type TestApp } from '../support/app';
import { CURSOR_TYPE, CURSORS, idsOf, marksOf, walk } from './cursors';
import { buildWorld } from './world';

/** Twelve users, so that pages of 4 end with the list and pages of 5 do not. */
const TWELVE = `${S}/users?filter[email][startsWith]=twelve-&sort=-email`;

let app: TestApp;
let ids: string[];
let marks: string[];
beforeAll(async () => {
  app = await startApp();
  await buildWorld(app);
  await app.source.query(
    `insert into users (id, email) select gen_random_uuid(), 'twelve-' || n || '@example.com' from generate_series(1, 12) n`,
  );
  const whole = await get(TWELVE);
  [ids, marks] = [idsOf(whole), marksOf(whole)];
});
afterAll(() => app.close());

const get = (path: string): Promise<Answer> => app.platform.get(path, CURSORS);
const page = (query: string) => get(`${TWELVE}&${query}`);
const shown = (answer: Answer) => idsOf(answer).map((id) => ids.indexOf(id));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const linked = async (answer: Answer, name: string) => {
  const link = answer.body.links[name];
  return link === null ? null : shown(await get(link));
};

describe('without a cursor', () => {
  test.each([
    [4, [0, 4], true],
    [11, [0, 11], true],
    [12, [0, 12], false],
    [13, [0, 12], false],
    [100, [0, 12], false],
  ])(
    'size %i: prev is null, next is null exactly when there is no more [CUR-10, CUR-16, CUR-17]',
    async (size, [from, to], more) => {
      const answer = await page(`page[size]=${size}`);
      expect(shown(answer)).toEqual(range(from as number, to as number));
      expect([answer.body.links.prev, answer.body.links.next !== null]).toEqual([null, more]);
    },
  );
});

describe('after', () => {
  test.each([
    [0, 4, range(1, 5), true],
    [3, 4, range(4, 8), true],
    [7, 4, range(8, 12), false],
    [6, 4, range(7, 11), true],
    [9, 4, range(10, 12), false],
    [10, 4, [11], false],
    [11, 4, [], false],
  ])(
    '%i with size %i: next is null exactly when there is no more [CUR-8, CUR-16]',
    async (at, size, expected, more) => {
      const answer = await page(`page[after]=${marks[at]}&page[size]=${size}`);
      expect([shown(answer), answer.body.links.next !== null]).toEqual([expected, more]);
      // The page before ends where this one begins.
      const before = range(0, at + 1).slice(-size);
      expect(await linked(answer, 'prev')).toEqual(before);
    },
  );
});

describe('before', () => {
  test.each([
    [11, 4, range(7, 11), true],
    [8, 4, range(4, 8), true],
    [4, 4, range(0, 4), false],
    [5, 4, range(1, 5), true],
    [2, 4, range(0, 2), false],
    [1, 4, [0], false],
    [0, 4, [], false],
  ])(
    '%i with size %i: prev is null exactly when there is no more [CUR-9, CUR-17]',
    async (at, size, expected, more) => {
      const answer = await page(`page[before]=${marks[at]}&page[size]=${size}`);
      expect([shown(answer), answer.body.links.prev !== null]).toEqual([expected, more]);
      expect(await linked(answer, 'next')).toEqual(range(at, 12).slice(0, size));
    },
  );
});

describe('both', () => {
  test.each([
    [0, 11, 100, range(1, 11), undefined],
    [2, 7, 4, range(3, 7), undefined],
    [2, 7, 3, range(3, 6), true],
    [2, 7, 1, [3], true],
    [4, 5, 4, [], undefined],
    [5, 5, 4, [], undefined],
    [7, 2, 4, [], undefined],
  ])(
    'from %i to %i with size %i: what is between, cut at the end [CUR-12, CUR-14]',
    async (from, to, size, expected, truncated) => {
      const answer = await page(`page[after]=${marks[from]}&page[before]=${marks[to]}&page[size]=${size}`);
      expect([answer.status, shown(answer), answer.body.meta.page.rangeTruncated]).toEqual([200, expected, truncated]);
      // Cut, it is what it would be without its end.
      if (truncated) {
        const open = await page(`page[after]=${marks[from]}&page[size]=${size}`);
        expect([answer.body.data, answer.body.links.next]).toEqual([open.body.data, open.body.links.next]);
      }
      expect('prev' in answer.body.links && 'next' in answer.body.links).toBe(true);
    },
  );

  test('the cursors of the first and the last link enclose the whole list [CUR-12, CUR-19]', async () => {
    const { first, last } = (await page('page[size]=4')).body.links;
    const parameter = (link: string) => /page\[(?:after|before)\]=[\w-]+/.exec(link)?.[0] as string;
    const [start, end] = [parameter(first), parameter(last)];
    const whole = await page(`${start}&${end}`);
    expect([whole.status, shown(whole), whole.body.meta.page]).toEqual([200, range(0, 12), { total: 12 }]);
    expect([whole.body.links.prev, whole.body.links.next]).toEqual([null, null]);
    expect(shown(await page(`page[after]=${marks[8]}&${end}&page[size]=100`))).toEqual(range(9, 12));
    const cut = await page(`page[after]=${marks[3]}&${end}&page[size]=3`);
    expect([shown(cut), cut.body.meta.page.rangeTruncated]).toEqual([range(4, 7), true]);
    expect(shown(await page(`${start}&page[before]=${marks[3]}&page[size]=100`))).toEqual(range(0, 3));
  });
});

describe('first and last', () => {
  test.each([1, 4, 5, 12, 50])('of pages of %i lead to both ends [CUR-16, CUR-17, CUR-19]', async (size) => {
    for (const from of [await page(`page[size]=${size}`), await page(`page[after]=${marks[5]}&page[size]=${size}`)]) {
      const first = await get(from.body.links.first);
      expect([shown(first), first.body.links.prev]).toEqual([range(0, Math.min(size, 12)), null]);
      const last = await get(from.body.links.last);
      expect([shown(last), last.body.links.next]).toEqual([range(0, 12).slice(-size), null]);
      expect(last.body.links.prev !== null).toBe(size < 12);
    }
  });

  test('the last page goes on being the last when rows are added behind it', async () => {
    const { last } = (await page('page[size]=3')).body.links;
    await app.source.query("insert into users (id, email) values (gen_random_uuid(), 'twelve-0@example.com')");
    const added = (await app.platform.get(`${S}/users?filter[email]=twelve-0@example.com`)).body.data[0].id;
    const answer = await get(last);
    await app.source.query('delete from users where id = $1', [added]);
    expect(idsOf(answer)).toEqual([ids[10], ids[11], added]);
  });
});

test('walking there and back by every link gives the pages of both ways [CUR-18, PAG-3]', async () => {
  for (const size of [1, 3, 4, 5, 12]) {
    const forward = await walk(get, `${TWELVE}&page[size]=${size}`);
    expect(forward.flatMap(shown)).toEqual(range(0, 12));
    expect(forward).toHaveLength(Math.ceil(12 / size));
    const backward = await walk(get, forward.at(-1)?.body.links.self.href, 'prev');
    expect(backward.reverse().flatMap(shown)).toEqual(range(0, 12));
    // One step back from the second page is the first page again.
    if (forward.length > 1) expect(await linked(forward[1] as Answer, 'prev')).toEqual(shown(forward[0] as Answer));
  }
});

test('links keep the rest of the query, in its own form, and are relative [PAG-5, LNK-10, LNK-11]', async () => {
  const query = 'filter[name][contains]=a%26b&sort=-name,createdAt&include=owner&fields[organizations]=name,owner';
  for (let n = 0; n < 3; n++)
    await app.platform.post(`${M}/organizations`, {
      data: { type: 'organizations', attributes: { name: `a&b ${n}` } },
    });
  const { body } = await get(`${M}/organizations?${query}&page[size]=1`);
  expect(body.links.self).toEqual({ href: `${M}/organizations?${query}&page[size]=1`, type: CURSOR_TYPE });
  for (const name of ['first', 'last', 'next'])
    expect(body.links[name].replace(/=[\w-]+&page\[size\]/, '=X&page[size]')).toBe(
      `${M}/organizations?${query}&page[${name === 'last' ? 'before' : 'after'}]=X&page[size]=1`,
    );
  const pages = await walk(get, body.links.first);
  expect(pages.map(({ body: { data, included } }) => [data[0].attributes.name, included])).toEqual([
    ['a&b 2', []],
    ['a&b 1', []],
    ['a&b 0', []],
  ]);
});
