import { LedgerEntry } from '../../entities';
import type { Caller } from '../context';
import { logOf } from '../db/log';
import { Table } from '../db/table';
import { crud } from './crud';
import { organizationTable } from './organizations';
import { seesWallet, walletTable } from './wallets';
import { transactionTable } from './walletTransactions';

/** The accounts of a wallet; the others are the platform's. */
export const OWN_ACCOUNTS = "('wallet', 'held')";

/** Each account knows the number of its entries. */
const entriesOf = (accounts: string, where: string): string =>
  `(select coalesce(sum(a.last_sequence), 0) from ledger_accounts a where ${where}${accounts})`;

/** The platform's own accounts are seen by platform callers only (rulings, "Events, delivery, money"). */
const whole = logOf('ledger_entries', 'wallets:read', (ids) => entriesOf('', `a.organization_id ${ids}`));
const own = logOf('wallet_entries', 'wallets:read', (ids) =>
  entriesOf(` and a.name in ${OWN_ACCOUNTS}`, `a.organization_id ${ids}`),
);
const seenBy = ({ level }: Caller) =>
  level === 'platform' ? { log: whole, accounts: '' } : { log: own, accounts: ` and a.name in ${OWN_ACCOUNTS}` };

export const entryTable = new Table(LedgerEntry, {
  visible: (caller, bind, isFew, reads) => {
    const { log, accounts } = seenBy(caller);
    const visible = log.visible(caller, bind, isFew, reads);
    return accounts === '' ? visible : `t.account in ${OWN_ACCOUNTS} and ${visible}`;
  },
  counted: (caller) => seenBy(caller).log.counted(caller),
  countedBy: {
    organizationId: (caller, idSql, bind) => seenBy(caller).log.countedBy.organizationId(caller, idSql, bind),
    walletId: (caller, idSql, bind) =>
      entriesOf(seenBy(caller).accounts, `a.wallet_id = ${idSql} and ${seesWallet(caller, idSql, bind)}`),
  },
  computed: { version: '1' },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    walletId: () => walletTable as unknown as Table,
    transactionId: () => transactionTable as unknown as Table,
  },
});

export const { list: listEntries, get: getEntry, rows: entryRows } = crud(entryTable);
