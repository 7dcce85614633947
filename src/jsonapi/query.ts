import { AppError } from '../errors';
import type { Condition, SortKey } from '../selection';
import type { QueryParameters, Relationship, ResourceDefinition, Schema } from './define';
import { readFilters } from './filters';
import { CURSOR_PROFILE } from './negotiate';
import { bad, encode, MOST_INTEGER, type Parameter, parameters, readBoolean, readParameter } from './parameters';
import type { Values } from './values';

/** Relationship → what to include of the related resources in turn. */
export type IncludeTree = Map<string, IncludeTree>;

/** How a list is cut into pages: by number, by offset for the clients that count that way, or by cursors. */
export interface PageRequest {
  readonly style: 'number' | 'offset' | 'cursor';
  readonly size: number;
  /** Rows before the page; 0 with cursors. */
  readonly offset: number;
  readonly after?: string;
  readonly before?: string;
}

export interface Query {
  /** Null when the request has no `include`. */
  readonly include: IncludeTree | null;
  /** Type → fields to show of it; types that are not here show all. */
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>;
  readonly conditions: readonly Condition[];
  readonly sort: readonly SortKey[];
  /** Sorting and filter in one text: what a cursor is bound to. */
  readonly order: string;
  /** Whether pagination links are cursors. */
  readonly cursors: boolean;
  readonly page: PageRequest;
  /** Our own parameters that are set. */
  readonly own: ReadonlySet<string>;
  /** Those that the operation declares, by name. */
  readonly parameters: Values;
  /** The query without `page`, ready for links: '' or `a=b&…`. */
  readonly rest: string;
  /** The query as it came, in the form that links have. */
  readonly whole: string;
}

/** What an endpoint can do with a query. */
export interface Endpoint {
  /** Of the primary data. */
  definition: ResourceDefinition<never>;
  /** Linkage of a relationship: `include` paths begin with its name, at the type it is of. */
  linkage?: { of: ResourceDefinition<never>; name: string };
  registry: ReadonlyMap<string, ResourceDefinition<never>>;
  list: boolean;
  /** Whether the answer has primary data, for `include` and `fields`. */
  document: boolean;
  own: readonly string[];
  /** What the operation declares beside them. */
  parameters: QueryParameters;
  /** Whether `Accept` asks for cursors. */
  cursors: boolean;
  /** Whether the caller may see relationships to a type: he can't filter by what he can't see. */
  reads: (type: string) => boolean;
  /** Throws unless the caller may read a type. */
  allowRead: (type: string) => void;
}

export const PAGE_SIZE = { standard: 25, most: 100 };
/** Deepest `include` path; each level costs a statement per relationship. */
export const DEEPEST_INCLUDE = 3;
/** Resources that one relationship adds for each row at the most; the rest is behind its `next` link. */
export const LINKED_LIMIT = 25;
/** Rows that one path of `include` may lead to at the most. */
export const WIDEST_INCLUDE = 2_500;
export const MOST_SORT_KEYS = 8;
const EMPTY_FIELDS: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const EMPTY_OWN: ReadonlySet<string> = new Set();
const NO_PARAMETERS: Values = {};

/** By type: what a request without parameters means, made once. */
const plainQueries = new WeakMap<ResourceDefinition<never>, Query>();

function plainQuery(definition: ResourceDefinition<never>): Query {
  let query = plainQueries.get(definition);
  if (query === undefined) {
    query = {
      include: null,
      fields: new Map(),
      conditions: [],
      sort: readSort(definition.defaultSort, definition),
      order: `${definition.defaultSort}?`,
      cursors: false,
      page: readPage([], false),
      own: EMPTY_OWN,
      parameters: NO_PARAMETERS,
      rest: '',
      whole: '',
    };
    plainQueries.set(definition, query);
  }
  return query;
}

/**
 * Reads a query string: one reader per family of parameters, anything else is refused by name.
 * @param search without the question mark
 * @throws AppError `invalid_parameter`, `page_size_too_large`
 */
