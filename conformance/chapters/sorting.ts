import type { Check } from '../core/check';
import { withQuery } from '../core/client';
import { at, listOf, objectAt, same } from '../core/json';
import { asks, type Chapter } from '../core/rules';
import { itemsOf, keyOf, keysOf, type Walk, walk } from '../core/walk';

type Compare = (a: unknown, b: unknown) => number;

const plain: Compare = (a, b) => (a === b ? 0 : (a as string) < (b as string) ? -1 : 1);
/** Orders that a server may keep texts in; which one the specification does not say. */
const ORDERS: readonly Compare[] = [
  plain,
  (a, b) => plain(String(a).toLowerCase(), String(b).toLowerCase()),
  (a, b) => String(a).localeCompare(String(b)),
  (a, b) => String(a).localeCompare(String(b), 'en', { sensitivity: 'base', ignorePunctuation: true }),
];

/** Whether values are in order by one of the orders; null has its place at either end and is left out. */
export function isSorted(values: readonly unknown[], isDescending: boolean): boolean {
  const given = values.filter((value) => value !== null && value !== undefined);
  const sign = isDescending ? -1 : 1;
  return ORDERS.some((compare) => given.every((value, i) => i === 0 || sign * compare(given[i - 1], value) <= 0));
}

const valuesOf = ({ items }: Walk, name: string): unknown[] => items.map((item) => at(item, 'attributes', name));

async function sortOf(t: Check): Promise<string> {
  const sorts = await t.world.sorts();
  if (t.world.main.items.length < 2) t.skip('no collection has two items');
  return t.need(sorts[0], 'the server sorts by no attribute of the collection');
}

const sorted = (t: Check, sort: string): Promise<Walk> => walk(t.world.client, withQuery(t.url, `sort=${sort}`), {}, 5);

export const sortingChapter: Chapter = {
  id: 'SRT',
  title: 'Sorting',
  rules: [
    asks('SRT-1', 'MUST', 'A field sorts up, with a minus down', async (t) => {
      await sortOf(t);
      for (const name of (await t.world.sorts()).slice(0, 6)) {
        const [up, down] = [await sorted(t, name), await sorted(t, `-${name}`)];
        t.expect(isSorted(valuesOf(up, name), false), `${name} going up`, up.pages[0]);
        t.expect(isSorted(valuesOf(down, name), true), `${name} going down`, down.pages[0]);
      }
    }),
    asks('SRT-2', 'SHOULD', 'Of several fields the first counts most', async (t) => {
      await sortOf(t);
      const sorts = await t.world.sorts();
      // The field with the fewest values leaves the most to the second.
      const [first, second] = [t.need(sorts.at(-1), 'no sort'), t.need(sorts[0], 'no sort')];
      if (first === second) t.skip('the server sorts by one attribute only');
      const { pages, items } = await sorted(t, `${first},-${second}`);
      const [page] = pages;
      t.expect(page?.status === 200, '200', page);
      const firsts = items.map((item) => at(item, 'attributes', first));
      t.expect(isSorted(firsts, false), `${first} going up`, page);
      for (const value of new Set(firsts)) {
        const group = items.filter((_item, i) => firsts[i] === value).map((item) => at(item, 'attributes', second));
        t.expect(isSorted(group, true), `${second} going down where ${first} is ${value}`, page);
      }
    }),
    asks('SRT-3', 'MUST', 'A sort that is not offered is 400', async (t) => {
      await t.status(t.get(withQuery(t.url, 'sort=no-such-field')), 400);
      const item = await t.world.item();
      const [sort] = await t.world.sorts();
      if (item !== undefined && sort !== undefined)
        await t.status(t.get(withQuery(item.sent.url, `sort=${sort}`)), 400, 'one resource cannot be sorted');
    }),
    asks('SRT-4', 'MUST', 'The order of data is that of the sort', async (t) => {
      const name = await sortOf(t);
      const { pages, items } = await sorted(t, name);
      if (items.length < 2) t.skip('fewer than two items');
      t.expect(
        isSorted(
          items.map((item) => at(item, 'attributes', name)),
          false,
        ),
        `data by ${name}`,
        pages[0],
        '/data',
      );
    }),
    asks('SRT-5', 'MAY', 'Without sort the order stays the same', async (t) => {
      if (t.world.main.items.length < 2) t.skip('no collection has two items');
      const [one, two] = [await t.get(t.url), await t.get(t.url)];
      t.expect(same(keysOf(itemsOf(one)), keysOf(itemsOf(two))), 'the same order twice', two, '/data');
    }),
    asks('SRT-6', 'REC', 'A dotted path sorts by a field of a related resource', async (t) => {
      for (const name of await t.world.includes()) {
        const answer = await t.get(withQuery(t.url, `include=${name}`));
        for (const attribute of Object.keys(objectAt(answer.body, 'included', 0, 'attributes')).slice(0, 4)) {
          const sortedBy = await t.get(withQuery(t.url, `include=${name}&sort=${name}.${attribute}`));
          if (sortedBy.status !== 200) continue;
          const byKey = new Map(listOf(at(sortedBy.body, 'included')).map((each) => [keyOf(each), each]));
          const values = listOf(at(sortedBy.body, 'data')).map((item) =>
            at(byKey.get(keyOf(at(item, 'relationships', name, 'data'))), 'attributes', attribute),
          );
          t.expect(isSorted(values, false), `${name}.${attribute} going up`, sortedBy, '/data');
        }
      }
    }),
    asks('SRT-8', 'OURS', 'Related collections are sorted as well', async (t) => {
      const tried = new Set<unknown>();
      for (const { name, relationship, seen, url } of (await t.world.crawl()).visits) {
        const { data } = seen.document;
        if (name !== 'related' || relationship === undefined || !Array.isArray(data) || data.length < 2) continue;
        if (tried.has(relationship.name)) continue;
        tried.add(relationship.name);
        for (const attribute of Object.keys(objectAt(data[0], 'attributes')).slice(0, 4)) {
          const answer = await t.get(withQuery(url, `sort=${attribute}`));
          if (answer.status !== 200) continue;
          const values = itemsOf(answer).map((item) => at(item, 'attributes', attribute));
          t.expect(isSorted(values, false), `${attribute} going up`, answer, '/data');
        }
      }
    }),
  ],
};
