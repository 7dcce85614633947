import { removeExpiredAnswers } from '../../src/services/idempotency';
import { Sweeper } from '../../src/services/sweeper';
import { type Answer, document, S, startApp, type TestApp } from '../support/app';
import { until } from '../support/process';
import { freshKey, isReplay, keyed } from './keyed';

const HOUR = 3_600_000;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const user = () => document('users', { email: `${freshKey()}@example.com` });
const patch = (id: string, headers: Record<string, string>): Promise<Answer> =>
  app.platform.patch(
    `/public/v2/management/organizations/${id}`,
    document('organizations', { kind: 'x' }, { id }),
    headers,
  );
const keys = async () => (await app.db.query('select key from idempotency_records order by 1')).flat();
/** Lets time pass for the answer that is kept for a key. */
const age = (key: string, hours: number) =>
  app.db.query(
    `update idempotency_records set created_at = created_at - make_interval(hours => $2),
       expires_at = expires_at - make_interval(hours => $2) where key = $1`,
    [key, hours],
  );

test('an answer is kept for 24 hours [9.8]', async () => {
  const key = freshKey();
  await app.platform.post(`${S}/users`, user(), keyed(key));
  const [[created, expires] = []] = await app.db.query(
    'select created_at, expires_at from idempotency_records where key = $1',
    [key],
  );
  expect(Date.parse(expires as string) - Date.parse(created as string)).toBe(24 * HOUR);
});

test('it is told again to its last hour, and then is as if it had never been [9.8, INV-56]', async () => {
  const { body } = await app.platform.post(
    '/public/v2/management/organizations',
    document('organizations', { name: 'x' }),
  );
  const { id } = body.data;
  const key = freshKey();
  await patch(id, keyed(key));
  await age(key, 23);
  expect(isReplay(await patch(id, keyed(key)))).toBe(true);
  await age(key, 1);
  const anew = await patch(id, keyed(key));
  expect([anew.status, isReplay(anew)]).toEqual([200, false]);
  expect(isReplay(await patch(id, keyed(key)))).toBe(true);
  expect(await keys()).toContain(key);
});

test('then the key may be used for another request, and is kept for that one', async () => {
  const key = freshKey();
  const [one, other] = [user(), user()];
  await app.platform.post(`${S}/users`, one, keyed(key));
  expect((await app.platform.post(`${S}/users`, other, keyed(key))).status).toBe(422);
  await age(key, 24);
  expect((await app.platform.post(`${S}/users`, other, keyed(key))).status).toBe(201);
  expect((await app.platform.post(`${S}/users`, one, keyed(key))).status).toBe(422);
  expect(isReplay(await app.platform.post(`${S}/users`, other, keyed(key)))).toBe(true);
});

test('ten at once with an expired key: one effect', async () => {
  const key = freshKey();
  await app.platform.post(`${S}/users`, user(), keyed(key));
  await age(key, 25);
  const body = user();
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => app.platform.post(`${S}/users`, body, keyed(key))),
  );
  const made = answers.filter((answer) => answer.status === 201 && !isReplay(answer));
  expect(made).toHaveLength(1);
  for (const { status } of answers) expect([201, 409]).toContain(status);
});

describe('what has expired', () => {
  const fill = (count: number) =>
    app.db.query(
      `insert into idempotency_records (credential_id, method, path, key, fingerprint, status, headers, expires_at)
       select gen_random_uuid(), 'POST', '/', 'old ' || n, '', 200, '{}', now() - interval '1 second' from generate_series(1, $1::int) n`,
      [count],
    );

  test('is removed, however much it is, and the rest stays', async () => {
    const key = freshKey();
    await app.platform.post(`${S}/users`, user(), keyed(key));
    const before = await keys();
    await fill(2_500);
    await Promise.all([removeExpiredAnswers(app), removeExpiredAnswers(app)]);
    expect(await keys()).toEqual(before);
  });

  test('is removed by a process as it starts; stopping waits for that', async () => {
    await fill(1_500);
    const sweeper = new Sweeper([() => removeExpiredAnswers(app)]);
    await sweeper.close();
    expect((await keys()).filter((key) => String(key).startsWith('old'))).toEqual([]);
  });

  test('stays when it can’t be removed, without harm; the next thing is swept all the same', async () => {
    const swept: string[] = [];
    const sweeper = new Sweeper([
      async () => {
        await app.db.query('select 1 from nowhere');
      },
      async () => void swept.push('next'),
    ]);
    await until(() => swept.length > 0, 'the next thing');
    await sweeper.close();
    expect(swept).toEqual(['next']);
  });
});
