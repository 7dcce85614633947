import type { Context } from '../context';
import { Cursors } from '../jsonapi/cursor';
import type { Relationship, ResourceDefinition } from '../jsonapi/define';
import { type IncludeTree, LINKED_LIMIT, type Query, readSort } from '../jsonapi/query';
import { linkedRelationship } from '../jsonapi/reply';
import { allow, levelReads } from '../permissions';
import type { Linked } from '../selection';

export type Definition = ResourceDefinition<never>;
export type Registry = ReadonlyMap<string, Definition>;
export type Entity = Record<string, unknown> & { id: string; version: number };
type Resource = Record<string, unknown>;

/** Lists of properties that are kept for each type, so that the SQL and the readers made from them are made once. */
const MOST_KEPT = 100;
const kept = new WeakMap<Definition, Map<string, readonly string[]>>();

/** All that a resource without a fieldset shows. */
export const allNames = ({ attributes, relationships, meta }: Definition): string[] => [
  ...Object.keys(attributes),
  ...Object.keys(relationships),
  ...Object.keys(meta),
];

/** What must be read of a type: the fields it shows, the keys of what is included from it, its id and version. */
export function propertiesOf(definition: Definition, query: Query, from: Iterable<string>): readonly string[] {
  const included = [...from];
  const shown = query.fields.get(definition.type);
  const key = shown === undefined ? '*' : [...shown, ...included].join();
  const lists = kept.get(definition) ?? new Map<string, readonly string[]>();
  kept.set(definition, lists);
  const known = lists.get(key);
  if (known !== undefined) return known;
  const names = shown ?? allNames(definition);
  const reads = [...names, ...included].flatMap((name) => definition.reads(name));
  const properties = [...new Set(['id', 'version', ...reads])];
  if (lists.size < MOST_KEPT) lists.set(key, properties);
  return properties;
}

/** The serializer for one type in one request. */
export function serializerOf(ctx: Context, definition: Definition, query: Query) {
  return definition.serializer({ fields: query.fields.get(definition.type) ?? null, level: ctx.caller.level });
}

/** Which types the caller's level can read: relationships to others are neither shown nor included nor filtered by. */
export const readsOf = (ctx: Context) => (type: string) => levelReads(ctx.caller.level, type);

