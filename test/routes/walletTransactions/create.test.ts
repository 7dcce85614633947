import { errorsOf } from '../../jsonapi/world';
import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { addsUp, keyed, move, moved, reverse, setLimit, transaction, walletOf } from '../money';

let app: TestApp;
let organization: string;
let key: Client;
beforeAll(async () => {
  app = await startApp({ WALLET_SERVICES: 'storage' });
});
afterAll(() => app.close());
beforeEach(async () => {
  const made = await createOrganization(app.platform);
  organization = made.id;
  key = app.as(made.attributes.token);
});

const PATH = `${S}/walletTransactions`;
const topUp = (amount: number, more: object = {}) => moved(app.platform, organization, 'topup', { amount, ...more });
const entriesOf = async ({ id }: Body) =>
  (await app.platform.get(`${PATH}/${id}/entries`)).body.data
    .map(({ attributes: { account, direction, amount, asset } }: Body) => `${direction} ${account} ${amount} ${asset}`)
    .sort();
const events = async () =>
  (
    await app.platform.get(`${S}/events?filter[organizationId]=${organization}&filter[eventType]=wallet.*`)
  ).body.data.map(({ attributes }: Body) => attributes);
const stateOf = async (asset = 'USD') => {
  const { balance, held, available, overageUsed } = (await walletOf(app.platform, organization, asset)).attributes;
  return { balance, held, available, overageUsed };
};
const reference = (id: string) => ({ reverses: link('walletTransactions', id) });

describe('a top-up', () => {
  test('debits funding, credits the wallet, and answers with the wallet behind it (INV-44, INV-45)', async () => {
    const answer = await move(key, organization, 'topup', {
      amount: 10_000,
      reference: 'invoice-7',
      metadata: { invoice: 7 },
    });
    expect([answer.status, answer.body.meta]).toEqual([
      201,
      { wallet: { balance: 10_000, held: 0, available: 10_000, overageUsed: 0 } },
    ]);
    const { id, attributes, relationships } = answer.body.data;
    expect(attributes).toMatchObject({
      kind: 'topup',
      amount: 10_000,
      asset: 'USD',
      direction: null,
      service: null,
      quantity: null,
      quantityAsset: null,
      reason: null,
      reference: 'invoice-7',
      balanceAfter: 10_000,
      metadata: { invoice: 7 },
      actor: { type: 'apiKey', name: 'Organization token' },
    });
    const wallet = await walletOf(key, organization);
    expect(relationships.wallet.data).toEqual({ type: 'wallets', id: wallet.id });
    expect(answer.headers.location).toBe(`${PATH}/${id}`);
    expect((await key.get(`${PATH}/${id}`)).body.data).toEqual(answer.body.data);
    expect(await entriesOf(answer.body.data)).toEqual(['credit wallet 10000 USD', 'debit funding 10000 USD']);
    expect(await events()).toMatchObject([
      { eventType: 'wallet.topped_up', data: { type: 'walletTransactions', id, attributes: { balanceAfter: 10_000 } } },
    ]);
  });

  test('names a wallet, or an organization and an asset; a wallet of another asset comes with its first posting', async () => {
    const wallet = await walletOf(key, organization);
    const named = document(
      'walletTransactions',
      { kind: 'topup', amount: 5 },
      { relationships: { wallet: link('wallets', wallet.id) } },
    );
    expect((await app.platform.post(PATH, named, keyed())).body.data.relationships.wallet.data.id).toBe(wallet.id);
    // Bound to one organization: it need not be named.
    const bare = document('walletTransactions', { kind: 'topup', amount: 5, asset: 'JPY' });
    expect((await key.post(PATH, bare, keyed())).body.meta.wallet.balance).toBe(5);
    expect((await walletOf(key, organization, 'JPY')).attributes).toMatchObject({
      scale: 0,
      balance: 5,
      status: 'active',
    });
    await topUp(1, { asset: 'KWD' });
    expect((await walletOf(key, organization, 'KWD')).attributes.scale).toBe(3);
    expect((await key.get(`${S}/wallets`)).body.meta.total).toBe(3);
  });

  test('beyond what a number keeps exactly is refused (INV-51)', async () => {
    await topUp(Number.MAX_SAFE_INTEGER);
    expect(errorsOf(await move(app.platform, organization, 'topup', { amount: 1 }))).toEqual([
      ['422', 'not_allowed', '/data/attributes/amount'],
    ]);
    expect(await stateOf()).toMatchObject({ balance: Number.MAX_SAFE_INTEGER });
    await moved(app.platform, organization, 'charge', { amount: Number.MAX_SAFE_INTEGER });
    expect(await stateOf()).toMatchObject({ balance: 0 });
  });
});

