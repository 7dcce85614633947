import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isRunning, processIdentity } from '../processes';

const CLAIM = /^postgres\.lock\.(\d+)\.(\w+)$/;
const TRIES = 6;

/**
 * Makes this process the only one that may run the embedded PostgreSQL of `dataDir`; returns the function that gives
 * the right back. Throws one sentence with the holder's pid when a living process, or this one, has it.
 *
 * Every process has a claim file of its own, named after its number and start time, and holds the right when it sees
 * no living claim but its own. So a reused pid never looks like a holder, and clearing away the claim of a dead
 * process cannot hit a living one, as it could with one shared lock file. Two that begin at once see each other and
 * both step back for a random while.
 */
export async function lockDataDir(dataDir: string): Promise<() => void> {
  const own = `postgres.lock.${process.pid}.${processIdentity(process.pid)}`;
  const path = join(dataDir, own);
  if (existsSync(path)) throw heldBy(process.pid, dataDir);
  for (let attempt = 1; ; attempt++) {
    writeFileSync(path, '', { flag: 'wx' });
    const holder = findLivingClaim(dataDir, own);
    if (holder === undefined) return () => rmSync(path, { force: true });
    rmSync(path);
    if (attempt === TRIES) throw heldBy(holder, dataDir);
    await pause(20 + Math.random() * 130);
  }
}

function findLivingClaim(dataDir: string, own: string): number | undefined {
  for (const name of readdirSync(dataDir)) {
    const claim = CLAIM.exec(name);
    if (!claim || name === own) continue;
    const pid = Number(claim[1]);
    if (isClaimant(pid, claim[2])) return pid;
    rmSync(join(dataDir, name), { force: true });
  }
  return undefined;
}

function isClaimant(pid: number, identity: string | undefined): boolean {
  if (!isRunning(pid)) return false;
  const actual = processIdentity(pid);
  // Unknown where /proc hides the processes of others: then a living process is taken at its word.
  return actual === undefined || actual === identity;
}

function heldBy(pid: number, dataDir: string): Error {
  return new Error(`The data directory ${dataDir} is in use by process ${pid}: stop that one first, or set DATA_DIR.`);
}
