import { isRunning } from './processes';

const POLL_MS = 500;

/**
 * Calls `onGone` once, within 500 ms, when the parent process changes or one of `pids` has ended. npm passes neither
 * SIGTERM nor, of course, SIGKILL on, so a server under `npm start` has to notice by itself; and as npm puts a shell in
 * between, the parent alone does not tell. Does not keep the process alive. Returns a function that ends the watch.
 */
export function watchParent(pids: number[], onGone: () => void): () => void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent && pids.every(isRunning)) return;
    clearInterval(timer);
    onGone();
  }, POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
