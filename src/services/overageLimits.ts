import { v7 as uuidv7 } from 'uuid';
import { OverageLimit } from '../../entities';
import type { Context } from '../context';
import { Values } from '../db/conditions';
import type { Database } from '../db/database';
import { callerScope, ownedBy } from '../db/select';
import { causeSql } from '../db/shape';
import { Table } from '../db/table';
import { insertRow, updateRow, versionGuard } from '../db/write';
import { type Create, crud, lockOrganization, ownerOf, type Remove, type Update } from './crud';
import { nudge, record, snapshot } from './events';
import { checkService } from './namedWallet';
import { organizationTable } from './organizations';

export const overageLimitTable = new Table(OverageLimit, {
  ...ownedBy('overages:read'),
  references: { organizationId: () => organizationTable as unknown as Table },
  counted: callerScope('overage_limits'),
});

const plain = crud(overageLimitTable);
export const { list: listOverageLimits, get: getOverageLimit, rows: overageLimitRows } = plain;

/** Also when one is made or removed: what is told is how far the organization may go from now on. */
const UPDATED = { kind: 'overage_limit.updated', type: 'overageLimits' } as const;

/** How far below zero an organization may go now; null: no limit. */
async function inForce(db: Database, organizationId: string, asset: string, service: string | null) {
  const [row] = await db.query('select max_overage($1, $2, $3)', [organizationId, asset, service]);
  return row?.[0] as number | null;
}

type Attributes = Partial<Pick<OverageLimit, 'asset' | 'service' | 'maxOverage'>>;

/**
 * Sets how far below zero an organization may go in an asset, by all services or by one. Postings lock the organization,
 * too: each is judged by the limit before or by this one.
 * @throws AppError `limit_exists`, `not_allowed` for an unknown service
 */
export const createOverageLimit: Create<OverageLimit> = (ctx, input) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organizationId = await ownerOf(inside, input);
    const { asset = ctx.config.walletAsset, service = null, maxOverage = 0 } = input.attributes as Attributes;
    checkService(ctx, service);
    return insertLimit(inside, { organizationId, asset, service, maxOverage });
  });

async function insertLimit(
  ctx: Context,
  values: Pick<OverageLimit, 'organizationId' | 'asset' | 'service' | 'maxOverage'>,
): Promise<OverageLimit> {
  const { organizationId, asset, service } = values;
  const maxOverage = await inForce(ctx.db, organizationId, asset, service);
  const limit = await insertRow(ctx, overageLimitTable, { ...values, id: uuidv7() });
  const before = new Map([[limit.id, JSON.stringify({ attributes: { maxOverage } })]]);
  await record(ctx, UPDATED.kind, UPDATED.type, [limit.id], { before, always: true });
  return limit;
}

/** Changes a limit. It may be lower than what is used: then only what raises the balance is taken until it fits (INV-46). */
export const updateOverageLimit: Update<OverageLimit> = (ctx, id, { attributes }, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { organizationId } = await plain.get(inside, id, ['organizationId']);
    await lockOrganization(inside, organizationId);
    const { maxOverage } = attributes as Attributes;
    return updateRow(inside, overageLimitTable, id, { maxOverage }, versionGuard(ifMatch), undefined, UPDATED);
  });

/** Removes a limit: from now on that of the asset holds for a service, and 0 for an asset. */
export const removeOverageLimit: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { organizationId } = await plain.get(inside, id, ['organizationId']);
    await lockOrganization(inside, organizationId);
    const limit = await updateRow(inside, overageLimitTable, id, {}, versionGuard(ifMatch));
    const last = JSON.parse(await snapshot(inside, UPDATED.type, id));
    await db.query('delete from overage_limits where id = $1', [id]);
    last.attributes.maxOverage = await inForce(db, organizationId, limit.asset, limit.service);
    const { maxOverage } = limit;
    const isSame = last.attributes.maxOverage === maxOverage;
    const { list, bind } = new Values();
    const [row] = await db.query(
      `select record_events(array[${bind(UPDATED.kind)}], ${bind(organizationId)}::uuid, array[${bind(JSON.stringify(last))}::jsonb],
         array[${bind(isSame ? null : JSON.stringify({ attributes: { maxOverage } }))}::jsonb], ${causeSql(inside, bind)})`,
      list,
    );
    nudge(inside, row?.[0] as number);
  });

/**
 * The limits of organizations in the asset of the wallet that came with them, by id; 0 where none is set. Whether the caller
 * sees them was judged before.
 */
export async function maxOveragesOf(
  { db, config }: Pick<Context, 'db' | 'config'>,
  organizationIds: readonly string[],
): Promise<ReadonlyMap<string, number | null>> {
  const rows = await db.query(
    `select o.id, case when l.id is null then 0 else l.max_overage end from unnest($1::uuid[]) o (id)
     left join overage_limits l on l.organization_id = o.id and l.asset = $2 and l.service is null`,
    [organizationIds, config.walletAsset],
  );
  return new Map(rows as [string, number | null][]);
}

/** What `/organization` says of the wallet behind a limit. */
export interface Overages {
  readonly maxOverages: number | null;
  readonly overageUsed: number;
  readonly balance: number;
  readonly asset: string;
}

/** Sets the limit of an organization that the caller sees in the asset of the wallet that came with it. */
export const setMaxOverages = (ctx: Context, organizationId: string, maxOverage: number | null): Promise<Overages> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const asset = ctx.config.walletAsset;
    await lockOrganization(inside, organizationId);
    const [limit] = await db.query(
      'select id from overage_limits where organization_id = $1 and asset = $2 and service is null',
      [organizationId, asset],
    );
    if (limit === undefined) await insertLimit(inside, { organizationId, asset, service: null, maxOverage });
    else await updateRow(inside, overageLimitTable, limit[0] as string, { maxOverage }, [], undefined, UPDATED);
    const [wallet] = await db.query(
      'select balance, greatest(0, -balance) from wallets where organization_id = $1 and asset = $2',
      [organizationId, asset],
    );
    const [balance, overageUsed] = (wallet ?? [0, 0]) as [number, number];
    return { maxOverages: maxOverage, overageUsed, balance, asset };
  });
