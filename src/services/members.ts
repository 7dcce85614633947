import { v7 as uuidv7 } from 'uuid';
import { Member } from '../../entities';
import type { Context } from '../context';
import { callerScope, organizationsOf, ownedBy, selectOne, visibleOrganization } from '../db/select';
import { Table } from '../db/table';
import { type Changes, type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { notFound } from '../errors';
import { type Standing, standingNow } from './access';
import { type ChangeLinkage, type Create, crud, lockOrganization, type Remove, type Update } from './crud';
import { record, recordGone, type Snapshot, snapshot } from './events';
import {
  DEFAULT_ROLE,
  type GivenRoles,
  judgeRank,
  linkageOf,
  ROLE_TO_GIVE,
  readRoleToGive,
  rolesToGive,
} from './granting';
import { giveRoles, setRoles, setWorkspaces } from './memberAccess';
import { organizationTable } from './organizations';
import { settleOwnership, tellMembers } from './ownership';
import { checkQuota } from './quotas';
import { userTable } from './users';

export const memberTable = new Table(Member, {
  ...ownedBy('members:read'),
  computed: {
    workspaceIds: 'array(select mw.workspace_id from member_workspaces mw where mw.member_id = t.id order by 1)',
    roleIds: `array(select r.id from member_roles mr join roles r on r.id = mr.role_id
      where mr.member_id = t.id order by r.rank desc, r.id desc)`,
  },
  links: {
    roleId: (id) => `t.id in (select mr.member_id from member_roles mr where mr.role_id = ${id})`,
    workspaceId: (id) => `t.id in (select mw.member_id from member_workspaces mw where mw.workspace_id = ${id})`,
  },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    userId: () => userTable as unknown as Table,
    invitedById: () => userTable as unknown as Table,
  },
  counted: (caller) => {
    if (caller.level === 'user') {
      return { relation: 'members', scope: (bind) => organizationsOf(caller, bind, 'members:read') };
    }
    if (caller.organizationId !== null) return { relation: 'members', scope: caller.organizationId };
    return callerScope('members')(caller);
  },
  countedBy: {
    organizationId: {
      relation: 'members',
      visible: (caller, id, bind) => visibleOrganization(caller, id, bind, 'members:read'),
    },
  },
});

const plain = crud(memberTable);
export const { list: listMembers, get: getMember, rows: memberRows } = plain;

/** What somebody gets who is given no role: the default role of the organization, where it is gone `member`. */
export async function defaultRole({ db }: Context, organizationId: string): Promise<GivenRoles> {
  const [row] = await db.query(
    `select ${ROLE_TO_GIVE} from organizations o cross join lateral (${DEFAULT_ROLE}) r where o.id = $1`,
    [organizationId],
  );
  const { id, isOwner } = readRoleToGive(row ?? []);
  return { ids: [id], owner: isOwner };
}

/**
 * Makes a user a member of an organization. The first owner becomes its primary owner (INV-1, INV-4).
 * @throws AppError `already_member`, those of `rolesToGive` and `workspacesToGive`; `not_found` for an organization or user
 *   that the caller can't see
 */
export const createMember: Create<Member> = (ctx, input) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organizationId = input.relationships.organization as string;
    const userId = input.relationships.user as string;
    const asked = (input.relationships.roles ?? []) as readonly string[];
    const ownerId = await lockOrganization(inside, organizationId);
    if ((await selectOne(inside, userTable, userId, ['id'])) === null) {
      throw notFound('There is no such user.', { pointer: '/data/relationships/user/data' });
    }
    await checkQuota(inside, organizationId, 'members');
    const standing = await standingNow(inside, organizationId);
    const roles =
      asked.length === 0
        ? await defaultRole(inside, organizationId)
        : await rolesToGive(inside, standing, organizationId, linkageOf('roles', asked));
    const values = { ...(input.attributes as Partial<Member>), id: uuidv7(), organizationId, userId };
    const member = await insertRow(inside, memberTable, { ...values, joinMethod: 'admin' });
    await giveRoles(inside, member.id, roles.ids);
    const workspaces = (input.relationships.workspaces ?? []) as readonly string[];
    const { allWorkspaces } = await setWorkspaces(inside, standing, member, { op: 'add', ids: workspaces });
    const succession = roles.owner ? await settleOwnership(inside, organizationId, ownerId) : null;
    db.afterCommit(() => ctx.callers.forget());
    const limits = allWorkspaces === member.allWorkspaces ? {} : { allWorkspaces };
    const made = await updateRow(inside, memberTable, member.id, limits);
    await record(inside, 'member.added', 'members', [member.id]);
    await tellMembers(inside, succession, undefined, member.id);
    return made;
  });

interface Work {
  readonly inside: Context;
  readonly member: Member;
  readonly standing: Standing;
}

/**
 * One change of one member by somebody who may change him (INV-14), with the organization and the member locked. Afterwards
 * the organization has its owner (INV-2, INV-4).
 * @param work gives back what else is to be written, or null when nothing has changed
 */
