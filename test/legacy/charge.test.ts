import { addsUp, keyed, moved, setLimit, walletOf } from '../routes/money';
import { type Answer, type Body, createOrganization, document, M, S, startApp, type TestApp } from '../support/app';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let organization: Body;
let path: string;
beforeAll(async () => {
  app = await startApp({ WALLET_SERVICES: 'storage' });
  partner = await app.partner();
});
afterAll(() => app.close());
beforeEach(async () => {
  organization = await createOrganization(partner);
  path = `/api/admin/organizations/${organization.id}/charge`;
});

const SMS = { amount: 300, service: 'sms', sms_point: 40, reason: 'March' };
const balance = async (asset = 'USD') => (await walletOf(app.platform, organization.id, asset)).attributes.balance;
const refusal = ({ status, body }: Answer) => [status, body.success, body.message, body.errors];

test('debits the wallet and credits points, for partner and platform callers (8.2)', async () => {
  await moved(partner, organization.id, 'topup', { amount: 1_000 });
  for (const asker of [partner, app.platform]) {
    const { status, body } = await asker.post(path, SMS);
    expect([status, body]).toEqual([200, { success: true, message: 'Charge processed successfully', data: null }]);
  }
  expect([await balance(), await balance('SMS_POINT')]).toEqual([400, 80]);
  const { body } = await partner.get(
    `${S}/walletTransactions?filter[organizationId]=${organization.id}&filter[kind]=charge`,
  );
  expect(body.data[0].attributes).toMatchObject({ ...{ amount: 300, service: 'sms', reason: 'March' }, quantity: 40 });
  expect(await addsUp(app.platform, organization.id)).toEqual([]);
});

test('is once for its Idempotency-Key, which need not be there', async () => {
  await moved(partner, organization.id, 'topup', { amount: 1_000 });
  const headers = keyed();
  const answers = [await partner.post(path, SMS, headers), await partner.post(path, SMS, headers)];
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(await balance()).toBe(700);
});

test('is 402 beyond the limit, and told (INV-46)', async () => {
  expect(refusal(await partner.post(path, SMS))).toEqual([402, false, expect.stringContaining('300 USD'), undefined]);
  await setLimit(app, organization.id, 500);
  expect((await partner.post(path, SMS)).status).toBe(200);
  expect((await partner.post(path, SMS)).status).toBe(402);
  const { body } = await partner.get(
    `${S}/events?filter[organizationId]=${organization.id}&filter[eventType]=wallet.charge_refused`,
  );
  expect(body.data).toHaveLength(2);
});

test.each([
  ['no amount', { amount: undefined }, { amount: ['amount is required.'] }],
  ['an amount of nothing', { amount: 0 }, { amount: [expect.any(String)] }],
  ['no service', { service: undefined }, { service: ['service is required.'] }],
  [
    'an unknown service',
    { service: 'fax', sms_point: undefined },
    { service: ['service must be one of sms, storage.'] },
  ],
  ['sms without points', { sms_point: undefined }, { sms_point: [expect.stringMatching(/^sms_point is required/)] }],
  ['no points', { sms_point: 0 }, { sms_point: [expect.any(String)] }],
  ['points of another service', { service: 'storage' }, { sms_point: [expect.any(String)] }],
])('with %s is 422 with the member', async (_title, change, errors) => {
  const { status, body } = await partner.post(path, { ...SMS, ...change });
  expect([status, body.success, body.errors]).toEqual([422, false, errors]);
});

test('is not for the organization’s own key, and not there for others (INV-18)', async () => {
  expect((await app.as(organization.attributes.token).post(path, SMS)).status).toBe(403);
  expect((await (await app.partner()).post(path, SMS)).status).toBe(404);
  expect((await (await app.user()).post(path, SMS)).status).toBe(404);
});

test('is refused while the organization is suspended, and in a frozen wallet', async () => {
  await moved(partner, organization.id, 'topup', { amount: 1_000 });
  const wallet = await walletOf(partner, organization.id);
  const status = (value: string) =>
    partner.patch(`${S}/wallets/${wallet.id}`, document('wallets', { status: value }, { id: wallet.id }));
  await status('frozen');
  expect((await partner.post(path, SMS)).status).toBe(409);
  await status('active');
  const suspended = document('organizations', { status: 'suspended', statusReason: 'x' }, { id: organization.id });
  await partner.patch(`${M}/organizations/${organization.id}`, suspended);
  expect((await partner.post(path, SMS)).status).toBe(403);
  expect(await balance()).toBe(1_000);
});
