import { createHash } from 'node:crypto';
import type { Organization } from '../../entities';
import type { Context } from '../context';
import type { Bind } from '../db/table';
import { type Changes, Expression, type Guard, type IfMatch, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import { allow, may } from '../permissions';
import type { Remove } from './crud';
import { getOrganization, organizationTable } from './organizations';

/** Days between the deletion of an organization and its purge (domain sheet 11). */
const DELETION_WINDOW_DAYS = 30;
const NOW = new Expression(() => "date_trunc('second', now())");

/** Guards in the order of INV-10, behind "not visible" and "not permitted". */
function deletionGuards(ctx: Context, ifMatch: IfMatch): Guard[] {
  const others: Guard = {
    sql: () => '(select count(*) from (select 1 from members m where m.organization_id = old.id limit 2) m) <= 1',
    error: () => new AppError('members_present', 'The organization has other members: remove them first.'),
  };
  return [
    ...versionGuard(ifMatch),
    ...(ctx.caller.level === 'organization' || ctx.caller.level === 'user' ? [others] : []),
    {
      sql: () => 'not old.delete_protection',
      error: () => new AppError('delete_protected', 'deleteProtection is on: switch it off first.'),
    },
    {
      sql: () => 'not old.legal_hold',
      error: () => new AppError('legal_hold', 'The organization is under legal hold.'),
    },
  ];
}

/** Deletes an organization for now: it can be restored until `purgeAt` (INV-9); its credentials stop at once. */
export const deleteOrganization: Remove = async (ctx, id, ifMatch) => {
  await updateRow(ctx, organizationTable, id, deletion(), deletionGuards(ctx, ifMatch));
  ctx.db.afterCommit(() => ctx.callers.forget());
};

function deletion(): Changes<Organization> {
  return {
    status: 'pending_deletion',
    statusBeforeDeletion: new Expression(() => 'old.status'),
    statusChangedAt: NOW,
    // A purge may come after a deletion: the tombstone tells when that was.
    deletedAt: new Expression(() => "coalesce(old.deleted_at, date_trunc('second', now()))"),
    purgeAt: new Expression(() => `date_trunc('second', now()) + interval '${DELETION_WINDOW_DAYS} days'`),
  };
}

/** Rows of the caller's, the deleted ones among them. */
const withDeleted = (ctx: Context) => (bind: Bind) =>
  `(${organizationTable.options.visible(ctx.caller, bind, true, false)})`;

/** Undoes a deletion before `purgeAt`; `invalid_transition` for an organization that is not being deleted. */
export async function restoreOrganization(
  ctx: Context,
  id: string,
  _settings: unknown,
  ifMatch: IfMatch,
): Promise<Organization> {
  const pending: Guard = {
    sql: () => "old.status = 'pending_deletion' and old.purge_at > now()",
    error: () => new AppError('invalid_transition', 'Only an organization that is being deleted can be restored.'),
  };
  const changes: Changes<Organization> = {
    status: new Expression(() => "coalesce(old.status_before_deletion, 'active')"),
    statusBeforeDeletion: null,
    statusChangedAt: NOW,
    deletedAt: null,
    purgeAt: null,
  };
  const guards = [...versionGuard(ifMatch), pending];
  const restored = await updateRow(ctx, organizationTable, id, changes, guards, withDeleted(ctx));
  ctx.db.afterCommit(() => ctx.callers.forget());
  return restored;
}

/** Removes an organization and all its data now, deleted before or not; a tombstone stays (INV-9). */
export const purgeOrganization: Remove = async (ctx, id, ifMatch) => {
  if (!may(ctx.caller, 'organizations.purge')) await getOrganization(ctx, id, ['id']);
  allow(ctx.caller, 'organizations.purge');
  await ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const guards = deletionGuards(ctx, ifMatch);
    const deletedAt = new Expression(() => "coalesce(old.deleted_at, date_trunc('second', now()))");
    const changes = { ...deletion(), deletedAt };
    const organization = await updateRow(inside, organizationTable, id, changes, guards, withDeleted(ctx));
    await db.query('insert into organization_tombstones (id, deleted_at, name_hash) values ($1, $2, $3)', [
      id,
      organization.deletedAt,
      createHash('sha256').update(organization.name).digest(),
    ]);
    await db.query('delete from organizations where id = $1', [id]);
    db.afterCommit(() => ctx.callers.forget());
  });
};
