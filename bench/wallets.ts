import { Closers } from './closers';
import { type BenchDatabase, makeDatabase } from './database';
import { checkTotals } from './fill';
import { type Figures, measure } from './measure';
import { say } from './progress';
import type { Plan } from './requests';
import { startGuildhall } from './servers';
import { counted, countStatements } from './statements';
import type { Surroundings } from './yardstick';

/** Wallets that are charged in turn. */
export const WALLETS = 1_000;
/** Charges per second, at the least. */
export const WALLET_AIMS = { hot: 150, many: 250 };
/** Transactions of the wallet whose list is read. */
const LONG_LIST = 100_000;
const ALERTS = 3;
/** What each wallet begins with: more than any number of charges takes. */
const FUNDS = 1_000_000_000_000;
const PATH = '/public/v2/walletTransactions';

interface WalletCase {
  readonly name: string;
  readonly plan: Plan;
  /** Requests per second, at the least. */
  readonly aim?: number;
}

export interface WalletResult extends Figures, Omit<WalletCase, 'plan'> {
  /** SQL statements of one request. */
  readonly statements: number;
}

/** Measures what moves money, and the list of what has moved. */
export async function measureWallets(surroundings: Surroundings): Promise<WalletResult[]> {
  const { options, program, postgres, bench, closers } = surroundings;
  say(`Making ${options.mainSize} organizations`);
  const database = await makeDatabase(postgres, 'bench_wallets', options.mainSize, program, closers);
  const cases = casesOf(await makeWallets(database));
  const statements = await withServer(surroundings, counted(database), async (server) => {
    const counts: number[] = [];
    for (const { plan } of cases) counts.push(await countStatements(database, server, plan));
    return counts;
  });
  const results = await withServer(surroundings, database, async (server) => {
    const found: WalletResult[] = [];
    for (const [i, { plan, ...rest }] of cases.entries()) {
      say(`Measuring ${rest.name}`);
      const [figures] = await measure(bench, [{ server, plan }]);
      found.push({ ...rest, ...(figures as Figures), statements: statements[i] ?? Number.NaN });
    }
    return found;
  });
  await checkTotals(database.client);
  return results;
}

async function withServer<T>(
  { program, closers }: Surroundings,
  database: BenchDatabase,
  work: (server: Awaited<ReturnType<typeof startGuildhall>>) => Promise<T>,
): Promise<T> {
  const own = new Closers();
  closers.add(() => own.closeAll());
  try {
    return await work(await startGuildhall(program, database, own));
  } finally {
    await own.closeAll();
  }
}

interface Wallets {
  readonly long: string;
  readonly hot: string;
  readonly many: readonly string[];
  readonly watched: readonly string[];
}

/** Money in the wallets; alerts far from what they have; and one of them with a long past. */
async function makeWallets({ client }: BenchDatabase): Promise<Wallets> {
  const { rows } = await client.query(
    `select w.id, w.organization_id as "organizationId" from wallets w join organizations o on o.id = w.organization_id
     where o.status = 'active' order by hashint4(o.number) limit $1`,
    [2 * WALLETS + 2],
  );
  if (rows.length < 2 * WALLETS + 2) throw new Error('--rows is too small for the wallets.');
  const post = (kind: string, amount: number) =>
    `post_transaction($1, 'USD', '{"kind":"${kind}","amount":${amount},"actor":{"type":"system"}}')`;
  await client.query(
    `select count(*) from unnest($1::uuid[]) o cross join lateral ${post('topup', FUNDS).replace('$1', 'o')}`,
    [rows.map(({ organizationId }) => organizationId)],
  );
  const [long, hot, ...others] = rows.map(({ id }) => id as string);
  const watched = others.slice(WALLETS);
  await client.query(
    `insert into wallet_alerts (id, organization_id, wallet_id, direction, value, last_side)
     select new_id(), w.organization_id, w.id, 'below', i * 1000, 'above' from wallets w cross join generate_series(1, $2) i
     where w.id = any($1)`,
    [watched, ALERTS],
  );
  say(`Making ${LONG_LIST} transactions`);
  // Many in one transaction would leave as many dead versions of one row, each looked at by the next.
  await client.query(`set synchronous_commit = off`);
  await client.query(`do $$ begin for i in 1..${LONG_LIST} loop
    perform ${post('charge', 1).replace('$1', `'${rows[0].organizationId}'`)}; if i % 100 = 0 then commit; end if; end loop; end $$`);
  await client.query(`set synchronous_commit = on`);
  await client.query('vacuum (analyze)');
  return { long: long as string, hot: hot as string, many: others.slice(0, WALLETS), watched };
}

function casesOf({ long, hot, many, watched }: Wallets): WalletCase[] {
  const posting = (body: 'charge' | 'topUp' | 'unitCharge', wallets: readonly string[]): Plan => ({
    method: 'POST',
    paths: [PATH],
    body,
    keyed: true,
    wallets,
  });
  return [
    { name: 'charges, one wallet', plan: posting('charge', [hot]), aim: WALLET_AIMS.hot },
    { name: 'charges, many', plan: posting('charge', many), aim: WALLET_AIMS.many },
    { name: 'charges with units, many', plan: posting('unitCharge', many) },
    { name: `charges with ${ALERTS} alerts, many`, plan: posting('charge', watched) },
    { name: 'top-ups, many', plan: posting('topUp', many) },
    {
      name: `transactions of a wallet that has ${LONG_LIST.toLocaleString('en')}`,
      plan: { method: 'GET', paths: [`${PATH}?filter[walletId]=${long}`] },
    },
  ];
}
