import { v7 as uuidv7 } from 'uuid';
import { Member } from '../../entities';
import type { Context } from '../context';
import { callerScope, organizationsOf, ownedBy, selectOne, visibleOrganization } from '../db/select';
import { Table } from '../db/table';
import { type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError, type ErrorSource, notFound } from '../errors';
import { type ChangeLinkage, type Create, crud, type LinkageChange, lockOrganization, type Remove } from './crud';
import { organizationTable } from './organizations';
import { settleOwnership } from './ownership';
import { userTable } from './users';

export const memberTable = new Table(Member, {
  ...ownedBy('members:read'),
  computed: {
    workspaceIds: 'array(select mw.workspace_id from member_workspaces mw where mw.member_id = t.id order by 1)',
    roleIds: `array(select r.id from member_roles mr join roles r on r.id = mr.role_id
      where mr.member_id = t.id order by r.rank desc, r.id desc)`,
  },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    userId: () => userTable as unknown as Table,
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
export const { list: listMembers, get: getMember, rows: memberRows, update: updateMember } = plain;

const relationshipSource = (name: string): ErrorSource => ({ pointer: `/data/relationships/${name}/data` });

interface Roles {
  ids: string[];
  /** Whether one of them is `owner`. */
  owner: boolean;
}

/**
 * The roles with these ids, which the caller may give.
 * @param asked ids as the client named them; `wanted` are those among them that are to be given
 * @throws AppError `not_found`, `cannot_grant` for a role that can do more than the caller (INV-13)
 */
async function rolesToGive(ctx: Context, asked: readonly string[], wanted: ReadonlySet<string>): Promise<Roles> {
  const rows = await ctx.db.query('select id, code, permissions from roles where id = any($1::uuid[])', [[...wanted]]);
  const known = new Map(rows.map((row) => [row[0] as string, row]));
  for (const [i, id] of asked.entries()) {
    if (!wanted.has(id)) continue;
    const source = { pointer: `/data/relationships/roles/data/${i}` };
    const role = known.get(id);
    if (role === undefined) throw notFound('There is no such role.', source);
    const lacking = (role[2] as string[]).filter((permission) => !ctx.caller.permissions.has(permission as never));
    if (lacking.length > 0) {
      throw new AppError('cannot_grant', `This credential can't grant ${lacking.join(', ')}.`, source);
    }
  }
  return { ids: [...known.keys()], owner: rows.some((row) => row[1] === 'owner') };
}

/** What a member gets who is given no role. */
async function defaultRole(ctx: Context): Promise<Roles> {
  const [row] = await ctx.db.query("select id from roles where code = 'member' and kind = 'system'");
  return { ids: [row?.[0] as string], owner: false };
}

/**
 * Makes a user a member of an organization. The first owner becomes its primary owner (INV-1, INV-4).
 * @throws AppError `already_member`, `cannot_grant`; `not_found` for an organization, user or role that the caller can't see
 */
export const createMember: Create<Member> = (ctx, input) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organizationId = input.relationships.organization as string;
    const userId = input.relationships.user as string;
    const asked = (input.relationships.roles ?? []) as readonly string[];
    const ownerId = await lockOrganization(inside, organizationId);
    if ((await selectOne(inside, userTable, userId, ['id'])) === null) {
      throw notFound('There is no such user.', relationshipSource('user'));
    }
    const roles = asked.length === 0 ? await defaultRole(inside) : await rolesToGive(inside, asked, new Set(asked));
    const values = { ...(input.attributes as Partial<Member>), id: uuidv7(), organizationId, userId };
    const member = await insertRow(inside, memberTable, { ...values, joinMethod: 'admin' });
    await db.query('insert into member_roles (member_id, role_id) select $1, unnest($2::uuid[])', [
      member.id,
      roles.ids,
    ]);
    if (roles.owner) await settleOwnership(db, organizationId, ownerId);
    return plain.get(inside, member.id, memberTable.properties);
  });

/**
 * Changes the roles of a member. Those that he keeps are not judged, so that somebody with fewer rights can give others.
 * @throws AppError `too_short` when none would be left (INV-12), `not_found`, `cannot_grant`, `last_owner`
 */
export const changeRoles: ChangeLinkage<Member> = (ctx, id, change, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const seen = await plain.get(inside, id, ['id', 'organizationId']);
    const ownerId = await lockOrganization(inside, seen.organizationId);
    const { roleIds } = await judge(inside, id, ifMatch);
    const target = targetOf(roleIds, change);
    if (target.size === 0) {
      throw new AppError('too_short', 'A member has at least one role.', relationshipSource('roles'));
    }
    const gained = new Set([...target].filter((role) => !roleIds.includes(role)));
    const lost = roleIds.filter((role) => !target.has(role));
    if (gained.size > 0 || lost.length > 0) {
      const { ids } = await rolesToGive(inside, change.ids as readonly string[], gained);
      await db.query('delete from member_roles where member_id = $1 and role_id = any($2::uuid[])', [id, lost]);
      await db.query('insert into member_roles (member_id, role_id) select $1, unnest($2::uuid[])', [id, ids]);
      await db.query(
        "update members set version = version + 1, updated_at = date_trunc('second', now()) where id = $1",
        [id],
      );
      await settleOwnership(db, seen.organizationId, ownerId);
    }
    return plain.get(inside, id, memberTable.properties);
  });

function targetOf(current: readonly string[], { op, ids }: LinkageChange): Set<string> {
  const named = ids as readonly string[];
  if (op === 'replace') return new Set(named);
  if (op === 'add') return new Set([...current, ...named]);
  return new Set(current.filter((id) => !named.includes(id)));
}

/**
 * Ends a membership. When the primary owner goes, the longest-standing other owner takes his place.
 * @throws AppError `last_owner` (INV-2)
 */
export const removeMember: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const seen = await plain.get(inside, id, ['id', 'organizationId']);
    const ownerId = await lockOrganization(inside, seen.organizationId);
    await judge(inside, id, ifMatch);
    await db.query('delete from members where id = $1', [id]);
    await settleOwnership(db, seen.organizationId, ownerId);
  });

/** The member as the lock found him, or the error for one that has gone or changed since. */
const judge = (ctx: Context, id: string, ifMatch: IfMatch): Promise<Member> =>
  updateRow(ctx, memberTable, id, {}, versionGuard(ifMatch));
