import { fork, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { firstMessage, stopChild } from './children';
import type { Closers } from './closers';
import type { BenchDatabase, Program } from './database';
import type { PlannedRequest } from './requests';

/** Flags of node under `npm start`, and for the yardstick the same. */
const NODE_FLAGS = ['--max-semi-space-size=32'];
const START_MS = 30_000;

export interface ServerUnderTest {
  readonly name: string;
  readonly origin: string;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly pid: number;
}

/** The service, as `npm start` runs it, on the database; ready when this resolves. */
export async function startGuildhall(
  { main, env }: Program,
  database: BenchDatabase,
  closers: Closers,
  name = 'guildhall',
): Promise<ServerUnderTest> {
  const port = await findFreePort();
  const args = [...NODE_FLAGS, main, 'serve', '--stop-with-parent', String(process.pid)];
  const child = spawn(process.execPath, args, {
    env: { ...env, DATABASE_URL: database.url, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  closers.add(() => stopChild(child));
  const origin = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS;
  while (!(await isReady(origin))) {
    if (child.exitCode !== null) throw new Error(`${name} did not start: ${complaints.trim()}`);
    if (Date.now() > deadline) throw new Error(`${name} is not ready after ${START_MS / 1000} s.`);
    await pause(50);
  }
  return { name, origin, headers: { Authorization: `Bearer ${env.PLATFORM_KEY}` }, pid: child.pid ?? 0 };
}

async function isReady(origin: string): Promise<boolean> {
  try {
    return (await fetch(`${origin}/readyz`)).ok;
  } catch {
    return false;
  }
}

/** The yardstick on the same database, with as many connections. */
export async function startBare({ env }: Program, database: BenchDatabase, closers: Closers): Promise<ServerUnderTest> {
  const child = fork(join(__dirname, 'bareServer.js'), {
    execArgv: NODE_FLAGS,
    env: { ...env, DATABASE_URL: database.url },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  closers.add(() => stopChild(child));
  const { port } = await firstMessage<{ port: number }>(child);
  return { name: 'bare', origin: `http://127.0.0.1:${port}`, headers: {}, pid: child.pid ?? 0 };
}

/**
 * The body of the answer to one request.
 * @throws Error when it is no success
 */
export async function answerText(
  server: ServerUnderTest,
  { method, path, headers, body }: PlannedRequest,
): Promise<string> {
  const answer = await fetch(server.origin + path, { method, headers: { ...server.headers, ...headers }, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} on ${server.name}: ${answer.status} ${text}`);
  return text;
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
