import { told } from '../../events/feed';
import { errorsOf } from '../../jsonapi/world';
import { startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch } from '../crew';
import { move, moved, walletOf } from '../money';
import { limit, limited } from './limiting';

let app: TestApp;
let beside: TestApp;
let crew: Crew;
beforeAll(async () => {
  app = await startApp({ WALLET_SERVICES: 'storage' });
  beside = await startApp({ WALLET_SERVICES: 'storage' }, undefined, app);
});
afterAll(async () => {
  await beside.close();
  await app.close();
});
beforeEach(async () => {
  crew = await (await Crews.of(app)).make();
});

const change = (self: string, maxOverage: number | null, asker = crew.owner) =>
  patch(asker, 'overageLimits', self, { maxOverage });
const charge = (amount: number, more: object = {}) => move(app.platform, crew.id, 'charge', { amount, ...more });
const stateOf = async () => (await walletOf(app.platform, crew.id)).attributes;

test('a change holds at once, and is told with what was before [domain 7.2]', async () => {
  const { id, links } = await limited(crew.owner, crew.id, { maxOverage: 5 });
  const { answer, events } = await told(app, crew.id, () => change(links.self, 70));
  expect([answer.status, answer.body.data.attributes.maxOverage]).toEqual([200, 70]);
  expect(events).toMatchObject([
    {
      type: 'overage_limit.updated',
      data: { id, attributes: { maxOverage: 70 } },
      previous: { attributes: { maxOverage: 5 } },
    },
  ]);
  expect(await stateOf()).toMatchObject({ available: 70 });
  await change(links.self, null);
  expect(await stateOf()).toMatchObject({ available: null });
  // The same once more is no change.
  const again = await told(app, crew.id, () => change(links.self, null));
  expect([again.answer.status, again.types]).toEqual([200, []]);
  expect(errorsOf(await change(links.self, -1))).toEqual([['422', 'not_allowed', '/data/attributes/maxOverage']]);
  expect((await change(links.self, 1, crew.admin)).status).toBe(403);
});

test('it stays of its asset and service, whatever is sent back', async () => {
  const { links } = await limited(crew.owner, crew.id, { service: 'storage', maxOverage: 5 });
  const { body } = await patch(crew.owner, 'overageLimits', links.self, { asset: 'EUR', service: null, maxOverage: 6 });
  expect(body.data.attributes).toMatchObject({ asset: 'USD', service: 'storage', maxOverage: 6 });
});

test('it may be lower than what is used: then only what raises the balance is taken until it fits (INV-46)', async () => {
  const { links } = await limited(crew.owner, crew.id, { maxOverage: 100 });
  await moved(app.platform, crew.id, 'charge', { amount: 80 });
  expect((await change(links.self, 30)).status).toBe(200);
  expect(await stateOf()).toMatchObject({ balance: -80, overageUsed: 80, available: -50 });
  expect((await charge(1)).status).toBe(402);
  await moved(app.platform, crew.id, 'topup', { amount: 10 });
  expect((await charge(1)).status).toBe(402);
  await moved(app.platform, crew.id, 'topup', { amount: 41 });
  expect((await charge(1)).status).toBe(201);
  expect((await charge(1)).status).toBe(402);
});

test('removed, that of the asset holds for a service, and 0 for an asset; what holds now is told', async () => {
  const ofAsset = await limited(crew.owner, crew.id, { maxOverage: 10 });
  const ofService = await limited(crew.owner, crew.id, { service: 'storage', maxOverage: 50 });
  await moved(app.platform, crew.id, 'charge', { amount: 10, service: 'storage' });
  const first = await told(app, crew.id, () => crew.owner.delete(ofService.links.self));
  expect(first.answer.status).toBe(204);
  expect(first.events).toMatchObject([
    {
      type: 'overage_limit.updated',
      data: { id: ofService.id, attributes: { service: 'storage', maxOverage: 10 } },
      previous: { attributes: { maxOverage: 50 } },
    },
  ]);
  expect((await charge(1, { service: 'storage' })).status).toBe(402);
  const second = await told(app, crew.id, () => crew.owner.delete(ofAsset.links.self));
  expect(second.events).toMatchObject([
    { data: { attributes: { maxOverage: 0 } }, previous: { attributes: { maxOverage: 10 } } },
  ]);
  expect(await stateOf()).toMatchObject({ balance: -10, available: -10 });
  expect((await crew.owner.get(ofAsset.links.self)).status).toBe(404);
  expect((await limit(crew.owner, crew.id, { maxOverage: 3 })).status).toBe(201);
});

test('a version that is not the one read any more changes and removes nothing (INV-59)', async () => {
  const { links } = await limited(crew.owner, crew.id, { maxOverage: 1 });
  const { headers } = await crew.owner.get(links.self);
  const old = { 'If-Match': headers.etag as string };
  await change(links.self, 2);
  expect((await crew.owner.delete(links.self, old)).status).toBe(412);
  expect((await crew.owner.get(links.self)).body.data.attributes.maxOverage).toBe(2);
});

test('charges of two processes beside changes of the limit: none goes below the lowest limit that it could have met (INV-46)', async () => {
  const { links } = await limited(crew.owner, crew.id, { maxOverage: 1_000 });
  const platform = beside.as(app.platform.key);
  const changes = [400, 900, 0, 1_000].map((maxOverage) => () => change(links.self, maxOverage));
  const charges = Array.from(
    { length: 24 },
    (_each, i) => () => move(i % 2 ? platform : app.platform, crew.id, 'charge', { amount: 60 }),
  );
  const all = charges.flatMap((each, i) =>
    i % 6 === 3 ? [each, changes[Math.floor(i / 6)] as () => Promise<{ status: number }>] : [each],
  );
  const answers = await Promise.all(all.map((each) => each()));
  expect(answers.every(({ status }) => [200, 201, 402].includes(status))).toBe(true);
  const { balance } = await stateOf();
  expect(balance).toBe(-60 * answers.filter(({ status }) => status === 201).length);
  // In the order in which they were committed, each charge is within the limit that was the last one before it.
  const rows = await app.db.query(
    `select event_type, body::jsonb#>>'{data,attributes,maxOverage}', body::jsonb#>>'{data,attributes,balanceAfter}' from events
     where organization_id = $1 and event_type in ('wallet.charged', 'overage_limit.updated') order by sequence`,
    [crew.id],
  );
  let most = 0;
  for (const [type, maxOverage, balanceAfter] of rows) {
    if (type === 'overage_limit.updated') most = Number(maxOverage);
    else expect(Number(balanceAfter)).toBeGreaterThanOrEqual(-most);
  }
});

test('where charges never pause, a limit is still changed: it has its turn', async () => {
  const { links } = await limited(crew.owner, crew.id, { maxOverage: null });
  let isDone = false;
  const clients = Array.from({ length: 4 }, async () => {
    while (!isDone) expect((await charge(1)).status).toBe(201);
  });
  for (const maxOverage of [1_000_000, null, 2_000_000])
    expect((await change(links.self, maxOverage)).status).toBe(200);
  isDone = true;
  await Promise.all(clients);
});
