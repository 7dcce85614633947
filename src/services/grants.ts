import type { Fault } from '../errors';
import type { Permission } from '../permissions';
import type { Standing } from './access';

/** What of a role decides who may give it. */
export interface GrantedRole {
  readonly id: string;
  readonly code: string;
  readonly kind: string;
  readonly permissions: readonly string[];
}

/** SQL of the columns of a role `r`, for `readGrantedRole`. */
export const GRANTED_ROLE = 'r.id, r.code, r.kind, r.permissions';

/** A role from four values of a row. */
export function readGrantedRole([id, code, kind, permissions]: readonly unknown[]): GrantedRole {
  return { id, code, kind, permissions } as GrantedRole;
}

/**
 * SQL of the role that members of an organization `o` get who are given none: the one that its settings name, or
 * `member` when they name none or one that has gone.
 */
export const DEFAULT_ROLE = `
  select r.id, r.code, r.kind, r.permissions, r.name from roles r
  where (r.organization_id is null or r.organization_id = o.id)
    and r.code in (coalesce(o.settings->>'defaultRole', 'member'), 'member')
  order by r.code = 'member' limit 1`;

/**
 * Why somebody may not give a role (INV-13): it can do more than he may, or it is the owner's and he is none.
 * @returns undefined when he may
 */
export function grantFault(
  { permissions, roles }: Standing,
  role: GrantedRole,
): Pick<Fault, 'code' | 'detail'> | undefined {
  const lacking = role.permissions.filter((each) => !permissions.has(each as Permission));
  if (lacking.length > 0) return { code: 'cannot_grant', detail: `You can't grant ${lacking.join(', ')}.` };
  if (role.kind === 'system' && role.code === 'owner' && !roles.includes('owner')) {
    return { code: 'owner_required', detail: 'Only an owner makes an owner.' };
  }
  return undefined;
}
