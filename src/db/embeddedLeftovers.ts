import { spawnSync } from 'node:child_process';
import { chmod, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isRunning } from '../processes';
import { type Account, PROGRAM_ENV } from './embeddedBinaries';
import { STOP_STEPS, WATCHDOG_NAME } from './embeddedServer';

/** Begins the name of every socket directory, so that a leftover can be told from a directory of somebody else. */
export const SOCKET_DIR_PREFIX = 'guildhall-';

/** Above any system's highest process number. */
const NO_PID = 2147483647;

/**
 * Prints the server processes that work in the current directory, and shells that are about to become one. Run as
 * PostgreSQL's user: in a container root may not look at the directory and program of another user's process. A program
 * may have been replaced by npm meanwhile, hence "(deleted)"; a process that is ending has given up its memory, shows
 * no program, and no longer counts.
 */
const LIST_SERVERS = `
for process in /proc/[0-9]*; do
  [ "$process/cwd" -ef . ] || continue
  case $(readlink "$process/exe") in
    */postgres | */initdb | */postgres\\ \\(deleted\\) | */initdb\\ \\(deleted\\)) echo "\${process#/proc/}" ;;
    *) [ "$process" != /proc/$$ ] && grep -q ${WATCHDOG_NAME} "$process/cmdline" && echo "\${process#/proc/}" ;;
  esac
done
`;

/**
 * Ends every server process that still works in `cluster` (one whose node was killed, or the sessions that a killed
 * postmaster left behind), and makes sure that what is left of it does not keep a new one from starting. Throws one
 * sentence when something cannot be ended.
 */
export async function clearCluster(cluster: string, account: Account | undefined): Promise<void> {
  const { socketDir } = await readPostmasterFile(cluster);
  await endServersIn(cluster, account);
  if (socketDir) await removeSocketDir(socketDir);
  await settlePostmasterFile(cluster);
}

/** Ends the server processes whose working directory is `directory`. Throws one sentence when one cannot be ended. */
export async function endServersIn(directory: string, account: Account | undefined): Promise<void> {
  const { pid: postmaster } = await readPostmasterFile(directory);
  for (const [signal, waitMs] of STOP_STEPS) {
    const servers = findServersIn(directory, account, postmaster);
    if (!servers.length) return;
    // Sessions take SIGINT as "cancel the statement": only a postmaster can stop fast.
    const receivers = signal === 'SIGINT' ? servers.filter((pid) => pid === postmaster) : servers;
    for (const pid of receivers) sendSignal(pid, signal);
    const deadline = Date.now() + (receivers.length ? waitMs : 0);
    while (Date.now() < deadline && servers.some(isRunning)) await pause(10);
  }
  const [pid] = findServersIn(directory, account, postmaster);
  if (pid) throw new Error(`PostgreSQL process ${pid} still works in ${directory} and does not end: end it first.`);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A number proves nothing, it may be another process's by now: the working directory and the program decide. */
function findServersIn(directory: string, account: Account | undefined, postmaster: number | undefined): number[] {
  if (process.platform === 'linux') {
    const list = spawnSync('/bin/sh', ['-c', LIST_SERVERS], {
      ...account,
      cwd: directory,
      env: PROGRAM_ENV,
      encoding: 'utf8',
    });
    return (list.stdout ?? '').split('\n').filter(Boolean).map(Number);
  }
  if (!postmaster || !isRunning(postmaster) || process.platform === 'win32') return [];
  // Without /proc only the postmaster tells its directory; its sessions are found by PostgreSQL's own check.
  const ps = spawnSync('/bin/ps', ['-ww', '-o', 'command=', '-p', String(postmaster)], { encoding: 'utf8' });
  return ps.stdout.includes(`postgres -D ${directory} `) ? [postmaster] : [];
}

async function readPostmasterFile(cluster: string): Promise<{ pid?: number; socketDir?: string }> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return { pid: Number(lines[0]) || undefined, socketDir: lines[4] || undefined };
}

/**
 * Called when no server works in the cluster any more. PostgreSQL replaces a left-over postmaster.pid by itself, unless
 * the number in it is in use: by another process, or by the dead server that nobody has reaped yet. So the number is
 * changed, and the rest kept: from that PostgreSQL sees sessions of the former server that still have its memory, and
 * without the file it would not look.
 */
async function settlePostmasterFile(cluster: string): Promise<void> {
  const path = join(cluster, 'postmaster.pid');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const [pid, ...rest] = text.split('\n');
  // Killed between making and filling the file: no memory was set up yet, and PostgreSQL would refuse for ever.
  if (!Number(pid)) return rm(path);
  await writeFile(`${path}.new`, [NO_PID, ...rest].join('\n'));
  await chmod(`${path}.new`, 0o644);
  await rename(`${path}.new`, path);
}

/** Removes a socket directory of ours with its sockets; anything else is left alone. */
export async function removeSocketDir(path: string): Promise<void> {
  if (!basename(path).startsWith(SOCKET_DIR_PREFIX)) return;
  await clearSocketDir(path);
  await rmdir(path).catch(() => undefined);
}

/** Removes the sockets and their lock files, which hold a process number that another process may have by now. */
export async function clearSocketDir(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  for (const name of names) if (name.startsWith('.s.PGSQL.')) await rm(join(path, name), { force: true });
}
