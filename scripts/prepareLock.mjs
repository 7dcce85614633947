// One at a time among processes that share a directory and may be killed at any moment.
import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const CLAIM = /^\.prepare\.(\d+)\.lock$/;
const TOUCH_MS = 2_000;
/** A claim not touched for so long is a dead process's, even when its number is in use again. */
const STALE_MS = 30_000;

/**
 * Runs `work` while no other process does so in `directory`; waits for its turn. Everyone has a claim file of its own
 * and goes ahead when there is no other living claim: so removing a dead claim can never hit a living process, as it
 * could with one shared file. Two that begin at once both step back for a random while.
 */
export async function withLock(directory, work) {
  const own = join(directory, `.prepare.${process.pid}.lock`);
  for (;;) {
    writeFileSync(own, '');
    if (!hasOtherClaim(directory)) break;
    rmSync(own, { force: true });
    await pause(50 + Math.random() * 150);
  }
  const touch = setInterval(() => utimesSync(own, new Date(), new Date()), TOUCH_MS);
  const removeOnExit = () => rmSync(own, { force: true });
  process.once('exit', removeOnExit);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    process.off('exit', removeOnExit);
    removeOnExit();
  }
}

function hasOtherClaim(directory) {
  return readdirSync(directory).some((name) => {
    const pid = Number(CLAIM.exec(name)?.[1]);
    if (!pid || pid === process.pid) return false;
    if (isLiving(pid, join(directory, name))) return true;
    rmSync(join(directory, name), { force: true });
    return false;
  });
}

function isLiving(pid, path) {
  const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (touched === undefined || Date.now() - touched > STALE_MS) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
