import { spawn } from 'node:child_process';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/db/embedded';
import { stopChild } from './children';
import type { Closers } from './closers';
import { fill } from './fill';

/** Type number of a file system in memory, where waiting for the disk costs nothing. */
const TMPFS = 0x01021994;

/** One database with so many organizations. */
export interface BenchDatabase {
  readonly url: string;
  readonly rows: number;
  /** For statements of the bench itself. */
  readonly client: Client;
}

/** PostgreSQL with the settings of production, in a directory that is removed at the end. */
export async function startPostgres(closers: Closers): Promise<EmbeddedPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'guildhall-bench-'));
  closers.add(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  if ((await statfs(directory)).type === TMPFS) {
    process.stderr.write(
      `bench: ${tmpdir()} is in memory, so writes do not wait for a disk: set TMPDIR to change that.\n`,
    );
  }
  const postgres = await startEmbeddedPostgres({ dataDir: directory });
  closers.add(() => postgres.stop());
  return postgres;
}

function urlOf({ host, port, user, password }: EmbeddedPostgres, database: string): string {
  if (host.startsWith('/')) return `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  return `postgres://${user}:${password ?? ''}@${host}:${port}/${database}`;
}

/** Makes a database, migrates it with the program under test, and fills it. */
export async function makeDatabase(
  postgres: EmbeddedPostgres,
  rows: number,
  program: Program,
  closers: Closers,
): Promise<BenchDatabase> {
  const name = `bench_${rows}`;
  const admin = await open(urlOf(postgres, postgres.database));
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = urlOf(postgres, name);
  await run([program.main, 'migrate'], { ...program.env, DATABASE_URL: url }, closers);
  const client = await open(url);
  closers.add(() => client.end());
  await fill(client, rows);
  return { url, rows, client };
}

/** The service as it is run: its entry and its settings, but for the database. */
export interface Program {
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
}

async function open(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  // A server that is stopped under an open connection is the end of the bench, not an error of its own.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs the program to its end. */
function run(args: string[], env: Record<string, string>, closers: Closers): Promise<void> {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  // It waits half a minute for a database that is away, and would stay as long behind.
  closers.add(() => stopChild(child));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${args.join(' ')} ended with ${signal ?? code}.`));
    });
  });
}
