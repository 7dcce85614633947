import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
export const MAIN = join(ROOT, 'dist', 'src', 'main.js');

/** Milliseconds that anything here may take on a slow machine. */
const PATIENCE = 20_000;
const started = new Set<Started>();

export interface Started {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
  /** Everything printed so far. */
  output(): string;
  /** The platform key, when it was printed. */
  key(): string | undefined;
  /** Resolves with the exit code when the process has ended. */
  readonly ended: Promise<number | null>;
}

/** Polls until `check` gives something; fails after 20 s unless more are given. */
export async function until<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  patienceMs = PATIENCE,
): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export const temporaryFolder = (name: string): string => mkdtempSync(join(tmpdir(), name));

/** Starts the built program as an operator does; the environment is his own less our settings. */
export function run(args: readonly string[], env: NodeJS.ProcessEnv, command = process.execPath): Started {
  const port = Number(env.PORT ?? 0);
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  const one: Started = {
    child,
    port,
    url: `http://127.0.0.1:${port}`,
    output: () => output,
    key: () => /pk_live_\w{36}/.exec(output)?.[0],
    ended,
  };
  started.add(one);
  ended.then(() => started.delete(one));
  return one;
}

/** `guildhall serve` on a free port; resolves when it says that it is ready. */
export async function serve(env: NodeJS.ProcessEnv): Promise<Started> {
  const one = run([MAIN, 'serve'], { PORT: String(await freePort()), ...env });
  let code: number | null | undefined;
  one.ended.then((each) => {
    code = each;
  });
  await until(() => {
    if (code !== undefined) throw new Error(`the server ended with ${code}: ${one.output()}`);
    return one.output().includes('Guildhall is ready.');
  }, 'start');
  return one;
}

/** Ends one with SIGTERM and gives its exit code. */
export function stop({ child, ended }: Started): Promise<number | null> {
  child.kill('SIGTERM');
  return ended;
}

/** Ends what a failed test left running, and removes its folder. */
export async function cleanUp(folder: string): Promise<void> {
  await Promise.all([...started].map((one) => stop(one)));
  rmSync(folder, { recursive: true, force: true });
}

/** Status and milliseconds of a GET; status 0 when there was no answer. */
export async function get(
  url: string,
  key?: string,
): Promise<{ status: number; ms: number; headers: Headers; text: string }> {
  const begin = Date.now();
  try {
    const answer = await fetch(url, {
      headers: key === undefined ? {} : { Authorization: key },
      signal: AbortSignal.timeout(PATIENCE),
    });
    return { status: answer.status, ms: Date.now() - begin, headers: answer.headers, text: await answer.text() };
  } catch {
    return { status: 0, ms: Date.now() - begin, headers: new Headers(), text: '' };
  }
}

/** Whether a process lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
