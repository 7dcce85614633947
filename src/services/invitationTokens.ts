import type { OpenContext } from '../context';
import type { Database } from '../db/database';
import { AppError, notFound } from '../errors';
import { hashKey } from '../secrets';
import { record, snapshots } from './events';
import { DEFAULT_ROLE } from './granting';
import { statusSql } from './invitations';

/** What somebody sees and does who holds the token of an invitation, short of accepting it. */

/** What its holder may know of an invitation (domain sheet 9.4). */
export interface Preview {
  readonly id: string;
  readonly version: number;
  readonly kind: 'email' | 'link';
  readonly status: string;
  readonly expiresAt: string;
  /** null: a link, which anybody may accept. */
  readonly email: string | null;
  readonly name: string | null;
  readonly message: string | null;
  readonly organizationName: string;
  /** null: a key invites, or somebody who has gone. */
  readonly inviterName: string | null;
  /** Names, the most powerful first. */
  readonly roles: readonly string[];
  /** Whether the invitee must sign in to accept; null for a link, and once it can't be accepted any more. */
  readonly accountExists: boolean | null;
}

const PREVIEW = `
  select i.id, i.version, i.kind, ${statusSql('i')}, i.expires_at, i.email, i.name, i.message, o.name, coalesce(u.name, u.email),
    coalesce(nullif(array(select r.name from invitation_roles ir join roles r on r.id = ir.role_id
      where ir.invitation_id = i.id order by r.rank desc, r.id desc), '{}'), array(select r.name from (${DEFAULT_ROLE}) r)),
    case when i.kind = 'email' and ${statusSql('i')} = 'pending'
      then exists (select 1 from users a where lower(a.email) = lower(i.email)) end
  from invitations i join organizations o on o.id = i.organization_id and o.status <> 'pending_deletion'
  left join users u on u.id = i.invited_by_id
  where i.hash = $1`;

/**
 * The invitation whose token somebody holds. One look-up for every text, so that the time says nothing (INV-28).
 * @throws AppError `not_found`
 */
export async function previewInvitation({ db }: Pick<OpenContext, 'db'>, token: string): Promise<Preview> {
  const [row] = await db.query(PREVIEW, [hashKey(token)]);
  if (row === undefined) throw notFound();
  const [id, version, kind, status, expiresAt, email, name, message, organizationName, inviterName] = row;
  const [roles, accountExists] = row.slice(10);
  const whose = { organizationName, inviterName, roles, accountExists };
  return { id, version, kind, status, expiresAt, email, name, message, ...whose } as Preview;
}

/** An invitation as its acceptance needs it. */
export interface Found {
  readonly id: string;
  readonly organizationId: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly locale: string | null;
  readonly status: string;
  readonly invitedById: string | null;
  /** null: all. */
  readonly workspaceIds: readonly string[] | null;
  readonly isSuspended: boolean;
  /** Primary owner of the organization. */
  readonly ownerId: string | null;
  /** Whether there is an account with the e-mail address of whom it is for. */
  readonly hasAccount: boolean;
}

/**
 * The invitation with this token. One statement, so that nobody sees the account that an acceptance has made without seeing that the token is used up.
 * @param email of whom a link is for
 * @param locks whether the invitation is to be locked; its organization must be already
 * @throws AppError `not_found`
 */
export async function findByToken(
  db: Database,
  token: string,
  email: string | undefined,
  locks: boolean,
): Promise<Found> {
  const [row] = await db.query(
    `select i.id, i.organization_id, i.email, i.name, i.locale, ${statusSql('i')}, i.invited_by_id,
       case when not i.all_workspaces then
         array(select iw.workspace_id from invitation_workspaces iw where iw.invitation_id = i.id) end,
       o.status = 'suspended', o.owner_id,
       exists (select 1 from users a where lower(a.email) = lower(coalesce(i.email, $2)))
     from invitations i join organizations o on o.id = i.organization_id and o.status <> 'pending_deletion'
     where i.hash = $1 ${locks ? 'for no key update of i' : ''}`,
    [hashKey(token), email ?? null],
  );
  if (row === undefined) throw notFound();
  const [id, organizationId, invited, name, locale, status, invitedById, workspaceIds] = row;
  const [isSuspended, ownerId, hasAccount] = row.slice(8);
  const whose = { organizationId, invitedById, workspaceIds, isSuspended, ownerId, hasAccount };
  return { id, email: invited, name, locale, status, ...whose } as Found;
}

/** Why an invitation can't be used any more (domain sheet 6.2). */
export function checkPending({ status }: Found): void {
  if (status === 'expired') throw new AppError('invitation_expired', 'This invitation has expired: ask for another.');
  if (status === 'revoked') throw new AppError('invitation_revoked', 'This invitation has been revoked.');
  if (status !== 'pending') throw new AppError('invitation_used', `This invitation has been ${status} already.`);
}

/**
 * Declines an invitation, for ever.
 * @throws AppError `not_found`, 410; `invalid_transition` for a link, which is for others too
 */
export async function declineInvitation(ctx: OpenContext, token: string): Promise<Preview> {
  const seen = await findByToken(ctx.db, token, undefined, false);
  return ctx.db.transaction(async (db) => {
    await db.query('select 1 from organizations where id = $1 for no key update', [seen.organizationId]);
    const found = await findByToken(db, token, undefined, true);
    checkPending(found);
    if (found.email === null) {
      throw new AppError('invalid_transition', 'A link is for others too: who does not want it leaves it.');
    }
    const before = await snapshots({ ...ctx, db }, 'invitations', [found.id]);
    await db.query(
      `update invitations set status = 'declined', declined_at = date_trunc('second', now()), version = version + 1,
         updated_at = date_trunc('second', now()) where id = $1`,
      [found.id],
    );
    const declined = await previewInvitation({ db }, token);
    const told = { ...ctx, db, actor: { type: 'invitee', id: found.id } as const };
    await record(told, 'invitation.declined', 'invitations', [found.id], { before });
    return declined;
  });
}
