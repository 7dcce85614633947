import type { Context } from '../context';
import type { Database, Row } from '../db/database';
import { NIL_UUID } from '../db/table';
import { authorize } from './access';
import { getWallet } from './wallets';

/** Rows that one statement looks at: it is done in a tenth of the time that one may take. */
const CHUNK = 20_000;
/** Problems that an answer names at the most. */
const MOST_NAMED = 100;

/** Something that does not add up, and the row that says so. */
export interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly type: string;
  readonly id: string;
}

export interface Verdict {
  readonly ok: boolean;
  /** The first ones. */
  readonly problems: readonly Problem[];
  /** What was looked at. */
  readonly accounts: number;
  readonly transactions: number;
  readonly entries: number;
}

/** What of a check is being put together. */
interface Check {
  readonly db: Database;
  readonly walletId: string;
  /** Whether the accounts of the platform may be named. */
  readonly seesAll: boolean;
  readonly problems: Problem[];
}

interface Account {
  readonly id: string;
  readonly name: string;
  readonly balance: number;
  readonly lastSequence: number;
}

/**
 * Recomputes all of a wallet from its entries (INV-44, INV-45), at one moment: numbers without a gap, balances one from the
 * other, debits against credits, accounts and wallet against the entries, what is held against the open holds.
 */
export async function verifyWallet(ctx: Context, id: string): Promise<Verdict> {
  const { organizationId } = await getWallet(ctx, id, ['organizationId']);
  await authorize(ctx, 'wallets.verify', { organizationId }, false);
  return ctx.db.transaction(async (db) => {
    await db.query('set transaction isolation level repeatable read, read only');
    const check: Check = { db, walletId: id, seesAll: ctx.caller.level === 'platform', problems: [] };
    const accounts = await accountsOf(check);
    let entries = 0;
    for (const account of accounts) entries += await checkAccount(check, account);
    const transactions = await checkTransactions(check, accounts.find(({ name }) => name === 'held') !== undefined);
    await checkWallet(check, transactions);
    const { problems } = check;
    const shown = problems.slice(0, MOST_NAMED);
    return { ok: problems.length === 0, problems: shown, accounts: accounts.length, transactions, entries };
  });
}

async function accountsOf({ db, walletId }: Check): Promise<Account[]> {
  const rows = await db.query(
    'select id, name, balance, last_sequence from ledger_accounts where wallet_id = $1 order by name',
    [walletId],
  );
  return rows.map(([id, name, balance, lastSequence]) => ({ id, name, balance, lastSequence }) as Account);
}

/** Entries of the account, in their order: each is compared with the one before it. */
async function checkAccount(check: Check, account: Account): Promise<number> {
  const { db } = check;
  const isNamed = check.seesAll || account.name === 'wallet' || account.name === 'held';
  const note = (code: string, detail: string, entry?: unknown) => {
    if (!isNamed) report(check, 'platform_account', 'An account of the platform does not add up.');
    else if (entry === undefined) report(check, code, `${account.name}: ${detail}`);
    else report(check, code, `${account.name}: ${detail}`, 'ledgerEntries', entry as string);
  };
  let [after, balance, count, sum] = [0, 0, 0, 0];
  let read: number;
  do {
    const [row] = await db.query(CHAIN, [account.id, after, balance, account.name, CHUNK]);
    const [seen, last, lastBalance, change, gaps, breaks, strays] = row as [
      number,
      number,
      number,
      number,
      ...string[][],
    ];
    read = seen;
    for (const id of gaps ?? []) note('sequence_gap', 'the number does not follow the one before.', id);
    for (const id of breaks ?? []) note('balance_chain', 'the balance does not follow from the one before.', id);
    for (const id of strays ?? []) note('stray_entry', 'the entry says it is of another account or transaction.', id);
    count += read;
    sum += change ?? 0;
    if (read > 0) [after, balance] = [last, lastBalance];
  } while (read === CHUNK);
  if (sum !== account.balance) note('account_balance', `holds ${account.balance}, its entries make ${sum}.`);
  if (count !== account.lastSequence)
    note('account_entries', `counts ${account.lastSequence} entries, there are ${count}.`);
  return count;
}

/** $2, $3: number and balance of the entry before these. */
const CHAIN = `
  with part as (
    select e.*, case e.direction when 'credit' then e.amount else -e.amount end as change from ledger_entries e
      where e.account_id = $1 and e.sequence > $2 order by e.sequence limit $5
  ), chain as (
    select p.*, lag(p.sequence, 1, $2) over (order by p.sequence) as number_before,
      lag(p.balance_after, 1, $3) over (order by p.sequence) as balance_before from part p
  )
  select count(*)::integer, max(c.sequence), (array_agg(c.balance_after order by c.sequence desc))[1], sum(c.change)::bigint,
    array_agg(c.id order by c.sequence) filter (where c.sequence <> c.number_before + 1),
    array_agg(c.id order by c.sequence) filter (where c.balance_after <> c.balance_before + c.change),
    array_agg(c.id order by c.sequence) filter (where c.account <> $4 or not exists (
      select 1 from ledger_accounts a join wallet_transactions t on t.organization_id = a.organization_id
        where a.id = c.account_id and a.wallet_id = c.wallet_id and a.asset = c.asset and t.id = c.transaction_id
          and a.organization_id = c.organization_id and t.occurred_at = c.occurred_at))
  from chain c`;

