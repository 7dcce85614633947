import type { Caller, Context } from '../context';
import type { Database } from '../db/database';
import { AppError, notFound } from '../errors';
import { allow, denial, effectivePermissions, OPERATIONS, type Permission } from '../permissions';

/** What a caller is in one organization. */
export interface Standing {
  /** His membership; null unless the caller is a user. */
  readonly memberId: string | null;
  /** Codes of his system roles. */
  readonly roles: readonly string[];
  /** Of his highest role; of a key, see `Caller.rank`. */
  readonly rank: number;
  readonly permissions: ReadonlySet<Permission>;
  /** The organization is suspended. */
  readonly isSuspended: boolean;
  /** Its settings ask for an `Idempotency-Key` with each write. */
  readonly needsIdempotencyKey: boolean;
  /** Workspaces he is limited to; null: none, he has them all. */
  readonly workspaceIds: readonly string[] | null;
}

/**
 * `membersMayInvite` gives every member the right to invite, with roles that do not exceed his own. The one place that
 * turns roles into permissions.
 */
const LOOK_UP = `
  select m.id, o.status = 'suspended', o.settings->>'requireIdempotencyKey' = 'true', o.settings->>'membersMayInvite' = 'true',
    array(select r.code from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id and r.kind = 'system'),
    (select max(r.rank) from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id),
    array(select distinct p from member_roles mr join roles r on r.id = mr.role_id, unnest(r.permissions) p where mr.member_id = m.id),
    case when not m.all_workspaces then array(select mw.workspace_id from member_workspaces mw where mw.member_id = m.id) end
  from members m join organizations o on o.id = m.organization_id
  where m.user_id = $1 and m.organization_id = $2 and m.status = 'active' and o.status <> 'pending_deletion'`;

/**
 * What a person is in an organization at this moment, whatever credential he has; null when he is no active member.
 */
export async function standingOf(db: Database, userId: string, organizationId: string): Promise<Standing | null> {
  const [row] = await db.query(LOOK_UP, [userId, organizationId]);
  if (row === undefined) return null;
  const [memberId, isSuspended, needsKey, mayInvite, roles, rank, permissions, workspaceIds] = row;
  const granted = permissions as Permission[];
  if (mayInvite === true) granted.push('invitations:create');
  return {
    memberId: memberId as string,
    roles: roles as string[],
    rank: Number(rank),
    permissions: new Set(granted),
    isSuspended: isSuspended === true,
    needsIdempotencyKey: needsKey === true,
    workspaceIds: workspaceIds as string[] | null,
  };
}

/** A person as a caller, for those who act for one that has just become known. */
export const personAsCaller = (userId: string, name: string): Caller => ({
  credentialId: userId,
  apiKeyId: null,
  level: 'user',
  name,
  partnerId: null,
  organizationId: null,
  userId,
  permissions: effectivePermissions('user', ['*']),
  scopes: ['*'],
  rank: 0,
  workspaceIds: null,
  rateLimit: null,
  organizationSuspended: false,
  needsIdempotencyKey: false,
});

/** A personal key may be meant for less than its holder may. */
async function lookUp(db: Database, { userId, permissions }: Caller, organizationId: string): Promise<Standing | null> {
  const standing = userId === null ? null : await standingOf(db, userId, organizationId);
  if (standing === null) return null;
  return { ...standing, permissions: new Set([...standing.permissions].filter((each) => permissions.has(each))) };
}

function ofKey(caller: Caller): Standing {
  const { rank, permissions, organizationSuspended, needsIdempotencyKey, workspaceIds } = caller;
  const roles = rank >= 100 ? ['owner', 'admin'] : rank >= 80 ? ['admin'] : [];
  return {
    memberId: null,
    roles,
    rank,
    permissions,
    isSuspended: organizationSuspended,
    needsIdempotencyKey,
    workspaceIds,
  };
}

/**
 * What the caller is in an organization, believed for less than a second (INV-34); null for a user who is no active
 * member. Keys are the same everywhere they reach: whether they see the organization is not judged here.
 */
