import { chapters } from './chapters';
import { Check, type Result } from './core/check';
import { Client, NoAnswer, resolve } from './core/client';
import type { Description } from './core/description';
import { Made } from './core/made';
import type { Chapter, Rule } from './core/rules';
import { takeApart } from './core/seen';
import { World } from './core/world';

export interface Options {
  /** Collections, the first of which is the one that most rules are tried on. */
  readonly urls: readonly string[];
  /** Sent with every request: a credential, and whatever else the server wants. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly description?: Description;
  readonly operations?: string;
  /** Chapters and rules, as `CN` and `PAG-3`; all when empty. */
  readonly only?: readonly string[];
  /** Whether rules of level OURS are tried as well; those that `only` names always are. */
  readonly ours?: boolean;
  /** Requests that the crawl may make. */
  readonly crawlLimit?: number;
}

export interface Report {
  readonly urls: readonly string[];
  readonly requests: number;
  readonly milliseconds: number;
  readonly chapters: readonly { readonly id: string; readonly title: string; readonly results: readonly Result[] }[];
  /** URLs of what the run made and could not delete. */
  readonly left: readonly string[];
}

const CRAWL_LIMIT = 300;
/** Rows that are made before the first rule, where a type may be written: fewer have no second page. */
const ROWS = 5;

/**
 * Tests a server. Chapters run one after another, as they share what is known of the server and as rows that one makes
 * must not come between two pages that another compares.
 * @throws Unreachable, NoAnswer when there is nothing to test, Unusable when the description makes no resource
 */
export async function conform(options: Options): Promise<Report> {
  const begin = Date.now();
  const client = new Client(originsOf(options), options.headers ?? {});
  const made = options.description && new Made(client, absolute(options.description, options.urls[0] ?? ''));
  const operations = options.operations ?? made?.description.operations;
  const crawlLimit = options.crawlLimit ?? CRAWL_LIMIT;
  const left: string[] = [];
  try {
    // A first look decides whether there is a server at all; nothing is made before.
    let world = await World.discover(client, options.urls, { crawlLimit });
    if (made !== undefined) {
      await made.prepare(ROWS);
      world = await World.discover(client, options.urls, { made, operations, crawlLimit });
    }
    const checks = checksOf(world, options);
    await runAll(world, checks, async () => void left.push(...((await made?.cleanUp(ROWS)) ?? [])));
    left.push(...((await made?.cleanUp()) ?? []));
    const { requests } = client;
    return { urls: options.urls, requests, milliseconds: Date.now() - begin, chapters: resultsOf(checks), left };
  } finally {
    // After a failure on the way; what is gone already is not asked for again.
    await made?.cleanUp();
    client.close();
  }
}

async function runAll(world: World, checks: ReadonlyMap<Rule, Check>, endChapter: () => Promise<void>): Promise<void> {
  const { client } = world;
  const watching = [...checks].filter(([{ watch }]) => watch !== undefined).map(([, check]) => check);
  client.listeners.push((answer) => {
    if (watching.length === 0) return;
    const seen = takeApart(answer);
    for (const check of watching) check.look(seen);
  });
  for (const { rules } of chapters) {
    for (const rule of rules) await checks.get(rule)?.run();
    await endChapter();
  }
  // Rules that only watch have had nothing to see when they alone were asked for.
  if (![...checks.keys()].some(({ watch, check }) => watch !== undefined && check === undefined)) return;
  try {
    for (const { url } of world.collections) await client.ask(url);
    await world.crawl();
  } catch (error) {
    // The rules about what was asked have it already.
    if (!(error instanceof NoAnswer)) throw error;
  }
}

/** The rules to run, each with its check, in the order of the chapters. */
function checksOf(world: World, { only = [], ours = false }: Options): Map<Rule, Check> {
  const isWanted = ({ id, level }: Rule): boolean =>
    only.includes(id) ||
    ((only.length === 0 || only.some((each) => id.startsWith(`${each}-`))) && (ours || level !== 'OURS'));
  const wanted = chapters.flatMap(({ rules }) => rules).filter(isWanted);
  return new Map(wanted.map((rule) => [rule, new Check(world, rule)]));
}

function resultsOf(checks: ReadonlyMap<Rule, Check>): Report['chapters'] {
  return chapters
    .map(({ id, title, rules }: Chapter) => ({
      id,
      title,
      results: rules.flatMap((rule) => checks.get(rule)?.result() ?? []),
    }))
    .filter(({ results }) => results.length > 0);
}

/** Every origin that the caller named, and no other: the credential goes to those alone. */
function originsOf({ urls, operations }: Options): Set<string> {
  return new Set([...urls, ...(operations === undefined ? [] : [operations])].map((url) => new URL(url).origin));
}

/** A description with absolute URLs: in the file they may be relative to the first collection. */
function absolute(description: Description, base: string): Description {
  const { url, operations, toOne, toMany } = description;
  const at = (each: string) => resolve(each, base);
  return {
    ...description,
    url: at(url),
    operations: operations && at(operations),
    toOne: toOne && { ...toOne, on: toOne.on && at(toOne.on) },
    toMany: toMany && { ...toMany, on: toMany.on && at(toMany.on) },
  };
}
