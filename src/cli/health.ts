import type { Config } from '../config';
import { urlHost } from '../config';

const TIMEOUT_MS = 3_000;

/** Asks the running server whether it is ready: exit code 0 or 1, for container health checks. */
export async function health({ host, port }: Config): Promise<void> {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  try {
    const answer = await fetch(`http://${urlHost(local)}:${port}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    process.stdout.write(`${await answer.text()}\n`);
    process.exitCode = answer.ok ? 0 : 1;
  } catch {
    process.stdout.write('not reachable\n');
    process.exitCode = 1;
  }
}
