import { v7 as uuidv7 } from 'uuid';
import type { Member, Organization, User } from '../../entities';
import type { Caller, OpenContext } from '../context';
import type { Database } from '../db/database';
import { selectOne } from '../db/select';
import type { Actor } from '../db/shape';
import type { Table } from '../db/table';
import { AppError, type Fault, notFound } from '../errors';
import { personAsCaller, standingOf } from './access';
import { record, snapshots } from './events';
import { DEFAULT_ROLE, ROLE_TO_GIVE, type RoleToGive, readRoleToGive, refusalOf } from './granting';
import { coversWorkspaces } from './invitations';
import { checkPending, type Found, findByToken } from './invitationTokens';
import { memberTable } from './members';
import { faultAt, newPasswordFaults } from './newPassword';
import { organizationTable } from './organizations';
import { type Succession, settleOwnership, tellMembers } from './ownership';
import { checkQuota } from './quotas';
import { userTable } from './users';

/** What somebody answers who accepts. */
export interface Acceptance {
  /** Of the invitee, for a link. */
  readonly email?: string;
  /** Of a user who is made by it. */
  readonly name?: string | null;
  readonly password?: string;
  readonly passwordConfirmation?: string;
}

/** Who has become a member of what. */
export interface Accepted {
  readonly member: Member;
  readonly user: User;
  readonly organization: Organization;
}

/**
 * The roles that an invitation gives now: those that are left of its own, else the default one (domain sheet 9.4).
 * @throws AppError `organization_suspended`, 410 for one that can't be accepted, `inviter_not_allowed` (INV-27)
 */
async function checkAcceptable(db: Database, found: Found): Promise<readonly RoleToGive[]> {
  checkPending(found);
  if (found.isSuspended) throw new AppError('organization_suspended', 'The organization is suspended.');
  const { id, organizationId, invitedById, workspaceIds } = found;
  const own = await db.query(
    `select ${ROLE_TO_GIVE} from invitation_roles ir join roles r on r.id = ir.role_id where ir.invitation_id = $1`,
    [id],
  );
  const rows =
    own.length > 0
      ? own
      : await db.query(
          `select ${ROLE_TO_GIVE} from organizations o cross join lateral (${DEFAULT_ROLE}) r where o.id = $1`,
          [organizationId],
        );
  const roles = rows.map(readRoleToGive);
  if (invitedById === null) return roles;
  const standing = await standingOf(db, invitedById, organizationId);
  const mayGrant =
    standing !== null &&
    roles.every((role) => refusalOf(standing, role) === null) &&
    coversWorkspaces(standing.workspaceIds, workspaceIds);
  if (mayGrant) return roles;
  throw new AppError('inviter_not_allowed', 'Whoever sent this invitation may not give what it offers any more.');
}

/** Somebody without an account. */
interface Newcomer {
  readonly email: string;
  readonly name: string | null;
  readonly password: string;
}

/**
 * Accepts an invitation: makes the user when there is none, and the membership, and uses up the token, in one
 * transaction. Cheap checks come first, then the password is hashed, then the organization is locked and all is judged
 * again: nobody waits for a hash, and of two acceptances of the last use one wins (INV-23).
 * @param caller who is signed in; null: nobody
 * @throws AppError `not_found` for a token that is none; 410 `invitation_expired`, `invitation_revoked`,
 * `invitation_used`, `inviter_not_allowed`; `organization_suspended`, `already_member`, `quota_exceeded`; `authentication_required` when
 * there is an account and nobody is signed in (INV-24); `permission_denied` for somebody else's invitation; faults of
 * the password and its confirmation (INV-25)
 */
export async function acceptInvitation(
  ctx: OpenContext,
  token: string,
  answers: Acceptance,
  caller: Caller | null,
): Promise<Accepted> {
  const userId = caller?.userId ?? null;
  const seen = await findByToken(ctx.db, token, answers.email, false);
  await checkAcceptable(ctx.db, seen);
  const who = userId === null ? await newcomer(ctx.db, seen, answers) : await account(ctx.db, seen, answers, userId);
  const passwordHash = typeof who === 'string' ? null : await ctx.passwords.hash(who.password);
  return ctx.db.transaction(async (db) => {
    await db.query('select 1 from organizations where id = $1 for no key update', [seen.organizationId]);
    const found = await findByToken(db, token, answers.email, true);
    const roles = await checkAcceptable(db, found);
    await checkQuota({ ...ctx, db }, found.organizationId, 'members');
    const inside = { ...ctx, db };
    const before = await snapshots(inside, 'invitations', [found.id]);
    const joining = typeof who === 'string' ? who : await createUser(db, found, who, passwordHash);
    const { memberId, succession } = await createMembership(inside, found, roles, joining);
    await useUp(db, found, joining);
    db.afterCommit(() => ctx.callers.forget());
    const ids = { memberId, userId: joining, organizationId: found.organizationId };
    const accepted = await result(ctx, db, ids);
    const actor: Actor = { type: 'invitee', id: found.id };
    const told = { ...inside, ...(caller === null || userId === null ? { actor } : { caller }) };
    if (userId === null)
      await record(told, 'user.created', 'users', [joining], { organizationIds: [found.organizationId] });
    await record(told, 'member.added', 'members', [memberId]);
    await record(told, 'invitation.accepted', 'invitations', [found.id], { before });
    await tellMembers(told, succession, undefined, memberId);
    return accepted;
  });
}

const ATTRIBUTES = '/data/attributes';

const notAllowed = (name: string, detail: string): Fault => faultAt(ATTRIBUTES, name, { code: 'not_allowed', detail });

