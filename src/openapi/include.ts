import type { ResourceDefinition } from '../jsonapi/define';
import { DEEPEST_INCLUDE, LINKED_LIMIT, WIDEST_INCLUDE } from '../jsonapi/query';

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

/** Where a path has come to: relationships so far, and resources that one row may have led to. */
interface Reached {
  depth: number;
  width: number;
}

/** What the type itself leads to; with `name`, what the linkage of this one relationship does. */
export function includable(definition: Definition, registry: Registry, name?: string): Includable {
  return follow(definition, registry, { depth: 1, width: 1 }, name);
}

function follow(definition: Definition, registry: Registry, { depth, width }: Reached, name?: string): Includable {
  const found: Includable = { paths: [], types: new Set(), hasLists: false };
  for (const [key, relationship] of Object.entries(definition.relationships)) {
    const other = registry.get(relationship.type);
    if (relationship.include !== true || other === undefined || key !== (name ?? key)) continue;
    // The linkage itself is the primary data: it has pages of its own.
    const isList = name === undefined && 'many' in relationship && relationship.keys === undefined;
    const reached = { depth: depth + 1, width: isList ? width * LINKED_LIMIT : width };
    if (reached.width > WIDEST_INCLUDE) continue;
    found.paths.push(key);
    found.types.add(relationship.type);
    found.hasLists ||= isList;
    if (depth === DEEPEST_INCLUDE) continue;
    const below = follow(other, registry, reached);
    found.paths.push(...below.paths.map((path) => `${key}.${path}`));
    for (const each of below.types) found.types.add(each);
    found.hasLists ||= below.hasLists;
  }
  return found;
}
