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
const NIL = '00000000-0000-0000-0000-000000000000';

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
  const topUp = JSON.stringify({ kind: 'topup', amount: FUNDS, actor: { type: 'system' } });
  await client.query("select count(*) from unnest($1::uuid[]) o cross join lateral post_transaction(o, 'USD', $2)", [
    rows.map(({ organizationId }) => organizationId),
    topUp,
  ]);
  const [long, hot, ...others] = rows.map(({ id }) => id as string);
  const watched = others.slice(WALLETS);
  await client.query(
    `insert into wallet_alerts (id, organization_id, wallet_id, direction, value, last_side)
     select new_id(), w.organization_id, w.id, 'below', i * 1000, 'above' from wallets w cross join generate_series(1, $2) i
     where w.id = any($1)`,
    [watched, ALERTS],
  );
  await client.query(LONG_PAST, [long, LONG_LIST]);
  await client.query('vacuum (analyze)');
  return { long: long as string, hot: hot as string, many: others.slice(0, WALLETS), watched };
}

/** Charges of 1 over a year, as `post_transaction` writes them, which would take minutes; the wallet has been topped up once. */
const LONG_PAST = `
with purse as (update wallets set balance = balance - $2, transactions = transactions + $2, version = version + $2
    where id = $1 returning *, balance + $2 as funds),
  charges as (insert into wallet_transactions (id, organization_id, wallet_id, kind, amount, asset, balance_after, actor_type,
      occurred_at)
    select uuidv7(at - clock_timestamp()), p.organization_id, p.id, 'charge', 1, p.asset, p.funds - i, 'system', at
    from purse p cross join generate_series(1, $2) i
    cross join lateral (select date_trunc('second', now() - make_interval(secs => ($2 - i) * 31536000.0 / $2)) as at) t
    returning *),
  accounts as (insert into ledger_accounts as a (id, organization_id, wallet_id, name, asset, balance, last_sequence)
    select new_id(), p.organization_id, p.id, n.name, p.asset, n.change, $2 from purse p
      cross join (values ('wallet', -$2::bigint), ('revenue', $2::bigint)) n (name, change)
    on conflict (wallet_id, name) do update set balance = a.balance + excluded.balance,
      last_sequence = a.last_sequence + excluded.last_sequence returning *),
  entries as (insert into ledger_entries (id, organization_id, wallet_id, transaction_id, account_id, account, direction,
      amount, asset, balance_after, sequence, occurred_at)
    select uuidv7(c.occurred_at - clock_timestamp()), c.organization_id, c.wallet_id, c.id, a.id, a.name,
      case a.name when 'wallet' then 'debit' else 'credit' end, 1, c.asset,
      case a.name when 'wallet' then c.balance_after else p.funds - c.balance_after end,
      p.funds - c.balance_after + case a.name when 'wallet' then 1 else 0 end, c.occurred_at
    from charges c cross join accounts a cross join purse p),
  owner as (select o.partner_id from organizations o join purse p on p.organization_id = o.id)
select add_to_row_count(t.relation, s.scope, t.n * $2) from owner o cross join (
    values ('wallet_transactions', 1), ('ledger_entries', 2), ('wallet_entries', 1)) t (relation, n)
  cross join lateral (values (case t.relation when 'wallet_entries' then null::uuid else '${NIL}' end),
    (case t.relation when 'ledger_entries' then null else o.partner_id end)) s (scope)`;

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