function required(name: string, answers: Acceptance): Fault {
  const detail = `${name} is required.`;
  const pointer = Object.keys(answers).length === 0 ? '/data' : ATTRIBUTES;
  return { code: 'required', detail, source: { pointer }, meta: { attribute: name, message: detail } };
}

/** An invitation by mail is for its address alone. */
async function checkEmail(db: Database, { email: invited }: Found, { email }: Acceptance): Promise<void> {
  if (invited === null || email === undefined) return;
  const [row] = await db.query('select lower($1) = lower($2)', [invited, email]);
  if (row?.[0] !== true) {
    throw AppError.of([notAllowed('email', 'This invitation is for another e-mail address.')]);
  }
}

/** What somebody who has not signed in gives us to make an account of. */
async function newcomer(db: Database, found: Found, answers: Acceptance): Promise<Newcomer> {
  await checkEmail(db, found, answers);
  const email = found.email ?? answers.email;
  if (email === undefined) throw AppError.of([required('email', answers)]);
  // A password here would take the account over (INV-24).
  if (found.hasAccount) throw signInFirst();
  const name = answers.name ?? found.name;
  const { password, passwordConfirmation } = answers;
  if (password === undefined || passwordConfirmation === undefined) {
    const missing = (['password', 'passwordConfirmation'] as const).filter((each) => answers[each] === undefined);
    throw AppError.of(missing.map((each) => required(each, answers)));
  }
  const faults = newPasswordFaults({ password, passwordConfirmation }, { email, name }, ATTRIBUTES);
  if (faults.length > 0) throw AppError.of(faults);
  return { email, name, password };
}

const signInFirst = (): AppError =>
  new AppError('authentication_required', 'There is an account with this e-mail address: sign in to accept.', {
    header: 'Authorization',
  });

/** The user who has signed in, when the invitation is his. */
async function account(db: Database, found: Found, answers: Acceptance, userId: string): Promise<string> {
  await checkEmail(db, found, answers);
  const [row] = await db.query(
    `select lower(email) = lower(coalesce($2, email)) from users where id = $1 and status = 'active'`,
    [userId, found.email ?? answers.email ?? null],
  );
  if (row === undefined) throw signInFirst();
  if (row[0] !== true && found.email === null) {
    throw AppError.of([notAllowed('email', 'You are signed in with another e-mail address.')]);
  }
  if (row[0] !== true) {
    throw new AppError('permission_denied', 'This invitation is for another e-mail address than yours.');
  }
  const given = (['password', 'passwordConfirmation'] as const).filter((name) => answers[name] !== undefined);
  if (given.length > 0) {
    throw AppError.of(given.map((name) => notAllowed(name, 'An account that exists keeps its password.')));
  }
  return userId;
}

/** Only a mail proves an address (INV-26). */
async function createUser(db: Database, found: Found, { email, name }: Newcomer, hash: string | null): Promise<string> {
  const [row] = await db.query(
    `insert into users (id, email, name, locale, password_hash, email_verified_at)
     values ($1, $2, $3, $4, $5, case when $6 then date_trunc('second', now()) end) on conflict do nothing returning id`,
    [uuidv7(), email, name, found.locale, hash, found.email !== null],
  );
  // Somebody else has made the account since: it is not ours to set its password.
  if (row === undefined) throw signInFirst();
  return row[0] as string;
}

async function createMembership(
  ctx: OpenContext,
  { organizationId, invitedById, workspaceIds, ownerId }: Found,
  roles: readonly RoleToGive[],
  userId: string,
): Promise<{ memberId: string; succession: Succession | null }> {
  const { db } = ctx;
  const [row] = await db.query(
    `insert into members (id, organization_id, user_id, join_method, all_workspaces, invited_by_id)
     values ($1, $2, $3, 'invited', $4, $5) on conflict (organization_id, user_id) do nothing returning id`,
    [uuidv7(), organizationId, userId, workspaceIds === null, invitedById],
  );
  if (row === undefined) throw new AppError('already_member', 'You are a member of this organization.');
  const [id] = row;
  await db.query('insert into member_roles (member_id, role_id) select $1, unnest($2::uuid[])', [
    id,
    roles.map((role) => role.id),
  ]);
  await db.query('insert into member_workspaces (member_id, workspace_id) select $1, unnest($2::uuid[])', [
    id,
    workspaceIds ?? [],
  ]);
  const succession = roles.some(({ isOwner }) => isOwner) ? await settleOwnership(ctx, organizationId, ownerId) : null;
  return { memberId: id as string, succession };
}

async function useUp(db: Database, { id }: Found, userId: string): Promise<void> {
  await db.query(
    `update invitations set use_count = use_count + 1, accepted_by_id = $2, accepted_at = date_trunc('second', now()),
       status = case when use_count + 1 >= max_uses then 'accepted' else status end,
       version = version + 1, updated_at = date_trunc('second', now()) where id = $1`,
    [id, userId],
  );
}

/** What the new member sees of himself, in the transaction that made him one. */
async function result(
  ctx: OpenContext,
  db: Database,
  ids: { memberId: string; userId: string; organizationId: string },
): Promise<Accepted> {
  const inside = { ...ctx, db, caller: personAsCaller(ids.userId, '') };
  const read = async <Entity extends object>(table: Table<Entity>, id: string): Promise<Entity> => {
    const row = await selectOne(inside, table, id, table.properties);
    if (row === null) throw notFound();
    return row;
  };
  return {
    member: await read(memberTable, ids.memberId),
    user: await read(userTable, ids.userId),
    organization: await read(organizationTable, ids.organizationId),
  };
}