describe('a charge', () => {
  test('for sms takes money and gives units of SMS_POINT (9.6)', async () => {
    await topUp(1_000);
    const charge = await moved(key, organization, 'charge', {
      amount: 300,
      service: 'sms',
      quantity: 40,
      reason: 'March',
    });
    expect(charge.attributes).toMatchObject({
      service: 'sms',
      quantity: 40,
      quantityAsset: 'SMS_POINT',
      balanceAfter: 700,
    });
    expect(await entriesOf(charge)).toEqual([
      'credit revenue:sms 300 USD',
      'credit wallet 40 SMS_POINT',
      'debit issued:SMS_POINT 40 SMS_POINT',
      'debit wallet 300 USD',
    ]);
    expect(await stateOf('SMS_POINT')).toMatchObject({ balance: 40 });
    // Units are used up by charges of their own.
    await moved(key, organization, 'charge', { amount: 15, asset: 'SMS_POINT', service: 'sms' });
    expect(await stateOf('SMS_POINT')).toMatchObject({ balance: 25 });
    expect(await addsUp(key, organization)).toEqual([]);
  });

  test.each([
    ['an unknown service', { amount: 1, service: 'fax' }, ['422', 'not_allowed', '/data/attributes/service']],
    ['sms without units', { amount: 1, service: 'sms' }, ['422', 'required', '/data/attributes']],
    ['no units', { amount: 1, service: 'sms', quantity: 0 }, ['422', 'not_allowed', '/data/attributes/quantity']],
    [
      'units of a service without',
      { amount: 1, service: 'storage', quantity: 1 },
      ['422', 'not_allowed', '/data/attributes/quantity'],
    ],
    ['no amount', {}, ['422', 'required', '/data/attributes']],
    ['nothing', { amount: 0 }, ['422', 'not_allowed', '/data/attributes/amount']],
    ['less than nothing', { amount: -1 }, ['422', 'not_allowed', '/data/attributes/amount']],
    ['a part', { amount: 1.5 }, ['422', 'invalid_format', '/data/attributes/amount']],
    ['more than can be kept exactly', { amount: 2 ** 53 }, ['422', 'not_allowed', '/data/attributes/amount']],
    ['text', { amount: '5' }, ['422', 'invalid_format', '/data/attributes/amount']],
    ['a direction', { amount: 1, direction: 'debit' }, ['422', 'not_allowed', '/data/attributes/direction']],
    ['no asset', { amount: 1, asset: 'usd' }, ['422', 'invalid_format', '/data/attributes/asset']],
  ])('of %s is refused', async (_title, attributes, expected) => {
    expect(errorsOf(await move(app.platform, organization, 'charge', attributes))).toEqual([expected]);
  });

  test('up to the last unit, and not one more (INV-46)', async () => {
    await topUp(100);
    await moved(key, organization, 'charge', { amount: 100, service: 'storage' });
    const refused = await move(key, organization, 'charge', { amount: 1 });
    expect([refused.status, errorsOf(refused), refused.body.errors[0].meta]).toEqual([
      402,
      [['402', 'insufficient_funds', undefined]],
      { asset: 'USD', amount: 1, available: 0 },
    ]);
  });

  test('goes below zero within the limit: of the service if there is one, else of the asset (INV-46)', async () => {
    await setLimit(app, organization, 100);
    await setLimit(app, organization, 150, 'USD', 'storage');
    await moved(key, organization, 'charge', { amount: 100 });
    expect(await stateOf()).toEqual({ balance: -100, held: 0, available: 0, overageUsed: 100 });
    expect(errorsOf(await move(key, organization, 'charge', { amount: 1 }))).toEqual([
      ['402', 'overage_limit_exceeded', undefined],
    ]);
    await moved(key, organization, 'charge', { amount: 50, service: 'storage' });
    expect(errorsOf(await move(key, organization, 'charge', { amount: 1, service: 'storage' }))).toEqual([
      ['402', 'overage_limit_exceeded', undefined],
    ]);
    expect(await addsUp(key, organization)).toEqual([]);
  });

  test('a service with a limit of 0 has none although the asset has one', async () => {
    await setLimit(app, organization, null);
    await setLimit(app, organization, 0, 'USD', 'storage');
    expect(errorsOf(await move(key, organization, 'charge', { amount: 1, service: 'storage' }))).toEqual([
      ['402', 'insufficient_funds', undefined],
    ]);
    await moved(key, organization, 'charge', { amount: 1_000_000 });
    expect(await stateOf()).toEqual({ balance: -1_000_000, held: 0, available: null, overageUsed: 1_000_000 });
  });

  test('when the limit was lowered, only what raises the balance is taken until it fits (INV-46)', async () => {
    await setLimit(app, organization, 100);
    await moved(key, organization, 'charge', { amount: 80 });
    await setLimit(app, organization, 10);
    const debit = { amount: 1, direction: 'debit', reason: 'x' };
    for (const [kind, attributes] of [
      ['charge', { amount: 1 }],
      ['adjustment', debit],
    ] as const) {
      expect((await move(app.platform, organization, kind, attributes)).status).toBe(402);
    }
    await topUp(30);
    expect(await stateOf()).toMatchObject({ balance: -50, available: -40 });
    await topUp(41);
    await moved(key, organization, 'charge', { amount: 1 });
    expect(errorsOf(await move(key, organization, 'charge', { amount: 1 }))).toEqual([
      ['402', 'overage_limit_exceeded', undefined],
    ]);
  });

  test('that is refused is told, stored under its key and changes nothing (INV-48)', async () => {
    const asked = transaction(organization, 'charge', { amount: 7, service: 'storage', reference: 'r' });
    const headers = keyed();
    const first = await key.post(PATH, asked, headers);
    await topUp(100);
    const again = await key.post(PATH, asked, headers);
    expect([first.status, again.status, again.headers['idempotent-replayed']]).toEqual([402, 402, 'true']);
    expect(again.text).toBe(first.text);
    const refusal = { amount: 7, service: 'storage', reference: 'r', code: 'insufficient_funds', available: 0 };
    expect(await events()).toMatchObject([
      { eventType: 'wallet.charge_refused', data: { type: 'wallets', meta: { refusal } } },
      { eventType: 'wallet.topped_up' },
    ]);
    expect((await key.get(PATH)).body.meta.total).toBe(1);
  });

  test('that is refused in an asset without a wallet is told, too', async () => {
    expect((await move(key, organization, 'charge', { amount: 1, asset: 'EUR' })).status).toBe(402);
    expect(await events()).toMatchObject([
      { eventType: 'wallet.charge_refused', data: { attributes: { asset: 'EUR' } } },
    ]);
  });

  test('tells once of going below zero, of reaching the limit, and of coming back', async () => {
    await setLimit(app, organization, 50);
    await topUp(10);
    for (const amount of [20, 10, 30]) await moved(key, organization, 'charge', { amount });
    await topUp(20);
    await moved(key, organization, 'charge', { amount: 20 });
    await topUp(51);
    expect((await events()).map(({ eventType }: Body) => eventType)).toEqual([
      'wallet.topped_up',
      'wallet.charged',
      'wallet.overage_started',
      'wallet.charged',
      'wallet.charged',
      'wallet.overage_limit_reached',
      'wallet.topped_up',
      'wallet.charged',
      'wallet.overage_limit_reached',
      'wallet.topped_up',
      'wallet.overage_cleared',
    ]);
  });
});