export function readQuery(search: string, endpoint: Endpoint): Query {
  const { definition } = endpoint;
  if (search === '' && !endpoint.cursors) return plainQuery(definition);
  const given = parameters(search);
  const links = (list: Parameter[]) => list.map(({ name, value }) => `${encode(name)}=${encode(value)}`).join('&');
  refuseRepeated(given);
  let include: IncludeTree | null = null;
  let fields: Map<string, ReadonlySet<string>> | undefined;
  let own: Set<string> | undefined;
  let declared: Record<string, unknown> | undefined;
  let sort = definition.defaultSort;
  for (const parameter of given) {
    const { base, keys, name, value } = parameter;
    const family = keys.length > 0;
    if (base === 'include' && !family && endpoint.document) include = readInclude(value, endpoint);
    else if (base === 'fields' && keys.length === 1 && endpoint.document) {
      fields ??= new Map();
      fields.set(keys[0] as string, readFields(parameter, endpoint));
    } else if (base === 'sort' && !family && endpoint.list) sort = value;
    else if ((base === 'page' || base === 'filter') && family && endpoint.list) continue;
    else if (endpoint.own.includes(name)) {
      own ??= new Set();
      if (readBoolean(name, value)) own.add(name);
    } else if (Object.hasOwn(endpoint.parameters, name)) {
      declared ??= {};
      declared[name] = readParameter(parameter, endpoint.parameters[name] as Schema);
    } else throw bad(name, `This endpoint has no query parameter ${name}.`);
  }
  const filters = given.filter(({ base }) => base === 'filter');
  const page = readPage(
    given.filter(({ base }) => base === 'page'),
    endpoint.cursors,
  );
  if (include !== null) checkWidth(include, endpoint, endpoint.list ? page.size : 1);
  return {
    include,
    fields: fields ?? EMPTY_FIELDS,
    conditions: filters.reduce(readFilters(endpoint), [] as Condition[]),
    sort: readSort(sort, definition, page.style === 'cursor'),
    order: `${sort}?${links(filters.toSorted((a, b) => (a.name < b.name ? -1 : 1)))}`,
    cursors: endpoint.list ? page.style === 'cursor' : endpoint.cursors,
    page,
    own: own ?? EMPTY_OWN,
    parameters: declared ?? NO_PARAMETERS,
    rest: links(given.filter(({ base }) => base !== 'page')),
    whole: links(given),
  };
}

function refuseRepeated(given: Parameter[]): void {
  const seen = new Set<string>();
  for (const { name, keys } of given) {
    if (keys.at(-1) === '') continue;
    if (seen.has(name)) throw bad(name, 'This parameter is given twice.');
    seen.add(name);
  }
}

function readInclude(value: string, { definition, linkage, registry, reads }: Endpoint): IncludeTree {
  const tree: IncludeTree = new Map();
  if (value === '') return tree;
  for (const path of value.split(',')) {
    const names = path.split('.');
    if (names.length > DEEPEST_INCLUDE) throw bad('include', `${path} is deeper than ${DEEPEST_INCLUDE} levels.`);
    let branch = tree;
    let from: ResourceDefinition<never> | undefined = linkage?.of ?? definition;
    if (linkage !== undefined && names[0] !== linkage.name) {
      throw bad('include', `Paths begin with ${linkage.name} here.`);
    }
    for (const name of names) {
      const relationship: Relationship | undefined =
        from !== undefined && Object.hasOwn(from.relationships, name) ? from.relationships[name] : undefined;
      if (relationship?.include !== true || !reads(relationship.type))
        throw bad('include', `${path} can't be included.`);
      const next: IncludeTree = branch.get(name) ?? new Map();
      branch.set(name, next);
      branch = next;
      from = registry.get(relationship.type);
    }
  }
  return tree;
}

/** Each list of others that a path goes through may make twenty-five rows of one. */
function checkWidth(tree: IncludeTree, { definition, linkage, registry }: Endpoint, rows: number): void {
  const walk = (
    from: ResourceDefinition<never> | undefined,
    branch: IncludeTree,
    width: number,
    isPrimary: boolean,
  ) => {
    for (const [name, below] of branch) {
      const relationship = from?.relationships[name];
      if (relationship === undefined) continue;
      const isWide = !isPrimary && 'many' in relationship && relationship.keys === undefined;
      const next = isWide ? width * LINKED_LIMIT : width;
      if (next > WIDEST_INCLUDE) {
        throw bad(
          'include',
          `This could lead to more than ${WIDEST_INCLUDE} resources: ask for less, or for smaller pages.`,
        );
      }
      walk(registry.get(relationship.type), below, next, false);
    }
  };
  walk(linkage?.of ?? definition, tree, rows, linkage !== undefined);
}

