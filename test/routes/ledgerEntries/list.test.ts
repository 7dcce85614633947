import { type Body, type Client, createOrganization, link, M, S, startApp, type TestApp } from '../../support/app';
import { moved, walletOf } from '../money';

let app: TestApp;
let organization: string;
let key: Client;
let charge: Body;
beforeAll(async () => {
  app = await startApp();
  const made = await createOrganization(app.platform);
  organization = made.id;
  key = app.as(made.attributes.token);
  await moved(key, organization, 'topup', { amount: 100 });
  charge = await moved(key, organization, 'charge', { amount: 30, service: 'sms', quantity: 4 });
});
afterAll(() => app.close());

const PATH = `${S}/ledgerEntries`;
const accounts = ({ body }: { body: Body }) => body.data.map(({ attributes }: Body) => attributes.account).sort();

test('an entry tells its account, the balance behind it and its number there', async () => {
  const { body } = await key.get(`${PATH}?filter[transactionId]=${charge.id}&filter[wallet.asset]=USD`);
  expect(body.data).toHaveLength(1);
  expect(body.data[0]).toMatchObject({
    attributes: { account: 'wallet', direction: 'debit', amount: 30, asset: 'USD', balanceAfter: 70, sequence: 2 },
    relationships: {
      organization: { data: { id: organization } },
      wallet: { data: { id: (await walletOf(key, organization)).id } },
      transaction: { data: { id: charge.id } },
    },
  });
});

test('the platform’s own accounts are seen by the platform alone', async () => {
  const partner = await app.partner();
  await app.db.query('update organizations set partner_id = $2 where id = $1', [organization, partner.id]);
  const paths = [
    `${PATH}?filter[organizationId]=${organization}`,
    `${M}/organizations/${organization}/wallets?include=entries`,
    `${S}/walletTransactions/${charge.id}/entries`,
  ];
  expect(accounts(await app.platform.get(paths[0] as string))).toEqual([
    'funding',
    'issued:SMS_POINT',
    'revenue:sms',
    'wallet',
    'wallet',
    'wallet',
  ]);
  expect(accounts(await app.platform.get(paths[2] as string))).toEqual([
    'issued:SMS_POINT',
    'revenue:sms',
    'wallet',
    'wallet',
  ]);
  const [hidden] = (await app.platform.get(`${paths[2]}`)).body.data.filter(
    ({ attributes }: Body) => attributes.account === 'revenue:sms',
  );
  for (const asker of [key, partner]) {
    expect(accounts(await asker.get(paths[0] as string))).toEqual(['wallet', 'wallet', 'wallet']);
    expect(accounts(await asker.get(paths[2] as string))).toEqual(['wallet', 'wallet']);
    const { body } = await asker.get(paths[1] as string);
    expect(new Set(body.included.map(({ attributes }: Body) => attributes.account))).toEqual(new Set(['wallet']));
    expect((await asker.get(`${PATH}/${hidden.id}`)).status).toBe(404);
    expect((await asker.get(`${PATH}?filter[id]=${hidden.id}`)).body.meta.total).toBe(0);
  }
});

test('entries are read and nothing else', async () => {
  const [entry] = (await key.get(PATH)).body.data;
  expect((await key.patch(`${PATH}/${entry.id}`, { data: { type: 'ledgerEntries', id: entry.id } })).status).toBe(403);
  expect((await key.delete(`${PATH}/${entry.id}`)).status).toBe(405);
  expect((await key.post(PATH, link('ledgerEntries', entry.id))).status).toBe(405);
});
