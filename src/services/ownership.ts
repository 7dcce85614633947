import type { Organization } from '../../entities';
import type { Context, Services } from '../context';
import type { Database } from '../db/database';
import { selectOne } from '../db/select';
import { type IfMatch, updateRow, versionGuard } from '../db/write';
import { AppError, type ErrorSource, notFound } from '../errors';
import { standingNow } from './access';
import type { ChangeLinkage } from './crud';
import { type EventContext, record, type Snapshot, snapshot, snapshots } from './events';
import { organizationTable } from './organizations';
import { userTable } from './users';

const TOUCH = "version = version + 1, updated_at = date_trunc('second', now())";
const OWNER_SOURCE = { pointer: '/data/relationships/owner/data' };

const lastOwner = (): AppError =>
  new AppError('last_owner', 'An organization keeps at least one owner: make another member owner first.');

/** That somebody else has become the primary owner: how those were before whom it has changed. */
export interface Succession {
  readonly organizationId: string;
  readonly organization: Snapshot;
  /** By the ids of the members. */
  readonly members: ReadonlyMap<string, Snapshot>;
}

/**
 * To be called with the organization locked, after its members or their roles have changed: the primary owner is an
 * active owner (INV-4), and the longest-standing other one takes the place of one that is no more.
 * @param ownerId user who was the primary owner before
 * @returns what is to be told with `tellMembers`; null: nothing has changed
 * @throws AppError `last_owner` when there was an owner and none is left (INV-2)
 */
export async function settleOwnership(
  ctx: Pick<Services, 'db' | 'shapes'>,
  organizationId: string,
  ownerId: string | null,
): Promise<Succession | null> {
  const [heir] = await ctx.db.query(
    `select m.id, m.user_id from members m join member_roles mr on mr.member_id = m.id join roles r on r.id = mr.role_id
     where m.organization_id = $1 and m.status = 'active' and r.code = 'owner'
     order by m.user_id is distinct from $2::uuid, m.joined_at, m.id limit 1`,
    [organizationId, ownerId],
  );
  if (heir === undefined) {
    if (ownerId !== null) throw lastOwner();
    return null;
  }
  if (heir[1] === ownerId) return null;
  return setPrimaryOwner(ctx, organizationId, heir[0] as string);
}

/** The one before is unmarked first: the index allows one per organization. */
async function setPrimaryOwner(
  ctx: Pick<Services, 'db' | 'shapes'>,
  organizationId: string,
  memberId: string,
): Promise<Succession> {
  const { db } = ctx;
  const organization = await snapshot(ctx, 'organizations', organizationId);
  const rows = await db.query(
    'select id from members where organization_id = $1 and is_primary_owner union select $2::uuid',
    [organizationId, memberId],
  );
  const members = await snapshots(
    ctx,
    'members',
    rows.map(([id]) => id as string),
  );
  await db.query(
    `update members set is_primary_owner = false, ${TOUCH} where organization_id = $1 and is_primary_owner and id <> $2`,
    [organizationId, memberId],
  );
  await db.query(
    `with heir as (update members set is_primary_owner = true, ${TOUCH} where id = $2 returning user_id)
     update organizations set owner_id = heir.user_id, ${TOUCH} from heir where id = $1`,
    [organizationId, memberId],
  );
  return { organizationId, organization, members };
}

/**
 * Tells what has changed of members, and who is the primary owner now. Last in the transaction, as `record`.
 * @param before members as they were, by id; those of the succession were changed by it at the earliest
 * @param besides a new member, of whom another event tells
 */
export async function tellMembers(
  ctx: EventContext,
  succession: Succession | null,
  before: ReadonlyMap<string, Snapshot> = new Map(),
  besides?: string,
): Promise<void> {
  const members = new Map([...(succession?.members ?? []), ...before]);
  if (besides !== undefined) members.delete(besides);
  await record(ctx, 'member.updated', 'members', [...members.keys()], { before: members });
  if (succession === null) return;
  const { organizationId, organization } = succession;
  const told = { before: new Map([[organizationId, organization]]) };
  await record(ctx, 'organization.ownership_transferred', 'organizations', [organizationId], told);
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
  const former = ownerId === null ? undefined : await membershipOf(db, id, ownerId);
  const before = await snapshots(ctx, 'members', former === undefined ? [heir] : [heir, former]);
  await giveRole(db, heir, 'owner');
  if (former !== undefined && !keepOwner) await demote(db, former);
  const succession = await setPrimaryOwner(ctx, id, heir);
  db.afterCommit(() => ctx.callers.forget());
  const organization = await updateRow(ctx, organizationTable, id, {});
  await tellMembers(ctx, succession, before);
  return organization;
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

async function membershipOf(db: Database, organizationId: string, userId: string): Promise<string | undefined> {
  const [row] = await db.query('select id from members where organization_id = $1 and user_id = $2', [
    organizationId,
    userId,
  ]);
  return row?.[0] as string | undefined;
}

async function demote(db: Database, memberId: string): Promise<void> {
  await giveRole(db, memberId, 'admin');
  await db.query(
    "delete from member_roles where member_id = $1 and role_id in (select id from roles where code = 'owner' and kind = 'system')",
    [memberId],
  );
}
