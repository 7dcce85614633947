import type { Check } from '../core/check';
import { resolve, withQuery } from '../core/client';
import { at, isObject, same } from '../core/json';
import { asks, type Chapter } from '../core/rules';
import { hrefOf } from '../core/seen';
import { keysOf, type Walk, walk } from '../core/walk';
import { isSorted } from './sorting';

const PAGES = ['first', 'last', 'prev', 'next'];
/** Ways to ask for pages of two; what a server offers is found by trying. */
const WAYS = ['page[number]=1&page[size]=2', 'page[offset]=0&page[limit]=2', 'page[size]=2', 'page[limit]=2'];

/** The queries that make pages of two of the first collection with more than one page. */
function ways(t: Check): Promise<string[]> {
  return t.world.once('ways to page', async () => {
    const found: string[] = [];
    for (const query of WAYS) {
      const answer = await t.get(withQuery(t.url, query));
      if (answer.status === 200 && hrefOf(at(answer.body, 'links', 'next')) !== undefined) found.push(query);
    }
    return found;
  });
}

/** The collection walked in each way the server offers, or the end of the check. */
function walks(t: Check, more = ''): Promise<Walk[]> {
  return t.world.once(`walks ${more}`, async () => {
    const offered = await ways(t);
    if (offered.length === 0) t.skip('no way to page was found that gives a second page');
    const found: Walk[] = [];
    for (const query of offered) found.push(await walk(t.world.client, withQuery(t.url, query + more), {}, 8));
    return found;
  });
}

const linkOf = (body: unknown, name: string): string | undefined => hrefOf(at(body, 'links', name));
/** None of a URL that is none, which another rule is about. */
const namesIn = (url: string): URLSearchParams => new URLSearchParams(URL.canParse(url) ? new URL(url).search : '');

export const paginationChapter: Chapter = {
  id: 'PAG',
  title: 'Pagination',
  rules: [
    asks('PAG-1', 'MUST', 'Page links are first, last, prev and next of the links beside the data', async (t) => {
      for (const { pages } of await walks(t))
        for (const page of pages) {
          const links = at(page.body, 'links');
          t.expect(isObject(links) && PAGES.some((name) => name in links), 'page links', page, '/links');
        }
    }),
    asks('PAG-2', 'MUST', 'Where there is no page the link is null or absent', async (t) => {
      for (const { pages, isComplete } of await walks(t)) {
        const [first, last] = [pages[0], pages.at(-1)];
        t.expect(linkOf(first?.body, 'prev') === undefined, 'no prev on the first page', first, '/links');
        if (isComplete) t.expect(linkOf(last?.body, 'next') === undefined, 'no next on the last page', last, '/links');
      }
    }),
    asks('PAG-3', 'MUST', 'Pages follow each other in the order of the sort', async (t) => {
      const [sort] = await t.world.sorts();
      const name = t.need(sort, 'the server sorts by no attribute of the collection');
      for (const { pages, items } of await walks(t, `&sort=-${name}`)) {
        const values = items.map((item) => at(item, 'attributes', name));
        t.expect(isSorted(values, true), `${name} going down over all pages`, pages.at(-1), '/data');
      }
    }),
    asks('PAG-4', 'SHOULD', 'Page links differ in parameters of the page family', async (t) => {
      for (const { pages } of await walks(t))
        for (const name of PAGES) {
          const link = linkOf(pages[0]?.body, name);
          if (link === undefined) continue;
          const names = [...namesIn(resolve(link, t.url)).keys()];
          t.expect(
            names.every((each) => /^page\[[^\]]+\]$/.test(each) || namesIn(t.url).has(each)),
            'parameters page[…]',
            pages[0],
            `/links/${name}`,
          );
        }
    }),
    asks('PAG-5', 'MUST', 'Page links keep the other parameters', async (t) => {
      const { type } = t.world.main;
      const [sort] = await t.world.sorts();
      const [attribute] = t.world.plainAttributes();
      const parts = [sort && `sort=-${sort}`, `fields[${type}]=${attribute}`];
      for (const part of parts) {
        if (part === undefined) continue;
        const wanted = new URLSearchParams(part);
        for (const { pages } of await walks(t, `&${part}`)) {
          const [page] = pages;
          if (page?.status !== 200) continue;
          for (const name of PAGES) {
            const link = linkOf(page.body, name);
            if (link === undefined) continue;
            const given = namesIn(resolve(link, t.url));
            t.expect(
              [...wanted].every(([each, value]) => given.get(each) === value),
              part,
              page,
              `/links/${name}`,
            );
          }
        }
      }
    }),
    asks('PAG-6', 'MUST', 'An unknown page parameter is 400', (t) =>
      t.status(t.get(withQuery(t.url, 'page[foo]=1')), 400),
    ),
    asks('PAG-7', 'OURS', 'Sizes and numbers that are none are 400', async (t) => {
      await walks(t);
      for (const value of ['0', '-1', 'abc', '1e3', '', '99999999999999999999'])
        await t.status(t.get(withQuery(t.url, `page[size]=${value}`)), 400);
    }),
    asks('PAG-8', 'OURS', 'A single resource takes no page', async (t) => {
      const item = t.need(await t.world.item(), 'no collection has an item');
      await t.status(t.get(withQuery(item.sent.url, 'page[size]=1')), 400);
    }),
    asks('PAG-9', 'OURS', 'Walking over next meets every resource once', async (t) => {
      const all = await walks(t);
      for (const { items, pages, isComplete } of all) {
        t.expect(new Set(keysOf(items)).size === items.length, 'each resource once', pages.at(-1));
        const other = all.find((each) => each.isComplete);
        if (isComplete && other !== undefined)
          t.expect(same(keysOf(items).sort(), keysOf(other.items).sort()), 'as many in every way', pages.at(-1));
      }
    }),
    asks('PAG-10', 'OURS', 'meta has the total', async (t) => {
      const { answer } = t.world.main;
      const totals = [at(answer.body, 'meta', 'total'), at(answer.body, 'meta', 'page', 'total')];
      t.expect(totals.some(Number.isInteger), 'meta.total or meta.page.total', answer, '/meta');
    }),
  ],
};
