import { v7 as uuidv7 } from 'uuid';
import { WalletAlert } from '../../entities';
import type { Context } from '../context';
import { callerScope, ownedBy } from '../db/select';
import { Table } from '../db/table';
import { type Changes, type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import { type Create, crud, lockOrganization, type Remove, type Update } from './crud';
import { record, recordGone, snapshot, snapshots } from './events';
import { checkOwner, foundAt } from './namedWallet';
import { organizationTable } from './organizations';
import { getWallet, walletTable } from './wallets';
import { attributeFault } from './webhookEndpointRules';

/** Of one wallet (domain sheet 11): each posting looks at them all. */
const MOST_ALERTS = 20;

export const walletAlertTable = new Table(WalletAlert, {
  ...ownedBy('wallets:read'),
  references: {
    organizationId: () => organizationTable as unknown as Table,
    walletId: () => walletTable as unknown as Table,
  },
  counted: callerScope('wallet_alerts'),
});

const plain = crud(walletAlertTable);
export const { list: listWalletAlerts, get: getWalletAlert, rows: walletAlertRows } = plain;

type Threshold = Partial<Pick<WalletAlert, 'value' | 'percentOfLimit'>>;

/** @throws AppError unless there is exactly one threshold */
function checkThreshold({ value = null, percentOfLimit = null }: Threshold): void {
  if ((value === null) !== (percentOfLimit === null)) return;
  if (value !== null) {
    throw AppError.of([
      attributeFault('not_allowed', 'It has a value or a percentOfLimit, not both.', 'percentOfLimit'),
    ]);
  }
  const detail = 'It has a value or a percentOfLimit.';
  throw AppError.of([
    {
      code: 'required',
      detail,
      source: { pointer: '/data/attributes' },
      meta: { attribute: 'value', message: detail },
    },
  ]);
}

/**
 * Makes an alert. One whose wallet is on its side already is told of when that has been left and is reached again.
 * @throws AppError `quota_exceeded` with the limit and what is used, `required` or `not_allowed` unless it has one threshold,
 * `not_found` for a wallet that the caller can't see
 */
export const createWalletAlert: Create<WalletAlert> = async (ctx, input) => {
  const { wallet, organization } = input.relationships as { wallet: string; organization?: string };
  const find = () => getWallet(ctx, wallet, ['organizationId']);
  const { organizationId } = await foundAt(ctx, 'walletAlerts.create', 'wallet', find);
  await checkOwner(ctx, organizationId, organization);
  checkThreshold(input.attributes as Threshold);
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    // Postings take this lock, too: none of them is between what was before and what is now.
    await lockOrganization(inside, organizationId);
    await checkRoom(inside, wallet);
    const values = { ...(input.attributes as Partial<WalletAlert>), id: uuidv7(), organizationId, walletId: wallet };
    const alert = await insertRow(inside, walletAlertTable, values);
    await record(inside, 'wallet_alert.created', 'walletAlerts', [alert.id]);
    return alert;
  });
};

async function checkRoom({ db }: Context, walletId: string): Promise<void> {
  const [row] = await db.query('select count(*) from wallet_alerts where wallet_id = $1', [walletId]);
  const used = row?.[0] as number;
  if (used < MOST_ALERTS) return;
  const meta = { limit: MOST_ALERTS, used };
  throw new AppError('quota_exceeded', `A wallet has ${MOST_ALERTS} alerts at the most.`, undefined, { meta });
}

/** Changes an alert; with another threshold it is where the wallet is, and nothing is crossed by that. */
export const updateWalletAlert: Update<WalletAlert> = (ctx, id, { attributes }, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    checkThreshold({ ...(await lockAlert(inside, id, ifMatch)), ...attributes });
    // Whole: on which side it is follows from the threshold.
    const before = await snapshots(inside, 'walletAlerts', [id]);
    const alert = await updateRow(inside, walletAlertTable, id, attributes as Changes<WalletAlert>);
    await record(inside, 'wallet_alert.updated', 'walletAlerts', [id], { before });
    return alert;
  });

/** Deletes an alert. */
export const deleteWalletAlert: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { organizationId } = await lockAlert(inside, id, ifMatch);
    const gone = await snapshot(inside, 'walletAlerts', id);
    await db.query('delete from wallet_alerts where id = $1', [id]);
    await recordGone(inside, 'wallet_alert.deleted', organizationId, [gone]);
  });

/** An alert that the caller sees, as the lock on it finds it; its organization is locked first. */
async function lockAlert(ctx: Context, id: string, ifMatch: IfMatch): Promise<WalletAlert> {
  const { organizationId } = await plain.get(ctx, id, ['organizationId']);
  await lockOrganization(ctx, organizationId);
  return updateRow(ctx, walletAlertTable, id, {}, versionGuard(ifMatch));
}
