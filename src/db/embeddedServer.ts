import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { type Account, type Binaries, PROGRAM_ENV, programPath } from './embeddedBinaries';

/** What to send to PostgreSQL in turn until it ends, and how long each may take: fast, at once, by force. */
export const STOP_STEPS = [
  ['SIGINT', 30_000],
  ['SIGQUIT', 6_000],
  ['SIGKILL', 6_000],
] as const;

/** How the shell that becomes PostgreSQL, and the watchdog, are called in `ps`. */
export const WATCHDOG_NAME = 'guildhall-watchdog';

const READY = /ready to accept (read-only )?connections/;
const KEPT_LINES = 50;
/** The last lines may arrive after the exit; the sessions of a killed postmaster hold the pipe open much longer. */
const LAST_LINES_MS = 300;

/**
 * Starts the watchdog and becomes PostgreSQL, so that there is no moment with a server and no watchdog. `$$` in the
 * inner shells is the number of the outer one, which is PostgreSQL's after `exec`. The kernel closes the watchdog's
 * pipe (fd 3) when node goes in whatever way; a line in it says that PostgreSQL has ended before.
 * Forked twice, because PostgreSQL would report a child that it did not start.
 */
const WATCHDOG = `
sockets=$1; shift
( (
  exec >/dev/null 2>&1
  trap '' HUP INT QUIT TERM
  cd /
  read -r word <&3 && exit
  for step in INT:5 QUIT:7 KILL:1; do
    kill -\${step%:*} $$ || break
    seconds=\${step#*:}
    while [ $seconds -gt 0 ] && kill -0 $$; do sleep 1; seconds=$((seconds - 1)); done
  done
  rm -f "$sockets"/.s.PGSQL.*; rmdir "$sockets"
) & )
exec "$@" 3<&-
`;

export interface Launch {
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly cluster: string;
  readonly args: readonly string[];
  /** Removed by the watchdog; empty on Windows, which has neither. */
  readonly socketDir: string;
}

/** One running postmaster. */
export interface Server {
  readonly pid: number | undefined;
  /** Settles when it takes connections; fails with its last lines when it ends before. */
  readonly ready: Promise<void>;
  /** How it ended, in words, once it has. Never fails. */
  readonly ended: Promise<string>;
  /** Fast shutdown: sessions are ended, everything is on disk. Settles when the process is gone. */
  stop(): Promise<void>;
}

/** Starts PostgreSQL on a cluster that has no server. Never throws: `ready` fails instead. */
export function launchServer(launch: Launch): Server {
  const child = spawnServer(launch);
  const leash = child.stdio[3] as Writable | null;
  leash?.on('error', () => {});
  const lines: string[] = [];
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', async (code, signal) => {
      leash?.end('ended\n');
      await settledWithin(new Promise((closed) => child.once('close', closed)), LAST_LINES_MS);
      resolve(`${signal ?? `exit code ${code}`}; last line: ${lines.at(-1) ?? 'none'}`);
    });
  });
  const ready = awaitReady(child, lines, ended);
  return { pid: child.pid, ready, ended, stop: () => stopServer(child, ended, launch) };
}

function spawnServer({ binaries, account, cluster, args, socketDir }: Launch): ChildProcess {
  const program = programPath(binaries, 'postgres');
  if (process.platform === 'win32') {
    return spawn(program, args, { cwd: cluster, stdio: ['ignore', 'ignore', 'pipe'] });
  }
  // Detached: Ctrl-C goes to the whole group of the terminal, and would end PostgreSQL before node has drained.
  return spawn('/bin/sh', ['-c', WATCHDOG, WATCHDOG_NAME, socketDir, program, ...args], {
    ...account,
    cwd: cluster,
    env: PROGRAM_ENV,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
}

function awaitReady(child: ChildProcess, lines: string[], ended: Promise<string>): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      if (READY.test(line)) resolve();
    });
    ended.then((how) => reject(new Error(`The embedded PostgreSQL did not start (${how})\n${lines.join('\n')}`)));
  });
  // A program that is done, or fails, must be able to end; the watchdog then stops PostgreSQL.
  ready.then(
    () => holdProcess(child, false),
    () => {},
  );
  return ready;
}

function holdProcess(child: ChildProcess, hold: boolean): void {
  const method = hold ? 'ref' : 'unref';
  child[method]();
  for (const stream of child.stdio) (stream as unknown as Partial<ChildProcess> | null)?.[method]?.();
}

async function stopServer(child: ChildProcess, ended: Promise<string>, { binaries, cluster }: Launch): Promise<void> {
  holdProcess(child, true);
  if (process.platform === 'win32') {
    spawnSync(programPath(binaries, 'pg_ctl'), ['stop', '-D', cluster, '-m', 'fast', '-w']);
  }
  for (const [signal, waitMs] of STOP_STEPS) {
    child.kill(signal);
    if (await settledWithin(ended, waitMs)) return;
  }
}

async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = pause(ms, false, { signal: timer.signal }).catch(() => false);
  const settled = await Promise.race([promise.then(() => true), late]);
  timer.abort();
  return settled;
}