describe('an adjustment', () => {
  test('goes in a direction, for a reason', async () => {
    expect(errorsOf(await move(app.platform, organization, 'adjustment', { amount: 5 }))).toEqual([
      ['422', 'required', '/data/attributes'],
      ['422', 'required', '/data/attributes'],
    ]);
    const credit = await moved(app.platform, organization, 'adjustment', {
      amount: 5,
      direction: 'credit',
      reason: 'Gift',
    });
    expect(await entriesOf(credit)).toEqual(['credit wallet 5 USD', 'debit adjustments 5 USD']);
    const debit = await moved(app.platform, organization, 'adjustment', {
      amount: 2,
      direction: 'debit',
      reason: 'Fee',
    });
    expect(await entriesOf(debit)).toEqual(['credit adjustments 2 USD', 'debit wallet 2 USD']);
    expect((await events()).map(({ eventType }: Body) => eventType)).toEqual(['wallet.adjusted', 'wallet.adjusted']);
  });
});

describe('a reversal', () => {
  test('turns the entries round, once, and is seen from both (INV-47)', async () => {
    const first = await topUp(100);
    const answer = await reverse(app.platform, organization, first.id);
    expect(answer.body.data).toMatchObject({
      attributes: { kind: 'reversal', amount: 100, balanceAfter: 0 },
      relationships: { reverses: { data: { id: first.id } }, reversedBy: { data: null } },
    });
    expect(await entriesOf(answer.body.data)).toEqual(['credit funding 100 USD', 'debit wallet 100 USD']);
    const { body, headers } = await app.platform.get(`${PATH}/${first.id}`);
    expect(body.data.relationships.reversedBy.data).toEqual({ type: 'walletTransactions', id: answer.body.data.id });
    expect(headers.etag).not.toBe((await app.platform.get(`${PATH}/${answer.body.data.id}`)).headers.etag);
    expect(errorsOf(await reverse(app.platform, organization, first.id))).toEqual([
      ['409', 'already_reversed', undefined],
    ]);
    expect(await events()).toMatchObject([{}, { eventType: 'wallet.transaction_reversed' }]);
  });

  test('of a charge takes its units back, and not when they are spent', async () => {
    await topUp(100);
    const charge = await moved(key, organization, 'charge', { amount: 60, service: 'sms', quantity: 10 });
    await moved(key, organization, 'charge', { amount: 1, asset: 'SMS_POINT' });
    const refused = await reverse(app.platform, organization, charge.id);
    expect([errorsOf(refused), refused.body.errors[0].meta]).toEqual([
      [['402', 'insufficient_funds', undefined]],
      { asset: 'SMS_POINT', amount: 10, available: 9 },
    ]);
    await topUp(1, { asset: 'SMS_POINT' });
    const done = (await reverse(app.platform, organization, charge.id)).body.data;
    expect(await entriesOf(done)).toEqual([
      'credit issued:SMS_POINT 10 SMS_POINT',
      'credit wallet 60 USD',
      'debit revenue:sms 60 USD',
      'debit wallet 10 SMS_POINT',
    ]);
    expect([await stateOf(), await stateOf('SMS_POINT')]).toMatchObject([{ balance: 100 }, { balance: 0 }]);
    expect(await addsUp(app.platform, organization)).toEqual([]);
  });

  test('of adjustments, in both directions', async () => {
    for (const direction of ['credit', 'debit']) {
      await topUp(10);
      const { id } = await moved(app.platform, organization, 'adjustment', { amount: 7, direction, reason: 'x' });
      expect((await reverse(app.platform, organization, id)).status).toBe(201);
    }
    expect(await stateOf()).toMatchObject({ balance: 20 });
  });

  test('of a top-up that is spent is bound by the limit', async () => {
    const { id } = await topUp(100);
    await moved(key, organization, 'charge', { amount: 1 });
    expect(errorsOf(await reverse(app.platform, organization, id))).toEqual([['402', 'insufficient_funds', undefined]]);
  });

  test('is of the full amount, of what can be reversed, and at its own wallet', async () => {
    const { id } = await topUp(100);
    const reversal = (attributes: object, relationships: object = reference(id)) =>
      move(app.platform, organization, 'reversal', { reason: 'x', ...attributes }, relationships);
    const other = await createOrganization(app.platform);
    const wallet = link('wallets', (await walletOf(app.platform, other.id)).id);
    expect(errorsOf(await reversal({ amount: 99 }))).toEqual([['422', 'not_allowed', '/data/attributes/amount']]);
    expect(errorsOf(await reversal({ asset: 'EUR' }))).toEqual([['422', 'not_allowed', '/data/attributes/asset']]);
    expect(errorsOf(await reversal({}, { ...reference(id), wallet }))).toEqual([
      ['422', 'not_allowed', '/data/relationships/wallet/data'],
    ]);
    expect(errorsOf(await reversal({}, {}))).toEqual([['422', 'required', '/data']]);
    expect(errorsOf(await move(app.platform, organization, 'topup', { amount: 1 }, reference(id)))).toEqual([
      ['422', 'not_allowed', '/data/relationships/reverses/data'],
    ]);
    const done = await reversal({ amount: 100 });
    expect(done.status).toBe(201);
    expect(errorsOf(await reversal({}, reference(done.body.data.id)))).toEqual([
      ['422', 'not_allowed', '/data/relationships/reverses/data'],
    ]);
  });
});

