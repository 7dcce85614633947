import type { ResourceDefinition } from '../jsonapi/define';
import { DEEPEST_INCLUDE } from '../jsonapi/query';

type Definition = ResourceDefinition<never>;
export type Registry = ReadonlyMap<string, Definition>;

/** What `include` can name from a type. */
interface Includable {
  /** `roles`, `organization.owner`, … as deep as a request may go. */
  paths: string[];
  types: Set<string>;
}

export function includable(definition: Definition, registry: Registry, depth = 1): Includable {
  const found: Includable = { paths: [], types: new Set() };
  for (const [name, { include, type }] of Object.entries(definition.relationships)) {
    const other = registry.get(type);
    if (include !== true || other === undefined) continue;
    found.paths.push(name);
    found.types.add(type);
    if (depth === DEEPEST_INCLUDE) continue;
    const below = includable(other, registry, depth + 1);
    found.paths.push(...below.paths.map((path) => `${name}.${path}`));
    for (const each of below.types) found.types.add(each);
  }
  return found;
}