/** Signs what this caller's lists are walked by; it binds a cursor to what he sees, not to the key he holds. */
export function cursorsOf({ secrets, caller }: Context): Cursors {
  const { level, partnerId, organizationId, userId } = caller;
  return new Cursors((text) => secrets.sign(text), [level, partnerId, organizationId, userId].join());
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

/**
 * Whether the caller may read all that is included from a type. To be asked before a write: afterwards he would be
 * refused the answer to what has been done.
 * @throws AppError `permission_denied`
 */
export function allowIncluded(
  ctx: Context,
  registry: Registry,
  definition: Definition,
  tree: IncludeTree | null,
): void {
  for (const [name, below] of tree ?? []) {
    const other = registry.get(definition.relationships[name]?.type ?? '');
    if (other === undefined) continue;
    allow(ctx.caller, `${other.type}.get`);
    allowIncluded(ctx, registry, other, below);
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
 */
export class Inclusion {
  private readonly found = new Map<string, Map<string, Entity>>();
  private readonly included: [Definition, Entity][] = [];
  private readonly needed = new Map<string, Set<string>>();
  /** Type and id of a row → relationship → its first others. */
  private readonly linked = new Map<string, Map<string, Linked<Entity>>>();

  private constructor(
    private readonly ctx: Context,
    private readonly registry: Registry,
    private readonly query: Query,
  ) {}

  /**
   * Loads what the tree names from rows of a type.
   * @param isShown whether the rows are the primary data; else they are included themselves
   * @throws AppError `permission_denied`
   */
  static async of(
    { ctx, registry, query }: { ctx: Context; registry: Registry; query: Query },
    definition: Definition,
    tree: IncludeTree,
    rows: readonly Entity[],
    isShown = true,
  ): Promise<Inclusion> {
    allowIncluded(ctx, registry, definition, tree);
    const inclusion = new Inclusion(ctx, registry, query);
    includedFrom(definition, tree, registry, inclusion.needed);
    for (const row of rows) inclusion.add(definition, row, isShown);
    await inclusion.descend(definition, tree, rows);
    return inclusion;
  }

  /** The included resource objects; those of the primary data are not among them. */
  resources(): Resource[] {
    return this.included.map(([definition, entity]) =>
      this.dress(definition, entity, serializerOf(this.ctx, definition, this.query).resource(entity as never)),
    );
  }

  /** Gives the relationships of a resource object the linkage to what is included from it (full linkage). */
  dress(definition: Definition, { id }: Entity, resource: Resource): Resource {
    const relationships = resource.relationships as Record<string, Resource> | undefined;
    for (const [name, linked] of this.linked.get(`${definition.type} ${id}`) ?? []) {
      const shown = relationships?.[name];
      if (relationships === undefined || shown === undefined) continue;
      const { type } = definition.relationships[name] as Relationship;
      const data = linked.rows.map((row) => ({ type, id: row.id }));
      const links = shown.links as Resource & { self: string };
      relationships[name] = linkedRelationship(links, data, linked.total, this.nextOf(links.self, type, linked));
    }
    return resource;
  }

  /** Whether a list of others was cut into pages of the cursor pagination profile. */
  get hasCursors(): boolean {
    return this.query.cursors && this.linked.size > 0;
  }

  private nextOf(path: string, type: string, { end }: Linked<Entity>): string | null {
    if (end === undefined) return null;
    if (!this.query.cursors) return `${path}?page[number]=2&page[size]=${LINKED_LIMIT}`;
    const order = `${path}?${this.registry.get(type)?.defaultSort}?`;
    return `${path}?page[after]=${cursorsOf(this.ctx).encode(end, order)}&page[size]=${LINKED_LIMIT}`;
  }

  /** Each type + id once (JSON:API 1.1, "Compound Documents"). */
  private add(definition: Definition, entity: Entity, isShown: boolean): void {
    const ofType = this.found.get(definition.type) ?? new Map<string, Entity>();
    this.found.set(definition.type, ofType);
    if (ofType.has(entity.id)) return;
    ofType.set(entity.id, entity);
    if (!isShown) this.included.push([definition, entity]);
  }

  /**
   * One relationship after the other: the order of `included`, and with it the ETag, is the same each time, and a
   * transaction has but one connection.
   */
  private async descend(from: Definition, tree: IncludeTree, rows: readonly Entity[]): Promise<void> {
    for (const [name, below] of tree) {
      const relationship = from.relationships[name];
      const other = this.registry.get(relationship?.type ?? '');
      if (relationship === undefined || other === undefined) continue;
      const loaded = await this.load(from, name, relationship, other, rows);
      for (const entity of loaded) this.add(other, entity, false);
      await this.descend(other, below, loaded);
    }
  }

  private async load(
    from: Definition,
    name: string,
    relationship: Relationship,
    other: Definition,
    rows: readonly Entity[],
  ): Promise<Entity[]> {
    const properties = propertiesOf(other, this.query, this.needed.get(other.type) ?? []);
    const isLinked = 'many' in relationship && relationship.keys === undefined;
    const ids = [...new Set(rows.flatMap((row) => (isLinked ? [row.id] : idsOf(from, name, row))))];
    if (ids.length === 0) return [];
    if (!isLinked) {
      const found = (await other.rows.load(this.ctx, ids, properties)) as Entity[];
      const byId = new Map(found.map((entity) => [entity.id, entity]));
      return ids.flatMap((id) => byId.get(id) ?? []);
    }
    const window = { sort: readSort(other.defaultSort, other), limit: LINKED_LIMIT };
    const lists = await other.rows.linked(this.ctx, relationship.link, ids, window, properties);
    for (const list of lists as unknown as Linked<Entity>[]) {
      const key = `${from.type} ${list.parentId}`;
      const ofRow = this.linked.get(key) ?? new Map<string, Linked<Entity>>();
      this.linked.set(key, ofRow.set(name, list));
    }
    return lists.flatMap((list) => list.rows as unknown as Entity[]);
  }
}
