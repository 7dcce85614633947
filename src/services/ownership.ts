import type { Organization } from '../../entities';
import type { Context } from '../context';
import type { Database } from '../db/database';
import { selectOne } from '../db/select';
import { type IfMatch, updateRow, versionGuard } from '../db/write';
import { AppError, type ErrorSource, notFound } from '../errors';
import { standingNow } from './access';
import type { ChangeLinkage } from './crud';
import { organizationTable } from './organizations';
import { userTable } from './users';

const TOUCH = "version = version + 1, updated_at = date_trunc('second', now())";
const OWNER_SOURCE = { pointer: '/data/relationships/owner/data' };

const lastOwner = (): AppError =>
  new AppError('last_owner', 'An organization keeps at least one owner: make another member owner first.');

/**
 * To be called with the organization locked, after its members or their roles have changed: the primary owner is an
 * active owner (INV-4), and the longest-standing other one takes the place of one that is no more.
 * @param ownerId user who was the primary owner before
 * @throws AppError `last_owner` when there was an owner and none is left (INV-2)
 */
export async function settleOwnership(db: Database, organizationId: string, ownerId: string | null): Promise<void> {
  const [heir] = await db.query(
    `select m.id, m.user_id from members m join member_roles mr on mr.member_id = m.id join roles r on r.id = mr.role_id
     where m.organization_id = $1 and m.status = 'active' and r.code = 'owner'
     order by m.user_id is distinct from $2::uuid, m.joined_at, m.id limit 1`,
    [organizationId, ownerId],
  );
  if (heir === undefined) {
    if (ownerId !== null) throw lastOwner();
    return;
  }
  if (heir[1] !== ownerId) await setPrimaryOwner(db, organizationId, heir[0] as string);
}

/** The one before is unmarked first: the index allows one per organization. */
async function setPrimaryOwner(db: Database, organizationId: string, memberId: string): Promise<void> {
  await db.query(
    `update members set is_primary_owner = false, ${TOUCH} where organization_id = $1 and is_primary_owner and id <> $2`,
    [organizationId, memberId],
  );
  await db.query(
    `with heir as (update members set is_primary_owner = true, ${TOUCH} where id = $2 returning user_id)
     update organizations set owner_id = heir.user_id, ${TOUCH} from heir where id = $1`,
    [organizationId, memberId],
  );
}

/**
 * Hands an organization over to another of its active members: he becomes owner and primary owner, and the one before
 * an admin (INV-4).
 * @throws AppError `last_owner` for null while there is an owner (INV-1), `owner_required`, `not_found`, `not_allowed` for
 * a user who is not an active member
 */
export const changeOwner: ChangeLinkage<Organization> = (ctx, id, { ids }, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organization = await lockForTransfer(inside, id, ifMatch, OWNER_SOURCE);
    if (ids === organization.ownerId) return organization;
    if (ids === null) throw lastOwner();
    return handOver(inside, organization, await memberOf(inside, id, ids as string), false);
  });

/**
 * The same for the membership `memberId`.
 * @param settings `keepOwner`: the one before stays an owner
 * @throws AppError `owner_required`, `not_found`, `not_allowed` for a member who is not active
 */
export const transferOwnership = (
  ctx: Context,
  id: string,
  { memberId, keepOwner = false }: { readonly memberId?: string; readonly keepOwner?: boolean },
  ifMatch: IfMatch,
): Promise<Organization> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organization = await lockForTransfer(inside, id, ifMatch);
    const source = { pointer: '/meta/memberId' };
    const [member] = await db.query(
      'select id, user_id, status from members where organization_id = $1 and id = $2 for update',
      [id, memberId],
    );
    if (member === undefined) throw notFound('There is no such member.', source);
    if (member[2] !== 'active') throw new AppError('not_allowed', 'The owner must be an active member.', source);
    if (member[1] === organization.ownerId) return organization;
    return handOver(inside, organization, member[0] as string, keepOwner);
  });

async function lockForTransfer(
  ctx: Context,
  id: string,
  ifMatch: IfMatch,
  source?: ErrorSource,
): Promise<Organization> {
  const organization = await updateRow(ctx, organizationTable, id, {}, versionGuard(ifMatch));
  if (!(await standingNow(ctx, id)).roles.includes('owner')) {
    throw new AppError('owner_required', 'Only an owner hands an organization over.', source);
  }
  return organization;
}

async function handOver(
  ctx: Context,
  { id, ownerId }: Organization,
  heir: string,
  keepOwner: boolean,
): Promise<Organization> {
  const { db } = ctx;
  await giveRole(db, heir, 'owner');
  if (ownerId !== null && !keepOwner) await demote(db, id, ownerId);
  await setPrimaryOwner(db, id, heir);
  db.afterCommit(() => ctx.callers.forget());
  return updateRow(ctx, organizationTable, id, {});
}

async function memberOf(ctx: Context, organizationId: string, userId: string): Promise<string> {
  const [row] = await ctx.db.query(
    "select id from members where organization_id = $1 and user_id = $2 and status = 'active' for update",
    [organizationId, userId],
  );
  if (row !== undefined) return row[0] as string;
  if ((await selectOne(ctx, userTable, userId, ['id'])) === null)
    throw notFound('There is no such user.', OWNER_SOURCE);
  throw new AppError('not_allowed', 'The owner must be an active member of the organization.', OWNER_SOURCE);
}

async function giveRole(db: Database, memberId: string, code: string): Promise<void> {
  await db.query(
    `insert into member_roles (member_id, role_id) select $1, id from roles where code = $2 and kind = 'system' on conflict do nothing`,
    [memberId, code],
  );
}

async function demote(db: Database, organizationId: string, userId: string): Promise<void> {
  const [member] = await db.query('select id from members where organization_id = $1 and user_id = $2', [
    organizationId,
    userId,
  ]);
  if (member === undefined) return;
  await giveRole(db, member[0] as string, 'admin');
  await db.query(
    "delete from member_roles where member_id = $1 and role_id in (select id from roles where code = 'owner' and kind = 'system')",
    [member[0]],
  );
}