export async function standingIn(ctx: Context, organizationId: string): Promise<Standing | null> {
  const { caller, callers, db, now } = ctx;
  if (caller.level !== 'user') return ofKey(caller);
  // What a transaction has changed is not to be believed by others before it is committed.
  if (db.isInTransaction) return lookUp(db, caller, organizationId);
  // The credential too: two keys of one person may have different scopes.
  const key = `${caller.credentialId} ${organizationId}`;
  const found = callers.standings.find(key, now().getTime(), () => lookUp(db, caller, organizationId));
  return (await found) as Standing | null;
}

/**
 * The same as it is at this moment, for rules about who may change whom: to be asked with the organization locked.
 * @throws AppError `not_found` for a user who is no active member any more
 */
export async function standingNow(ctx: Context, organizationId: string): Promise<Standing> {
  const { caller, db } = ctx;
  const standing = caller.level === 'user' ? await lookUp(db, caller, organizationId) : ofKey(caller);
  if (standing === null) throw notFound();
  return standing;
}

/** What of a row decides who may do something to it. */
export interface Target {
  /** The organization that it belongs to, or is; null: none. */
  readonly organizationId: string | null;
  /** The person that it is about. */
  readonly userId?: string | null;
  /** Of the row, where neither of the others is its id. */
  readonly id?: string;
}

/**
 * Whether the caller may do `operation` to a row that he sees.
 * @param writes whether it changes something: a suspended organization's members and keys read on, and write nothing
 * @throws AppError `permission_denied`, `organization_suspended`; `not_found` for a user who is no active member
 */
export async function authorize(ctx: Context, operation: string, target: Target, writes: boolean): Promise<void> {
  const { caller } = ctx;
  noteTarget(ctx, operation, target);
  if (writes) allowWrite(ctx, operation);
  else allowRead(ctx, operation);
  if (caller.level !== 'user') return;
  const { permission = null, self, byOwner } = OPERATIONS[operation] ?? {};
  const isSelf = self !== undefined && target.userId === caller.userId;
  if (target.organizationId === null) {
    // Rows of the installation are read by all; of a person, by those who see him.
    if (writes && !isSelf) throw denial(caller, operation);
    return;
  }
  const standing = await standingIn(ctx, target.organizationId);
  if (standing === null) throw notFound();
  if (byOwner && !standing.roles.includes('owner')) throw ownerRequired();
  if (!isSelf && permission !== null && !standing.permissions.has(permission)) throw denial(caller, operation);
  if (writes) checkWrite(ctx, standing);
}

/** For the audit trail. */
function noteTarget({ attempt }: Context, operation: string, { organizationId, userId, id }: Target): void {
  if (attempt === undefined) return;
  const [type = ''] = operation.split('.', 1);
  const own = id ?? (type === 'organizations' ? organizationId : type === 'users' ? userId : null);
  if (own) attempt.target = { type, id: own };
  if (organizationId !== null) attempt.organizationId = organizationId;
}

export const ownerRequired = (): AppError =>
  new AppError('owner_required', 'Only an owner of the organization may do this.');

/**
 * What an organization refuses its members and keys whatever their rights.
 * @throws AppError `organization_suspended`, `idempotency_key_required`
 */
function checkWrite({ isKeyed }: Context, { isSuspended, needsIdempotencyKey }: Standing): void {
  if (isSuspended) throw new AppError('organization_suspended', 'The organization is suspended.');
  if (!needsIdempotencyKey || isKeyed === true) return;
  throw new AppError('idempotency_key_required', 'The settings of the organization ask for an Idempotency-Key.', {
    header: 'Idempotency-Key',
  });
}

/** Whether the caller's level and scopes let him read at all: `allow`, noted for the audit trail. */
export function allowRead({ caller, attempt }: Context, operation: string): void {
  if (attempt !== undefined) attempt.operation = operation;
  allow(caller, operation);
}

/**
 * Whether the caller's level and scopes let him write at all, before it is known what.
 * @throws AppError `permission_denied`, and what an organization refuses its own keys
 */
export function allowWrite(ctx: Context, operation: string): void {
  if (ctx.attempt !== undefined) ctx.attempt.operation = operation;
  allow(ctx.caller, operation);
  checkWrite(ctx, ofKey(ctx.caller));
}
