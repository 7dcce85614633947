import { v7 as uuidv7 } from 'uuid';
import { Member } from '../../entities';
import type { Context } from '../context';
import type { Database } from '../db/database';
import { callerScope, organizationOwned, selectOne, visibleOrganization } from '../db/select';
import { Table } from '../db/table';
import { type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError, type ErrorSource, notFound } from '../errors';
import { type Create, crud, type Remove } from './crud';
import { userTable } from './users';

export const memberTable = new Table(Member, {
  ...organizationOwned,
  computed: {
    roleIds: `array(select r.id from member_roles mr join roles r on r.id = mr.role_id
      where mr.member_id = t.id order by r.rank desc, r.id)`,
  },
  counted: (caller) =>
    caller.organizationId !== null
      ? { relation: 'members', scope: caller.organizationId }
      : callerScope('members')(caller),
  countedByOrganization: 'members',
});

const plain = crud(memberTable);
export const { list: listMembers, get: getMember } = plain;

const relationshipSource = (name: string): ErrorSource => ({ pointer: `/data/relationships/${name}/data` });

/**
 * Locks an organization that the caller sees, so that its owners are changed one after the other (INV-2).
 * @returns id of its primary owner, or null
 */
async function lockOrganization(ctx: Context, organizationId: string): Promise<string | null> {
  const values: unknown[] = [];
  const visible = visibleOrganization(ctx.caller, 't.id', (value) => `$${values.push(value) + 1}`);
  const [row] = await ctx.db.query(
    `select t.owner_id from organizations t where t.id = $1 and ${visible} for no key update`,
    [organizationId, ...values],
  );
  if (row === undefined) throw notFound('There is no such organization.', relationshipSource('organization'));
  return row[0] as string | null;
}

/** The roles to give: those asked for, else `member`. Whether one of them is `owner` comes along. */
async function rolesToGive(db: Database, asked: readonly string[]): Promise<{ ids: string[]; owner: boolean }> {
  const rows = await db.query("select id, code from roles where id = any($1::uuid[]) or (code = 'member' and $2)", [
    asked,
    asked.length === 0,
  ]);
  const ids = rows.map((row) => row[0] as string);
  for (const [i, id] of asked.entries()) {
    if (!ids.includes(id)) throw notFound('There is no such role.', { pointer: `/data/relationships/roles/data/${i}` });
  }
  return { ids, owner: rows.some((row) => row[1] === 'owner') };
}

/**
 * Makes a user a member of an organization. The first owner becomes its primary owner (INV-1, INV-4).
 * @throws AppError `already_member`; `not_found` for an organization, user or role that the caller can't see
 */
export const createMember: Create<Member> = (ctx, input) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organization = input.relationships.organization as string;
    const user = input.relationships.user as string;
    const roles = (input.relationships.roles ?? []) as readonly string[];
    const ownerId = await lockOrganization(inside, organization);
    if ((await selectOne(inside, userTable, user, ['id'])) === null) {
      throw notFound('There is no such user.', relationshipSource('user'));
    }
    const { ids, owner } = await rolesToGive(db, roles);
    const isPrimaryOwner = owner && ownerId === null;
    const member = await insertRow(inside, memberTable, {
      ...(input.attributes as Partial<Member>),
      id: uuidv7(),
      organizationId: organization,
      userId: user,
      joinMethod: 'admin',
      isPrimaryOwner,
    });
    await db.query('insert into member_roles (member_id, role_id) select $1, unnest($2::uuid[])', [member.id, ids]);
    if (isPrimaryOwner) await setOwner(db, organization, user);
    return plain.get(inside, member.id, memberTable.properties);
  });

async function setOwner(db: Database, organizationId: string, userId: string): Promise<void> {
  await db.query(
    `update organizations set owner_id = $2, version = version + 1, updated_at = date_trunc('second', now()) where id = $1`,
    [organizationId, userId],
  );
}

/**
 * Ends a membership. When the primary owner goes, the longest-standing other owner takes his place.
 * @throws AppError `last_owner` (INV-2)
 */
export const removeMember: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const seen = await plain.get(inside, id, ['id', 'organizationId']);
    await lockOrganization(inside, seen.organizationId);
    const member = await judge(inside, id, ifMatch);
    const [heir] = await db.query(
      `select m.id, m.user_id from members m join member_roles mr on mr.member_id = m.id join roles r on r.id = mr.role_id
       where m.organization_id = $1 and m.id <> $2 and m.status = 'active' and r.code = 'owner'
       order by m.joined_at, m.id limit 1`,
      [member.organizationId, id],
    );
    const [owns] = await db.query(
      "select exists (select 1 from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = $1 and r.code = 'owner')",
      [id],
    );
    if (owns?.[0] === true && heir === undefined) {
      throw new AppError('last_owner', 'An organization keeps at least one owner: make another member owner first.');
    }
    await db.query('delete from members where id = $1', [id]);
    if (member.isPrimaryOwner && heir !== undefined) {
      await db.query(
        "update members set is_primary_owner = true, version = version + 1, updated_at = date_trunc('second', now()) where id = $1",
        [heir[0]],
      );
      await setOwner(db, member.organizationId, heir[1] as string);
    }
  });

/** The member as the lock found him, or the error for one that has gone or changed since. */
const judge = (ctx: Context, id: string, ifMatch: IfMatch): Promise<Member> =>
  updateRow(ctx, memberTable, id, {}, versionGuard(ifMatch));
