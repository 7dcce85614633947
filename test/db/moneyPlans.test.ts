import { NIL_UUID } from '../../src/db/table';
import { type Client, createOrganization, S, startApp, type TestApp } from '../support/app';
import { indexesOf, type Node, nodeTypes, patientClient, planOf, statementsOn } from './explain';

/** Among 2,000 wallets, some of organizations that are being deleted, 40,000 transactions and their entries, no list reads from the beginning, sorts or counts. */

const TABLES = ['wallets', 'wallet_transactions', 'ledger_entries', 'ledger_accounts'];

let app: TestApp;
let key: Client;
let large: string;
let wallet: string;

beforeAll(async () => {
  app = await startApp();
  const organization = await createOrganization(app.platform);
  large = organization.id;
  key = app.as(organization.attributes.token);
  await fill();
  wallet = (await key.get(`${S}/wallets`)).body.data[0].id;
}, 120_000);
afterAll(() => app.close());

/** Without triggers. */
async function fill(): Promise<void> {
  const client = await patientClient(app);
  await client.query(
    `insert into organizations (id, name, slug, status) select gen_random_uuid(), 'O ' || g, 'o-' || g,
       case when g % 50 = 7 then 'pending_deletion' else 'active' end from generate_series(1, 2000) g`,
  );
  await client.query(
    `insert into wallets (id, organization_id, asset, scale) select new_id(), id, 'USD', 2 from organizations
     on conflict do nothing`,
  );
  await client.query('set session_replication_role = replica');
  await client.query(
    `insert into wallet_transactions (id, organization_id, wallet_id, kind, amount, asset, service, reason, reference, metadata,
       balance_after, actor_type, occurred_at)
     select new_id(), w.organization_id, w.id, case when g % 500 = 7 then 'charge' else 'topup' end, 1, 'USD',
       case when g % 500 = 7 then 'sms' end, 'x', 'r-' || g, jsonb_build_object('n', g), g, 'system', now() - g * interval '1 second'
     from wallets w cross join lateral generate_series(1, case when w.organization_id = $1 then 20000 else 10 end) g`,
    [large],
  );
  await client.query(
    `insert into ledger_accounts (id, organization_id, wallet_id, name, asset, balance, last_sequence)
     select new_id(), w.organization_id, w.id, n.name, 'USD', 0, (select count(*) from wallet_transactions t where t.wallet_id = w.id)
     from wallets w cross join (values ('wallet'), ('funding')) n (name)`,
  );
  await client.query(
    `insert into ledger_entries (id, organization_id, wallet_id, transaction_id, account_id, account, direction, amount, asset,
       balance_after, sequence, occurred_at)
     select new_id(), t.organization_id, t.wallet_id, t.id, a.id, a.name, case a.name when 'wallet' then 'credit' else 'debit' end, 1,
       'USD', 0, row_number() over (partition by a.id), t.occurred_at
     from wallet_transactions t join ledger_accounts a on a.wallet_id = t.wallet_id`,
  );
  await client.query(
    'update wallets w set transactions = (select count(*) from wallet_transactions t where t.wallet_id = w.id)',
  );
  for (const table of ['wallet_transactions', 'ledger_entries']) {
    await client.query(`select add_to_row_count($1, $2, (select count(*) from ${table}))`, [table, NIL_UUID]);
  }
  for (const table of [...TABLES, 'organizations', 'row_counts']) await client.query(`vacuum analyze ${table}`);
  await client.end();
}

const scansOf = (nodes: Node[]): string[] =>
  nodes
    .filter((node) => node['Node Type'] === 'Seq Scan')
    .flatMap((node) => node['Relation Name'] ?? [])
    .filter((table) => TABLES.includes(table));

