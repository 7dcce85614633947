import { v7 as uuidv7 } from 'uuid';
import { Role } from '../../entities';
import type { Caller, Context } from '../context';
import type { Database } from '../db/database';
import { callerScope, visibleOrganization } from '../db/select';
import { type RunningTotal, Table } from '../db/table';
import { type Changes, type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError, type ErrorSource, type Fault } from '../errors';
import { SYSTEM_ROLES } from '../permissions';
import { type Standing, standingNow } from './access';
import { type Create, crud, lockOrganization, ownerOf, type Remove, type Update } from './crud';
import { changeInParts, record, recordGone, snapshot } from './events';
import { lackedBy, rolesToGive } from './granting';
import { organizationTable } from './organizations';
import { type Succession, settleOwnership, tellMembers } from './ownership';
import { checkQuota } from './quotas';

/** The scope of a partner has the roles of its organizations alone; that of the installation has them all. */
function countedRoles(caller: Caller): RunningTotal | null {
  const scope = callerScope('roles')(caller);
  return scope === null || caller.level === 'platform' ? scope : { ...scope, more: Object.keys(SYSTEM_ROLES).length };
}

/** System roles are rows of the installation: everybody sees them, and every organization has them. */
export const roleTable = new Table(Role, {
  visible: (caller, bind, _isFew, reads) =>
    `t.organization_id is null or ${visibleOrganization(caller, 't.organization_id', bind, reads ? 'roles:read' : undefined)}`,
  computed: {
    memberCount: `case when t.kind = 'custom' then (select coalesce(sum(c.rows), 0)::integer from row_counts c
      where c.relation = 'member_roles' and c.scope = t.id) end`,
  },
  counted: (caller) => countedRoles(caller),
  references: { organizationId: () => organizationTable as unknown as Table },
  links: {
    // System roles are everybody's.
    organizationId: (id, bind, caller) =>
      `t.organization_id = ${id} or (t.organization_id is null and ${visibleOrganization(caller, id, bind)})`,
    invitationId: (id) => `t.id in (select ir.role_id from invitation_roles ir where ir.invitation_id = ${id})`,
    memberId: (id) => `t.id in (select mr.role_id from member_roles mr where mr.member_id = ${id})`,
  },
});

const plain = crud(roleTable);
export const { list: listRoles, get: getRole, rows: roleRows } = plain;

const RANK = { pointer: '/data/attributes/rank' };
const PERMISSIONS = '/data/attributes/permissions';

/**
 * Makes a role of an organization.
 * @throws AppError `code_taken`, `cannot_grant` for permissions that the caller lacks (INV-13), `rank_too_low` for a rank
 *   above his own
 */
export const createRole: Create<Role> = (ctx, input) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organizationId = await ownerOf(inside, input);
    await checkQuota(inside, organizationId, 'roles');
    const standing = await standingNow(inside, organizationId);
    const { rank = 0, permissions = [], ...attributes } = input.attributes as Partial<Role>;
    judgePermissions(standing, permissions, permissions, []);
    judgeRoleRank(standing, rank, RANK);
    const values = { ...attributes, rank, permissions, id: uuidv7(), organizationId, kind: 'custom' as const };
    const role = await insertRow(inside, roleTable, values);
    await record(inside, 'role.created', 'roles', [role.id]);
    return role;
  });

/**
 * Changes a role of an organization; whoever has it can do from now on what it says (INV-34).
 * @throws AppError `update_not_offered` for a system role (INV-15), `cannot_grant` for permissions that come or go and that
 *   the caller lacks (INV-13), `rank_too_low`, `code_taken`
 */
export const updateRole: Update<Role> = (ctx, id, input, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { role, standing } = await lockRole(inside, id, ifMatch);
    const changes = input.attributes as Changes<Role> & Partial<Role>;
    const { permissions = role.permissions, rank = role.rank } = changes;
    const gained = permissions.filter((each) => !role.permissions.includes(each));
    const lost = role.permissions.filter((each) => !permissions.includes(each));
    judgePermissions(standing, permissions, gained, lost);
    judgeRoleRank(standing, rank, RANK);
    db.afterCommit(() => ctx.callers.forget());
    return updateRow(inside, roleTable, id, changes, [], undefined, { kind: 'role.updated', type: 'roles' });
  });

