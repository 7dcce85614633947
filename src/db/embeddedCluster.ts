import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  access,
  chmod,
  constants,
  lchown,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, type Binaries, PROGRAM_ENV, programPath } from './embeddedBinaries';
import { endServersIn } from './embeddedLeftovers';

export const SUPERUSER = 'postgres';
const NOBODY: Account = { uid: 65534, gid: 65534 };

/** Makes `dataDir` when missing and returns its real path. Throws one sentence when it cannot be written. */
export async function openDataDir(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK | constants.X_OK);
    return await realpath(dataDir);
  } catch (error) {
    throw new Error(
      `The data directory ${dataDir} cannot be used (${(error as Error).message}): set DATA_DIR to a directory that this user may write.`,
    );
  }
}

/**
 * PostgreSQL refuses to run as root, so root gives it to the owner of the cluster, else of the data directory, else to
 * uid 65534. Undefined: it runs as this process's own user. Throws one sentence when the cluster is somebody else's.
 */
export async function chooseAccount(dataDir: string, cluster: string): Promise<Account | undefined> {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined;
  const [ofCluster, ofDataDir] = await Promise.all([cluster, dataDir].map((path) => stat(path).catch(() => undefined)));
  if (uid === 0) {
    if (ofCluster?.uid) return { uid: ofCluster.uid, gid: ofCluster.gid };
    return ofDataDir?.uid && isNamed(ofDataDir.uid) ? { uid: ofDataDir.uid, gid: ofDataDir.gid } : NOBODY;
  }
  if (!ofCluster || ofCluster.uid === uid) return undefined;
  throw new Error(
    `The database in ${cluster} belongs to user id ${ofCluster.uid}: start as that user or as root, or set DATA_DIR.`,
  );
}

/** initdb refuses a user id that the system has no name for, such as the owner of a volume made elsewhere. */
function isNamed(uid: number): boolean {
  return spawnSync('id', ['-un', String(uid)], { env: PROGRAM_ENV }).status === 0;
}

/**
 * How PostgreSQL is told its directory, with that directory as working directory. Another account may be unable to go
 * through the folders above (root's home has mode 0700); the kernel's link to the working directory needs no right on
 * them, so the data stays in DATA_DIR, where backups look for it. Only Linux has that link.
 */
export function clusterArgument(cluster: string, account: Account | undefined): string {
  return account && process.platform === 'linux' ? '/proc/self/cwd' : cluster;
}

/**
 * Leaves a cluster of this major version in `cluster`, owned by `account`; makes it when missing (1 s). Throws one
 * sentence when there is something else. To be called with the data directory locked.
 */
export async function prepareCluster(cluster: string, options: ClusterOptions): Promise<void> {
  await clearDrafts(cluster, options.account);
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined) {
    const content = await readdir(cluster).catch(() => []);
    if (content.length) throw new Error(`${cluster} is not a PostgreSQL cluster: move it away, or set DATA_DIR.`);
    options.log('Making the database cluster');
    return makeCluster(cluster, options);
  }
  const { major } = options.binaries;
  if (version.trim() !== major) {
    throw new Error(
      `The database in ${cluster} was made by PostgreSQL ${version.trim()}, but this version brings ${major}: ` +
        `go back to the version of guildhall that made it, or set DATABASE_URL to a PostgreSQL ${version.trim()} that runs it.`,
    );
  }
  await ownCluster(cluster, options.account);
}

export interface ClusterOptions {
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  /** Makes the cluster without waiting for the disk: for tests, whose data need not survive a power failure. */
  readonly noSync: boolean;
  /** The superuser's password is written to this file: where there are no Unix sockets, trust would open it to all. */
  readonly passwordFile: string | undefined;
  readonly log: (message: string) => void;
}

/** An initdb that was killed leaves its draft, and for a moment may still be writing to it. */
async function clearDrafts(cluster: string, account: Account | undefined): Promise<void> {
  const parent = join(cluster, '..');
  for (const name of await readdir(parent)) {
    if (!name.startsWith('postgres.new-')) continue;
    await endServersIn(join(parent, name), account);
    await rm(join(parent, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Into a draft that is renamed when complete, so that a killed initdb leaves no half cluster. */
async function makeCluster(cluster: string, options: ClusterOptions): Promise<void> {
  const draft = `${cluster}.new-${process.pid}`;
  await mkdir(draft, { mode: 0o700 });
  await own(draft, options.account);
  if (options.passwordFile) await writeFile(options.passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  await runInitdb(draft, options);
  await rename(draft, cluster);
  // initdb has synced the files, but not the entry that names them.
  const parent = await open(join(cluster, '..')).catch(() => undefined);
  await parent?.sync().catch(() => undefined);
  await parent?.close();
}

function runInitdb(draft: string, { binaries, account, noSync, passwordFile }: ClusterOptions): Promise<void> {
  const auth = passwordFile ? ['--auth=scram-sha-256', `--pwfile=${passwordFile}`] : ['--auth=trust'];
  const locale = ['-E', 'UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  const args = ['-D', clusterArgument(draft, account), '-U', SUPERUSER, ...auth, ...locale];
  const child = spawn(programPath(binaries, 'initdb'), noSync ? [...args, '--no-sync'] : args, {
    ...account,
    cwd: draft,
    env: PROGRAM_ENV,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(describeInitdbFailure(error.message, output)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(describeInitdbFailure(signal ?? `exit code ${code}`, output));
    });
  });
}

function describeInitdbFailure(how: string, output: string): Error {
  const nameless = /could not look up effective user ID (\d+)/.exec(output)?.[1];
  if (!nameless) return new Error(`The database cluster could not be made (initdb: ${how})\n${output.trim()}`);
  return new Error(
    `The embedded PostgreSQL needs a user with a name, and user id ${nameless} has none: add it to /etc/passwd, or set DATABASE_URL.`,
  );
}

async function ownCluster(cluster: string, account: Account | undefined): Promise<void> {
  const { uid, mode } = await stat(cluster);
  if (account && uid !== account.uid) {
    // Restored from a backup by root. The directory itself comes last: it tells that the rest is done.
    for (const entry of await readdir(cluster, { recursive: true })) await own(join(cluster, entry), account);
    await own(cluster, account);
  }
  if (process.platform !== 'win32' && mode & 0o077) await chmod(cluster, 0o700);
}

/** Gives one file or directory, not its content, to the account. Throws one sentence where root may not do that. */
export async function own(path: string, account: Account | undefined): Promise<void> {
  if (!account) return;
  await lchown(path, account.uid, account.gid).catch((error) => {
    throw new Error(
      `The embedded PostgreSQL does not run as root, and root may not become user id ${account.uid} here (${error.message}): start as an ordinary user, or set DATABASE_URL.`,
    );
  });
}
