import { told } from '../../events/feed';
import { type Body, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch } from '../crew';
import { capture, place } from '../holds/holding';
import { moved, walletOf } from '../money';
import { limited } from '../overageLimits/limiting';
import { PATH, watched } from './watching';

let app: TestApp;
let crews: Crews;
let crew: Crew;
let wallet: string;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
});
afterAll(() => app.close());
beforeEach(async () => {
  crew = await crews.make();
  wallet = (await walletOf(app.platform, crew.id)).id;
});

const alert = (attributes: object) => watched(app.platform, wallet, attributes);
const topUp = (amount: number) => moved(app.platform, crew.id, 'topup', { amount });
const charge = (amount: number) => moved(app.platform, crew.id, 'charge', { amount });
/** What alerts have told by `work`: `triggered 100`, by the threshold. */
const crossed = async (work: () => Promise<unknown>): Promise<string[]> => {
  const { events } = await told(app, crew.id, work);
  return events
    .filter(({ type }) => type.startsWith('wallet.alert_'))
    .map(({ type, data }) => `${type.replace('wallet.alert_', '')} ${data.attributes.lastThreshold}`);
};
const sideOf = async ({ id }: Body) => (await app.platform.get(`${PATH}/${id}`)).body.data.attributes.lastSide;

test('an alert tells when the value passes its threshold, once, and again when it has been back [domain 7.2]', async () => {
  await topUp(200);
  const { id } = await alert({ direction: 'below', value: 100, notifyOnResolved: true });
  expect(await crossed(() => charge(100))).toEqual([]);
  const { events } = await told(app, crew.id, () => charge(1));
  expect(events).toMatchObject([
    { type: 'wallet.charged' },
    {
      type: 'wallet.alert_triggered',
      data: {
        type: 'walletAlerts',
        id,
        attributes: { lastSide: 'below', lastValue: 99, lastThreshold: 100 },
        relationships: { wallet: { data: { type: 'wallets', id: wallet } } },
      },
    },
  ]);
  const shown = await app.platform.get(`${PATH}/${id}`);
  expect(shown.body.data.attributes).toEqual(events[1]?.data.attributes);
  expect(await crossed(() => charge(50))).toEqual([]);
  expect(await crossed(() => topUp(51))).toEqual(['resolved 100']);
  expect(await crossed(() => charge(1))).toEqual(['triggered 100']);
});

test('one that is on its side already tells when that is reached the next time', async () => {
  await alert({ direction: 'below', value: 100 });
  expect(await crossed(() => topUp(50))).toEqual([]);
  expect(await crossed(() => charge(50))).toEqual([]);
  expect(await crossed(() => topUp(100))).toEqual([]);
  expect(await crossed(() => charge(1))).toEqual(['triggered 100']);
});

test('above is told likewise, and an amount that passes several thresholds tells each', async () => {
  await alert({ direction: 'above', value: 10 });
  await alert({ direction: 'above', value: 20, notifyOnResolved: true });
  await alert({ direction: 'above', value: 31 });
  await alert({ direction: 'below', value: 5 });
  expect(await crossed(() => topUp(10))).toEqual([]);
  expect(await crossed(() => topUp(21))).toEqual(['triggered 10', 'triggered 20']);
  expect(await crossed(() => charge(31))).toEqual(['resolved 20', 'triggered 5']);
});

test('a recurring step tells of each multiple beyond the threshold, in one posting or in many, and of each again when it has been back', async () => {
  await topUp(1_000);
  await alert({ direction: 'below', value: 1_000, recurringStep: 200, notifyOnResolved: true });
  expect(await crossed(() => charge(1))).toEqual(['triggered 1000']);
  expect(await crossed(() => charge(199))).toEqual([]);
  expect(await crossed(() => charge(1))).toEqual(['triggered 800']);
  expect(await crossed(() => charge(500))).toEqual(['triggered 600', 'triggered 400']);
  expect(await crossed(() => topUp(101))).toEqual([]);
  expect(await crossed(() => charge(1))).toEqual(['triggered 400']);
  expect(await crossed(() => topUp(601))).toEqual(['resolved 1000']);
  expect(await crossed(() => charge(1_000))).toEqual([1_000, 800, 600, 400, 200].map((each) => `triggered ${each}`));
});

