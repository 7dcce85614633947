import type { Context } from '../context';
import type { ResourceDefinition } from '../jsonapi/define';
import type { IncludeTree, Query } from '../jsonapi/query';
import { allow, levelReads } from '../permissions';

type Definition = ResourceDefinition<never>;
type Registry = ReadonlyMap<string, Definition>;
type Entity = Record<string, unknown> & { id: string };

/** Lists of properties that are kept for each type, so that the SQL and the readers made from them are made once. */
const MOST_KEPT = 100;
const kept = new WeakMap<Definition, Map<string, readonly string[]>>();

/** What must be read of a type: the fields it shows, the keys of what is included from it, its id and version. */
export function propertiesOf(definition: Definition, query: Query, from: Iterable<string>): readonly string[] {
  const included = [...from];
  const shown = query.fields.get(definition.type);
  const key = shown === undefined ? '*' : [...shown, ...included].join();
  const lists = kept.get(definition) ?? new Map<string, readonly string[]>();
  kept.set(definition, lists);
  const known = lists.get(key);
  if (known !== undefined) return known;
  const names = shown ?? [...Object.keys(definition.attributes), ...Object.keys(definition.relationships)];
  const reads = [...names, ...included].flatMap((name) => definition.reads(name));
  const properties = [...new Set(['id', 'version', ...reads])];
  if (lists.size < MOST_KEPT) lists.set(key, properties);
  return properties;
}

/** Resource objects of one document, each type + id once (JSON:API 1.1, "Compound Documents"). */
class Included {
  readonly entities = new Map<string, Map<string, Entity>>();

  add(type: string, entity: Entity): boolean {
    let ofType = this.entities.get(type);
    if (ofType === undefined) {
      ofType = new Map();
      this.entities.set(type, ofType);
    }
    if (ofType.has(entity.id)) return false;
    ofType.set(entity.id, entity);
    return true;
  }
}

/** Names of the relationships that are included from a type anywhere in the tree. */
function includedFrom(
  definition: Definition,
  tree: IncludeTree,
  registry: Registry,
  into: Map<string, Set<string>>,
): void {
  const names = into.get(definition.type) ?? new Set();
  into.set(definition.type, names);
  for (const [name, below] of tree) {
    names.add(name);
    const other = registry.get(definition.relationships[name]?.type ?? '');
    if (other !== undefined) includedFrom(other, below, registry, into);
  }
}

function idsOf(definition: Definition, name: string, entity: Entity): string[] {
  const [key = ''] = definition.reads(name);
  const value = entity[key];
  return value === null || value === undefined ? [] : ([value].flat() as string[]);
}

/**
 * What `include` asks for: one statement for each relationship of each level, whatever the number of rows. Rows that the
 * caller can't see are not there; a type that he may not read is refused.
 * @returns resource objects, without the primary ones; null when the request has no `include`
 * @throws AppError `permission_denied`
 */
export async function loadIncluded(
  ctx: Context,
  definition: Definition,
  registry: Registry,
  query: Query,
  primary: readonly Entity[],
): Promise<Record<string, unknown>[] | null> {
  if (query.include === null) return null;
  const found = new Included();
  for (const entity of primary) found.add(definition.type, entity);
  const included: [Definition, Entity][] = [];
  const needed = new Map<string, Set<string>>();
  includedFrom(definition, query.include, registry, needed);

  const descend = async (from: Definition, tree: IncludeTree, rows: readonly Entity[]): Promise<void> => {
    await Promise.all(
      [...tree].map(async ([name, below]) => {
        const other = registry.get(from.relationships[name]?.type ?? '');
        if (other?.load === undefined) return;
        allow(ctx.caller, `${other.type}.get`);
        const ids = [...new Set(rows.flatMap((row) => idsOf(from, name, row)))];
        if (ids.length === 0) return;
        const properties = propertiesOf(other, query, needed.get(other.type) ?? []);
        const loaded = (await other.load(ctx, ids, properties)) as Entity[];
        for (const entity of loaded) if (found.add(other.type, entity)) included.push([other, entity]);
        await descend(other, below, loaded);
      }),
    );
  };
  await descend(definition, query.include, primary);
  return included.map(([other, entity]) => serialize(ctx, other, query, entity));
}

/** One resource object, as this caller asked for it. */
export function serialize(ctx: Context, definition: Definition, query: Query, entity: Entity): Record<string, unknown> {
  return serializerOf(ctx, definition, query).resource(entity as never);
}

/** The serializer for one type in one request. */
export function serializerOf(ctx: Context, definition: Definition, query: Query) {
  return definition.serializer({ fields: query.fields.get(definition.type) ?? null, level: ctx.caller.level });
}

/** Which types the caller's level can read: relationships to others are neither shown nor included nor filtered by. */
export const readsOf = (ctx: Context) => (type: string) => levelReads(ctx.caller.level, type);
