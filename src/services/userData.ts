import { randomUUID } from 'node:crypto';
import type { User } from '../../entities';
import type { Context } from '../context';
import type { Database } from '../db/database';
import { type Guard, updateRow } from '../db/write';
import { AppError, type ErrorSource } from '../errors';
import { authorize } from './access';
import { forgetPerson } from './eventRetention';
import { record, recordGone, type Snapshot, snapshots } from './events';
import { removeInvitationsFor } from './invitations';
import { type Succession, settleOwnership, tellMembers } from './ownership';
import { endSessions } from './tokenFamilies';
import { getUser, partnerGuards, userTable } from './users';

const READ = ['id', 'email', 'passwordHash'];

/**
 * A user whose data the caller may have or erase: he himself, the operator, and his partner as `partnerGuards` says.
 * @throws AppError `not_found`, `permission_denied`
 */
export async function subjectOf(ctx: Context, id: string, operation: 'users.erase' | 'users.export'): Promise<User> {
  const user = await getUser(ctx, id, READ);
  const target = { organizationId: null, userId: id };
  // That of a person is never another's to read, though he sees him.
  await authorize(ctx, operation, target, true);
  return updateRow(ctx, userTable, user.id, {}, partnerGuards(ctx));
}

/** Notes that somebody is given all that is known of a person. */
export const noteExport = (ctx: Context, { id }: User): Promise<void> => record(ctx, 'user.exported', 'users', [id]);

const passwordFault = (code: 'required' | 'not_allowed', detail: string, source: ErrorSource): AppError =>
  new AppError(code, detail, source, { meta: { attribute: 'password', message: detail } });

/**
 * Whoever erases himself and has a password gives it: a session in the wrong hands must not be enough.
 * @throws AppError `required`; `not_allowed` for another password; `unavailable` when too many wait
 */
export async function confirmErasure(ctx: Context, user: User, password: string | undefined): Promise<void> {
  if (ctx.caller.userId !== user.id || user.passwordHash === null) return;
  if (password === undefined) {
    throw passwordFault('required', 'password is required: you have one.', { pointer: '' });
  }
  if (await ctx.passwords.verify(user.passwordHash, password)) return;
  throw passwordFault('not_allowed', 'It is not the password that you have.', { pointer: '/meta/password' });
}

/**
 * Removes a person (domain sheet 9.10): what is left is a row with his id and nothing that tells who he was. He signs in
 * no more, at once.
 * @param user as `subjectOf` gave him: with another password since then he is not erased
 * @throws AppError `last_owner` with the ids of the organizations that would be left without one (INV-2), `not_found`,
 * `permission_denied`, `conflict` when he has just become a member of another organization
 */
export const eraseUser = (ctx: Context, { id, passwordHash }: User): Promise<User> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organizations = await db.query(
      `select o.id, o.owner_id from organizations o where o.id in (
         select m.organization_id from members m where m.user_id = $1 union
         select i.organization_id from invitations i join users u on lower(u.email) = lower(i.email) where u.id = $1)
       order by o.id for no key update`,
      [id],
    );
    const same: Guard = {
      sql: (bind) => `old.password_hash is not distinct from ${bind(passwordHash)}`,
      error: () => new AppError('conflict', 'The user has changed meanwhile: try again.'),
    };
    const { email } = await updateRow(inside, userTable, id, {}, [...partnerGuards(ctx), same]);
    await forgetPerson(db, id, email);
    await forgetInAudit(db, id, email);
    const ended = await endMemberships(inside, id, organizations as [string, string | null][]);
    const instead = noAddress();
    await removeTraces(inside, id, email, instead);
    const nothing = { name: null, avatarUrl: null, locale: null, externalId: null, passwordHash: null };
    const gone = { ...nothing, emailVerifiedAt: null, lastSeenAt: null };
    const erased = await updateRow(inside, userTable, id, { ...gone, email: instead, status: 'erased' });
    db.afterCommit(() => ctx.callers.forget());
    await recordGone(inside, 'member.removed', null, ended.memberships.values());
    await record(inside, 'user.erased', 'users', [id], { organizationIds: [...ended.memberships.keys()] });
    for (const succession of ended.successions) await tellMembers(inside, succession);
    return erased;
  });

