import type { ResourceDefinition } from '../jsonapi/define';
import { DEEPEST_INCLUDE } from '../jsonapi/query';

export type Definition = ResourceDefinition<never>;
export type Registry = ReadonlyMap<string, Definition>;

/** What `include` can name from a type. */
interface Includable {
  /** `roles`, `organization.owner`, … as deep as a request may go. */
  paths: string[];
  types: Set<string>;
  /** Whether a list of others is among it, which is sent in pages. */
  hasLists: boolean;
}

/** What the type itself leads to; with `name`, what does so by way of this one relationship. */
export function includable(definition: Definition, registry: Registry, name?: string, depth = 1): Includable {
  const found: Includable = { paths: [], types: new Set(), hasLists: false };
  for (const [key, relationship] of Object.entries(definition.relationships)) {
    const other = registry.get(relationship.type);
    if (relationship.include !== true || other === undefined || key !== (name ?? key)) continue;
    found.paths.push(key);
    found.types.add(relationship.type);
    found.hasLists ||= 'many' in relationship && relationship.keys === undefined;
    if (depth === DEEPEST_INCLUDE) continue;
    const below = includable(other, registry, undefined, depth + 1);
    found.paths.push(...below.paths.map((path) => `${key}.${path}`));
    for (const each of below.types) found.types.add(each);
    found.hasLists ||= below.hasLists;
  }
  return found;
}
