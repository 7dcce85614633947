import type { TestApp } from '../support/app';
import type { World } from './world';

/**
 * More of all that has to do with money, made in the database: of the organization wallets, limits, and in its wallet
 * transactions with their entries, holds and alerts.
 */
export async function addMoney(app: TestApp, organizationId: string, count: number): Promise<void> {
  const post = (asked: object) =>
    app.source.query(
      `select count(p.posted) from generate_series(1, $2::int) n cross join lateral post_transaction($1, 'USD', $3::jsonb || jsonb_build_object('reference', n)) p`,
      [organizationId, count, { ...asked, amount: 1, actor: { type: 'system', id: null } }],
    );
  await post({ kind: 'topup' });
  await post({ kind: 'hold', expiresAt: '2999-01-01T00:00:00Z' });
  const assets = "'X' || upper(substr(md5(random()::text), 1, 12)) from generate_series(1, $2::int)";
  await app.source.query(
    `insert into wallets (id, organization_id, asset, scale) select new_id(), $1, o.asset, 0 from (select ${assets}) o (asset)`,
    [organizationId, count],
  );
  await app.source.query(
    `insert into overage_limits (id, organization_id, asset, max_overage) select new_id(), $1, o.asset, 5 from (select ${assets}) o (asset)`,
    [organizationId, count],
  );
  await app.source.query(
    `insert into wallet_alerts (id, organization_id, wallet_id, direction, value, last_side)
     select new_id(), w.organization_id, w.id, 'below', -n, 'above' from wallets w, generate_series(1, $2::int) n
     where w.organization_id = $1 and w.asset = 'USD'`,
    [organizationId, count],
  );
}

/** What no rule would let be: more entries of the one transaction of the world, and more transactions of its hold. */
export async function addToTransaction(app: TestApp, world: World, count: number): Promise<void> {
  const { wallet, transaction, hold, partner } = world;
  await app.source.query(
    `with accounts as (select * from ledger_accounts where wallet_id = $1 and name in ('wallet', 'funding')),
       counted as (update ledger_accounts a set last_sequence = a.last_sequence + $3 from accounts b where a.id = b.id)
     insert into ledger_entries (id, organization_id, wallet_id, transaction_id, account_id, account, direction, amount, asset,
         balance_after, sequence, occurred_at)
       select new_id(), a.organization_id, a.wallet_id, $2, a.id, a.name, case a.name when 'wallet' then 'credit' else 'debit' end,
         1, a.asset, 0, a.last_sequence + n, date_trunc('second', now())
       from accounts a, generate_series(1, $3::int) n`,
    [wallet.id, transaction.id, count],
  );
  await app.source.query(
    `insert into wallet_transactions (id, organization_id, wallet_id, kind, amount, asset, balance_after, hold_id, actor_type, occurred_at)
     select new_id(), organization_id, wallet_id, 'release', 1, asset, 0, id, 'system', date_trunc('second', now())
     from holds, generate_series(1, $2::int) where id = $1`,
    [hold.id, count],
  );
  await app.source.query('update wallets set transactions = transactions + $2 where id = $1', [wallet.id, count]);
  for (const [relation, rows] of [
    ['wallet_transactions', count],
    ['ledger_entries', 2 * count],
  ] as const) {
    await app.source.query(
      `select add_to_row_count($1, '00000000-0000-0000-0000-000000000000', $2), add_to_row_count($1, $3, $2)`,
      [relation, rows, partner.id],
    );
  }
  await app.source.query("select add_to_row_count('wallet_entries', $1, $2)", [partner.id, count]);
}
