import { Wallet } from '../../entities';
import type { Caller } from '../context';
import { logOf } from '../db/log';
import { type Bind, Table } from '../db/table';
import { type Guard, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import type { EventType } from '../eventTypes';
import { crud, lockOrganization, type Update } from './crud';
import { organizationTable } from './organizations';

const ofOrganizations = (ids: string): string => `(select count(*) from wallets w where w.organization_id ${ids})`;

export const walletTable = new Table(Wallet, {
  ...logOf('wallets', 'wallets:read', ofOrganizations),
  computed: {
    available: 'available(t.balance - t.held, max_overage(t.organization_id, t.asset, null))',
    overageUsed: 'greatest(0, -t.balance)',
  },
  references: { organizationId: () => organizationTable as unknown as Table },
});

export const { list: listWallets, get: getWallet, rows: walletRows } = crud(walletTable);

/** SQL that is true when the caller sees the wallet whose id is `idSql`. */
export const seesWallet = (caller: Caller, idSql: string, bind: Bind): string =>
  `exists (select 1 from wallets t where t.id = ${idSql} and ${walletTable.options.visible(caller, bind, true, true)})`;

const TOLD: Readonly<Record<Wallet['status'], EventType>> = {
  active: 'wallet.unfrozen',
  frozen: 'wallet.frozen',
  closed: 'wallet.closed',
};

const unclosable = (detail: string) => new AppError('invalid_transition', detail, source);
const source = { pointer: '/data/attributes/status' };

/** Domain sheet 6.6: active ⇄ frozen, active → closed, which is for ever. */
function transitionGuards(status: Wallet['status']): Guard[] {
  const final: Guard = {
    sql: (bind) => `old.status <> 'closed' or old.status = ${bind(status)}`,
    error: () => unclosable('A closed wallet stays closed.'),
  };
  if (status !== 'closed') return [final];
  return [
    {
      sql: () => "old.status <> 'frozen'",
      error: () => unclosable('A frozen wallet is not closed: make it active first.'),
    },
    { sql: () => 'old.held = 0', error: () => unclosable('The wallet has open holds.') },
    { sql: () => 'old.balance = 0', error: () => unclosable('A wallet is closed at balance 0.') },
  ];
}

/**
 * Freezes a wallet, makes it active again, or closes it (INV-50). Postings lock the wallet, too: each comes before it or is
 * judged by the new status.
 * @throws AppError `invalid_transition`
 */
export const updateWallet: Update<Wallet> = (ctx, id, { attributes }, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { status } = attributes as Pick<Wallet, 'status'>;
    const { organizationId } = await getWallet(inside, id, ['organizationId']);
    await lockOrganization(inside, organizationId);
    const guards = [...versionGuard(ifMatch), ...(status === undefined ? [] : transitionGuards(status))];
    const told = { kind: TOLD[status ?? 'active'], type: 'wallets' } as const;
    return updateRow(inside, walletTable, id, { status }, guards, undefined, told);
  });