function changeMember(
  ctx: Context,
  id: string,
  ifMatch: IfMatch,
  work: (work: Work) => Promise<Changes<Member> | null>,
): Promise<Member> {
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { ownerId, ...found } = await lockMember(inside, id, ifMatch);
    const { organizationId, status } = found.member;
    const before = await snapshot(inside, 'members', id);
    const changes = await work({ inside, ...found });
    if (changes === null) return updateRow(inside, memberTable, id, {}, [], anyRow);
    await updateRow(inside, memberTable, id, { organizationId, ...changes }, [], anyRow);
    const succession = await settleOwnership(inside, organizationId, ownerId);
    db.afterCommit(() => ctx.callers.forget());
    const changed = await updateRow(inside, memberTable, id, {}, [], anyRow);
    const others = changed.status === status ? before : await tellStatus(inside, changed, before);
    await tellMembers(inside, succession, new Map([[id, others]]));
    return changed;
  });
}

/** @returns what else the member was before */
async function tellStatus(ctx: Context, { id, status }: Member, before: Snapshot): Promise<Snapshot> {
  const { attributes, relationships } = JSON.parse(before);
  const { status: was, ...others } = attributes;
  const kind = status === 'suspended' ? 'member.suspended' : 'member.reactivated';
  const told = { before: new Map([[id, JSON.stringify({ attributes: { status: was } })]]) };
  await record(ctx, kind, 'members', [id], told);
  return JSON.stringify({ attributes: others, relationships });
}

/** Whoever ends his own membership sees it no more, and is still told what he did. */
const anyRow = (): string => 'true';

/** The member as the lock found him, or the error for one that has gone or changed since, or who ranks too high. */
async function lockMember(ctx: Context, id: string, ifMatch: IfMatch) {
  const { organizationId } = await plain.get(ctx, id, ['organizationId']);
  const ownerId = await lockOrganization(ctx, organizationId);
  const member = await updateRow(ctx, memberTable, id, {}, versionGuard(ifMatch));
  const standing = await standingNow(ctx, organizationId);
  await judgeRank(ctx, standing, id);
  return { member, standing, ownerId };
}

/**
 * Changes a member: his attributes, roles and workspaces together, judged by what he was before.
 * @throws AppError `rank_too_low`, `last_owner`, those of `setRoles` and `setWorkspaces`
 */
export const updateMember: Update<Member> = (ctx, id, input, ifMatch) =>
  changeMember(ctx, id, ifMatch, async ({ inside, member, standing }) => {
    const { allWorkspaces, ...attributes } = input.attributes as Partial<Member>;
    const { roles, workspaces } = input.relationships as Record<string, readonly string[] | undefined>;
    let changed = Object.keys(attributes).length > 0;
    let changes: Changes<Member> = attributes;
    if (roles !== undefined && (await setRoles(inside, standing, member, { op: 'replace', ids: roles })))
      changed = true;
    if (workspaces !== undefined || allWorkspaces !== undefined) {
      const change = workspaces === undefined ? undefined : { op: 'replace' as const, ids: workspaces };
      const set = await setWorkspaces(inside, standing, member, change, allWorkspaces);
      changes = { ...changes, allWorkspaces: set.allWorkspaces };
      changed ||= set.changed;
    }
    return changed ? changes : null;
  });

/** Changes the roles of a member; see `setRoles`. */
export const changeRoles: ChangeLinkage<Member> = (ctx, id, change, ifMatch) =>
  changeMember(ctx, id, ifMatch, async ({ inside, member, standing }) =>
    (await setRoles(inside, standing, member, change)) ? {} : null,
  );

/** Changes the workspaces of a member; see `setWorkspaces`. */
export const changeWorkspaces: ChangeLinkage<Member> = (ctx, id, change, ifMatch) =>
  changeMember(ctx, id, ifMatch, async ({ inside, member, standing }) => {
    const { allWorkspaces, changed } = await setWorkspaces(inside, standing, member, change);
    return changed ? { allWorkspaces } : null;
  });

/**
 * Ends a membership; whoever is a member may leave. When the primary owner goes, the longest-standing other owner takes
 * his place. From the next request on the organization is nothing to him (INV-17, INV-34).
 * @throws AppError `rank_too_low`, `last_owner` (INV-2)
 */
export const removeMember: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { member, ownerId } = await lockMember(inside, id, ifMatch);
    const { organizationId, userId } = member;
    const gone = await snapshot(inside, 'members', id);
    await db.query('delete from members where id = $1', [id]);
    const succession = await settleOwnership(inside, organizationId, ownerId);
    db.afterCommit(() => ctx.callers.forget());
    const kind = userId === ctx.caller.userId ? 'member.left' : 'member.removed';
    await recordGone(inside, kind, organizationId, [gone]);
    await tellMembers(inside, succession);
  });
