import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * The pid of the npm that runs this script, or undefined. npm ends on SIGTERM without passing it on, so what it started
 * has to watch it. Between the two npm puts a shell; some shells become the command, and some wait for it.
 */
export function findNpm() {
  if (!process.env.npm_lifecycle_event || process.platform === 'win32') return undefined;
  const parent = readProcess(process.ppid);
  const isShell = parent !== undefined && /^(\S*\/)?-?(ba|da|z|k|a|fi)?sh -c /.test(parent.command);
  return isShell ? parent.ppid : process.ppid;
}

function readProcess(pid) {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return { ppid: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command };
    } catch {
      return undefined;
    }
  }
  const ps = spawnSync('/bin/ps', ['-ww', '-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' });
  const found = /^\s*(\d+)\s+(.*)/.exec(ps.stdout ?? '');
  return found ? { ppid: Number(found[1]), command: found[2] } : undefined;
}
