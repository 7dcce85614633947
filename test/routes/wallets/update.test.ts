import { errorsOf } from '../../jsonapi/world';
import { type Body, type Client, createOrganization, document, S, startApp, type TestApp } from '../../support/app';
import { move, moved, walletOf } from '../money';

let app: TestApp;
let organization: string;
let key: Client;
let wallet: string;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  const made = await createOrganization(app.platform);
  organization = made.id;
  key = app.as(made.attributes.token);
  wallet = (await walletOf(key, organization)).id;
});

const set = (status: string, headers = {}, asker: Client = key) =>
  asker.patch(`${S}/wallets/${wallet}`, document('wallets', { status }, { id: wallet }), headers);
const events = async () =>
  (await key.get(`${S}/events?filter[eventType]=wallet.*`)).body.data.map(({ attributes }: Body) => attributes);

test('comes with its organization, in the asset of the installation, without an event', async () => {
  expect((await walletOf(key, organization)).attributes).toMatchObject({
    asset: 'USD',
    scale: 2,
    balance: 0,
    held: 0,
    available: 0,
    overageUsed: 0,
    status: 'active',
  });
  expect(await events()).toEqual([]);
  const other = await startApp({ WALLET_ASSET: 'SMS_POINT' });
  try {
    const { id } = await createOrganization(other.platform);
    const { body } = await other.platform.get(`${S}/wallets?filter[organizationId]=${id}`);
    expect(body.data.map(({ attributes }: Body) => [attributes.asset, attributes.scale])).toEqual([['SMS_POINT', 0]]);
  } finally {
    await other.close();
  }
});

test('a frozen wallet takes top-ups, adjustments and reversals, and no charges (INV-50)', async () => {
  const { id } = await moved(key, organization, 'topup', { amount: 100 });
  expect((await set('frozen')).body.data.attributes.status).toBe('frozen');
  expect(errorsOf(await move(key, organization, 'charge', { amount: 1 }))).toEqual([
    ['409', 'wallet_frozen', undefined],
  ]);
  await moved(key, organization, 'topup', { amount: 1 });
  await moved(key, organization, 'adjustment', { amount: 1, direction: 'debit', reason: 'x' });
  const reverses = { reverses: { data: { type: 'walletTransactions', id } } };
  expect((await move(key, organization, 'reversal', { reason: 'x' }, reverses)).status).toBe(201);
  expect((await set('active')).status).toBe(200);
  await moved(key, organization, 'topup', { amount: 5 });
  await moved(key, organization, 'charge', { amount: 5 });
  const told = await events();
  expect(told.map(({ eventType }: Body) => eventType)).toEqual([
    'wallet.topped_up',
    'wallet.frozen',
    'wallet.topped_up',
    'wallet.adjusted',
    'wallet.transaction_reversed',
    'wallet.unfrozen',
    'wallet.topped_up',
    'wallet.charged',
  ]);
  expect(told[1]).toMatchObject({ data: { id: wallet }, previous: { attributes: { status: 'active' } } });
});

test('is closed at balance 0, for ever, and takes nothing then (INV-50)', async () => {
  await moved(key, organization, 'topup', { amount: 1 });
  expect(errorsOf(await set('closed'))).toEqual([['409', 'invalid_transition', '/data/attributes/status']]);
  await moved(key, organization, 'charge', { amount: 1 });
  await set('frozen');
  expect(errorsOf(await set('closed'))).toEqual([['409', 'invalid_transition', '/data/attributes/status']]);
  await set('active');
  expect((await set('closed')).body.data.attributes.status).toBe('closed');
  for (const status of ['active', 'frozen']) {
    expect(errorsOf(await set(status))).toEqual([['409', 'invalid_transition', '/data/attributes/status']]);
  }
  expect((await set('closed')).status).toBe(200);
  for (const kind of ['topup', 'charge']) {
    expect(errorsOf(await move(key, organization, kind, { amount: 1 }))).toEqual([
      ['409', 'invalid_transition', undefined],
    ]);
  }
  expect((await events()).at(-1).eventType).toBe('wallet.closed');
});

test('the same status is no change, and tells nothing', async () => {
  expect((await set('active')).status).toBe(200);
  expect(await events()).toEqual([]);
});

test('If-Match is of the balance, too (INV-59)', async () => {
  const { headers } = await key.get(`${S}/wallets/${wallet}`);
  await moved(key, organization, 'topup', { amount: 1 });
  expect(errorsOf(await set('frozen', { 'If-Match': headers.etag }))).toEqual([
    ['412', 'version_mismatch', 'If-Match'],
  ]);
  const { headers: now } = await key.get(`${S}/wallets/${wallet}`);
  expect((await set('frozen', { 'If-Match': now.etag })).status).toBe(200);
});

test('a limit that changes what is available changes the version', async () => {
  const before = await key.get(`${S}/wallets/${wallet}`);
  await app.db.query(
    "insert into overage_limits (id, organization_id, asset, max_overage) values (new_id(), $1, 'USD', 70)",
    [organization],
  );
  const after = await key.get(`${S}/wallets/${wallet}`);
  expect(after.body.data.attributes.available).toBe(70);
  expect(after.headers.etag?.split('.')[0]).not.toBe(before.headers.etag?.split('.')[0]);
});

test('nothing else of it is changed by hand, and it is neither made nor removed', async () => {
  const sent = document('wallets', { balance: 5, asset: 'EUR' }, { id: wallet });
  expect((await key.patch(`${S}/wallets/${wallet}`, sent)).body.data.attributes).toMatchObject({
    balance: 0,
    asset: 'USD',
  });
  expect((await key.post(`${S}/wallets`, document('wallets', { asset: 'EUR' }))).status).toBe(405);
  expect((await key.delete(`${S}/wallets/${wallet}`)).status).toBe(405);
});

test('freezing and charges come one after the other', async () => {
  await moved(key, organization, 'topup', { amount: 1_000 });
  const charges = Array.from({ length: 12 }, () => move(key, organization, 'charge', { amount: 1 }));
  const frozen = set('frozen');
  const answers = await Promise.all(charges);
  expect((await frozen).status).toBe(200);
  const taken = answers.filter(({ status }) => status === 201).length;
  expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
  expect((await walletOf(key, organization)).attributes.balance).toBe(1_000 - taken);
});
