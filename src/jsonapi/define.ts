import type { Context, Level } from '../context';
import type { IfMatch } from '../db/write';
import type { ErrorCode } from '../errors';
import type { Operator } from '../selection';
import type { ChangeLinkage, Create, Get, LinkageChange, List, Remove, Rows, Update } from '../services/crud';
import { declareTextIds } from './ids';
import type { Values } from './values';

/** A JSON schema (2020-12), the same for ajv and OpenAPI. */
export type Schema = Record<string, unknown>;

export interface Attribute {
  schema: Schema;
  /** Requests that may set it; others ignore it (round trip). */
  write?: 'create' | 'update' | 'both';
  /** A create request must have it. */
  required?: boolean;
  filter?: readonly Operator[];
  sort?: boolean;
  /** Shown in the one answer that made it, null in every other (INV-30). */
  reveal?: 'once';
}

/** How the linkage of a relationship is changed, at its own URL or with its resource. */
export interface Change<Entity> {
  run: ChangeLinkage<Entity>;
  summary: string;
  /** Codes of the rules behind each kind of change, for OpenAPI; those of the protocol follow from the rest. */
  errors?: Partial<Record<LinkageChange['op'], readonly ErrorCode[]>>;
}

interface RelationshipBase<Entity> {
  /** The other type. */
  type: string;
  include?: boolean;
  /** `create`: a create request may name it. */
  write?: 'create';
  required?: boolean;
  /** Absent: it takes no update (403). */
  change?: Change<Entity>;
  summary: string;
}

/** The row holds the id of the one it points to. */
export interface ToOne<Entity = never> extends RelationshipBase<Entity> {
  one: true;
  /** Property with the other's id. */
  key: string;
}

/** The others hang on the row by a link of theirs. */
export interface ToMany<Entity = never> extends RelationshipBase<Entity> {
  many: true;
  /** Link of the other type's table. */
  link: string;
  /** Property with all ids, for relationships so small that their linkage is always shown whole. */
  keys?: string;
}

export type Relationship<Entity = never> = ToOne<Entity> | ToMany<Entity>;

/** A filter that is not an attribute. */
export interface Filter {
  schema: Schema;
  operators: readonly Operator[];
  summary: string;
}

interface Keyed {
  /** It moves money: a request needs an `Idempotency-Key` (INV-48). */
  keyed?: true;
}

/** Members of the document's `meta` beside a resource that a request has made or changed. */
export type DocumentMeta<Entity> = Readonly<Record<string, { schema: Schema; of: (entity: Entity) => unknown }>>;

interface ActionBase<Entity> {
  /** It is for rows that nobody sees any more: its service judges who of the users may. */
  ofRetired?: true;
  /** Whether it can be done with this row, for capability hints; absent: always. */
  possible?: (entity: Entity) => boolean;
  summary: string;
  /** Codes of the rules behind it, for OpenAPI; those of the protocol follow from the rest. */
  errors?: readonly ErrorCode[];
}

/** POST, settings in the document's `meta`; answers with a resource of the type. */
interface PostedAction<Entity> extends ActionBase<Entity>, Keyed {
  method?: 'POST';
  /** Those that a request may have. With `writeOnly` in its schema one is a secret: it is not trimmed. */
  settings?: Readonly<Record<string, Schema>>;
  requiredSettings?: readonly string[];
  /** 201: what it gives back is a new resource, whose URL goes into `Location`. Else 200. */
  status?: 200 | 201;
  documentMeta?: DocumentMeta<Entity>;
  run: (ctx: Context, id: string, settings: Values, ifMatch: IfMatch) => Promise<Entity>;
}

/** DELETE of what is at the path; answers 204. */
interface DeletingAction<Entity> extends ActionBase<Entity> {
  method: 'DELETE';
  run: (ctx: Context, id: string, settings: Values, ifMatch: IfMatch) => Promise<unknown>;
}

/** A request on a path below the resource: its name, of one or two segments (`token/rotate`). */
export type Action<Entity> = PostedAction<Entity> | DeletingAction<Entity>;

export const capitalize = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** What an action does it to, and what it does: `token/rotate` → `token`, `rotate`; DELETE of `token` → `token`, `delete`. */
export function actionWords(name: string, { method }: Pick<Action<never>, 'method'>): [object: string, verb: string] {
  const words = [...name.split('/'), ...(method === 'DELETE' ? ['delete'] : [])];
  return [words.slice(0, -1).join(''), words.at(-1) as string];
}

/** Name of an action among capability hints: `token/rotate` is no member name of JSON:API, `tokenRotate` is. */
export function hintOf(name: string, action: Pick<Action<never>, 'method'>): string {
  const [object, verb] = actionWords(name, action);
  return object === '' ? verb : object + capitalize(verb);
}

interface Operation<Run> {
  run: Run;
  summary: string;
  /** Codes of the rules behind it, for OpenAPI; those of the protocol follow from the rest. */
  errors?: readonly ErrorCode[];
}

/** Query parameters of an operation's own, by name; values that are not as the schema says are 400. */
export type QueryParameters = Readonly<Record<string, Schema & { description: string }>>;

