import { resolve, withQuery } from '../core/client';
import { at, isObject, listOf, same } from '../core/json';
import { CURSOR_URI, urisOf } from '../core/mediaType';
import { asks, type Chapter, each, watches } from '../core/rules';
import { hrefOf, type Seen } from '../core/seen';
import { itemsOf, keyOf, keysOf, walk } from '../core/walk';
import {
  ACCEPT,
  after,
  before,
  cursorAt,
  cursors,
  follow,
  isPage,
  isRefused,
  mustKnow,
  page,
  sortsOf,
  walkFrom,
} from './cursorPages';

const isPaged = ({ answer }: Seen): boolean =>
  urisOf(answer.headers['content-type'], 'profile').includes(CURSOR_URI) && answer.status === 200;

export const cursorChapter: Chapter = {
  id: 'CUR',
  title: 'Cursor pagination profile',
  rules: [
    asks('CUR-1', 'MUST', 'The order is total: no item is lost or met twice, whatever the sort', async (t) => {
      const all = await cursors(t);
      if (!all.isComplete) t.skip('the collection is larger than this rule walks');
      for (const sort of ['', ...(await sortsOf(t)).slice(-3).map((name) => `&sort=${name}`)]) {
        const walked = await walkFrom(t, `page[size]=2${sort}`);
        if (walked.pages[0]?.status !== 200 || !walked.isComplete) continue;
        const found = keysOf(walked.items).sort();
        t.expect(same(found, [...all.keys].sort()), `all ${all.keys.length} items, each once`, walked.pages.at(-1));
      }
    }),
    asks('CUR-2', 'MUST', 'Linkage that is paginated has an order too', async (t) => {
      await mustKnow(t);
      for (const { name, owner, seen, url } of (await t.world.crawl()).visits) {
        if (name !== 'self' || owner !== 'relationship' || itemsOf(seen.answer).length < 2) continue;
        const all = await walk(t.world.client, url, ACCEPT, 5);
        const walked = await walk(t.world.client, withQuery(url, 'page[size]=1'), ACCEPT, 60);
        if (walked.pages[0]?.status !== 200 || !walked.isComplete || !all.isComplete) continue;
        t.expect(same(keysOf(walked.items), keysOf(all.items)), 'the whole linkage', walked.pages.at(-1), '/data');
        return;
      }
      t.skip('no linkage of two identifiers is paginated');
    }),
    asks('CUR-3', 'MUST', 'page[size] is a positive whole number in digits', async (t) => {
      await mustKnow(t);
      for (const value of ['0', '-1', '1.5', '+5', 'abc', ''])
        isRefused(t, await page(t, `page[size]=${value}`), 'page[size]');
      await t.status(page(t, 'page[size]=05'), 200, '05 is 5');
    }),
    asks('CUR-4', 'MUST', 'A size over the maximum is refused with that maximum, not cut', async (t) => {
      await mustKnow(t);
      const answer = await page(t, 'page[size]=1000000');
      if (answer.status === 200) {
        const self = hrefOf(at(answer.body, 'links', 'self'));
        const used = self === undefined ? null : new URL(resolve(self, answer.sent.url)).searchParams.get('page[size]');
        const isCut = (used ?? '1000000') !== '1000000' || hrefOf(at(answer.body, 'links', 'next')) !== undefined;
        if (!isCut) t.skip('no maximum shows with so few items');
        t.expect(false, '400, not a smaller size', answer, '/links');
        return;
      }
      isRefused(t, answer, 'page[size]', 'max-size-exceeded');
      const sizes = listOf(at(answer.body, 'errors')).map((error) => at(error, 'meta', 'page', 'maxSize'));
      t.expect(sizes.some(Number.isInteger), 'meta.page.maxSize', answer, '/errors');
    }),
    asks('CUR-5', 'MUST', 'Without a size there is a default', async (t) => {
      const { items, isComplete } = await cursors(t);
      const answer = await page(t, '');
      t.expect(answer.status === 200, '200', answer);
      if (isComplete) t.expect(itemsOf(answer).length <= items.length, 'at most what there is', answer);
    }),
    asks('CUR-6', 'MUST', 'A page has as many items as its size, while there are', async (t) => {
      const { keys } = await cursors(t);
      for (const size of [1, 2, 3])
        if (keys.length >= size) isPage(t, await page(t, `page[size]=${size}`), keys.slice(0, size));
    }),
    asks('CUR-7', 'MUST', 'What is no cursor is refused with the parameter', async (t) => {
      await mustKnow(t);
      isRefused(t, await page(t, 'page[after]=no-cursor'), 'page[after]');
      isRefused(t, await page(t, 'page[before]=no-cursor'), 'page[before]');
    }),
    asks('CUR-8', 'MUST', 'after begins with the item that follows the cursor', async (t) => {
      const { keys, isComplete } = await cursors(t);
      isPage(t, await page(t, `page[size]=2&${after(await cursorAt(t, 0))}`), keys.slice(1, 3));
      if (isComplete && keys.length <= 10)
        isPage(t, await page(t, `page[size]=2&${after(await cursorAt(t, keys.length - 1))}`), []);
    }),
    asks('CUR-9', 'MUST', 'before ends with the item that comes before the cursor', async (t) => {
      const { keys } = await cursors(t);
      const index = Math.min(keys.length, 5) - 1;
      isPage(
        t,
        await page(t, `page[size]=2&${before(await cursorAt(t, index))}`),
        keys.slice(Math.max(0, index - 2), index),
      );
      isPage(t, await page(t, `page[size]=2&${before(await cursorAt(t, 0))}`), []);
    }),
    asks('CUR-10', 'MUST', 'Without a cursor the first page comes', async (t) => {
      const { keys } = await cursors(t);
      isPage(t, await page(t, 'page[size]=2'), keys.slice(0, 2));
    }),
    asks('CUR-11', 'MUST', 'A cursor outlives its item', async (t) => {
      const { collection } = await cursors(t);
      const made = t.need(t.world.made, 'no description of a writable type');
      if (collection.type !== made.type) t.skip('the described type is not that of the collection');
      const row = await made.deletable();
      const { items } = await walkFrom(t, 'page[size]=10');
      const index = items.findIndex((item) => keyOf(item) === keyOf(row));
      const cursor = at(items[index], 'meta', 'page', 'cursor');
      if (typeof cursor !== 'string') return t.skip('the new item has no cursor');
      await t.ask(row.url, { method: 'DELETE' });
      isPage(t, await page(t, `page[size]=2&${after(cursor)}`), keysOf(items.slice(index + 1, index + 3)));
    }),
    asks('CUR-12', 'MUST', 'after and before give the items between, or are refused as a range', async (t) => {
      const { keys } = await cursors(t);
      const last = Math.min(keys.length, 6) - 1;
      const answer = await page(t, `${after(await cursorAt(t, 0))}&${before(await cursorAt(t, last))}`);
      if (answer.status === 400) isRefused(t, answer, 'page[after]', 'range-pagination-not-supported');
      else isPage(t, answer, keys.slice(1, last));
    }),
    asks('CUR-13', 'MUST', 'A range without a size has the maximum as its size', async (t) => {
      const { keys } = await cursors(t);
      const last = Math.min(keys.length, 40) - 1;
      const answer = await page(t, `${after(await cursorAt(t, 0))}&${before(await cursorAt(t, last))}`);
      if (answer.status === 400) t.skip('ranges are not supported');
      isPage(t, answer, keys.slice(1, last));
    }),
    asks('CUR-14', 'MUST', 'A range that is cut says so', async (t) => {
      const { keys } = await cursors(t);
      if (keys.length < 4) t.skip('fewer than four items');
      const answer = await page(t, `page[size]=1&${after(await cursorAt(t, 0))}&${before(await cursorAt(t, 3))}`);
      if (answer.status === 400) t.skip('ranges are not supported');
      isPage(t, answer, keys.slice(1, 2));
      t.expect(
        at(answer.body, 'meta', 'page', 'rangeTruncated') === true,
        'meta.page.rangeTruncated: true',
        answer,
        '/meta',
      );
    }),
    watches(
      'CUR-15',
      'MUST',
      'prev and next are there for all paginated data, if null',
      (seen, t) => {
        if (!isPaged(seen) || !Array.isArray(seen.document.data)) return;
        for (const name of ['prev', 'next'])
          t.expect(at(seen.document, 'links', name) !== undefined, name, seen.answer, '/links');
        for (const { value, at: place } of seen.relationships) {
          const links = at(value, 'links');
          if (!isObject(links) || !Array.isArray(at(value, 'data')) || !('prev' in links || 'next' in links)) continue;
          t.expect('prev' in links && 'next' in links, 'prev and next', seen.answer, `${place}/links`);
        }
      },
      async (t) => void (await cursors(t)),
    ),
    asks('CUR-16', 'MUST', 'next is null exactly where no page follows', async (t) => {
      const { keys, isComplete } = await cursors(t);
      if (!isComplete) t.skip('the collection is larger than this rule walks');
      // With a size that divides the count, the last page is full: a server that only counts rows is wrong here.
      for (const size of new Set([2, Math.max(1, keys.length / 2), keys.length].filter(Number.isInteger))) {
        const { pages, items } = await walkFrom(t, `page[size]=${size}`);
        if (pages[0]?.status !== 200) continue;
        t.expect(same(keysOf(items), keys), 'all items until next is null', pages.at(-1), '/links');
        t.expect(
          pages.length === Math.max(1, Math.ceil(keys.length / size)),
          'no empty last page',
          pages.at(-1),
          '/data',
        );
      }
    }),
    asks('CUR-17', 'MUST', 'prev is null exactly where no page comes before', async (t) => {
      const { keys } = await cursors(t);
      const first = await page(t, 'page[size]=1');
      t.expect(at(first.body, 'links', 'prev') === null, 'prev: null', first, '/links');
      if (keys.length < 3) return;
      const end = await page(t, `page[size]=1&${before(await cursorAt(t, 2))}`);
      t.expect(hrefOf(at(end.body, 'links', 'prev')) !== undefined, 'a prev link', end, '/links');
    }),
    asks('CUR-18', 'SHOULD', 'prev leads back', async (t) => {
      const { keys } = await cursors(t);
      const second = await page(t, `page[size]=1&${after(await cursorAt(t, 0))}`);
      const prev = hrefOf(at(second.body, 'links', 'prev'));
      isPage(t, await follow(t, t.need(prev, 'the second page has no prev link')), keys.slice(0, 1));
    }),
    asks('CUR-19', 'REC', 'first and last lead to the ends', async (t) => {
      const { keys, isComplete } = await cursors(t);
      const answer = await page(t, 'page[size]=2');
      const [first, last] = ['first', 'last'].map((name) => hrefOf(at(answer.body, 'links', name)));
      if (first !== undefined) isPage(t, await follow(t, first), keys.slice(0, 2));
      if (last === undefined || !isComplete) return;
      const end = await follow(t, last);
      t.expect(keysOf(itemsOf(end)).at(-1) === keys.at(-1), `${keys.at(-1)} as the last`, end, '/data');
    }),
    watches(
      'CUR-20',
      'MUST',
      'page in meta is an object',
      each(
        (seen) => (isPaged(seen) ? seen.metas.filter(({ value }) => at(value, 'page') !== undefined) : []),
        (value) => isObject(at(value, 'page')),
        'an object',
      ),
      async (t) => void (await cursors(t)),
    ),
    asks('CUR-21', 'MAY', 'The cursor of an item falls on it', async (t) => {
      const { items, keys } = await cursors(t);
      for (const index of [0, 1, 2]) {
        const cursor = at(items[index], 'meta', 'page', 'cursor');
        if (typeof cursor === 'string')
          isPage(t, await page(t, `page[size]=1&${after(cursor)}`), keys.slice(index + 1, index + 2));
      }
    }),
    asks('CUR-22', 'MAY', 'meta.page.total is the size of the whole list', async (t) => {
      const { pages, keys, isComplete } = await cursors(t);
      const total = at(pages[0]?.body, 'meta', 'page', 'total');
      if (total === undefined || !isComplete) t.skip('no total, or a list too long to count');
      t.expect(total === keys.length, `${keys.length}`, pages[0], '/meta/page/total');
    }),
    watches('CUR-23', 'MUST', 'An estimated total is an object, with a whole number as its best guess', (seen, t) => {
      const estimate = at(seen.document, 'meta', 'page', 'estimatedTotal');
      if (!isPaged(seen) || estimate === undefined) return;
      const guess = at(estimate, 'bestGuess');
      t.expect(
        isObject(estimate) && (guess === undefined || Number.isInteger(guess)),
        'an object with bestGuess',
        seen.answer,
        '/meta/page/estimatedTotal',
      );
    }),
    asks('CUR-24', 'MUST', 'A sort that cannot be paginated is refused as such', async (t) => {
      await mustKnow(t);
      for (const name of await sortsOf(t)) {
        const answer = await page(t, `page[size]=1&sort=${name}`);
        if (answer.status !== 200) isRefused(t, answer, 'sort', 'unsupported-sort');
      }
      t.skip('every sort can be paginated');
    }),
    asks('CUR-25', 'MUST', 'The Content-Type names the profile', async (t) => {
      const { pages } = await cursors(t);
      for (const answer of pages)
        t.expect(urisOf(answer.headers['content-type'], 'profile').includes(CURSOR_URI), 'profile', answer);
    }),
    watches(
      'CUR-26',
      'OURS',
      'The type of an error is a link, not an array',
      each(
        ({ links }) => links.filter(({ owner, name }) => owner === 'error' && name === 'type'),
        (value) => !Array.isArray(value),
        'a link',
      ),
    ),
    asks('CUR-27', 'OURS', 'A cursor of one sort is refused with another', async (t) => {
      const [first, second] = await sortsOf(t);
      const cursor = await cursorAt(t, 0);
      t.need(second, 'fewer than two sorts');
      await t.status(page(t, `page[size]=1&sort=${second},-${first}&${after(cursor)}`), 400);
    }),
    asks('CUR-28', 'OURS', 'Ways to page are not mixed', async (t) => {
      await t.status(page(t, `page[number]=2&${after(await cursorAt(t, 0))}`), 400);
    }),
  ],
};
