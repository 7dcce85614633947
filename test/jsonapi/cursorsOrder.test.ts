import { type Body, startApp, type TestApp } from '../support/app';
import { CURSORS, idsOf, marksOf, SCATTERED, scatter, sortable, sorted, walk } from './cursors';
import { buildWorld, pathOf, TYPES } from './world';

/** Random sorting and random page sizes, over rows full of nulls and ties, must give what a client makes of the whole list. */
const SORTS = 8;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
  await buildWorld(app);
  await scatter(app);
});
afterAll(() => app.close());

const get = (path: string) => app.platform.get(path, CURSORS);

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
const below = (next: () => number, most: number) => Math.floor(next() * most);

/** Two or three keys, each in either direction. */
function sortOf(type: string, next: () => number): string {
  const fields = sortable(type);
  const chosen = new Set(
    Array.from({ length: 2 + below(next, 2) }, () => fields[below(next, fields.length)] as string),
  );
  return [...chosen].map((field) => (next() < 0.5 ? field : `-${field}`)).join(',');
}

const all = async (type: string): Promise<Body[]> =>
  (await app.platform.get(`${pathOf(type)}?page[size]=100`)).body.data;

/** Every field alone in both directions, so that none depends on luck, then some random ones. */
const CASES = TYPES.flatMap((type, i) => {
  const next = random(i + 1);
  const alone = sortable(type).flatMap((field) => [field, `-${field}`]);
  const sorts = [...alone, ...Array.from({ length: SORTS }, () => sortOf(type, next))];
  return sorts.map((sort, k) => [type, sort, 1000 * i + k] as const);
});

test('there is something to be sorted, with nulls and ties', async () => {
  for (const type of ['organizations', 'partners', 'users', 'members', 'apiKeys'])
    expect((await all(type)).length).toBeGreaterThan(SCATTERED);
  const countries = (await all('organizations')).map(({ attributes }) => attributes.countryCode);
  expect(new Set(countries).size).toBe(4);
});

describe.each(CASES)('%s?sort=%s (seed %i)', (type, sort, seed) => {
  const path = `${pathOf(type)}?sort=${sort}`;

  test('forward, then backward, in pages of any size: every row once, in its order [CUR-1, CUR-8, CUR-9, SRT-7]', async () => {
    const next = random(seed);
    const size = () => 5 + below(next, 50);
    const rows = await all(type);
    const expected = sorted(rows, sort);
    const pages = await walk(get, `${path}&page[size]=${size()}`, 'next', size);
    expect(pages.flatMap(idsOf)).toEqual(expected);
    const back = await walk(get, pages[0]?.body.links.last, 'prev', size);
    expect(back.reverse().flatMap(idsOf)).toEqual(expected);
    for (const { body } of pages)
      expect(body.meta).toEqual({ total: rows.length, totalUnfiltered: rows.length, page: { total: rows.length } });
  });

  if (!sort.includes(',')) return;

  test('from anywhere: what is behind, what is before, and what is between [CUR-8, CUR-9, CUR-12, CUR-21]', async () => {
    const next = random(seed);
    const pages = await walk(get, `${path}&page[size]=100`);
    const [ids, marks] = [pages.flatMap(idsOf), pages.flatMap(marksOf)];
    for (let i = 0; i < 3; i++) {
      const [a, b, size] = [below(next, ids.length), below(next, ids.length), 1 + below(next, 30)];
      const after = await get(`${path}&page[after]=${marks[a]}&page[size]=${size}`);
      expect(idsOf(after)).toEqual(ids.slice(a + 1, a + 1 + size));
      const before = await get(`${path}&page[before]=${marks[b]}&page[size]=${size}`);
      expect(idsOf(before)).toEqual(ids.slice(Math.max(0, b - size), b));
      const between = await get(`${path}&page[after]=${marks[a]}&page[before]=${marks[b]}&page[size]=${size}`);
      const range = ids.slice(a + 1, Math.max(a + 1, b));
      expect([idsOf(between), between.body.meta.page.rangeTruncated]).toEqual([
        range.slice(0, size),
        range.length > size ? true : undefined,
      ]);
    }
  });
});