interface Parametrized {
  /** Passed on to `run`, those that were given. */
  parameters?: QueryParameters;
}

export interface Operations<Entity> {
  list?: Operation<List<Entity>>;
  get?: Operation<Get<Entity>>;
  create?: Operation<Create<Entity>> &
    Parametrized &
    Keyed & {
      documentMeta?: DocumentMeta<Entity>;
      /** Attributes that an example has beside those that are required. */
      example?: Partial<Entity>;
    };
  /** `whole`: it changes relationships too, in one with the attributes; else each is changed for itself. */
  update?: Operation<Update<Entity>> & { whole?: boolean; possible?: (entity: Entity) => boolean };
  /** `purge` is what `?purgeNow=true` asks for. */
  remove?: Operation<Remove> & Parametrized & { purge?: Remove; possible?: (entity: Entity) => boolean };
}

export type OperationName = keyof Operations<unknown>;

/** Builds resource objects of one type for one kind of request. */
export interface ResourceSerializer<Entity> {
  resource(entity: Entity): Record<string, unknown>;
}

/** What of a type one request shows. */
export interface View {
  /** Names from `fields[type]`, or null for all. */
  readonly fields: ReadonlySet<string> | null;
  /** Relationships to types that this level can't read are left out. */
  readonly level: Level;
}

export interface ResourceDefinition<Entity = unknown> {
  type: string;
  /** URL of the collection, without a slash at the end. */
  path: string;
  summary: string;
  /** In the order in which they are shown. */
  attributes: Record<string, Attribute>;
  relationships: Record<string, Relationship<Entity>>;
  /** Members of the resource's `meta`, read where whole resources are shown; without a fieldset for the type only. */
  meta: Record<string, Schema>;
  filters: Record<string, Filter>;
  /** Sort keys when the request names none. */
  defaultSort: string;
  /** Whether a platform or partner caller may choose the id. */
  clientIds: boolean;
  /** Ids are texts that mean something, letters, digits, `_`, `:`, `.` and `-`; else they are UUIDs. */
  textIds: boolean;
  /** Property with the id of the organization that a row belongs to, or is; null: rows belong to none. */
  tenant: string | null;
  operations: Operations<Entity>;
  actions: Record<string, Action<Entity>>;
  serializer: (view: View) => ResourceSerializer<Entity>;
  /** How its rows are read for others. */
  rows: Rows<Entity>;
  /** Property → the properties that must be read for it; itself when it is not here. */
  reads: (name: string) => readonly string[];
}

type Names<Entity> = keyof Entity & string;

type Options<Entity> = Omit<
  ResourceDefinition<Entity>,
  'attributes' | 'filters' | 'meta' | 'clientIds' | 'textIds' | 'tenant' | 'actions' | 'relationships' | 'reads'
> & {
  attributes: Partial<Record<Names<Entity>, Attribute>>;
  relationships?: Record<
    string,
    (Omit<ToOne<Entity>, 'key'> & { key: Names<Entity> }) | (Omit<ToMany<Entity>, 'keys'> & { keys?: Names<Entity> })
  >;
  filters?: Record<string, Filter>;
  meta?: Partial<Record<Names<Entity>, Schema>>;
  clientIds?: boolean;
  textIds?: true;
  /** When it is not the key of the relationship `organization`. */
  tenant?: Names<Entity>;
  actions?: Record<string, Action<Entity>>;
};

/**
 * Declares a resource type: routes, validation, filters, sorting, OpenAPI and the conformance tests come from it.
 * Attribute and key names are checked against the entity's type.
 */
export function defineResource<Entity extends object>(
  _entity: new () => Entity,
  options: Options<Entity>,
): ResourceDefinition<Entity> {
  const attributes = options.attributes as Record<string, Attribute>;
  const meta = (options.meta ?? {}) as Record<string, Schema>;
  const relationships = (options.relationships ?? {}) as Record<string, Relationship<Entity>>;
  const reads = (name: string): readonly string[] => {
    const relationship = relationships[name];
    if (relationship === undefined) return attributes[name]?.reveal === 'once' ? [] : [name];
    const key = 'one' in relationship ? relationship.key : relationship.keys;
    return key === undefined ? [] : [key];
  };
  const { organization } = relationships;
  const tenant = organization !== undefined && 'one' in organization ? organization.key : null;
  const { textIds = false } = options;
  if (textIds) declareTextIds(options.type);
  const usual = { filters: {}, clientIds: false, tenant, actions: {} };
  return { ...usual, ...options, textIds, attributes, relationships, meta, reads };
}

/** Operators that make sense for a kind of value. */
export const FILTERS = {
  id: ['eq', 'ne', 'in'],
  text: ['eq', 'ne', 'in', 'contains', 'startsWith', 'null'],
  enum: ['eq', 'ne', 'in'],
  integer: ['eq', 'ne', 'in', 'lt', 'lte', 'gt', 'gte'],
  time: ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'null'],
  boolean: ['eq', 'ne'],
  json: ['eq', 'ne', 'in', 'contains', 'startsWith', 'null'],
} as const satisfies Record<string, readonly Operator[]>;
