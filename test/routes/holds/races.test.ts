import { expireHolds } from '../../../src/services/holds';
import { type Answer, type Client, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch } from '../crew';
import { addsUp, keyed, move, moved, walletOf } from '../money';
import { limited } from '../overageLimits/limiting';
import { capture, hold, PATH, place } from './holding';

/** Two processes on one database: a hold ends once, and what is held is never held twice (INV-46, INV-49). */

let app: TestApp;
let beside: TestApp;
let askers: [Client, Client];
let crew: Crew;
beforeAll(async () => {
  // Whoever waits for the wallet has a connection meanwhile: on a busy machine that takes longer than a request may.
  const env = { DATABASE_TIMEOUT_MS: '20000' };
  app = await startApp(env);
  beside = await startApp(env, undefined, app);
  askers = [app.platform, beside.as(app.platform.key)];
});
afterAll(async () => {
  await beside.close();
  await app.close();
});
beforeEach(async () => {
  crew = await (await Crews.of(app)).make();
});

const asker = (i: number): Client => askers[i % 2] as Client;
const topUp = (amount: number) => moved(app.platform, crew.id, 'topup', { amount });
const stateOf = async () => (await walletOf(app.platform, crew.id)).attributes;
const statuses = (answers: readonly Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};
/** Each hold has one transaction that placed it, and ended by itself or by a capture with the rest. */
const endings = async (): Promise<unknown> => {
  const rows = await app.db.query(
    `select h.status, h.captured, h.released, string_agg(t.kind || ' ' || t.amount, ', ' order by t.kind)
     from holds h join wallet_transactions t on t.hold_id = h.id where h.organization_id = $1 group by h.id order by 1, 2, 3, 4`,
    [crew.id],
  );
  return rows;
};

test('of captures and voids at a time one ends the hold, the others find it closed', async () => {
  await topUp(100);
  const { links } = await place(app.platform, crew.id, { amount: 60 });
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_each, i) =>
      i % 3 === 0 ? asker(i).post(`${links.self}/void`) : capture(asker(i), links.self, { amount: 40 }),
    ),
  );
  expect(statuses(answers)).toEqual({ 200: 1, 409: 11 });
  const isTaken = (await app.platform.get(links.self)).body.data.attributes.status === 'captured';
  expect(await endings()).toEqual([
    isTaken ? ['captured', 40, 20, 'capture 40, hold 60, release 20'] : ['voided', 0, 60, 'hold 60, release 60'],
  ]);
  expect(await stateOf()).toMatchObject({ balance: isTaken ? 60 : 100, held: 0 });
  expect(await addsUp(app.platform, crew.id)).toEqual([]);
});

test('holds at a time hold what there is, and no more (INV-46)', async () => {
  await topUp(100);
  const answers = await Promise.all(Array.from({ length: 20 }, (_each, i) => hold(asker(i), crew.id, { amount: 9 })));
  expect(statuses(answers)).toEqual({ 201: 11, 402: 9 });
  expect(await stateOf()).toMatchObject({ balance: 100, held: 99, available: 1 });
});

test('one key holds and captures once, however many ask at a time (INV-48)', async () => {
  await topUp(100);
  const headers = keyed();
  const asked = {
    data: {
      type: 'holds',
      attributes: { amount: 30 },
      relationships: { organization: { data: { type: 'organizations', id: crew.id } } },
    },
  };
  const made = await Promise.all(Array.from({ length: 6 }, (_each, i) => asker(i).post(PATH, asked, headers)));
  expect(made.every(({ status }) => status === 201 || status === 409)).toBe(true);
  const { self } = (made.find(({ status }) => status === 201) as Answer).body.data.links;
  const key = keyed();
  const taken = await Promise.all(
    Array.from({ length: 6 }, (_each, i) => asker(i).post(`${self}/capture`, undefined, key)),
  );
  expect(taken.every(({ status, body }) => status === 200 || body.errors[0].code === 'request_in_progress')).toBe(true);
  expect(await stateOf()).toMatchObject({ balance: 70, held: 0 });
});

test('captures beside the sweeps of two processes: each hold is captured or expires, never both (INV-49)', async () => {
  await topUp(1_000);
  const made = await Promise.all(Array.from({ length: 16 }, (_each, i) => place(asker(i), crew.id, { amount: 10 })));
  // Of every second one the time is over while it is captured.
  await app.db.query(
    `update holds h set expires_at = clock_timestamp() + make_interval(secs => 0.05 * x.place)
     from unnest($1::uuid[]) with ordinality x (id, place) where h.id = x.id`,
    [made.map(({ id }) => id)],
  );
  const sweeps = Array.from({ length: 6 }, (_each, i) => expireHolds((i % 2 ? beside : app).services));
  const answers = await Promise.all(made.map(({ links }, i) => capture(asker(i), links.self, { amount: 4 })));
  await Promise.all(sweeps);
  expect(answers.every(({ status, body }) => status === 200 || body.errors[0].code === 'hold_closed')).toBe(true);
  await app.db.query("update holds set expires_at = now() where organization_id = $1 and status = 'open'", [crew.id]);
  await expireHolds(app.services);
  const captured = answers.filter(({ status }) => status === 200).length;
  expect(await endings()).toEqual([
    ...Array(captured).fill(['captured', 4, 6, 'capture 4, hold 10, release 6']),
    ...Array(16 - captured).fill(['expired', 0, 10, 'hold 10, release 10']),
  ]);
  expect(await stateOf()).toMatchObject({ balance: 1_000 - 4 * captured, held: 0 });
  expect(await addsUp(app.platform, crew.id)).toEqual([]);
});

test('whatever is done at a time with one wallet, nobody ends in a deadlock, and it all adds up (INV-45)', async () => {
  await topUp(200);
  const limit = await limited(app.platform, crew.id, { maxOverage: 50 });
  const alerts = { type: 'walletAlerts', attributes: { direction: 'below', percentOfLimit: 50, recurringStep: 10 } };
  const wallet = { data: { type: 'wallets', id: (await walletOf(app.platform, crew.id)).id } };
  const alert = (await app.platform.post('/public/v2/walletAlerts', { data: { ...alerts, relationships: { wallet } } }))
    .body.data;
  const open = await Promise.all(Array.from({ length: 6 }, (_each, i) => place(asker(i), crew.id, { amount: 5 })));
  const doings: ((i: number) => Promise<Answer>)[] = [
    (i) => hold(asker(i), crew.id, { amount: 7 }),
    (i) => move(asker(i), crew.id, 'charge', { amount: 13 }),
    (i) => patch(asker(i), 'overageLimits', limit.links.self, { maxOverage: 10 * (i % 9) }),
    (i) => capture(asker(i), open[i % 6]?.links.self as string, { amount: 2 }),
    (i) => patch(asker(i), 'walletAlerts', alert.links.self, { recurringStep: 1 + i }),
    (i) => move(asker(i), crew.id, 'topup', { amount: 3 }),
    (i) => asker(i).post(`${open[(i + 1) % 6]?.links.self}/void`),
    (i) => patch(asker(i), 'organizations', crew.self, { name: `Name ${i}` }),
  ];
  const answers = await Promise.all(
    Array.from({ length: 56 }, (_each, i) => (doings[i % 8] as (i: number) => Promise<Answer>)(i)),
  );
  const failed = answers.filter(({ status, body }) => status >= 500 || body?.errors?.[0]?.code === 'conflict');
  expect(failed.map(({ text }) => text)).toEqual([]);
  expect(await addsUp(app.platform, crew.id)).toEqual([]);
});