const of = () => `filter[organizationId]=${large}`;
const OF_KEY = () => key;
const OF_ALL = () => app.platform;
const ASKED: [string, () => Client, () => string, string, string][] = [
  ['wallets', OF_ALL, () => 'wallets', 'wallets', 'wallets_created_at_idx'],
  ['wallets that are frozen', OF_ALL, () => 'wallets?filter[status]=frozen', 'wallets', 'wallets_status_idx'],
  ['wallets of an asset', OF_ALL, () => 'wallets?filter[asset]=EUR', 'wallets', 'wallets_asset_idx'],
  ['own wallets', OF_KEY, () => 'wallets', 'wallets', 'wallets_organization_id_asset_key'],
  ['transactions', OF_ALL, () => 'walletTransactions', 'wallet_transactions', 'wallet_transactions_occurred_at_idx'],
  [
    'transactions of an organization',
    OF_ALL,
    () => `walletTransactions?${of()}`,
    'wallet_transactions',
    'wallet_transactions_organization_id_occurred_at_idx',
  ],
  [
    'own transactions',
    OF_KEY,
    () => 'walletTransactions',
    'wallet_transactions',
    'wallet_transactions_organization_id_occurred_at_idx',
  ],
  [
    'transactions of a wallet',
    OF_KEY,
    () => `wallets/${wallet}/transactions`,
    'wallet_transactions',
    'wallet_transactions_wallet_id_occurred_at_idx',
  ],
  [
    'transactions of a kind',
    OF_ALL,
    () => 'walletTransactions?filter[kind]=reversal',
    'wallet_transactions',
    'wallet_transactions_kind_idx',
  ],
  [
    'transactions of a service',
    OF_ALL,
    () => 'walletTransactions?filter[service]=fax',
    'wallet_transactions',
    'wallet_transactions_service_idx',
  ],
  [
    'transactions with a reference',
    OF_ALL,
    () => 'walletTransactions?filter[reference]=r-15000',
    'wallet_transactions',
    'wallet_transactions_reference_idx',
  ],
  [
    'transactions with a value in their metadata',
    OF_ALL,
    () => 'walletTransactions?filter[metadata.n]=15000',
    'wallet_transactions',
    'wallet_transactions_metadata_idx',
  ],
  ['entries', OF_ALL, () => 'ledgerEntries', 'ledger_entries', 'ledger_entries_occurred_at_idx'],
  ['own entries', OF_KEY, () => 'ledgerEntries', 'ledger_entries', 'ledger_entries_organization_id_occurred_at_idx'],
  [
    'entries of a wallet',
    OF_KEY,
    () => `wallets/${wallet}/entries`,
    'ledger_entries',
    'ledger_entries_wallet_id_occurred_at_idx',
  ],
];

test.each(ASKED)('the list of %s comes from an index', async (_title, asker, path, table, index) => {
  const statements = await statementsOn(app, table, asker(), `${S}/${path()}`);
  for (const statement of statements) {
    const nodes = await planOf(app, statement as [string, unknown[]], true);
    expect([indexesOf(nodes), scansOf(nodes)]).toEqual([expect.arrayContaining([index]), []]);
  }
});

test.each(['walletTransactions', 'ledgerEntries'])('pages of %s are neither sorted nor counted', async (type) => {
  const table = type === 'walletTransactions' ? 'wallet_transactions' : 'ledger_entries';
  for (const asker of [app.platform, key]) {
    const [statement] = await statementsOn(app, table, asker, `${S}/${type}?page[size]=100`);
    expect(statement?.[0]).not.toMatch(/from (?:wallet_transactions|ledger_entries) t where[^)]*\)\s*,/);
    expect(nodeTypes(await planOf(app, statement as [string, unknown[]]))).not.toContain('Sort');
  }
  expect((await key.get(`${S}/${type}`)).body.meta.total).toBe(20_000);
});

test('the check of a wallet with 40,000 entries reads them by their numbers', async () => {
  const { status, body } = await key.get(`${S}/wallets/${wallet}/verify`);
  // It was filled without regard to balances.
  expect([status, body.meta.ok, body.meta.entries, body.meta.transactions]).toEqual([200, false, 40_000, 20_000]);
  expect(body.meta.problems).toHaveLength(100);
});
