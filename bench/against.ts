import { spawnSync } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedPostgres } from '../src/db/embedded';
import { type Case, firstPage, getCase, writeCases } from './cases';
import { runProgram } from './children';
import type { Closers } from './closers';
import { type BenchDatabase, makeDatabase, type Program } from './database';
import { type Bench, type Figures, measure } from './measure';
import { say } from './progress';
import { type ServerUnderTest, startGuildhall } from './servers';

/** Requests per second as a part of the other revision's, at the least; a write may be told by an event where it was not. */
export const AGAINST_AIMS = { reads: 0.8, writes: 0.7 };

export interface Comparison {
  readonly name: string;
  readonly aim: number;
  readonly ours: Figures;
  readonly others: Figures;
}

interface Given {
  readonly root: string;
  readonly revision: string;
  readonly rows: number;
  readonly program: Program;
  readonly postgres: EmbeddedPostgres;
  readonly bench: Bench;
}

/** Measures reads and writes beside those of another revision, each on a database of its own with the same rows. */
export async function compareWith(given: Given, closers: Closers): Promise<Comparison[]> {
  const { root, revision, program, bench } = given;
  const directory = await buildRevision(root, revision, closers);
  const ours = await start(given, program, 'guildhall', closers);
  const others = await start(given, { ...program, main: join(directory, 'dist', 'src', 'main.js') }, 'other', closers);
  const comparisons: Comparison[] = [];
  for (const [i, { name, plan }] of ours.cases.entries()) {
    say(`Measuring ${name} of both`);
    const figures = await measure(bench, [
      { server: ours.server, plan },
      { server: others.server, plan: others.cases[i]?.plan ?? plan },
    ]);
    const aim = plan.method === 'GET' ? AGAINST_AIMS.reads : AGAINST_AIMS.writes;
    comparisons.push({ name, aim, ours: figures[0] as Figures, others: figures[1] as Figures });
  }
  return comparisons;
}

interface Started {
  readonly server: ServerUnderTest;
  readonly cases: readonly Case[];
}

async function start({ rows, postgres }: Given, program: Program, name: string, closers: Closers): Promise<Started> {
  say(`Making ${rows} organizations for ${name}`);
  const database: BenchDatabase = await makeDatabase(postgres, `against_${name}`, rows, program, closers);
  const getOne = await getCase(database);
  return {
    server: await startGuildhall(program, database, closers, name),
    cases: [firstPage, getOne, ...writeCases(getOne)],
  };
}

/**
 * Installs and builds a revision in a temporary directory, which is removed at the end.
 * @returns the directory
 */
async function buildRevision(root: string, revision: string, closers: Closers): Promise<string> {
  const commit = git(root, ['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`]).trim();
  // Resolved, as scripts/prepare.mjs finds out by its path that it is meant.
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'guildhall-against-')));
  closers.add(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  // Through an index of its own: unlike a worktree, git keeps no note of it that could stay behind.
  const index = { GIT_INDEX_FILE: join(directory, '.bench-index') };
  git(root, ['read-tree', commit], index);
  git(root, ['checkout-index', '--all', `--prefix=${directory}/`], index);
  say(`Installing and building ${commit.slice(0, 7)}`);
  const script = join(directory, 'scripts', 'prepare.mjs');
  await runProgram([script], { cwd: directory, env: environment() }, closers);
  return directory;
}

function git(root: string, args: string[], env: Record<string, string> = {}): string {
  const { status, stdout, stderr, error } = spawnSync('git', args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`git ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

/** Without what npm has told us of this clone: it must not install there. */
function environment(): NodeJS.ProcessEnv {
  const ours = /^(npm_config_(local_)?prefix|npm_package_.*|npm_lifecycle_.*|INIT_CWD)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}
