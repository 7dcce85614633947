import type { Shapes } from '../db/shape';
import type { ResourceDefinition } from '../jsonapi/define';
import { OPERATIONS } from '../permissions';
import { accessTokens } from './accessTokens';
import { apiKeys } from './apiKeys';
import { events } from './events';
import { holds } from './holds';
import { invitations } from './invitations';
import { ledgerEntries } from './ledgerEntries';
import { members } from './members';
import { organizations } from './organizations';
import { overageLimits } from './overageLimits';
import { partners } from './partners';
import { permissions } from './permissions';
import { roles } from './roles';
import { shapeOf } from './shapes';
import { users } from './users';
import { walletAlerts } from './walletAlerts';
import { wallets } from './wallets';
import { walletTransactions } from './walletTransactions';
import { webhookAttempts } from './webhookAttempts';
import { webhookDeliveries } from './webhookDeliveries';
import { webhookEndpoints } from './webhookEndpoints';
import { workspaces } from './workspaces';

/** Every resource type; a type exists when it stands here. */
const definitions = [
  organizations,
  partners,
  users,
  members,
  roles,
  permissions,
  workspaces,
  invitations,
  apiKeys,
  accessTokens,
  events,
  webhookDeliveries,
  webhookAttempts,
  webhookEndpoints,
  wallets,
  walletTransactions,
  ledgerEntries,
  holds,
  overageLimits,
  walletAlerts,
] as unknown as ResourceDefinition<never>[];

export const registry: ReadonlyMap<string, ResourceDefinition<never>> = new Map(
  definitions.map((definition) => [definition.type, definition]),
);

/** How rows stand in events. */
export const shapes: Shapes = new Map(definitions.map((definition) => [definition.type, shapeOf(definition)]));

/**
 * Refuses to start with a registry that contradicts itself: an operation nobody was given the right to, a relationship
 * to a type that does not exist.
 */
export function checkRegistry(): void {
  for (const { type, textIds, operations, actions, relationships } of registry.values()) {
    const changes = Object.entries(relationships).flatMap(([name, { change }]) => (change === undefined ? [] : [name]));
    for (const name of [...Object.keys(operations), ...Object.keys(actions), ...changes]) {
      if (OPERATIONS[`${type}.${name}`] === undefined) throw new Error(`${type}.${name} has no row in permissions.ts`);
    }
    for (const name of Object.keys(actions)) {
      if (!/^(?!relationships\/)\w+(?:\/\w+)?$/.test(name))
        throw new Error(`${type}.${name} is no path below a resource`);
    }
    for (const [name, relationship] of Object.entries(relationships)) {
      const other = registry.get(relationship.type);
      if (other === undefined) throw new Error(`${type}.${name} is of no known type: ${relationship.type}`);
      // Lists that hang on a row are found by its id, a UUID in all of their statements.
      if (textIds && 'many' in relationship) throw new Error(`${type}.${name} is a list of a type with text ids`);
      if (actions[name] !== undefined) throw new Error(`${type}.${name} is an action and a relationship: one path`);
    }
  }
}
