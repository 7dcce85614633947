import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Milliseconds of one unit in /proc/<pid>/stat: Linux reports 100 a second to programs, whatever the kernel counts in. */
const TICK_MS = 10;

/** Only Linux tells what other processes have used. */
export const hasProcessTimes = existsSync('/proc/self/stat');

interface Stat {
  readonly parent: number;
  readonly ownMs: number;
  /** Of children that have ended and were waited for. */
  readonly endedChildrenMs: number;
}

function readStat(pid: number | string): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold blanks and brackets itself: field 3 is the first one behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number) => Number(fields[number - 3]);
    return {
      parent: field(4),
      ownMs: (field(14) + field(15)) * TICK_MS,
      endedChildrenMs: (field(16) + field(17)) * TICK_MS,
    };
  } catch {
    return undefined;
  }
}

/** CPU of one process so far, user and system. */
export function processMs(pid: number): number {
  return readStat(pid)?.ownMs ?? Number.NaN;
}

/** CPU of a PostgreSQL server so far: postmaster, sessions, helpers, and those that have ended. */
export function postgresMs(postmaster: number): number {
  const own = readStat(postmaster);
  if (own === undefined) return Number.NaN;
  let ms = own.ownMs + own.endedChildrenMs;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(name);
    if (stat?.parent === postmaster) ms += stat.ownMs;
  }
  return ms;
}

/** Begins a new peak of resident memory; where the kernel refuses, the peak is that since the start. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // A kernel without this file: the figure is still an upper bound.
  }
}

/** Peak of resident memory in MB. */
export function peakMb(pid: number): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return (Number(kib) * 1024) / 1e6;
  } catch {
    return Number.NaN;
  }
}