describe('who and when', () => {
  test('without an Idempotency-Key nothing moves (INV-48)', async () => {
    const answer = await key.post(PATH, transaction(organization, 'topup', { amount: 1 }));
    expect(errorsOf(answer)).toEqual([['400', 'idempotency_key_required', 'Idempotency-Key']]);
    const added = { op: 'add', ...transaction(organization, 'topup', { amount: 1 }) };
    const operations = { 'atomic:operations': [added, added] };
    const type = { 'Content-Type': 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"' };
    const atomic = (headers: object) =>
      key.post(`${S}/operations`, operations, { ...type, Accept: type['Content-Type'], ...headers });
    expect(errorsOf(await atomic({}))[0]?.slice(0, 2)).toEqual(['400', 'idempotency_key_required']);
    const done = await atomic(keyed());
    expect(done.body['atomic:results'].map(({ meta }: Body) => meta.wallet.balance)).toEqual([1, 2]);
    expect(await stateOf()).toMatchObject({ balance: 2 });
  });

  test('one key moves money once, however many ask at a time (INV-48)', async () => {
    const headers = keyed();
    const asked = transaction(organization, 'topup', { amount: 10 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => key.post(PATH, asked, headers)));
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
    expect(await stateOf()).toMatchObject({ balance: 10 });
    expect(errorsOf(await key.post(PATH, transaction(organization, 'topup', { amount: 11 }), headers))).toEqual([
      ['422', 'idempotency_key_reused', 'Idempotency-Key'],
    ]);
  });

  test('kinds that holds make are not made here', async () => {
    for (const kind of ['hold', 'capture', 'release', 'transfer']) {
      expect(errorsOf(await move(app.platform, organization, kind, { amount: 1 }))).toEqual([
        ['422', 'not_allowed', '/data/attributes/kind'],
      ]);
    }
  });

  test('a wallet must be meant', async () => {
    expect(
      errorsOf(await app.platform.post(PATH, document('walletTransactions', { kind: 'topup', amount: 1 }), keyed())),
    ).toEqual([['422', 'required', '/data']]);
  });

  test('a suspended organization is not charged by anybody, and topped up by the operator', async () => {
    await topUp(100);
    const self = `${S}/management/organizations/${organization}`;
    const suspended = document('organizations', { status: 'suspended', statusReason: 'x' }, { id: organization });
    await app.platform.patch(self, suspended);
    expect(errorsOf(await move(key, organization, 'topup', { amount: 1 }))[0]?.[1]).toBe('organization_suspended');
    expect(errorsOf(await move(app.platform, organization, 'charge', { amount: 1 }))).toEqual([
      ['403', 'organization_suspended', undefined],
    ]);
    await topUp(1);
  });
});
