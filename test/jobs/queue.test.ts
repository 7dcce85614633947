import pino from 'pino';
import { claimJobs, failJob, finishJob, LEASE_MS, prolongLease, RETRY_SECONDS } from '../../src/jobs/queue';
import { type JobHandlers, runDueJobs, type WorkerContext } from '../../src/jobs/worker';
import { createOrganization, startApp, type TestApp } from '../support/app';
import { enqueueProbe, jobRows } from './probe';

let app: TestApp;
let ctx: WorkerContext;
let clock: number;
const log: Record<string, unknown>[] = [];
beforeAll(async () => {
  app = await startApp({}, () => new Date(clock));
  ctx = { ...app.services, log: pino({}, { write: (line: string) => void log.push(JSON.parse(line)) }) };
});
beforeEach(async () => {
  clock = Date.parse('2030-01-01T00:00:00Z');
  log.length = 0;
  await app.db.query('delete from jobs');
});
afterAll(() => app.close());

/** Runs what is due and gives the payloads that the probe got. */
async function runProbes(run: (payload: unknown) => void = () => undefined): Promise<unknown[]> {
  const got: unknown[] = [];
  const handlers: JobHandlers = {
    probe: async (_ctx, payload) => {
      got.push(payload);
      run(payload);
    },
  };
  await runDueJobs(ctx, handlers);
  return got;
}
const fail = () => {
  throw new Error('no luck');
};
const claimProbes = (limit = 10) => claimJobs(ctx, ['probe'], limit);
const later = (seconds: number) => new Date(clock + seconds * 1_000);

test('a job is there exactly when the transaction that causes it commits', async () => {
  let nudges = 0;
  ctx.jobs.listen(() => nudges++);
  const enqueueIn = (end: () => void) =>
    app.db.transaction(async (db) => {
      await enqueueProbe({ ...app.services, db });
      expect(await claimProbes()).toEqual([]);
      expect(nudges).toBe(0);
      end();
    });
  await expect(enqueueIn(fail)).rejects.toThrow('no luck');
  expect(await jobRows(app)).toEqual([]);
  expect(nudges).toBe(0);
  await enqueueIn(() => undefined);
  expect(nudges).toBe(1);
  expect(await claimProbes()).toHaveLength(1);
});

test('a job that was done is gone, with what it was given', async () => {
  await enqueueProbe(app.services, { greeting: 'hello' });
  expect(await runProbes()).toEqual([{ greeting: 'hello' }]);
  expect(await jobRows(app)).toEqual([]);
});

test('what a job is given can’t be read in the table, nor by another job', async () => {
  await enqueueProbe(app.services, { token: 'inv_live_secret' });
  const [row] = await jobRows(app);
  expect(row?.payload.toString('latin1')).not.toContain('inv_live_secret');
  expect(app.services.secrets.decrypt(row?.payload as Buffer, `jobs/${row?.id}`)).toBe('{"token":"inv_live_secret"}');
  await app.db.query("update jobs set id = '00000000-0000-7000-8000-000000000001'");
  expect(await runProbes()).toEqual([]);
  expect(await jobRows(app)).toMatchObject([{ attempts: 1 }]);
});

test('a job runs no earlier than it is to', async () => {
  await enqueueProbe(app.services, { n: 1 }, { runAt: later(60) });
  clock += 59_999;
  expect(await runProbes()).toEqual([]);
  clock += 1;
  expect(await runProbes()).toEqual([{ n: 1 }]);
});

test('what is longest due comes first', async () => {
  for (const n of [2, 3, 1]) await enqueueProbe(app.services, { n }, { runAt: later(n) });
  clock += 10_000;
  const order = [];
  for (let i = 0; i < 3; i++) order.push(...(await claimProbes(1)));
  const ids = (await jobRows(app)).sort((a, b) => +a.runAt - +b.runAt).map(({ id }) => id);
  expect(order.map(({ id }) => id)).toEqual(ids);
});

test('workers that look at the same time never take the same job', async () => {
  for (let n = 0; n < 60; n++) await enqueueProbe(app.services, { n });
  const taken = (await Promise.all(Array.from({ length: 40 }, () => claimProbes(4)))).flat();
  while (taken.length < 60) taken.push(...(await claimProbes(4)));
  expect(new Set(taken.map(({ id }) => id)).size).toBe(60);
  expect(taken).toHaveLength(60);
  expect(taken.every(({ attempts }) => attempts === 1)).toBe(true);
  expect(await claimProbes()).toEqual([]);
});

test('a job whose worker was killed runs again when its lease ends, not before', async () => {
  await enqueueProbe(app.services);
  await claimProbes();
  clock += LEASE_MS - 1;
  expect(await claimProbes()).toEqual([]);
  clock += 1;
  expect(await claimProbes()).toMatchObject([{ attempts: 2 }]);
});

test('a lease that is prolonged lasts as long again', async () => {
  await enqueueProbe(app.services);
  const [job] = await claimProbes();
  clock += LEASE_MS - 1;
  await prolongLease(ctx, job as never);
  clock += LEASE_MS - 1;
  expect(await claimProbes()).toEqual([]);
  clock += 1;
  expect(await claimProbes()).toHaveLength(1);
});

