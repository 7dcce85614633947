import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

interface ProcessStat {
  readonly state: string;
  readonly startTicks: string;
}

/**
 * Whether the process exists and has not ended. A zombie counts as ended: in a container without an init process it
 * keeps its number for ever, and signal 0 reaches it.
 */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return readStat(pid)?.state !== 'Z';
}

/**
 * A short text that no other process with the same number ever had or will have (number, boot and start time), or
 * undefined when there is no such process. Windows has no cheap way to ask, so there it is the same for every process.
 */
export function processIdentity(pid: number): string | undefined {
  if (!isRunning(pid)) return undefined;
  const started = startedAt(pid);
  return started && createHash('sha256').update(started).digest('hex').slice(0, 12);
}

function startedAt(pid: number): string | undefined {
  if (process.platform === 'win32') return 'windows';
  if (process.platform === 'linux') {
    const stat = readStat(pid);
    // Ticks count from the boot, and containers begin with the same numbers after each one.
    return stat && readFileSync('/proc/sys/kernel/random/boot_id', 'latin1') + stat.startTicks;
  }
  const ps = spawnSync('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { LC_ALL: 'C', TZ: 'UTC' },
  });
  return ps.stdout?.trim() || undefined;
}

function readStat(pid: number): ProcessStat | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold blanks and brackets itself: fields 3 (state) and 22 (start) are counted behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}
