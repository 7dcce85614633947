import type { ApiKey } from '../../entities';
import type { Context, Level } from '../context';
import { AppError, type ErrorSource } from '../errors';
import { effectivePermissions, type Permission, scopesWithin } from '../permissions';
import { standingNow } from './access';

/** Whom a key is for. */
export type Binding = Pick<ApiKey, 'level' | 'organizationId' | 'partnerId' | 'userId'>;

/** What a caller has himself, and can hand on to a key (INV-13). */
export interface Grants {
  /** Cut to what the key's level may have. */
  readonly permissions: ReadonlySet<Permission>;
  /** Stored with a key that he makes: it never grows (INV-32). */
  readonly ceiling: readonly string[];
  /** null: all. */
  readonly workspaceIds: readonly string[] | null;
}

/** To be asked with the organization of the key locked. */
export async function grantsOf(ctx: Context, { level, organizationId }: Binding): Promise<Grants> {
  const { caller } = ctx;
  if (caller.level === 'user' && organizationId !== null) {
    const { permissions, workspaceIds } = await standingNow(ctx, organizationId);
    return { permissions, ceiling: [...permissions], workspaceIds };
  }
  const { permissions, scopes, workspaceIds } = caller;
  return { permissions: effectivePermissions(level, [...permissions]), ceiling: scopes, workspaceIds };
}

/** What a key with these scopes and this ceiling may do. */
export const keyPermissions = (level: Level, scopes: readonly string[], ceiling: readonly string[]) =>
  effectivePermissions(level, scopesWithin(scopes, ceiling));

/** @throws AppError `cannot_grant` for permissions that the caller lacks (INV-13) */
export function checkPermissions({ permissions }: Grants, wanted: Iterable<string>, source?: ErrorSource): void {
  const lacking = [...wanted].filter((each) => !permissions.has(each as Permission));
  if (lacking.length > 0) throw cannotGrant(lacking, source);
}

export const cannotGrant = (lacking: readonly string[], source?: ErrorSource): AppError =>
  new AppError('cannot_grant', `This credential can't grant ${lacking.join(', ')}.`, source);

/** @throws AppError `cannot_grant` unless all that a key reaches is within what the caller reaches himself */
export function checkReach(grants: Grants, key: ApiKey): void {
  checkPermissions(grants, keyPermissions(key.level, key.scopes, key.ceiling));
  const { workspaceIds } = grants;
  if (workspaceIds === null) return;
  if (key.allWorkspaces || key.workspaceIds.some((id) => !workspaceIds.includes(id))) {
    throw new AppError('cannot_grant', 'Your own workspaces do not include all of the key’s.');
  }
}
