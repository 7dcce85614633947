import type { Context } from '../context';
import { hintOf } from '../jsonapi/define';
import { levelReads, may, OPERATIONS, type Rule } from '../permissions';
import { standingIn } from '../services/access';
import type { Entity } from './include';
import type { Route } from './routes';

/** What a caller may do with one row. */
export interface Capabilities {
  /** `update`, `delete` and the actions of the type, and under `relationships` those that can be changed. */
  readonly can: Record<string, unknown>;
  /** The same as methods of the resource's URL, for `Allow`. */
  readonly methods: readonly string[];
}

/**
 * Judges the rights of the caller and what the row itself forbids; other rows may still stand in the way.
 * @param entity with all its properties
 */
export async function capabilities(
  ctx: Context,
  { definition, methods }: Route,
  entity: Entity,
): Promise<Capabilities> {
  const { caller } = ctx;
  const { type, operations, actions, relationships, tenant } = definition;
  const organizationId = tenant === null ? null : (entity[tenant] as string | null);
  const standing = organizationId === null || caller.level !== 'user' ? null : await standingIn(ctx, organizationId);
  const mayHere = (operation: string): boolean => {
    if (!may(caller, operation) || caller.organizationSuspended || standing?.isSuspended) return false;
    if (caller.level !== 'user') return true;
    const { permission, self, byOwner } = OPERATIONS[operation] as Rule;
    if (byOwner && standing?.roles.includes('owner') !== true) return false;
    if (self !== undefined && entity[self] === caller.userId) return true;
    return standing !== null && (permission === null || standing.permissions.has(permission));
  };
  const allowed = (name: string, isPossible = true): boolean => isPossible && mayHere(`${type}.${name}`);
  const can: Record<string, unknown> = {};
  const { update, remove } = operations;
  if (update !== undefined) can.update = allowed('update', update.possible?.(entity as never) ?? true);
  if (remove !== undefined) can.delete = allowed('remove', remove.possible?.(entity as never) ?? true);
  for (const [name, action] of Object.entries(actions)) {
    can[hintOf(name, action)] = allowed(name, action.possible?.(entity as never) ?? true);
  }
  const changeable = Object.entries(relationships).filter(
    ([, { change, type: other }]) => change !== undefined && levelReads(caller.level, other),
  );
  if (changeable.length > 0) {
    can.relationships = Object.fromEntries(changeable.map(([name]) => [name, allowed(name)]));
  }
  const denied = new Set([...(can.update === true ? [] : ['PATCH']), ...(can.delete === true ? [] : ['DELETE'])]);
  return { can, methods: methods.filter((method) => !denied.has(method)) };
}