test('a worker that lost its lease can neither finish nor fail nor prolong the job', async () => {
  await enqueueProbe(app.services);
  const [late] = await claimProbes();
  clock += LEASE_MS;
  const [owner] = await claimProbes();
  const before = await jobRows(app);
  clock += 1_000;
  await finishJob(ctx, late as never);
  await prolongLease(ctx, late as never);
  expect(await failJob(ctx, late as never, 'too late')).toBe('lost');
  expect(await jobRows(app)).toEqual(before);
  await finishJob(ctx, owner as never);
  expect(await jobRows(app)).toEqual([]);
});

test('a job that fails is tried again by the schedule, a fifth earlier or later, then stays as failed', async () => {
  await enqueueProbe(app.services, { token: 'inv_live_secret' });
  for (const seconds of RETRY_SECONDS) {
    expect(await runProbes(fail)).toHaveLength(1);
    const [row] = await jobRows(app);
    expect(row).toMatchObject({ failedAt: null, leaseUntil: null, lastError: 'no luck' });
    const wait = (+(row?.runAt as Date) - clock) / 1_000;
    expect(wait).toBeGreaterThan(seconds * 0.799);
    expect(wait).toBeLessThan(seconds * 1.201);
    clock += wait * 1_000 - 2;
    expect(await runProbes(fail)).toEqual([]);
    clock += 3;
  }
  expect(await runProbes(fail)).toHaveLength(1);
  expect(await jobRows(app)).toMatchObject([
    { failedAt: new Date(clock), lastError: 'no luck', attempts: RETRY_SECONDS.length + 1 },
  ]);
  clock += 365 * 86_400_000;
  expect(await runProbes()).toEqual([]);
  expect(log.at(-1)).toMatchObject({ level: 50, kind: 'probe', outcome: 'failed', reason: 'no luck' });
  expect(JSON.stringify(log)).not.toContain('inv_live_secret');
});

test('waits after failures differ', async () => {
  for (let n = 0; n < 20; n++) await enqueueProbe(app.services, { n });
  await runProbes(fail);
  const times = new Set((await jobRows(app)).map(({ runAt }) => +runAt));
  expect(times.size).toBeGreaterThan(10);
});

test('a job that kills every worker is given up without running once more', async () => {
  await enqueueProbe(app.services);
  for (let run = 0; run <= RETRY_SECONDS.length; run++) {
    expect(await claimProbes()).toHaveLength(1);
    clock += LEASE_MS;
  }
  expect(await runProbes()).toEqual([]);
  expect(await jobRows(app)).toMatchObject([
    { failedAt: new Date(clock), lastError: 'every worker that ran it has died' },
  ]);
});

test('kinds that this version does not know are left alone', async () => {
  await enqueueProbe(app.services);
  expect(await runDueJobs(ctx, { other: async () => undefined })).toBe(0);
  expect(await jobRows(app)).toMatchObject([{ attempts: 0 }]);
});

describe('with a key', () => {
  test('a job takes the place of the one that waits', async () => {
    await enqueueProbe(app.services, { n: 1 }, { key: 'probe/a', runAt: later(10) });
    await enqueueProbe(app.services, { n: 2 }, { key: 'probe/a', runAt: later(20) });
    await enqueueProbe(app.services, { n: 3 }, { key: 'probe/b', runAt: later(10) });
    clock += 10_000;
    expect(await runProbes()).toEqual([{ n: 3 }]);
    clock += 10_000;
    expect(await runProbes()).toEqual([{ n: 2 }]);
  });

  test('twenty at once leave one', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, n) => enqueueProbe(app.services, { n }, { key: 'probe/a' })));
    expect(await runProbes()).toHaveLength(1);
  });

  test('a job that failed for good begins anew', async () => {
    await enqueueProbe(app.services, { n: 1 }, { key: 'probe/a' });
    await app.db.query("update jobs set failed_at = now(), attempts = 7, last_error = 'x'");
    await enqueueProbe(app.services, { n: 2 }, { key: 'probe/a' });
    expect(await jobRows(app)).toMatchObject([{ failedAt: null, attempts: 0, lastError: null }]);
    expect(await runProbes()).toEqual([{ n: 2 }]);
  });

  test('the end of a run leaves a job alone that came while it ran', async () => {
    await enqueueProbe(app.services, { n: 1 }, { key: 'probe/a' });
    const [running] = await claimProbes();
    await enqueueProbe(app.services, { n: 2 }, { key: 'probe/a' });
    await finishJob(ctx, running as never);
    expect(await runProbes()).toEqual([{ n: 2 }]);
  });
});

test('jobs of an organization go with it', async () => {
  const { id } = await createOrganization(app.platform);
  await enqueueProbe(app.services, {}, { organizationId: id, runAt: later(60) });
  await enqueueProbe(app.services, {}, { runAt: later(60) });
  expect(await jobRows(app)).toHaveLength(2);
  await app.db.query('delete from organizations where id = $1', [id]);
  expect(await jobRows(app)).toHaveLength(1);
});

test('/metrics counts jobs that are due and jobs that have failed', async () => {
  clock = Date.now() - 1_000;
  await enqueueProbe(app.services);
  await enqueueProbe(app.services);
  await enqueueProbe(app.services, {}, { runAt: later(3_600) });
  await app.db.query('update jobs set failed_at = now() where id = (select min(id::text)::uuid from jobs)');
  const { text } = await app.anonymous.get('/metrics');
  expect(text).toMatch(/^jobs\{state="due"\} 1$/m);
  expect(text).toMatch(/^jobs\{state="failed"\} 1$/m);
});