/** Transactions that have entries here, and those that say they are of the wallet and have none. */
async function checkTransactions(check: Check, hasHolds: boolean): Promise<number> {
  const { db, walletId } = check;
  let [at, id] = ['-infinity', NIL_UUID];
  let count = 0;
  let rows: Row[];
  do {
    rows = await db.query(TRANSACTIONS, [walletId, at, id, CHUNK]);
    for (const [transaction, isOwn, isEmpty, isUneven, isOther, difference] of rows) {
      const note = (code: string, detail: string) =>
        report(check, code, detail, 'walletTransactions', transaction as string);
      if (isOwn === true) count++;
      if (isEmpty === true) note('no_entries', 'The transaction has no entries.');
      if (isUneven === true) note('unbalanced', 'Its debits are not its credits.');
      if (isOther === true) note('amount', 'Its entries are of another amount.');
      const isOff = difference !== null && (Number(difference) < 0 || (!hasHolds && Number(difference) > 0));
      if (isOwn === true && isOff) note('balance_after', 'The balance behind it is not that of its entries.');
    }
    const last = rows.at(-1);
    if (last !== undefined) [at, id] = [last[6] as string, last[0] as string];
  } while (rows.length === CHUNK);
  return count;
}

/**
 * $2, $3: the last one before these. Own: it is the wallet's, and not of another that has sold units. The difference: of the balance behind it and of what its
 * entries leave in the wallet's accounts, which is what was held meanwhile; nothing where one of them is of the held account.
 */
const TRANSACTIONS = `
  select t.id, t.wallet_id = $1, e.entries = 0, e.is_uneven, e.is_other,
    case when e.held is null then t.balance_after - e.wallet
      when t.balance_after = e.wallet + e.held then 0 when e.wallet is not null then -1 end, known.occurred_at::text
  from ((select w.id, w.occurred_at from wallet_transactions w
      where w.wallet_id = $1 and w.occurred_at >= $2 and (w.occurred_at, w.id) > ($2, $3) order by w.occurred_at, w.id limit $4)
    union (select s.transaction_id, s.occurred_at from ledger_entries s where s.wallet_id = $1 and s.account = 'wallet'
      and s.occurred_at >= $2 and (s.occurred_at, s.transaction_id) > ($2, $3) order by s.occurred_at, s.transaction_id limit $4)
    order by 2, 1 limit $4) known
  join wallet_transactions t on t.id = known.id
  cross join lateral (
    select coalesce(sum(a.entries), 0) as entries, bool_or(a.change <> 0) as is_uneven, bool_or(a.is_other) as is_other,
      max(a.wallet) as wallet, max(a.held) as held
    from (select count(*) as entries, sum(case l.direction when 'credit' then l.amount else -l.amount end) as change,
        bool_or(l.amount is distinct from case l.asset when t.asset then t.amount when t.quantity_asset then t.quantity end) as is_other,
        max(l.balance_after) filter (where l.wallet_id = $1 and l.account = 'wallet') as wallet,
        max(l.balance_after) filter (where l.wallet_id = $1 and l.account = 'held') as held
      from ledger_entries l where l.transaction_id = t.id group by l.asset) a) e
  order by known.occurred_at, known.id`;

/** The wallet against its accounts, and those against each other. */
async function checkWallet(check: Check, transactions: number): Promise<void> {
  const { db, walletId } = check;
  const [row] = await db.query(
    `select w.balance, w.held, w.transactions, a.own, a.held, a.sum,
       (select coalesce(sum(h.amount), 0)::bigint from holds h where h.wallet_id = w.id and h.status = 'open')
     from wallets w cross join lateral (
       select coalesce(sum(l.balance) filter (where l.name in ('wallet', 'held')), 0)::bigint as own,
         coalesce(sum(l.balance) filter (where l.name = 'held'), 0)::bigint as held, coalesce(sum(l.balance), 0)::bigint as sum
       from ledger_accounts l where l.wallet_id = w.id) a
     where w.id = $1`,
    [walletId],
  );
  const [balance, held, counted, own, heldAccount, sum, holds] = row as number[];
  if (balance !== own) report(check, 'wallet_balance', `The balance is ${balance}, its accounts make ${own}.`);
  if (held !== heldAccount) report(check, 'wallet_held', `${held} are held, the held account has ${heldAccount}.`);
  if (held !== holds) report(check, 'open_holds', `${held} are held, open holds make ${holds}.`);
  if (sum !== 0) report(check, 'accounts_sum', `All accounts together make ${sum}, not 0.`);
  if (counted !== transactions)
    report(check, 'transaction_count', `The wallet counts ${counted} transactions, there are ${transactions}.`);
}

/** The same is said once. */
function report({ problems, walletId }: Check, code: string, detail: string, type = 'wallets', id = walletId): void {
  const isKnown = problems.some((each) => each.code === code && each.id === id && each.detail === detail);
  if (!isKnown && problems.length <= MOST_NAMED) problems.push({ code, detail, type, id });
}