function readFields({ name, keys, value }: Parameter, { registry }: Endpoint): ReadonlySet<string> {
  const definition = registry.get(keys[0] as string);
  if (definition === undefined) throw bad(name, `There is no type ${keys[0]}.`);
  const fields = value === '' ? [] : value.split(',');
  for (const field of fields) {
    if (!Object.hasOwn(definition.attributes, field) && !Object.hasOwn(definition.relationships, field)) {
      throw bad(name, `${definition.type} have no field ${field}.`);
    }
  }
  return new Set(fields);
}

/**
 * Sort keys from the value of `sort`.
 * @param cursors whether pages are of the cursor pagination profile, which has a type for this kind of problem
 */
export function readSort(value: string, definition: ResourceDefinition<never>, cursors = false): SortKey[] {
  const keys = value.split(',');
  const links = cursors ? { type: `${CURSOR_PROFILE}/unsupported-sort` } : undefined;
  const refused = (detail: string) => bad('sort', detail).map((fault) => ({ ...fault, links }));
  if (keys.length > MOST_SORT_KEYS) throw refused(`A list is sorted by ${MOST_SORT_KEYS} fields at the most.`);
  return keys.map((key) => {
    const descending = key.startsWith('-');
    const field = descending ? key.slice(1) : key;
    const sortable = Object.hasOwn(definition.attributes, field) && definition.attributes[field]?.sort === true;
    if (!sortable && field !== 'id') throw refused(`${definition.type} can't be sorted by ${field}.`);
    return { field, descending };
  });
}

/** Which keys of `page` go together, by style. */
const STYLES: readonly (readonly [PageRequest['style'], readonly string[]])[] = [
  ['offset', ['offset', 'limit']],
  ['cursor', ['after', 'before']],
  ['number', ['number']],
];

function readPage(given: Parameter[], cursors: boolean): PageRequest {
  if (given.length === 0) return { style: cursors ? 'cursor' : 'number', size: PAGE_SIZE.standard, offset: 0 };
  const values = new Map<string, string>();
  for (const { name, keys, value } of given) {
    const [key = ''] = keys;
    const isKnown = key === 'size' || STYLES.some(([, known]) => known.includes(key));
    if (keys.length !== 1 || !isKnown) throw bad(name, `There is no parameter ${name}.`);
    values.set(key, value);
  }
  const style = styleOf(values) ?? (cursors ? 'cursor' : 'number');
  const number = (key: string, least: number): number | undefined => {
    const value = values.get(key);
    return value === undefined ? undefined : readPageValue(`page[${key}]`, key, value, least);
  };
  if (style === 'offset') {
    return { style, size: number('limit', 1) ?? PAGE_SIZE.standard, offset: number('offset', 0) ?? 0 };
  }
  const size = number('size', 1);
  if (style === 'number') {
    const most = size ?? PAGE_SIZE.standard;
    return { style, size: most, offset: ((number('number', 1) ?? 1) - 1) * most };
  }
  const [after, before] = [values.get('after'), values.get('before')];
  const isRange = after !== undefined && before !== undefined;
  return { style, size: size ?? (isRange ? PAGE_SIZE.most : PAGE_SIZE.standard), offset: 0, after, before };
}

/** @throws AppError when keys of two styles are mixed */
function styleOf(values: ReadonlyMap<string, string>): PageRequest['style'] | undefined {
  const styles = STYLES.filter(([, keys]) => keys.some((key) => values.has(key)));
  const [first] = styles;
  const isMixed = styles.length > 1 || (first?.[0] === 'offset' && values.has('size'));
  const strange = isMixed ? first?.[1].find((key) => values.has(key)) : undefined;
  if (strange !== undefined) {
    throw bad(
      `page[${strange}]`,
      'Pages are asked for by number, by offset and limit, or by cursors: one way at a time.',
    );
  }
  return first?.[0];
}

function readPageValue(name: string, key: string, value: string, least: number): number {
  const number = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN;
  const isSize = key === 'size' || key === 'limit';
  if (!(number >= least && (isSize || number <= MOST_INTEGER)))
    throw bad(name, `${name} is a whole number from ${least} on.`);
  if (isSize && number > PAGE_SIZE.most) {
    throw AppError.of([
      {
        code: 'page_size_too_large',
        detail: `${name} is at most ${PAGE_SIZE.most}.`,
        source: { parameter: name },
        meta: { page: { maxSize: PAGE_SIZE.most } },
        links: { type: `${CURSOR_PROFILE}/max-size-exceeded` },
      },
    ]);
  }
  return number;
}
