import { type Answer, type Client, resolve } from './client';
import { at, isObject, type Json, listOf } from './json';
import { hrefOf } from './seen';

export interface Walk {
  readonly pages: readonly Answer[];
  readonly items: readonly Json[];
  /** Whether the last page was reached: there was no next link any more. */
  readonly isComplete: boolean;
}

/** Follows `next` from a page on, for as many pages at the most. */
export async function walk(client: Client, url: string, headers = {}, most = 30): Promise<Walk> {
  const pages: Answer[] = [];
  let next: string | undefined = url;
  while (next !== undefined && pages.length < most) {
    const answer: Answer = await client.ask(next, { headers });
    pages.push(answer);
    const href = answer.status === 200 ? hrefOf(at(answer.body, 'links', 'next')) : undefined;
    next = href === undefined ? undefined : resolve(href, next);
    if (next !== undefined && !client.reaches(next)) break;
  }
  return {
    pages,
    items: pages.flatMap(itemsOf),
    isComplete: next === undefined && pages.every(({ status }) => status === 200),
  };
}

/** Resource objects or identifiers of a page. */
export const itemsOf = ({ body }: Answer): Json[] => listOf(at(body, 'data')).filter(isObject);

/** Type and id, the name of a resource among all. */
export const keyOf = (value: unknown): string => `${at(value, 'type')} ${at(value, 'id')}`;

export const keysOf = (values: readonly unknown[]): string[] => values.map(keyOf);
