import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { type Foundation, layFoundation, type Running, serveRequests } from '../boot';
import { type Config, urlHost } from '../config';
import type { Connection } from '../db/connect';
import { createLog } from '../log';
import { watchParent } from '../parent';

/** What a worker process is told by the first one. */
interface Start {
  connection: Connection;
  port: number;
}

/** What a worker process tells the first one: that it listens for its start, then how that went. */
type Report = 'listening' | { port: number } | { error: string };

/** Milliseconds before a worker process that died is replaced: one that dies at once must not keep the machine busy. */
const REPLACE_MS = 1_000;

/**
 * Serves until a signal, or until `parents` (npm, which passes no SIGTERM on) have gone; then ends with code 0.
 * @throws ConfigError and Error in one sentence for the operator
 */
export async function serve(config: Config, parents: number[]): Promise<void> {
  const log = createLog(config.logLevel);
  if (cluster.isWorker) return work(config, log);
  const foundation = await layFoundation(config, log);
  // Before anything else can fail: the key is stored already, and this is its only showing.
  if (foundation.newPlatformKey !== undefined) {
    process.stdout.write(`Platform key, shown this once: ${foundation.newPlatformKey}\n`);
  }
  let running: Running;
  try {
    running =
      config.workers > 1
        ? await fork(config, foundation, log)
        : await serveRequests(config, foundation.connection, log);
  } catch (error) {
    await foundation.stop();
    throw error;
  }
  if (config.smtpUrl === undefined) log.warn('SMTP_URL is not set: no mail leaves, and nobody can reset a password');
  // First: who reads that it is ready may send a signal at once.
  const stopped = stopSignal(parents);
  announce(config, running.port);
  await stopped;
  log.info('stopping');
  await running.stop();
  await foundation.stop();
  process.exit(0);
}

/** Resolves at the first signal, or when a parent has gone; a second signal ends the process at once. */
function stopSignal(parents: number[]): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = () => {
      if (stopping) process.exit(1);
      stopping = true;
      resolve();
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
    if (parents.length > 0) watchParent(parents, () => (stopping ? undefined : stop()));
  });
}

function announce(config: Config, port: number): void {
  const url = config.publicUrl ?? `http://${urlHost(config.host)}:${port}`;
  const lines = ['Guildhall is ready.', `  API   ${url}/public/v2/management/organizations`, `  Docs  ${url}/docs`];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Several processes share the port; this one keeps the database and replaces those that die. */
async function fork(config: Config, { connection }: Foundation, log: Logger): Promise<Running> {
  let stopping = false;
  let port = config.port;
  const start = () =>
    new Promise<Worker>((resolve, reject) => {
      const worker = cluster.fork();
      worker.on('message', (message: Report) => {
        // A message to a process that does not listen yet is lost: it asks first.
        if (message === 'listening') worker.send({ connection, port } satisfies Start);
        else if ('error' in message) reject(new Error(message.error));
        else {
          port = message.port;
          resolve(worker);
        }
      });
      worker.once('exit', (code, signal) => {
        reject(new Error(`A worker process ended with ${signal ?? code}.`));
        if (stopping) return;
        log.error({ pid: worker.process.pid, code, signal }, 'a worker process has ended');
        setTimeout(() => stopping || start().catch((error) => log.error(error)), REPLACE_MS);
      });
    });
  // The first one finds the port when PORT is 0; the others share it.
  await start();
  await Promise.all(Array.from({ length: config.workers - 1 }, start));
  return {
    port,
    stop: async () => {
      stopping = true;
      const workers = Object.values(cluster.workers ?? {}) as Worker[];
      await Promise.all(
        workers.map((worker) => {
          worker.process.kill('SIGTERM');
          return new Promise((resolve) => worker.once('exit', resolve));
        }),
      );
    },
  };
}

async function work(config: Config, log: Logger): Promise<void> {
  const report = (message: Report) => process.send?.(message);
  const { connection, port } = await new Promise<Start>((resolve) => {
    process.once('message', resolve);
    report('listening');
  });
  const end = async (running?: Running) => {
    await running?.stop();
    process.exit(0);
  };
  // Ctrl-C and the end of a terminal reach every process of it: the first one tells us when to stop.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  try {
    const running = await serveRequests({ ...config, port }, connection, log);
    process.on('SIGTERM', () => end(running));
    process.on('disconnect', () => end(running));
    report({ port: running.port });
  } catch (error) {
    report({ error: (error as Error).message });
    await end();
  }
}
