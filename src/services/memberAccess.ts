import type { Member } from '../../entities';
import type { Context } from '../context';
import { AppError } from '../errors';
import type { Standing } from './access';
import type { LinkageChange } from './crud';
import { linkageOf, rolesToGive, workspacesToGive } from './granting';

/** What a member may do and where: his roles and workspaces. To be changed with the organization and the member locked. */

interface Difference {
  readonly target: ReadonlySet<string>;
  readonly gained: ReadonlySet<string>;
  readonly lost: readonly string[];
}

/** What a change of a linkage comes to. */
export function differenceOf(current: readonly string[], { op, ids }: LinkageChange): Difference {
  const named = ids as readonly string[];
  const target =
    op === 'replace'
      ? new Set(named)
      : op === 'add'
        ? new Set([...current, ...named])
        : new Set(current.filter((id) => !named.includes(id)));
  return {
    target,
    gained: new Set([...target].filter((id) => !current.includes(id))),
    lost: current.filter((id) => !target.has(id)),
  };
}

/**
 * Changes the roles of a member. Those that he keeps are not judged, so that somebody with fewer rights can give others.
 * @returns whether they have changed
 * @throws AppError `too_short` when none would be left (INV-12), and those of `rolesToGive`
 */
export async function setRoles(
  ctx: Context,
  standing: Standing,
  { id, organizationId, roleIds }: Member,
  change: LinkageChange,
): Promise<boolean> {
  const { target, gained, lost } = differenceOf(roleIds, change);
  if (target.size === 0) {
    throw new AppError('too_short', 'A member has at least one role.', { pointer: '/data/relationships/roles/data' });
  }
  await rolesToGive(ctx, standing, organizationId, linkageOf('roles', change.ids as readonly string[], gained));
  if (lost.length > 0) {
    await ctx.db.query('delete from member_roles where member_id = $1 and role_id = any($2::uuid[])', [id, lost]);
  }
  if (gained.size > 0) await giveRoles(ctx, id, [...gained]);
  return gained.size > 0 || lost.length > 0;
}

export async function giveRoles({ db }: Context, memberId: string, roleIds: readonly string[]): Promise<void> {
  await db.query('insert into member_roles (member_id, role_id) select $1, unnest($2::uuid[])', [memberId, roleIds]);
}

/**
 * Changes the workspaces of a member: with one in the list he is limited to them, with `allWorkspaces` none is in it
 * (rulings). Those that he keeps are not judged.
 * @param change absent: the list is as `allWorkspaces` makes it
 * @returns his `allWorkspaces` from now on, and whether anything has changed
 * @throws AppError those of `workspacesToGive`; `cannot_grant` for all workspaces from a caller who is limited himself
 */
export async function setWorkspaces(
  ctx: Context,
  standing: Standing,
  {
    id,
    organizationId,
    workspaceIds,
    allWorkspaces: before,
  }: Pick<Member, 'id' | 'organizationId' | 'workspaceIds' | 'allWorkspaces'>,
  change: LinkageChange | undefined,
  asked?: boolean,
): Promise<{ allWorkspaces: boolean; changed: boolean }> {
  const all: LinkageChange = { op: 'replace', ids: asked === true ? [] : workspaceIds };
  const { op, ids } = change ?? all;
  const { target, gained, lost } = differenceOf(workspaceIds, { op, ids } as LinkageChange);
  const allWorkspaces = target.size === 0 && (asked ?? before);
  if (allWorkspaces && !before && standing.workspaceIds !== null) {
    throw new AppError('cannot_grant', 'You can’t give all workspaces: you are limited to some yourself.', {
      pointer: '/data/attributes/allWorkspaces',
    });
  }
  await workspacesToGive(ctx, standing, organizationId, linkageOf('workspaces', ids as readonly string[], gained));
  if (lost.length > 0) {
    const sql = 'delete from member_workspaces where member_id = $1 and workspace_id = any($2::uuid[])';
    await ctx.db.query(sql, [id, lost]);
  }
  if (gained.size > 0) {
    const sql = 'insert into member_workspaces (member_id, workspace_id) select $1, unnest($2::uuid[])';
    await ctx.db.query(sql, [id, [...gained]]);
  }
  return { allWorkspaces, changed: allWorkspaces !== before || gained.size > 0 || lost.length > 0 };
}
