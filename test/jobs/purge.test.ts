import { createOrganization, M, startApp, type TestApp } from '../support/app';

const PATH = `${M}/organizations`;
const DAY = 86_400_000;

let app: TestApp;
let clock = 0;
beforeAll(async () => {
  app = await startApp({}, () => new Date(Date.now() + clock));
});
beforeEach(() => {
  clock = 0;
});
afterAll(() => app.close());

const count = async (sql: string, id: string) => Number((await app.db.query(sql, [id]))[0]?.[0]);
const isThere = async (id: string) => (await count('select count(*) from organizations where id = $1', id)) === 1;
const isBuried = async (id: string) =>
  (await count('select count(*) from organization_tombstones where id = $1', id)) === 1;
const jobs = (id: string) => count('select count(*) from jobs where organization_id = $1', id);
async function deleted(): Promise<string> {
  const { id } = await createOrganization(app.platform);
  expect((await app.platform.delete(`${PATH}/${id}`)).status).toBe(204);
  return id;
}

test('a deleted organization is purged when its time is over, and not before [INV-9]', async () => {
  const id = await deleted();
  expect(await jobs(id)).toBe(1);
  clock = 30 * DAY - 60_000;
  await app.runPendingJobs();
  expect(await isThere(id)).toBe(true);
  clock = 30 * DAY + 1_000;
  expect(await app.runPendingJobs()).toBe(1);
  expect([await isThere(id), await isBuried(id), await jobs(id)]).toEqual([false, true, 0]);
  expect(await app.runPendingJobs()).toBe(0);
});

test('one that was restored stays, also when it is deleted again: it has all of the time once more', async () => {
  const id = await deleted();
  expect((await app.platform.post(`${PATH}/${id}/restore`)).status).toBe(200);
  clock = 31 * DAY;
  await app.runPendingJobs();
  expect(await isThere(id)).toBe(true);
  expect(await jobs(id)).toBe(0);
  clock = 0;
  await app.platform.delete(`${PATH}/${id}`);
  await app.platform.post(`${PATH}/${id}/restore`);
  await app.platform.delete(`${PATH}/${id}`);
  expect(await jobs(id)).toBe(1);
  clock = 31 * DAY;
  await app.runPendingJobs();
  expect(await isThere(id)).toBe(false);
});

test('a job that runs before the time of the purge waits for it', async () => {
  const id = await deleted();
  await app.db.query("update organizations set purge_at = purge_at + interval '10 days' where id = $1", [id]);
  clock = 31 * DAY;
  expect(await app.runPendingJobs()).toBe(1);
  expect([await isThere(id), await jobs(id)]).toEqual([true, 1]);
  clock = 41 * DAY;
  await app.runPendingJobs();
  expect(await isThere(id)).toBe(false);
});

test.each(['legal_hold', 'delete_protection'])(
  'with %s it is looked at again each day, and purged when that has ended [INV-8]',
  async (column) => {
    const id = await deleted();
    await app.db.query(`update organizations set ${column} = true where id = $1`, [id]);
    for (const days of [31, 33]) {
      clock = days * DAY;
      expect(await app.runPendingJobs()).toBe(1);
      expect([await isThere(id), await jobs(id)]).toEqual([true, 1]);
      expect(await app.runPendingJobs()).toBe(0);
    }
    await app.db.query(`update organizations set ${column} = false where id = $1`, [id]);
    clock = 35 * DAY;
    await app.runPendingJobs();
    expect([await isThere(id), await isBuried(id)]).toEqual([false, true]);
  },
);

test('of a purge by the job and one by hand at the same time one tombstone comes', async () => {
  const ids = await Promise.all(Array.from({ length: 5 }, deleted));
  clock = 31 * DAY;
  const byHand = ids.map((id) => app.platform.delete(`${PATH}/${id}?purgeNow=true`));
  const [, ...answers] = await Promise.all([app.runPendingJobs(), ...byHand]);
  for (const { status } of answers) expect([204, 404]).toContain(status);
  for (const id of ids) expect([await isThere(id), await isBuried(id)]).toEqual([false, true]);
});

test('after the time of its purge an organization can’t be restored any more', async () => {
  const id = await deleted();
  clock = 31 * DAY;
  expect((await app.platform.post(`${PATH}/${id}/restore`)).status).toBe(409);
  await app.runPendingJobs();
  expect((await app.platform.post(`${PATH}/${id}/restore`)).status).toBe(404);
});
