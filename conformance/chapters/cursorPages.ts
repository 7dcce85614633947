import type { Check } from '../core/check';
import { type Answer, encode, resolve, withQuery } from '../core/client';
import { at, listOf, same } from '../core/json';
import { CURSOR, CURSOR_URI } from '../core/mediaType';
import { hrefOf } from '../core/seen';
import { itemsOf, keysOf, type Walk, walk } from '../core/walk';
import type { Collection } from '../core/world';

/** What the rules about cursors share: a collection that was walked, and pages of it. */
export interface Cursors extends Walk {
  readonly collection: Collection;
  readonly keys: readonly string[];
}

export const ACCEPT = { accept: CURSOR };
/** Items that are too few to see a range cut. */
const FEW = 4;

/** Ends the check where the server does not know the profile. */
export async function mustKnow(t: Check): Promise<void> {
  if (!(await t.world.hasCursors())) t.skip('the server does not know the cursor pagination profile');
}

/** The first collection that is small enough to be seen whole and large enough for pages; else the beginning of the first. */
export function cursors(t: Check): Promise<Cursors> {
  return t.world.once('cursor walk', async () => {
    await mustKnow(t);
    const { main, collections } = t.world;
    let found: Cursors | undefined;
    for (const collection of [main, ...collections.filter((each) => each !== main)]) {
      const walked = await walk(t.world.client, withQuery(collection.url, 'page[size]=10'), ACCEPT, 6);
      const cursor: Cursors = { ...walked, collection, keys: keysOf(walked.items) };
      if (walked.isComplete && walked.items.length >= FEW) return cursor;
      found ??= cursor;
    }
    return found ?? t.skip('no collection');
  });
}

export async function page(t: Check, query: string): Promise<Answer> {
  const { collection } = await cursors(t);
  return t.get(query === '' ? collection.url : withQuery(collection.url, query), ACCEPT);
}

/** Another page by its link. */
export async function follow(t: Check, href: string): Promise<Answer> {
  const { collection } = await cursors(t);
  return t.get(resolve(href, collection.url), ACCEPT);
}

/** The collection walked over `next` from the page that a query gives. */
export async function walkFrom(t: Check, query: string): Promise<Walk> {
  const { collection } = await cursors(t);
  return walk(t.world.client, withQuery(collection.url, query), ACCEPT, 40);
}

/** Attributes that the collection can be sorted by. */
export async function sortsOf(t: Check): Promise<string[]> {
  const { collection } = await cursors(t);
  return t.world.sorts(collection);
}

export const after = (cursor: string): string => `page[after]=${encode(cursor)}`;
export const before = (cursor: string): string => `page[before]=${encode(cursor)}`;

/** The cursor that falls on the item at an index of the walk: the item's own, or that of a page that ends there. */
export async function cursorAt(t: Check, index: number): Promise<string> {
  const { items, collection } = await cursors(t);
  if (items[index] === undefined) return t.skip(`fewer than ${index + 1} items`);
  const own = at(items[index], 'meta', 'page', 'cursor');
  if (typeof own === 'string') return own;
  const answer = await page(t, `page[size]=${index + 1}`);
  const next = hrefOf(at(answer.body, 'links', 'next'));
  const cursor = next === undefined ? null : new URL(resolve(next, collection.url)).searchParams.get('page[after]');
  return cursor ?? t.skip('no cursor of the item can be had');
}

/** Judges that an answer is 200 with exactly these items, in this order. */
export function isPage(t: Check, answer: Answer, keys: readonly string[]): void {
  const found = keysOf(itemsOf(answer));
  t.expect(answer.status === 200 && same(found, keys), `200 with ${keys.join(', ') || 'no items'}`, answer, '/data');
}

/** Judges a 400 that names a parameter and, where the profile has one, the type of the error. */
export function isRefused(t: Check, answer: Answer, parameter: string, type?: string): void {
  t.expect(answer.status === 400, '400', answer);
  const errors = listOf(at(answer.body, 'errors'));
  const names = errors.map((error) => at(error, 'source', 'parameter'));
  t.expect(names.includes(parameter), `source.parameter ${parameter}`, answer, '/errors');
  if (type === undefined) return;
  // The profile's own sample has an array here, which the specification came to forbid.
  const types = errors.map((error) => hrefOf(listOf(at(error, 'links', 'type'))[0]));
  t.expect(types.includes(`${CURSOR_URI}/${type}`), `links.type ${CURSOR_URI}/${type}`, answer, '/errors');
}
