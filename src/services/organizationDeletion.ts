import type { Organization } from '../../entities';
import type { Context } from '../context';
import type { Bind } from '../db/table';
import { type Changes, Expression, type Guard, type IfMatch, updateRow, versionGuard } from '../db/write';
import { AppError, notFound } from '../errors';
import { authorize, ownerRequired, standingNow } from './access';
import type { Remove } from './crud';
import { revokeInvitationsOf } from './invitations';
import { enqueue } from './jobs';
import { lockOrganizations, organizationTable } from './organizations';

/** Days between the deletion of an organization and its purge (domain sheet 11). */
const DELETION_WINDOW_DAYS = 30;
const NOW = new Expression(() => "date_trunc('second', now())");

const error =
  (code: 'members_present' | 'only_organization' | 'delete_protected' | 'legal_hold', detail: string) => () =>
    new AppError(code, detail);

/** Guards in the order of INV-10, behind "not visible" and "not permitted". Judged with the organization locked. */
export function deletionGuards({ caller }: Context, ifMatch: IfMatch): Guard[] {
  const only: Guard = {
    sql: (bind) => `exists (select 1 from members m join organizations o on o.id = m.organization_id
      where m.user_id = ${bind(caller.userId)} and m.status = 'active' and o.id <> old.id and o.status <> 'pending_deletion')`,
    error: error('only_organization', 'This is your only organization: it stays.'),
  };
  const others: Guard = {
    sql: () => '(select count(*) from (select 1 from members m where m.organization_id = old.id limit 2) m) <= 1',
    error: error('members_present', 'The organization has other members: remove them first.'),
  };
  return [
    ...versionGuard(ifMatch),
    ...(caller.level === 'user' ? [only] : []),
    ...(caller.level === 'organization' || caller.level === 'user' ? [others] : []),
    {
      sql: () => 'not old.delete_protection',
      error: error('delete_protected', 'deleteProtection is on: switch it off first.'),
    },
    { sql: () => 'not old.legal_hold', error: error('legal_hold', 'The organization is under legal hold.') },
  ];
}

/**
 * Deletes an organization for now: it can be restored until `purgeAt` (INV-9). Its credentials stop at once, and what is
 * offered to others in its name ends.
 * @throws AppError `owner_required`, `only_organization`, `members_present`, `delete_protected`, `legal_hold`
 */
export const deleteOrganization: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await lockOrganizations(inside, [id]);
    if (ctx.caller.level === 'user') {
      if (!(await standingNow(inside, id)).roles.includes('owner')) throw ownerRequired();
      // Of two that he deletes at the same time one may be his last (INV-7).
      await db.query('select 1 from users where id = $1 for no key update', [ctx.caller.userId]);
    }
    await updateRow(inside, organizationTable, id, {}, deletionGuards(ctx, ifMatch));
    // Told while the organization still tells its endpoints of anything.
    await revokeInvitationsOf(inside, id);
    const told = { kind: 'organization.deletion_scheduled', type: 'organizations' } as const;
    const { purgeAt } = await updateRow(inside, organizationTable, id, deletion(), [], undefined, told);
    await planPurge(inside, id, new Date(purgeAt as string));
    db.afterCommit(() => ctx.callers.forget());
  });

/** Whatever was planned for the organization before is replaced. */
export const planPurge = (ctx: Parameters<typeof enqueue>[0], id: string, runAt: Date): Promise<string> =>
  enqueue(ctx, 'purgeOrganization', { id }, { runAt, key: `purgeOrganization ${id}`, organizationId: id });

export function deletion(): Changes<Organization> {
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
export const withDeleted = (ctx: Context) => (bind: Bind) =>
  `(${organizationTable.options.visible(ctx.caller, bind, true, false)})`;

/** To a user whose organization is being deleted it is gone, unless he is one of its owners. */
async function allowRestoration(ctx: Context, id: string): Promise<void> {
  const [row] = await ctx.db.query(
    `select o.status from organizations o join members m on m.organization_id = o.id
     where o.id = $1 and m.user_id = $2 and m.status = 'active' and (o.status <> 'pending_deletion' or exists (
       select 1 from member_roles mr join roles r on r.id = mr.role_id
       where mr.member_id = m.id and r.code = 'owner' and r.kind = 'system'))
     for no key update of o`,
    [id, ctx.caller.userId],
  );
  if (row === undefined) throw notFound();
  if (row[0] !== 'pending_deletion') await authorize(ctx, 'organizations.restore', { organizationId: id }, true);
}

/**
 * Undoes a deletion before `purgeAt`: everything is as it was, but for the invitations.
 * @throws AppError `invalid_transition` for an organization that is not being deleted, `owner_required`
 */
export const restoreOrganization = (
  ctx: Context,
  id: string,
  _settings: object,
  ifMatch: IfMatch,
): Promise<Organization> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const isUser = ctx.caller.level === 'user';
    if (isUser) await allowRestoration(inside, id);
    const pending: Guard = {
      sql: (bind) => `old.status = 'pending_deletion' and old.purge_at > ${bind(ctx.now())}`,
      error: () => new AppError('invalid_transition', 'Only an organization that is being deleted can be restored.'),
    };
    const changes: Changes<Organization> = {
      status: new Expression(() => "coalesce(old.status_before_deletion, 'active')"),
      statusBeforeDeletion: null,
      statusChangedAt: NOW,
      deletedAt: null,
      purgeAt: null,
    };
    const among = isUser ? () => 'true' : withDeleted(ctx);
    const guards = [...versionGuard(ifMatch), pending];
    const told = { kind: 'organization.restored', type: 'organizations' } as const;
    const restored = await updateRow(inside, organizationTable, id, changes, guards, among, told);
    db.afterCommit(() => ctx.callers.forget());
    return restored;
  });
