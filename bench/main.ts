import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '../src/config';
import type { EmbeddedPostgres } from '../src/db/embedded';
import { watchParent } from '../src/parent';
import { allCases, type Case, firstPage } from './cases';
import { Closers } from './closers';
import { type BenchDatabase, makeDatabase, type Program, startPostgres } from './database';
import { checkTotals } from './fill';
import { Load } from './load';
import { type Bench, measure, type Result } from './measure';
import { type Options, readOptions, USAGE } from './options';
import { type PageTimes, timePages } from './pageTimes';
import { describe, writeReport } from './report';
import { checkSameBodies } from './sameBody';
import { startBare, startGuildhall } from './servers';

interface Start {
  /** The clone. */
  readonly root: string;
  readonly args: string[];
  /** The npm that runs this, when one does. */
  readonly npm: number | undefined;
}

/** `npm run bench`: measures, prints, and ends the process; leaves no other one behind, however it ends. */
export async function main({ root, args, npm }: Start): Promise<void> {
  const closers = new Closers();
  let ending = false;
  const end = async (code: number) => {
    if (ending) return;
    ending = true;
    await closers.closeAll();
    process.exit(code);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(130));
  if (npm !== undefined) watchParent([npm], () => end(130));
  try {
    await run(root, optionsOf(args), closers);
    await end(0);
  } catch (error) {
    // What fails because everything is being ended is not worth a word.
    if (!ending) process.stderr.write(`bench: ${(error as Error).message}\n`);
    await end(1);
  }
}

function optionsOf(args: string[]): Options {
  try {
    return readOptions(args);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${USAGE}`);
  }
}

/** The service with its standard settings, whatever the environment says; the load must not meet its rate limit. */
function programIn(root: string): Program {
  const env: Record<string, string> = {
    DATABASE_POOL_SIZE: String(SETTINGS.DATABASE_POOL_SIZE.default),
    PLATFORM_KEY: randomBytes(24).toString('base64url'),
    RATE_LIMIT: 'off',
    SECRET_KEY: randomBytes(32).toString('base64'),
  };
  for (const name of ['PATH', 'HOME', 'SystemRoot', 'TMPDIR', 'TEMP']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { main: join(root, 'dist', 'src', 'main.js'), env };
}

async function run(root: string, options: Options, closers: Closers): Promise<void> {
  const program = programIn(root);
  const postgres = await startPostgres(closers);
  const load = await Load.start(closers);
  const results: Result[] = [];
  const firstPages = new Map<number, Result>();
  const pageTimes: PageTimes[] = [];
  let postgresVersion = '';
  for (const size of options.sizes) {
    say(`Making ${size} organizations`);
    const database = await makeDatabase(postgres, size, program, closers);
    pageTimes.push(await timePages(database));
    const isMain = size === options.mainSize;
    const cases = isMain ? await allCases(database) : [firstPage];
    const measured = await measureAt(database, cases, { program, load, options, postgres, closers });
    if (isMain) results.push(...measured);
    if (measured[0] !== undefined) firstPages.set(size, measured[0]);
    await checkTotals(database.client);
    postgresVersion = (await database.client.query('show server_version')).rows[0].server_version;
  }
  const guildhallVersion = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  const text = describe({ options, guildhallVersion, postgresVersion, results, firstPages, pageTimes });
  process.stdout.write(`\n${text}\n`);
  if (options.write) await writeReport(root, text);
}

interface Surroundings {
  readonly program: Program;
  readonly load: Load;
  readonly options: Options;
  readonly postgres: EmbeddedPostgres;
  readonly closers: Closers;
}

/** Starts both servers on a database, checks that they answer the same, measures the cases, and stops them. */
async function measureAt(
  database: BenchDatabase,
  cases: readonly Case[],
  { program, load, options, postgres, closers }: Surroundings,
): Promise<Result[]> {
  const own = new Closers();
  closers.add(() => own.closeAll());
  const results: Result[] = [];
  try {
    const guildhall = await startGuildhall(program, database, own);
    const bare = await startBare(program, database, own);
    await checkSameBodies(database, [guildhall, bare], cases);
    const bench: Bench = { load, options, guildhall, bare, postmaster: postgres.pid ?? 0 };
    for (const each of cases) {
      say(`Measuring ${each.name} at ${database.rows} rows`);
      results.push(await measure(bench, each));
    }
  } finally {
    await own.closeAll();
  }
  return results;
}

/** Progress, apart from the result. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
