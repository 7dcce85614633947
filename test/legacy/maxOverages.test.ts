import { told } from '../events/feed';
import { statementsOf } from '../jsonapi/world';
import { moved, walletOf } from '../routes/money';
import { type Client, createOrganization, type Person, S, startApp, type TestApp } from '../support/app';
import { join, seen, shown } from './people';

/** The last call of the seed document of `/organization`: how far its wallet may go below zero. */

let app: TestApp;
let owner: Person;
let id: string;
let path: string;
beforeAll(async () => {
  app = await startApp();
  owner = await app.user();
});
afterAll(() => app.close());
beforeEach(async () => {
  ({ id } = await createOrganization(owner));
  path = `/organization/${id}`;
});

const set = (maxOverages: unknown, asker: Client = owner) => asker.patch(`${path}/max-overages`, { maxOverages });
const maximum = async (asker: Client = owner) => (await asker.get(path)).body.maxOverages;

test('it is set, changed and taken away, and the answer tells the wallet behind it (INV-46)', async () => {
  expect(await maximum()).toBe(0);
  const { answer, events } = await told(app, id, () => set(500));
  const wallet = { overageUsed: 0, balance: 0, asset: 'USD' };
  expect(shown(answer)).toEqual([200, { organizationId: id, maxOverages: 500, ...wallet }]);
  expect(Object.keys(answer.body)).toEqual(['organizationId', 'maxOverages', 'overageUsed', 'balance', 'asset']);
  expect(events).toMatchObject([
    {
      type: 'overage_limit.updated',
      data: { type: 'overageLimits', attributes: { asset: 'USD', service: null, maxOverage: 500 } },
      previous: { attributes: { maxOverage: 0 } },
    },
  ]);
  await moved(app.platform, id, 'charge', { amount: 300 });
  expect((await set(200)).body).toEqual({ ...answer.body, maxOverages: 200, overageUsed: 300, balance: -300 });
  expect((await set(null)).body).toMatchObject({ maxOverages: null });
  expect([await maximum(), (await walletOf(owner, id)).attributes.available]).toEqual([null, null]);
  const again = await told(app, id, () => set(null));
  expect([again.answer.status, again.types]).toEqual([200, []]);
  // The same limit as that of JSON:API.
  const { body } = await owner.get(`${S}/overageLimits?filter[organizationId]=${id}`);
  expect(body.data.map(({ attributes }: { attributes: object }) => attributes)).toMatchObject([
    { asset: 'USD', service: null, maxOverage: null },
  ]);
});

test('every answer of the surface shows it', async () => {
  await set(70);
  const member = await join(app, id, 'member');
  for (const answer of [
    await owner.get(path),
    await member.get(path),
    await owner.put(path, { name: 'Other' }),
    await owner.delete(`${path}/member/${member.id}`),
  ]) {
    expect(answer.body.maxOverages).toBe(70);
  }
  const { body } = await owner.get('/organization/list');
  expect(body.find((each: { id: string }) => each.id === id).maxOverages).toBe(70);
});

test('a list takes as many statements, however long it is', async () => {
  const person = await app.user();
  const statements = async () => (await statementsOf(() => person.get('/organization/list'))).length;
  await createOrganization(person);
  const few = await statements();
  for (let i = 0; i < 4; i++) await createOrganization(person);
  expect(await statements()).toBe(few);
});

test('what is no whole number from 0 on is 400 [surfaces]', async () => {
  for (const value of [-1, 1.5, '5', 2 ** 53, undefined, true]) {
    const { status, body } = await set(value);
    expect([status, Object.keys(body.error.fields)]).toEqual([400, ['maxOverages']]);
  }
  expect(await maximum()).toBe(0);
});

test('owners and billing set it; for a stranger there is no such organization', async () => {
  const [admin, billing, stranger] = [await join(app, id, 'admin'), await join(app, id, 'billing'), await app.user()];
  expect((await set(5, billing)).status).toBe(200);
  const refused = await set(6, admin);
  expect([refused.status, refused.body.error.code]).toEqual([403, 'permission_denied']);
  expect(seen(await set(6, stranger))).toEqual(
    seen(await owner.patch('/organization/x/max-overages', { maxOverages: 6 })),
  );
  expect(await maximum()).toBe(5);
});

test('set by many at a time, there is one limit, and it is one of theirs', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_each, i) => set(i + 1)));
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
  const { body } = await owner.get(`${S}/overageLimits?filter[organizationId]=${id}`);
  expect([body.meta.total, body.data[0].attributes.maxOverage]).toEqual([1, await maximum()]);
});
