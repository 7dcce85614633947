import pino from 'pino';
import { RETRY_SECONDS } from '../../src/jobs/queue';
import { type JobHandlers, Worker, type WorkerContext } from '../../src/jobs/worker';
import { Signal } from '../../src/signal';
import { startApp, type TestApp } from '../support/app';
import { until } from '../support/process';
import { enqueueProbe, jobRows } from './probe';

let app: TestApp;
const workers: Worker[] = [];
beforeAll(async () => {
  app = await startApp();
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  await app.db.query('delete from jobs');
});
afterAll(() => app.close());

/** A worker; with a signal of its own it is as in another process. */
function work(probe: JobHandlers[string], jobs = app.services.jobs): Worker {
  const ctx: WorkerContext = { ...app.services, jobs, log: pino({ level: 'silent' }) };
  const worker = new Worker(ctx, { probe });
  workers.push(worker);
  return worker;
}

/** A door that jobs wait at. */
function door(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const noJobs = () => until(async () => (await jobRows(app)).length === 0, 'no jobs left');

test('a job of the same process is begun at once, one of another process within two seconds', async () => {
  const begun: number[] = [];
  work(async () => void begun.push(Date.now()));
  await enqueueProbe(app.services);
  await noJobs();
  const other = { ...app.services, jobs: new Signal() };
  const at = Date.now();
  await enqueueProbe(other);
  await noJobs();
  expect(begun).toHaveLength(2);
  expect((begun[1] as number) - at).toBeLessThan(2_000);
});

test('two workers run 200 jobs once each, four at a time each', async () => {
  const runs = new Map<number, number>();
  const running = [0, 0];
  const most = [0, 0];
  const probe = (worker: 0 | 1): JobHandlers[string] => {
    return async (ctx, { n }) => {
      running[worker] = (running[worker] as number) + 1;
      most[worker] = Math.max(most[worker] as number, running[worker] as number);
      await ctx.db.query('select 1');
      runs.set(n, (runs.get(n) ?? 0) + 1);
      running[worker] = (running[worker] as number) - 1;
    };
  };
  for (let n = 0; n < 200; n++) await enqueueProbe(app.services, { n });
  work(probe(0));
  work(probe(1), new Signal());
  await noJobs();
  expect(runs.size).toBe(200);
  expect([...runs.values()].every((count) => count === 1)).toBe(true);
  expect(Math.max(...most)).toBe(4);
});

test('a free slot is used while other jobs still run', async () => {
  const { opened, open } = door();
  const done: number[] = [];
  for (let n = 0; n < 20; n++) await enqueueProbe(app.services, { n });
  work(async (_ctx, { n }) => {
    if (n < 3) await opened;
    done.push(n);
  });
  await until(() => done.length === 17, 'the others');
  open();
  await noJobs();
});

test('a job that fails does not hold up the others, and is tried again', async () => {
  let failures = 0;
  work(async (_ctx, { bad }) => {
    if (!bad) return;
    failures++;
    throw new Error('no luck');
  });
  await enqueueProbe(app.services, { bad: true });
  await enqueueProbe(app.services);
  await until(async () => (await jobRows(app))[0]?.lastError, 'the failure');
  expect(failures).toBe(1);
  await until(async () => (await jobRows(app)).length === 1, 'the other job');
  const [row] = await jobRows(app);
  expect(+(row?.runAt as Date)).toBeGreaterThan(Date.now() + (RETRY_SECONDS[0] / 2) * 1_000);
  await app.db.query('update jobs set run_at = now()');
  await until(() => failures === 2, 'the second run');
});

test('a worker that stops lets its jobs end and takes no more', async () => {
  const { opened, open } = door();
  let begun = 0;
  const worker = work(async () => {
    begun++;
    await opened;
  });
  // With every slot taken no claim is on its way.
  for (let n = 0; n < 4; n++) await enqueueProbe(app.services);
  await until(() => begun === 4, 'all slots taken');
  let hasStopped = false;
  const stopping = worker.stop().then(() => {
    hasStopped = true;
  });
  await enqueueProbe(app.services);
  expect(await jobRows(app)).toHaveLength(5);
  expect(hasStopped).toBe(false);
  open();
  await stopping;
  expect(await jobRows(app)).toMatchObject([{ attempts: 0 }]);
});
