import { expireHolds } from '../../../src/services/holds';
import { eventOf, inEvents, SYSTEM, shown, told, userActor } from '../../events/feed';
import { errorsOf } from '../../jsonapi/world';
import { type Body, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch } from '../crew';
import { keyed, moved, walletOf } from '../money';
import { capture, expire, hold, PATH, place } from './holding';

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp({ WALLET_SERVICES: 'storage' });
  crews = await Crews.of(app);
});
afterAll(() => app.close());
beforeEach(async () => {
  crew = await crews.make();
  await moved(app.platform, crew.id, 'topup', { amount: 100 });
});

const stateOf = async () => {
  const { balance, held, available } = (await walletOf(app.platform, crew.id)).attributes;
  return { balance, held, available };
};
const heldBack = (attributes: object = {}) =>
  place(crew.owner, crew.id, { amount: 40, service: 'storage', ...attributes });
const voided = (self: string, headers?: Record<string, string>) => crew.owner.post(`${self}/void`, undefined, headers);
const movements = async ({ id }: Body) =>
  (
    await app.db.query(
      `select e.direction || ' ' || e.account || ' ' || e.amount from wallet_transactions t
       join ledger_entries e on e.transaction_id = t.id where t.hold_id = $1 and t.kind <> 'hold' order by 1`,
      [id],
    )
  ).map(([text]) => text);

describe('a capture', () => {
  test('of a part takes it and gives the rest back, and is told with what was before (INV-49)', async () => {
    const made = await heldBack();
    const { answer, events } = await told(app, crew.id, () => capture(crew.owner, made.links.self, { amount: 25 }));
    expect([answer.status, answer.body.meta]).toEqual([
      200,
      { wallet: { balance: 75, held: 0, available: 75, overageUsed: 0 } },
    ]);
    expect(answer.body.data.attributes).toMatchObject({ status: 'captured', amount: 40, captured: 25, released: 15 });
    expect(events).toEqual([
      eventOf('wallet.hold_captured', crew.id, {
        actor: userActor(crew.owner),
        answer,
        data: inEvents(answer.body.data),
        previous: { attributes: { status: 'open', captured: 0, released: 0 } },
      }),
    ]);
    expect(await movements(made)).toEqual([
      'credit revenue:storage 25',
      'credit wallet 15',
      'debit held 15',
      'debit held 25',
    ]);
    const { body } = await crew.owner.get(`${made.links.self}/transactions?sort=occurredAt`);
    expect(body.data.map(({ attributes }: Body) => [attributes.kind, attributes.amount]).sort()).toEqual([
      ['capture', 25],
      ['hold', 40],
      ['release', 15],
    ]);
  });

  test('without an amount takes all', async () => {
    const made = await heldBack();
    const { body } = await capture(crew.owner, made.links.self);
    expect(body.data.attributes).toMatchObject({ status: 'captured', captured: 40, released: 0 });
    expect(await movements(made)).toEqual(['credit revenue:storage 40', 'debit held 40']);
    expect(await stateOf()).toEqual({ balance: 60, held: 0, available: 60 });
  });

  test.each([
    ['more than is held', 41],
    ['nothing', 0],
  ])('of %s is refused, and the hold stays open (INV-49)', async (_title, amount) => {
    const { links } = await heldBack();
    expect(errorsOf(await capture(crew.owner, links.self, { amount }))).toEqual([
      ['422', 'not_allowed', '/meta/amount'],
    ]);
    expect((await crew.owner.get(links.self)).body.data.attributes.status).toBe('open');
  });

  test('is undone by a reversal, as a charge is (9.6)', async () => {
    const { links } = await heldBack();
    await capture(crew.owner, links.self, { amount: 25 });
    const { body } = await crew.owner.get(`${links.self}/transactions`);
    const byKind = (kind: string) => body.data.find(({ attributes }: Body) => attributes.kind === kind).id;
    const reverse = (id: string) =>
      app.platform.post(
        '/public/v2/walletTransactions',
        {
          data: {
            type: 'walletTransactions',
            attributes: { kind: 'reversal', reason: 'x' },
            relationships: { reverses: { data: { type: 'walletTransactions', id } } },
          },
        },
        keyed(),
      );
    expect(errorsOf(await reverse(byKind('release')))).toEqual([
      ['422', 'not_allowed', '/data/relationships/reverses/data'],
    ]);
    expect((await reverse(byKind('capture'))).status).toBe(201);
    expect(await stateOf()).toEqual({ balance: 100, held: 0, available: 100 });
  });

  test('is refused in a frozen wallet and a suspended organization; a void is not (INV-50)', async () => {
    const [one, two] = [await heldBack(), await heldBack()];
    const { links } = await walletOf(app.platform, crew.id);
    await patch(app.platform, 'wallets', links.self, { status: 'frozen' });
    expect(errorsOf(await capture(crew.owner, one.links.self))).toEqual([['409', 'wallet_frozen', undefined]]);
    expect((await voided(one.links.self)).status).toBe(200);
    await patch(app.platform, 'wallets', links.self, { status: 'active' });
    await patch(app.platform, 'organizations', crew.self, { status: 'suspended', statusReason: 'late' });
    expect(errorsOf(await capture(app.platform, two.links.self))).toEqual([
      ['403', 'organization_suspended', undefined],
    ]);
    expect((await app.platform.post(`${two.links.self}/void`)).status).toBe(200);
    expect(await stateOf()).toEqual({ balance: 100, held: 0, available: 100 });
  });
});

