import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { Closers } from './closers';

/** The service lets running requests end for ten seconds at the most. */
const STOP_MS = 12_000;

/** @throws Error when the process ends before it says anything */
export function firstMessage<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null) =>
      reject(new Error(`${child.spawnfile} ${child.spawnargs.at(-1)} ended with ${signal ?? code}.`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as Message);
    });
  });
}

/** Asks a process to end, and makes it end when it takes too long. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(force);
}

/**
 * Runs a program of Node to its end, with everything that it starts; its output is for the error.
 * @throws Error when it fails
 */
export function runProgram(
  args: string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string },
  closers: Closers,
): Promise<void> {
  // Its own group, so that what it has started can be ended with it.
  const isGroup = process.platform !== 'win32';
  const child = spawn(process.execPath, args, { ...options, detached: isGroup, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  closers.add(() => (isGroup ? stopGroup(child.pid ?? 0) : stopChild(child)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // Not before the streams have ended, or the reason may be missing.
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${output.trim()}\n${args.join(' ')} ended with ${signal ?? code}.`));
    });
  });
}

/** Ends every process of a group, and waits until there is none. */
async function stopGroup(leader: number): Promise<void> {
  const deadline = Date.now() + STOP_MS;
  while (signalGroup(leader, Date.now() < deadline ? 'SIGTERM' : 'SIGKILL')) await pause(100);
}

function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}
