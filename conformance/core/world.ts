import type { Answer, Client } from './client';
import { encode, resolve, withQuery } from './client';
import { type Crawl, crawl } from './crawl';
import { at, canonical, isObject, type Json, listOf, objectAt, textAt } from './json';
import type { Made } from './made';
import { CURSOR, CURSOR_URI, urisOf } from './mediaType';
import { hrefOf } from './seen';

export interface Collection {
  readonly url: string;
  /** The first page as the server gives it unasked. */
  readonly answer: Answer;
  readonly items: readonly Json[];
  /** Type of its items; undefined when it has none. */
  readonly type: string | undefined;
}

/** A relationship of a certain resource. */
export interface Relation {
  readonly name: string;
  readonly object: Json;
  readonly item: Json;
  readonly itemUrl: string;
  readonly self: string | undefined;
  readonly related: string | undefined;
}

/** The server cannot be tested: not there, or the first collection does not answer as one. */
export class Unreachable extends Error {}

/** Rows that are looked at in each collection: enough to meet empty and filled relationships. */
const SAMPLE = 10;

/**
 * What the run knows of the server, found in its own answers. What is asked for by several rules is asked once; what needs
 * a request is found when the first rule wants it.
 */
export class World {
  private readonly known = new Map<string, Promise<unknown>>();

  private constructor(
    readonly client: Client,
    readonly collections: readonly Collection[],
    readonly made: Made | undefined,
    readonly operations: string | undefined,
    private readonly crawlLimit: number,
  ) {}

  static async discover(
    client: Client,
    urls: readonly string[],
    { made, operations, crawlLimit }: { made?: Made; operations?: string; crawlLimit: number },
  ): Promise<World> {
    const collections: Collection[] = [];
    for (const url of urls) {
      const answer = await client.ask(url);
      const data = at(answer.body, 'data');
      if (answer.status !== 200 || !Array.isArray(data))
        throw new Unreachable(`GET ${url} gives no collection: ${answer.status} ${answer.text.slice(0, 200)}`);
      const items = data.filter(isObject);
      collections.push({ url, answer, items, type: textAt(items[0], 'type') });
    }
    return new World(client, collections, made, operations, crawlLimit);
  }

  get main(): Collection {
    return this.collections.find(({ items }) => items.length > 0) ?? (this.collections[0] as Collection);
  }

  /** What `find` gives, found once. */
  once<T>(name: string, find: () => Promise<T>): Promise<T> {
    const known = this.known.get(name) ?? find();
    this.known.set(name, known);
    return known as Promise<T>;
  }

  crawl(): Promise<Crawl> {
    return this.once('crawl', () => crawl(this, this.crawlLimit));
  }

  itemUrl({ url }: Collection, item: Json): string {
    const self = hrefOf(at(item, 'links', 'self'));
    return self === undefined ? `${pathOf(url)}/${item.id}` : resolve(self, url);
  }

  /** The first item of the main collection by its own URL. */
  item(): Promise<Answer | undefined> {
    return this.once('item', async () => {
      const [first] = this.main.items;
      return first === undefined ? undefined : this.client.ask(this.itemUrl(this.main, first));
    });
  }

  /** A URL like an item's of which the server has none. */
  missingUrl(): string | undefined {
    const [first] = this.main.items;
    return first && replaceId(this.itemUrl(this.main, first), first);
  }

  /** Every relationship of the sampled items of every collection. */
  relations(): Relation[] {
    return this.collections.flatMap((collection) =>
      collection.items.slice(0, SAMPLE).flatMap((item) => {
        const itemUrl = this.itemUrl(collection, item);
        return Object.entries(objectAt(item, 'relationships')).flatMap(([name, object]) => {
          if (!isObject(object)) return [];
          const link = (which: string) => {
            const href = hrefOf(at(object, 'links', which));
            return href === undefined ? undefined : resolve(href, collection.url);
          };
          return [{ name, object, item, itemUrl, self: link('self'), related: link('related') }];
        });
      }),
    );
  }

