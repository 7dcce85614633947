import type { Context } from '../context';
import { hintOf } from '../jsonapi/define';
import { levelReads, may } from '../permissions';
import type { Entity } from './include';
import type { Route } from './routes';

/** What a caller may do with one row. */
export interface Capabilities {
  /** `update`, `delete` and the actions of the type, and under `relationships` those that can be changed. */
  readonly can: Record<string, unknown>;
  /** The same as methods of the resource's URL, for `Allow`. */
  readonly methods: readonly string[];
}

/** Judges the rights of the caller and what the row itself forbids; other rows may still stand in the way. */
export function capabilities({ caller }: Context, { definition, methods }: Route, entity: Entity): Capabilities {
  const { type, operations, actions, relationships } = definition;
  const allowed = (name: string, isPossible = true): boolean =>
    isPossible && may(caller, `${type}.${name}`) && !caller.organizationSuspended;
  const can: Record<string, unknown> = {};
  if (operations.update !== undefined) can.update = allowed('update');
  const { remove } = operations;
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
