import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/db/embedded';
import { runProgram } from './children';
import type { Closers } from './closers';
import { fill } from './fill';
import { COUNTING_SETTINGS } from './statements';

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
  const postgres = await startEmbeddedPostgres({ dataDir: directory, settings: COUNTING_SETTINGS });
  closers.add(() => postgres.stop());
  return postgres;
}

/** As in `18.4`. */
export async function versionOf(postgres: EmbeddedPostgres): Promise<string> {
  const client = await open(urlOf(postgres, postgres.database));
  const { rows } = await client.query('show server_version');
  await client.end();
  return rows[0].server_version;
}

function urlOf({ host, port, user, password }: EmbeddedPostgres, database: string): string {
  if (host.startsWith('/')) return `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  return `postgres://${user}:${password ?? ''}@${host}:${port}/${database}`;
}

/** Makes a database, migrates it with the program under test, and fills it. */
export async function makeDatabase(
  postgres: EmbeddedPostgres,
  name: string,
  rows: number,
  program: Program,
  closers: Closers,
): Promise<BenchDatabase> {
  const admin = await open(urlOf(postgres, postgres.database));
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = urlOf(postgres, name);
  await runProgram([program.main, 'migrate'], { env: { ...program.env, DATABASE_URL: url } }, closers);
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
