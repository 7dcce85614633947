import { removeEndedSignIns } from '../../../src/services/signIn';
import { startApp, type TestApp } from '../../support/app';
import { PATH, refresh, signedIn } from './people';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const left = async (table: string, column: string, id: string) =>
  (await app.db.query(`select count(*)::int from ${table} where ${column} = $1`, [id]))[0]?.[0];

test('families go a day after their end, whatever ended them, and not before', async () => {
  const [live, ended, recent, over] = [
    await signedIn(app),
    await signedIn(app),
    await signedIn(app),
    await signedIn(app),
  ];
  for (const { refreshToken } of [ended, recent]) await refresh(app, refreshToken);
  for (const { key, id } of [ended, recent]) await app.as(key).delete(`${PATH}/${id}`);
  const end = (familyId: string, hours: number) =>
    app.db.query('update access_tokens set family_ends_at = now() - make_interval(hours => $2) where family_id = $1', [
      familyId,
      hours,
    ]);
  // An ended one has its end from being ended.
  await app.db.query(
    "update access_tokens set family_ends_at = family_ends_at - interval '25 hours' where family_id = any($1)",
    [[ended.familyId]],
  );
  await end(over.familyId, 25);
  await removeEndedSignIns(app.services);
  const counts = [];
  for (const { familyId } of [live, ended, recent, over])
    counts.push(await left('access_tokens', 'family_id', familyId));
  expect(counts).toEqual([1, 0, 2, 0]);
});

test('networks go after half a year without a sign-in', async () => {
  const [old, used] = [await signedIn(app), await signedIn(app)];
  const age = 'update user_networks set last_used_at = now() - make_interval(days => $2) where user_id = $1';
  await app.db.query(age, [old.userId, 181]);
  await app.db.query(age, [used.userId, 179]);
  await removeEndedSignIns(app.services);
  expect([
    await left('user_networks', 'user_id', old.userId),
    await left('user_networks', 'user_id', used.userId),
  ]).toEqual([0, 1]);
});

test('offers of a new password go when their time is over', async () => {
  const { userId } = await signedIn(app);
  const offer =
    "insert into password_resets (id, user_id, email, hash, expires_at) values (gen_random_uuid(), $1, 'a@example.com', $2, now() + make_interval(mins => $3))";
  await app.db.query(offer, [userId, Buffer.from('old'), -1]);
  await app.db.query(offer, [userId, Buffer.from('new'), 1]);
  await removeEndedSignIns(app.services);
  expect(await left('password_resets', 'user_id', userId)).toBe(1);
});
