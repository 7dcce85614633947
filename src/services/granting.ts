import type { Context } from '../context';
import { AppError, type ErrorCode, type ErrorSource, notFound } from '../errors';
import type { Standing } from './access';

/** Who may give what to whom (INV-13, INV-14): to be asked with the organization locked, of `standingNow`. */

/** Of roles. The operator and partners rank above. */
const HIGHEST_RANK = 100;

export interface GivenRoles {
  readonly ids: readonly string[];
  /** Whether one of them is `owner`. */
  readonly owner: boolean;
}

/** Ids as the client named them. */
export interface Asked {
  readonly ids: readonly string[];
  /** Those among them that are to be given; absent: all. The others somebody has already, and nobody judges them. */
  readonly wanted?: ReadonlySet<string>;
  /** Where in the request the one at this place is. */
  readonly source: (place: number) => ErrorSource;
}

/** Ids in the linkage of a resource. */
export const linkageOf = (name: string, ids: readonly string[], wanted?: ReadonlySet<string>): Asked => ({
  ids,
  wanted,
  source: (place) => ({ pointer: `/data/relationships/${name}/data/${place}` }),
});

/** What of a role decides who may give it. */
export interface RoleToGive {
  readonly id: string;
  readonly isOwner: boolean;
  readonly rank: number;
  readonly permissions: readonly string[];
}

/** SQL of the columns of a role `r`, for `readRoleToGive`. */
export const ROLE_TO_GIVE = "r.id, r.code = 'owner' and r.kind = 'system', r.rank, r.permissions";

/** A role from the first values of a row. */
export const readRoleToGive = ([id, isOwner, rank, permissions]: readonly unknown[]): RoleToGive =>
  ({ id, isOwner, rank, permissions }) as RoleToGive;

/**
 * SQL of the role `r` that somebody gets in an organization `o` who is given none: the default one of its settings, where
 * that is gone `member`.
 */
export const DEFAULT_ROLE = `select r.* from roles r
  where (r.organization_id is null or r.organization_id = o.id) and r.code in (o.settings->>'defaultRole', 'member')
  order by r.code = o.settings->>'defaultRole' desc nulls last limit 1`;

/**
 * The roles of an organization, or of all of them, that the caller may give.
 * @throws AppError `not_found`; `owner_required` where only an owner may give one; `cannot_grant` for one that can do more
 *   than the caller, or ranks above him
 */
export async function rolesToGive(
  { db }: Pick<Context, 'db'>,
  standing: Standing,
  organizationId: string,
  { ids, wanted = new Set(ids), source }: Asked,
): Promise<GivenRoles> {
  if (wanted.size === 0) return { ids: [], owner: false };
  const rows = await db.query(
    `select ${ROLE_TO_GIVE} from roles r
     where r.id = any($1::uuid[]) and (r.organization_id is null or r.organization_id = $2)`,
    [[...wanted], organizationId],
  );
  const known = new Map(rows.map((row) => [row[0] as string, readRoleToGive(row)]));
  for (const [place, id] of ids.entries()) {
    if (!wanted.has(id)) continue;
    const role = known.get(id);
    if (role === undefined) throw notFound('There is no such role.', source(place));
    const refusal = refusalOf(standing, role);
    if (refusal !== null) throw new AppError(...refusal, source(place));
  }
  return { ids: [...known.keys()], owner: [...known.values()].some(({ isOwner }) => isOwner) };
}

/** Why somebody may not give a role; null when he may. */
export function refusalOf(standing: Standing, { isOwner, rank, permissions }: RoleToGive): [ErrorCode, string] | null {
  if (isOwner && !standing.roles.includes('owner')) return ['owner_required', 'Only an owner makes an owner.'];
  const lacking = lackedBy(standing, permissions);
  if (lacking.length > 0) return ['cannot_grant', `You can’t grant what you lack: ${lacking.join(', ')}.`];
  return rank > standing.rank ? ['cannot_grant', 'The role ranks above yours.'] : null;
}

/** Those of the permissions that the caller does not have himself. */
export const lackedBy = ({ permissions }: Standing, codes: readonly string[]): string[] =>
  codes.filter((code) => !permissions.has(code as never));

/**
 * The workspaces of an organization that the caller may give: of those that are in use he gives what he has.
 * @throws AppError `not_found`, `cannot_grant`; `not_allowed` for an archived one (INV-16)
 */
export async function workspacesToGive(
  { db }: Pick<Context, 'db'>,
  standing: Pick<Standing, 'workspaceIds'>,
  organizationId: string,
  { ids, wanted = new Set(ids), source }: Asked,
): Promise<void> {
  if (wanted.size === 0) return;
  const rows = await db.query('select id, status from workspaces where organization_id = $1 and id = any($2::uuid[])', [
    organizationId,
    [...wanted],
  ]);
  const known = new Map(rows.map(([id, status]) => [id as string, status as string]));
  for (const [place, id] of ids.entries()) {
    if (!wanted.has(id)) continue;
    const status = known.get(id);
    if (status === undefined) throw notFound('There is no such workspace.', source(place));
    if (standing.workspaceIds?.includes(id) === false) {
      throw new AppError('cannot_grant', 'You can’t give a workspace that you are not in.', source(place));
    }
    if (status === 'archived')
      throw new AppError('not_allowed', 'An archived workspace is given to nobody.', source(place));
  }
}

/**
 * Whether the caller may change or remove a member (INV-14). What he does to his own membership is not judged here.
 * @throws AppError `rank_too_low`
 */
export async function judgeRank({ db }: Pick<Context, 'db'>, standing: Standing, memberId: string): Promise<void> {
  if (standing.memberId === memberId || standing.rank > HIGHEST_RANK) return;
  const [row] = await db.query(
    `select max(r.rank), bool_or(r.kind = 'system' and r.code in ('owner', 'admin'))
     from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = $1`,
    [memberId],
  );
  const [rank, leads] = row ?? [];
  if (Number(rank) < standing.rank) return;
  const arePeers = leads === true && (standing.roles.includes('owner') || standing.roles.includes('admin'));
  if (Number(rank) > standing.rank || !arePeers) {
    throw new AppError(
      'rank_too_low',
      'Only somebody who ranks above this member, or an equal owner or admin, may do this.',
    );
  }
}
