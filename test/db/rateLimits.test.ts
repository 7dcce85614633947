import { RateLimiter, removeEndedWindows } from '../../src/services/rateLimits';
import { statementsOf } from '../jsonapi/world';
import { startApp, type TestApp } from '../support/app';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ DATABASE_POOL_SIZE: '20' });
});
afterAll(() => app.close());

/** What one process has in memory; all of them share the table. */
function startLimiter(limit: number, windowSeconds = 60, workers = 1): RateLimiter {
  return new RateLimiter(app.db, { limit, windowSeconds }, workers);
}
const take = async (limiter: RateLimiter, key: string) => limiter.take(limiter.policies.default, key);

/** How many of so many requests, one after the other, are admitted. */
async function admittedOf(count: number, limiter: RateLimiter, key: string): Promise<number> {
  let admitted = 0;
  for (let i = 0; i < count; i++) if ((await take(limiter, key))?.isAdmitted) admitted++;
  return admitted;
}

const LIMIT = 600;

test.each([
  ['four processes of one machine', 4, 4],
  ['two machines with two processes each', 4, 2],
  ['five machines with one', 5, 1],
])('%s admit between 90 %% and 100 %% of the limit, however the requests fall', async (title, processes, workers) => {
  const all = Array.from({ length: processes }, () => startLimiter(LIMIT, 60, workers));
  // Worst case: each takes a reserve that only the last one uses.
  const key = `${title}: idle`;
  let admitted = 0;
  for (const limiter of all.slice(1)) admitted += await admittedOf(1, limiter, key);
  admitted += await admittedOf(LIMIT, all[0] as RateLimiter, key);
  expect(admitted).toBeGreaterThanOrEqual(0.9 * LIMIT);
  expect(admitted).toBeLessThanOrEqual(LIMIT);
  // All at once, and more than there is: then nothing stays over.
  const busy = `${title}: busy`;
  const counts = await Promise.all(all.map((limiter) => admittedOf(LIMIT, limiter, busy)));
  expect(counts.reduce((sum, count) => sum + count)).toBe(LIMIT);
});

test('a busy key costs a statement for every 13th request, an exhausted one none', async () => {
  const limiter = startLimiter(LIMIT);
  const statements = await statementsOf(() => admittedOf(LIMIT, limiter, 'busy'));
  expect(statements.length).toBe(Math.ceil(LIMIT / 13));
  expect(await statementsOf(() => admittedOf(100, limiter, 'busy'))).toEqual([]);
});

test('from memory the answer is there at once', async () => {
  const limiter = startLimiter(LIMIT);
  expect(limiter.take(limiter.policies.default, 'known')).toBeInstanceOf(Promise);
  await take(limiter, 'known');
  expect(limiter.take(limiter.policies.default, 'known')).toMatchObject({ isAdmitted: true });
});

test('all who wait at once share one statement', async () => {
  const limiter = startLimiter(LIMIT);
  const statements = await statementsOf(() => Promise.all(Array.from({ length: 200 }, () => take(limiter, 'crowd'))));
  // The first was on its way when the others came.
  expect(statements).toHaveLength(2);
});

test('a process that starts anew goes on where the others are', async () => {
  expect(await admittedOf(10, startLimiter(10), 'restart')).toBe(10);
  expect(await take(startLimiter(10), 'restart')).toMatchObject({ isAdmitted: false, left: 0 });
});

test('never more than the limit in a window, from one window into the next', async () => {
  const [one, other] = [startLimiter(100, 1), startLimiter(100, 1)];
  const begin = performance.now();
  let admitted = 0;
  const press = async (limiter: RateLimiter) => {
    while (performance.now() - begin < 2_500) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => take(limiter, 'pressed')));
      admitted += answers.filter((answer) => answer?.isAdmitted).length;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all([press(one), press(other)]);
  expect(admitted).toBeGreaterThan(200);
  expect(admitted).toBeLessThanOrEqual(300);
});

test('a limit that was lowered holds at once, one that was raised gives the rest', async () => {
  await admittedOf(50, startLimiter(50), 'changed');
  expect(await take(startLimiter(20), 'changed')).toMatchObject({ isAdmitted: false });
  expect(await take(startLimiter(500), 'changed')).toMatchObject({ isAdmitted: true });
});

test('windows that are over are removed, those that run stay', async () => {
  const limiter = startLimiter(10);
  await take(limiter, 'running');
  await app.db.query(
    `insert into rate_limits (key, window_ends_at, used)
     select 'old ' || n, now() - interval '61 seconds', 1 from generate_series(1, 2500) n`,
  );
  await Promise.all([removeEndedWindows(app), removeEndedWindows(app)]);
  const rows = await app.db.query("select key from rate_limits where key like 'old %' or key = 'default running'");
  expect(rows).toEqual([['default running']]);
});

test('what goes wrong in the table is an error, not a free pass', async () => {
  await app.source.query('alter table rate_limits rename to rate_limits_away');
  await expect(take(startLimiter(10), 'broken')).rejects.toThrow('rate_limits');
  await app.source.query('alter table rate_limits_away rename to rate_limits');
});