test('a void gives all back, without a key, and is told', async () => {
  const made = await heldBack();
  const { answer, events } = await told(app, crew.id, () => voided(made.links.self));
  expect([answer.status, answer.body.meta.wallet]).toEqual([
    200,
    { balance: 100, held: 0, available: 100, overageUsed: 0 },
  ]);
  expect(answer.body.data.attributes).toMatchObject({ status: 'voided', captured: 0, released: 40 });
  expect(events).toMatchObject([
    {
      type: 'wallet.hold_voided',
      data: inEvents(answer.body.data),
      previous: { attributes: { status: 'open', released: 0 } },
    },
  ]);
  expect(await movements(made)).toEqual(['credit wallet 40', 'debit held 40']);
});

test('what has ended does not end again, and a version that is not the one read any more ends nothing (INV-49, INV-59)', async () => {
  const { links } = await heldBack();
  const tag = (await crew.owner.get(links.self)).headers.etag as string;
  const old = { 'If-Match': tag.replace(/^"1/, '"2') };
  expect((await voided(links.self, old)).status).toBe(412);
  expect((await crew.owner.post(`${links.self}/capture`, undefined, { ...old, ...keyed() })).status).toBe(412);
  expect((await voided(links.self, { 'If-Match': tag })).status).toBe(200);
  for (const answer of [await voided(links.self), await capture(crew.owner, links.self)]) {
    expect(errorsOf(answer)).toEqual([['409', 'hold_closed', undefined]]);
  }
  expect(await stateOf()).toEqual({ balance: 100, held: 0, available: 100 });
});

describe('a hold whose time is over', () => {
  test('reads as expired and can’t be ended by anybody, whether or not it was swept (INV-21, INV-49)', async () => {
    const { id, links } = await heldBack();
    await expire(app, id);
    expect((await crew.owner.get(links.self)).body.data.attributes).toMatchObject({ status: 'expired', released: 0 });
    for (const answer of [await voided(links.self), await capture(crew.owner, links.self)]) {
      expect(errorsOf(answer)).toEqual([['409', 'hold_closed', undefined]]);
    }
    expect(await stateOf()).toEqual({ balance: 100, held: 40, available: 60 });
    const { events } = await told(app, crew.id, () => expireHolds(app.services));
    expect(events).toEqual([
      eventOf('wallet.hold_expired', crew.id, {
        actor: SYSTEM,
        answer: null,
        data: await shown(app.platform, `${PATH}/${id}`),
        previous: { attributes: { status: 'open', released: 0 } },
      }),
    ]);
    expect(events[0]?.data.attributes).toMatchObject({ status: 'expired', captured: 0, released: 40 });
    expect(await stateOf()).toEqual({ balance: 100, held: 0, available: 100 });
    expect((await told(app, crew.id, () => expireHolds(app.services))).types).toEqual([]);
  });

  test('is given back in a frozen wallet, and in an organization that is being deleted (INV-50)', async () => {
    const [one, two] = [await heldBack({ amount: 1 }), await heldBack({ amount: 2 })];
    await expire(app, one.id);
    const { links } = await walletOf(app.platform, crew.id);
    await patch(app.platform, 'wallets', links.self, { status: 'frozen' });
    await expireHolds(app.services);
    expect(await stateOf()).toEqual({ balance: 100, held: 2, available: 98 });
    await app.platform.delete(crew.self);
    await expire(app, two.id);
    await expireHolds(app.services);
    await app.platform.post(`${crew.self}/restore`);
    expect(await stateOf()).toEqual({ balance: 100, held: 0, available: 100 });
  });

  test('is one of many: all are given back, some at a time', async () => {
    const mine = await heldBack({ amount: 1 });
    await app.db.query(
      `select post_transaction($1, 'USD', jsonb_build_object('kind', 'hold', 'amount', 1, 'expiresAt', now() + interval '1 hour',
         'actor', '{"type": "system"}'::jsonb)) from generate_series(1, 50)`,
      [crew.id],
    );
    await app.db.query(
      "update holds set expires_at = now() - interval '1 second' where organization_id = $1 and id <> $2",
      [crew.id, mine.id],
    );
    await expireHolds(app.services);
    expect(await stateOf()).toEqual({ balance: 100, held: 1, available: 99 });
  });
});

test('a purge gives back what is open first: the ledger that stays adds up (INV-9, INV-45)', async () => {
  await heldBack();
  const due = await heldBack({ amount: 5 });
  await expire(app, due.id);
  expect((await app.platform.delete(`${crew.self}?purgeNow=true`)).status).toBe(204);
  const rows = await app.db.query('select status, released from holds where organization_id = $1 order by amount', [
    crew.id,
  ]);
  expect(rows).toEqual([
    ['expired', 5],
    ['voided', 40],
  ]);
  const [wallet] = await app.db.query('select balance, held from wallets where organization_id = $1', [crew.id]);
  expect(wallet).toEqual([100, 0]);
  const told = await app.db.query('select event_type from events where organization_id = $1', [crew.id]);
  expect(told).toEqual([['organization.purged']]);
  const audited = await app.db.query(
    "select action, actor_type from audit_events where organization_id = $1 and action like 'wallet.hold_%' and action <> 'wallet.hold_placed' order by 1",
    [crew.id],
  );
  expect(audited).toEqual([
    ['wallet.hold_expired', 'system'],
    ['wallet.hold_voided', 'system'],
  ]);
  expect((await hold(app.platform, crew.id, { amount: 1 })).status).toBe(404);
});