test('what one posting tells has an end: of very many steps the last, with the rest of the alerts beside it', async () => {
  await alert({ direction: 'above', value: 0, recurringStep: 1 });
  await alert({ direction: 'above', value: 7 });
  const told = await crossed(() => topUp(Number.MAX_SAFE_INTEGER));
  expect([told.length, told.at(-2), told.at(-1)]).toEqual([
    101,
    `triggered ${Number.MAX_SAFE_INTEGER - 1}`,
    'triggered 7',
  ]);
});

test('it is judged by the balance less what is held: a hold counts when it is placed, not when it is captured [domain 9.6]', async () => {
  await topUp(100);
  await alert({ direction: 'below', value: 60, notifyOnResolved: true });
  const selves: string[] = [];
  const reserve = async (amount: number) => selves.push((await place(app.platform, crew.id, { amount })).links.self);
  expect(await crossed(() => reserve(50))).toEqual(['triggered 60']);
  expect(await crossed(() => capture(app.platform, selves[0] as string, { amount: 45 }))).toEqual([]);
  expect(await crossed(() => topUp(5))).toEqual(['resolved 60']);
  expect(await crossed(() => reserve(1))).toEqual(['triggered 60']);
  expect(await crossed(() => app.platform.post(`${selves[1]}/void`))).toEqual(['resolved 60']);
  await reserve(1);
  // All of it is taken: what is left stays the same.
  expect(await crossed(() => capture(app.platform, selves[2] as string))).toEqual([]);
});

describe('a share of the limit', () => {
  test('is told when it is used, all of it too, and moves with the limit without telling anything', async () => {
    const limit = await limited(app.platform, crew.id, { maxOverage: 100 });
    const most = await alert({ direction: 'below', percentOfLimit: 80, notifyOnResolved: true });
    const all = await alert({ direction: 'below', percentOfLimit: 100 });
    expect(await crossed(() => charge(79))).toEqual([]);
    expect(await crossed(() => charge(1))).toEqual(['triggered -80']);
    expect(await crossed(() => charge(20))).toEqual(['triggered -100']);
    const change = (maxOverage: number | null) =>
      patch(app.platform, 'overageLimits', limit.links.self, { maxOverage });
    expect(await crossed(() => change(1_000))).toEqual([]);
    expect([await sideOf(most), await sideOf(all)]).toEqual(['above', 'above']);
    expect(await crossed(() => charge(699))).toEqual([]);
    expect(await crossed(() => change(998))).toEqual([]);
    // 798.4 are 80 %: 799 reach it.
    expect([await sideOf(most), await sideOf(all)]).toEqual(['below', 'above']);
    expect(await crossed(() => topUp(1))).toEqual(['resolved -799']);
    expect(await crossed(() => charge(1))).toEqual(['triggered -799']);
  });

  test('of no limit, and of 0, is nowhere', async () => {
    const below = await alert({ direction: 'below', percentOfLimit: 1, recurringStep: 1 });
    const above = await alert({ direction: 'above', percentOfLimit: 50 });
    expect(await crossed(() => topUp(10))).toEqual([]);
    expect(await crossed(() => charge(10))).toEqual([]);
    const { links } = await limited(app.platform, crew.id, { maxOverage: null });
    expect(await crossed(() => charge(1_000_000))).toEqual([]);
    expect([await sideOf(below), await sideOf(above)]).toEqual(['above', 'below']);
    await app.platform.delete(links.self);
    expect(await crossed(() => topUp(2_000_000))).toEqual([]);
  });
});

test('of charges at a time each tells what it has passed itself: every step is told once', async () => {
  await topUp(1_000);
  await alert({ direction: 'below', value: 1_000, recurringStep: 50 });
  const told = await crossed(() => Promise.all(Array.from({ length: 20 }, () => charge(37))));
  // 740 are taken: 260 are left, and the last step beyond is 300.
  expect(told).toEqual(Array.from({ length: 15 }, (_each, i) => `triggered ${1_000 - 50 * i}`));
});
