import { expireHolds } from '../../src/services/holds';
import { type Client, createOrganization, S, startApp, type TestApp } from '../support/app';
import { indexesOf, type Node, nodeTypes, patientClient, planOf, statementsOn } from './explain';

/** Among 20,000 holds and limits and 40,000 alerts, none is read from its beginning or counted. */

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

async function fill(): Promise<void> {
  const client = await patientClient(app);
  await client.query(
    "insert into organizations (id, name, slug) select gen_random_uuid(), 'O ' || g, 'o-' || g from generate_series(1, 2000) g",
  );
  await client.query(
    `insert into wallets (id, organization_id, asset, scale) select new_id(), id, 'USD', 2 from organizations
     on conflict do nothing`,
  );
  const time = "date_trunc('second', now() - random() * interval '10 days')";
  await client.query(
    `insert into holds (id, organization_id, wallet_id, asset, amount, released, status, expires_at, created_at)
     select new_id(), w.organization_id, w.id, 'USD', 1, case when g % 50 = 0 then 0 else 1 end,
       case when g % 50 = 0 then 'open' else 'voided' end, now() + g * interval '1 second', ${time}
     from wallets w cross join lateral generate_series(1, case when w.organization_id = $1 then 10000 else 5 end) g`,
    [large],
  );
  await client.query(
    `insert into overage_limits (id, organization_id, asset, max_overage, created_at)
     select new_id(), w.organization_id, 'X' || g, g, ${time}
     from wallets w cross join lateral generate_series(1, case when w.organization_id = $1 then 10000 else 5 end) g`,
    [large],
  );
  await client.query(
    `insert into wallet_alerts (id, organization_id, wallet_id, direction, value, created_at)
     select new_id(), w.organization_id, w.id, 'below', g, ${time} from wallets w cross join lateral generate_series(1, 20) g`,
  );
  for (const table of ['holds', 'overage_limits', 'wallet_alerts', 'wallets', 'organizations']) {
    await client.query(`vacuum analyze ${table}`);
  }
  await client.end();
}

const scansOf = (nodes: Node[]): string[] =>
  nodes
    .filter((node) => node['Node Type'] === 'Seq Scan')
    .flatMap((node) => node['Relation Name'] ?? [])
    .filter((table) => ['holds', 'overage_limits', 'wallet_alerts', 'wallets'].includes(table));

const ASKED: [string, () => Client, () => string, string, string[]][] = [
  ['holds, of all', () => app.platform, () => `${S}/holds`, 'holds', ['holds_created_at_idx']],
  ['holds, of one', () => key, () => `${S}/holds`, 'holds', ['holds_organization_id_created_at_idx']],
  [
    'holds, of an organization',
    () => app.platform,
    () => `${S}/holds?filter[organizationId]=${large}`,
    'holds',
    ['holds_organization_id_created_at_idx'],
  ],
  ['holds, as they end', () => app.platform, () => `${S}/holds?sort=expiresAt`, 'holds', ['holds_expires_at_idx']],
  [
    'limits, of all',
    () => app.platform,
    () => `${S}/overageLimits`,
    'overage_limits',
    ['overage_limits_created_at_idx'],
  ],
  [
    'limits, of an asset',
    () => app.platform,
    () => `${S}/overageLimits?filter[asset]=X7`,
    'overage_limits',
    ['overage_limits_asset_idx'],
  ],
  ['alerts, of all', () => app.platform, () => `${S}/walletAlerts`, 'wallet_alerts', ['wallet_alerts_created_at_idx']],
  [
    'alerts, of a wallet',
    () => key,
    () => `${S}/wallets/${wallet}/alerts`,
    'wallet_alerts',
    ['wallet_alerts_wallet_id_created_at_idx'],
  ],
];

test.each(ASKED)('the list of %s comes from an index', async (_title, asker, path, table, indexes) => {
  const statements = await statementsOn(app, table, asker(), path());
  expect(statements).toHaveLength(1);
  const nodes = await planOf(app, statements[0] as [string, unknown[]], true);
  expect([indexesOf(nodes), scansOf(nodes)]).toEqual([expect.arrayContaining(indexes), []]);
});

test('the list of all holds is neither sorted nor counted, and as long as the real one', async () => {
  const [statement] = await statementsOn(app, 'holds', app.platform, `${S}/holds`);
  expect(statement?.[0]).not.toMatch(/count\(/);
  expect(nodeTypes(await planOf(app, statement as [string, unknown[]]))).not.toContain('Sort');
  const [row] = await app.db.query('select count(*) from holds');
  expect((await app.platform.get(`${S}/holds`)).body.meta.total).toBe(row?.[0]);
});

test('what is due is found among the open holds alone', async () => {
  const query = jest.spyOn(app.db, 'query');
  await expireHolds(app.services);
  const [[text, values]] = query.mock.calls as [[string, unknown[]]];
  query.mockRestore();
  expect(indexesOf(await planOf(app, [text, values]))).toEqual(['holds_open_idx']);
});