  /** Names of relationships that a collection includes, by asking for each. */
  includes(collection: Collection = this.main): Promise<string[]> {
    return this.once(`includes ${collection.url}`, async () => {
      const names = new Set(collection.items.flatMap((item) => Object.keys(objectAt(item, 'relationships'))));
      return this.accepted([...names], (name) => withQuery(collection.url, `include=${name}`));
    });
  }

  /** Paths of two steps that the main collection includes. */
  dottedIncludes(): Promise<(readonly [string, string])[]> {
    return this.once('dotted includes', async () => {
      const paths = new Set<string>();
      for (const first of await this.includes()) {
        const { body } = await this.client.ask(withQuery(this.main.url, `include=${first}`));
        const types = new Set(
          listOf(at(body, 'data')).flatMap((item) => listOf(at(item, 'relationships', first, 'data')).map(typeOf)),
        );
        for (const resource of listOf(at(body, 'included')))
          if (types.has(typeOf(resource)))
            for (const second of Object.keys(objectAt(resource, 'relationships'))) paths.add(`${first}.${second}`);
      }
      const accepted = await this.accepted([...paths].slice(0, 12), (path) =>
        withQuery(this.main.url, `include=${path}`),
      );
      return accepted.map((path) => path.split('.') as [string, string]);
    });
  }

  /** Attributes of a collection with a plain value in some item, the most varied first. */
  plainAttributes({ items }: Collection = this.main): string[] {
    const values = new Map<string, Set<string>>();
    for (const item of items)
      for (const [name, value] of Object.entries(objectAt(item, 'attributes')))
        if (typeof value === 'string' || typeof value === 'number')
          values.set(name, (values.get(name) ?? new Set()).add(canonical(value)));
    return [...values].sort(([, a], [, b]) => b.size - a.size).map(([name]) => name);
  }

  /** Attributes that a collection can be sorted by. */
  sorts(collection: Collection = this.main): Promise<string[]> {
    return this.once(`sorts ${collection.url}`, () =>
      this.accepted(this.plainAttributes(collection), (name) => withQuery(collection.url, `sort=${name}`)),
    );
  }

  /** Attributes that `filter[name]=value` takes, with a value that an item has. */
  filters(): Promise<{ name: string; value: string }[]> {
    return this.once('filters', async () => {
      const samples = this.plainAttributes().flatMap((name) => {
        // A comma may mean "any of".
        const values = this.main.items.map((item) => String(at(item, 'attributes', name) ?? ''));
        const value = values.find((each) => each.includes(' ')) ?? values.find((each) => each !== '');
        return value === undefined || value.includes(',') ? [] : [{ name, value }];
      });
      const names = await this.accepted(
        samples.map(({ name }) => name),
        (name) => {
          const { value = '' } = samples.find((each) => each.name === name) ?? {};
          return withQuery(this.main.url, `filter[${name}]=${encode(value)}`);
        },
      );
      return samples.filter(({ name }) => names.includes(name));
    });
  }

  /** Whether the server applies the cursor profile to the main collection when Accept names it. */
  hasCursors(): Promise<boolean> {
    return this.once('cursors', async () => {
      const { status, headers } = await this.client.ask(this.main.url, { headers: { accept: CURSOR } });
      return status === 200 && urisOf(headers['content-type'], 'profile').includes(CURSOR_URI);
    });
  }

  private async accepted(names: string[], urlOf: (name: string) => string): Promise<string[]> {
    const accepted: string[] = [];
    for (const name of names) if ((await this.client.ask(urlOf(name))).status === 200) accepted.push(name);
    return accepted;
  }
}

const typeOf = (resource: unknown): unknown => at(resource, 'type');

/** A URL without its query and without a slash at the end. */
export const pathOf = (url: string): string => url.replace(/\/?(?:[?#].*)?$/, '');

/** A URL with the id of a resource in it replaced by one of the same form that nobody has; undefined without it. */
export function replaceId(url: string, resource: Json): string | undefined {
  const id = encode(resource.id);
  return url.includes(id) ? url.replace(id, missingId(id)) : undefined;
}

/** An id of the same form that nobody has. */
export function missingId(id: string): string {
  if (/^\d+$/.test(id)) return '999999999';
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-/i.test(id)) return '00000000-0000-7000-8000-000000000000';
  return `${id}-conformance`;
}
