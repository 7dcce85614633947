import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { watchParent } from '../src/parent';
import { SETTINGS } from '../src/settings';
import { compareWith } from './against';
import { Closers } from './closers';
import { type Program, startPostgres, versionOf } from './database';
import { measureDeliveries } from './deliveries';
import { Load } from './load';
import type { Bench } from './measure';
import { type Options, readOptions, USAGE } from './options';
import {
  describe,
  describeComparison,
  describeDeliveries,
  describeWallets,
  type Section,
  type Setting,
  writeReport,
} from './report';
import { measureWallets } from './wallets';
import { measureCases, type Surroundings } from './yardstick';

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
  const postgres = await startPostgres(closers);
  const bench: Bench = { load: await Load.start(closers), options, postmaster: postgres.pid ?? 0 };
  const program = programIn(root);
  const guildhallVersion: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  const setting: Setting = { options, guildhallVersion, postgresVersion: await versionOf(postgres) };
  const surroundings: Surroundings = { options, program, postgres, bench, closers };
  if (options.deliveries) {
    await publish(root, options, 'deliveries', describeDeliveries(setting, await measureDeliveries(surroundings)));
  } else if (options.wallets) {
    await publish(root, options, 'wallets', describeWallets(setting, await measureWallets(surroundings)));
  } else if (options.against === undefined) {
    await publish(root, options, 'bench', describe(setting, await measureCases(surroundings)));
  } else {
    const given = { root, revision: options.against, rows: options.mainSize, program, postgres, bench };
    await publish(root, options, 'against', describeComparison(setting, await compareWith(given, closers)));
  }
}

async function publish(root: string, { write }: Options, section: Section, text: string): Promise<void> {
  process.stdout.write(`\n${text}\n`);
  if (write) await writeReport(root, section, text);
}