/** Rows that one statement takes what is personal out of at the most. */
const MOST_FORGOTTEN = 2_000;

/** The rows of the audit trail stay, with his id (INV-53). What is written of an erased person has nothing else from the beginning. */
async function forgetInAudit(db: Database, userId: string, email: string): Promise<void> {
  let forgotten: number;
  do {
    const [row] = await db.query('select forget_audited_person($1, $2, $3)', [userId, email, MOST_FORGOTTEN]);
    forgotten = row?.[0] as number;
  } while (forgotten > 0);
}

/** No address ever: nobody can have the domain (RFC 2606). Nobody can guess it, and have it before. */
const noAddress = (): string => `${randomUUID()}@erased.invalid`;

/** What has ended with a person. */
interface Ended {
  /** By organization, in their order. */
  readonly memberships: ReadonlyMap<string, Snapshot>;
  readonly successions: readonly Succession[];
}

/** @param locked ids of his organizations at the least, and of the primary owner of each */
async function endMemberships(
  ctx: Context,
  userId: string,
  locked: readonly [id: string, ownerId: string | null][],
): Promise<Ended> {
  const { db } = ctx;
  const memberships = await db.query(
    `select m.organization_id, m.status = 'active' and exists (
         select 1 from member_roles mr join roles r on r.id = mr.role_id
         where mr.member_id = m.id and r.code = 'owner' and r.kind = 'system')
       and not exists (
         select 1 from members n join member_roles mr on mr.member_id = n.id join roles r on r.id = mr.role_id
         where n.organization_id = m.organization_id and n.id <> m.id and n.status = 'active'
           and r.code = 'owner' and r.kind = 'system'), m.id
     from members m where m.user_id = $1 order by 1`,
    [userId],
  );
  const ids = new Set(locked.map(([id]) => id));
  if (memberships.some(([id]) => !ids.has(id as string))) {
    throw new AppError('conflict', 'The user has just joined an organization: try again.');
  }
  const organizationIds = memberships.filter(([, isLast]) => isLast === true).map(([id]) => id as string);
  if (organizationIds.length > 0) {
    const detail = 'The user is the last owner of organizations: make others owners first, or have them purged.';
    throw new AppError('last_owner', detail, undefined, { meta: { organizationIds } });
  }
  const memberIds = memberships.map((row) => row[2] as string);
  const gone = await snapshots(ctx, 'members', memberIds);
  await db.query('delete from members where user_id = $1', [userId]);
  const successions: Succession[] = [];
  for (const [id, ownerId] of locked) {
    const succession = ownerId === userId ? await settleOwnership(ctx, id, ownerId) : null;
    if (succession !== null) successions.push(succession);
  }
  const ended = memberships.map(([id, , memberId]): [string, Snapshot] => [
    id as string,
    withoutNotes(gone.get(memberId as string) as Snapshot),
  ]);
  return { memberships: new Map(ended), successions };
}

/** What an organization has noted of him may tell who he was. */
function withoutNotes(membership: Snapshot): Snapshot {
  const resource = JSON.parse(membership);
  return JSON.stringify({ ...resource, attributes: { ...resource.attributes, externalId: null, metadata: {} } });
}

/** What he signed in with, and where his address stands. */
async function removeTraces({ db }: Context, userId: string, email: string, instead: string): Promise<void> {
  // Whoever refreshes one of them just now is waited for, and leaves nothing behind.
  await endSessions(db, userId);
  for (const table of ['access_tokens', 'api_keys', 'user_networks', 'password_resets']) {
    await db.query(`delete from ${table} where user_id = $1`, [userId]);
  }
  await removeInvitationsFor({ db }, email, instead);
}
