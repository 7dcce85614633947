import { type Answer, NoAnswer, resolve, withQuery } from './client';
import { isObject, type Json } from './json';
import { CURSOR } from './mediaType';
import { hrefOf, type LinksOwner, type Seen, takeApart } from './seen';
import type { World } from './world';

/** A printed link and what came when it was followed. */
export interface Visit {
  readonly name: string;
  readonly owner: LinksOwner;
  readonly url: string;
  /** The document that printed it, and where in it. */
  readonly from: Seen;
  readonly at: string;
  readonly seen: Seen;
  /** The resource whose link it is, or whose relationship's. */
  readonly resource: Json | undefined;
  /** The relationship whose link it is. */
  readonly relationship: { readonly name: string; readonly object: Json } | undefined;
}

export interface Crawl {
  readonly visits: readonly Visit[];
  /** Every document that was read, each once. */
  readonly documents: readonly Seen[];
}

type Waiting = Omit<Visit, 'seen'>;

/** Followed links of one shape: the twentieth member's link to its user says what the first said. */
const PER_SHAPE = 12;
const FOLLOWED = new Set(['self', 'related', 'first', 'last', 'prev', 'next']);

/**
 * Follows the links that the server prints, from the collections of the run on. Those whose like was followed least go
 * first, so that a bounded crawl sees each shape once before it sees any a second time.
 */
export async function crawl(world: World, limit: number): Promise<Crawl> {
  const crawler = new Crawler(world, limit);
  await crawler.run();
  return crawler;
}

class Crawler implements Crawl {
  readonly visits: Visit[] = [];
  readonly documents: Seen[] = [];
  private readonly answers = new Map<string, Seen>();
  /** Links by their shape, in the order they were printed, and how many of each were followed. */
  private readonly shapes = new Map<string, { readonly waiting: Waiting[]; followed: number }>();

  constructor(
    private readonly world: World,
    private readonly limit: number,
  ) {}

  async run(): Promise<void> {
    for (const collection of this.world.collections) {
      this.read(takeApart(collection.answer));
      const names = (await this.world.includes(collection)).slice(0, 6);
      // One by one: all at once may be more than a server is ready to join.
      for (const name of names) await this.start(withQuery(collection.url, `include=${name}`));
    }
    if (await this.world.hasCursors()) await this.start(this.world.main.url, { accept: CURSOR });
    for (let next = this.take(); next !== undefined && this.answers.size < this.limit; next = this.take())
      await this.follow(next);
  }

  private async start(url: string, headers?: Record<string, string>): Promise<void> {
    const answer = await this.world.client.ask(url, { headers });
    if (answer.status === 200) this.read(takeApart(answer));
  }

  /** The next link of the shape that was followed least. */
  private take(): Waiting | undefined {
    let least: { readonly waiting: Waiting[]; followed: number } | undefined;
    for (const shape of this.shapes.values())
      if (shape.waiting.length > 0 && shape.followed < (least?.followed ?? PER_SHAPE)) least = shape;
    if (least !== undefined) least.followed++;
    return least?.waiting.shift();
  }

  private async follow(link: Waiting): Promise<void> {
    if (this.isKnown(link)) return;
    const seen = await this.fetch(link);
    this.answers.set(link.url, seen);
    this.visits.push({ ...link, seen });
    if (seen.answer.status === 200) this.read(seen);
  }

  /** Whether the URL was asked already: then this link is judged by the same answer. */
  private isKnown(link: Waiting): boolean {
    const seen = this.answers.get(link.url);
    if (seen !== undefined) this.visits.push({ ...link, seen });
    return seen !== undefined;
  }

  private async fetch({ url, from }: Waiting): Promise<Seen> {
    // A link of a document is followed as the document was asked for: a profile may have shaped both.
    const { accept } = from.answer.sent.headers;
    return takeApart(await this.ask(url, { accept }));
  }

  private async ask(url: string, headers: Record<string, string | undefined>): Promise<Answer> {
    try {
      return await this.world.client.ask(url, { headers });
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return {
        sent: { method: 'GET', url, headers: {}, body: undefined },
        status: 0,
        headers: {},
        bytes: Buffer.alloc(0),
        text: error.message,
        body: undefined,
      };
    }
  }

  private read(seen: Seen): void {
    this.documents.push(seen);
    const owners = [...seen.resources].reverse();
    for (const { name, owner, value, at } of seen.links) {
      const href = hrefOf(value);
      if (
        href === undefined ||
        !FOLLOWED.has(name) ||
        (owner !== 'document' && owner !== 'resource' && owner !== 'relationship')
      )
        continue;
      const url = resolve(href, seen.answer.sent.url);
      // Other servers are not asked.
      if (!this.world.client.reaches(url)) continue;
      const resource = owner === 'document' ? undefined : owners.find((each) => at.startsWith(`${each.at}/`))?.value;
      const relationship = owner === 'relationship' ? relationshipAt(resource, at) : undefined;
      const link = { name, owner, url, from: seen, at, resource, relationship };
      if (this.isKnown(link)) continue;
      const key = [owner, name, resource?.type ?? patternOf(url), relationship?.name].join(' ');
      const shape = this.shapes.get(key) ?? { waiting: [], followed: 0 };
      this.shapes.set(key, shape);
      shape.waiting.push(link);
    }
  }
}

function relationshipAt(resource: Json | undefined, pointer: string): Visit['relationship'] {
  const name = /\/relationships\/([^/]+)\/links\/[^/]+$/
    .exec(pointer)?.[1]
    ?.replaceAll('~1', '/')
    .replaceAll('~0', '~');
  const all = resource?.relationships;
  const object = name !== undefined && isObject(all) ? all[name] : undefined;
  return name !== undefined && isObject(object) ? { name, object } : undefined;
}

/** The path of a URL without what looks like an id. */
const patternOf = (url: string): string => new URL(url).pathname.replace(/\/[^/]*\d[^/]*/g, '/*');