/** The role as the lock found it, or the error for one that nobody changes or that ranks too high. */
async function lockRole(ctx: Context, id: string, ifMatch: IfMatch) {
  const { organizationId } = await plain.get(ctx, id, ['organizationId']);
  if (organizationId === null) throw new AppError('update_not_offered', 'System roles are as they are.');
  const ownerId = await lockOrganization(ctx, organizationId);
  const role = await updateRow(ctx, roleTable, id, {}, versionGuard(ifMatch));
  const standing = await standingNow(ctx, organizationId);
  judgeRoleRank(standing, role.rank);
  return { role, organizationId, ownerId, standing };
}

function judgeRoleRank(standing: Standing, rank: number, source?: ErrorSource): void {
  if (rank <= standing.rank) return;
  throw new AppError(
    'rank_too_low',
    `Your own rank is ${standing.rank}: you can’t make or change what ranks above.`,
    source,
  );
}

/** Each permission that may not be given is told at its place; those that may not be taken away stand nowhere. */
function judgePermissions(
  standing: Standing,
  named: readonly string[],
  gained: readonly string[],
  lost: readonly string[],
): void {
  const faults = lackedBy(standing, gained).map(
    (code): Fault => ({
      code: 'cannot_grant',
      detail: `You can’t grant ${code}: you lack it yourself.`,
      source: { pointer: `${PERMISSIONS}/${named.indexOf(code)}` },
    }),
  );
  const kept = lackedBy(standing, lost);
  if (kept.length > 0) {
    const detail = `You can’t take away what you lack yourself: ${kept.join(', ')}.`;
    faults.push({ code: 'cannot_grant', detail, source: { pointer: PERMISSIONS } });
  }
  if (faults.length > 0) throw AppError.of(faults);
}

/**
 * Deletes a role of an organization that no member has. Its place with members and open invitations can be taken by
 * another one (`replaceWith`), in the same transaction; without, invitations lose it.
 * @throws AppError `update_not_offered` for a system role, `role_in_use` (INV-15), `rank_too_low`, `cannot_grant`
 *   (INV-13), `owner_required`; `not_found` for a replacement that the organization does not have
 */
export const deleteRole: Remove = (ctx, id, ifMatch, parameters) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { role, organizationId, ownerId, standing } = await lockRole(inside, id, ifMatch);
    const lacking = lackedBy(standing, role.permissions);
    if (lacking.length > 0) {
      throw new AppError('cannot_grant', `You can’t take away what you lack yourself: ${lacking.join(', ')}.`);
    }
    const gone = await snapshot(inside, 'roles', id);
    let succession: Succession | null = null;
    const replacement = parameters?.replaceWith as string | undefined;
    if (replacement !== undefined) {
      const source = { parameter: 'replaceWith' };
      if (replacement === id) throw new AppError('invalid_parameter', 'A role does not replace itself.', source);
      const asked = { ids: [replacement], source: () => source };
      const { owner } = await rolesToGive(inside, standing, organizationId, asked);
      await replaceRole(inside, id, replacement);
      if (owner) succession = await settleOwnership(inside, organizationId, ownerId);
    }
    await db.query('delete from roles where id = $1', [id]);
    db.afterCommit(() => ctx.callers.forget());
    await tellMembers(inside, succession);
    await recordGone(inside, 'role.deleted', organizationId, [gone]);
  });

/** Where somebody has both already, the old one goes with its role. */
async function replaceRole(ctx: Context, id: string, replacement: string): Promise<void> {
  const { db } = ctx;
  const next = (limit: number) =>
    db.query(`select member_id from member_roles where role_id = $1 limit ${limit}`, [id]);
  await changeInParts(ctx, 'member.updated', 'members', next, (members) =>
    replaceFor(db, ['members', 'member_roles', 'member_id'], members, id, replacement),
  );
  const invited = await db.query('select invitation_id from invitation_roles where role_id = $1', [id]);
  const invitations = invited.map(([each]) => each as string);
  await replaceFor(db, ['invitations', 'invitation_roles', 'invitation_id'], invitations, id, replacement);
}

async function replaceFor(
  db: Database,
  [table, links, holder]: readonly [table: string, links: string, holder: string],
  ids: readonly string[],
  role: string,
  replacement: string,
): Promise<void> {
  await db.query(
    `update ${table} set version = version + 1, updated_at = date_trunc('second', now()) where id = any($1::uuid[])`,
    [ids],
  );
  await db.query(
    `update ${links} one set role_id = $3 where ${holder} = any($1::uuid[]) and role_id = $2
       and not exists (select 1 from ${links} other where other.${holder} = one.${holder} and other.role_id = $3)`,
    [ids, role, replacement],
  );
  await db.query(`delete from ${links} where ${holder} = any($1::uuid[]) and role_id = $2`, [ids, role]);
}
