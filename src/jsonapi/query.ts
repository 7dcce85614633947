import { AppError } from '../errors';
import type { Condition, Selection, SortKey } from '../selection';
import type { Relationship, ResourceDefinition } from './define';
import { readFilters } from './filters';
import { bad, encode, MOST_INTEGER, type Parameter, parameters, readBoolean } from './parameters';

/** Relationship → what to include of the related resources in turn. */
export type IncludeTree = Map<string, IncludeTree>;

/** How a list is cut into pages: by number, or by offset for the clients that count that way. */
export interface PageRequest {
  style: 'number' | 'offset';
  size: number;
  /** Rows before the page. */
  offset: number;
}

export interface Query {
  /** Null when the request has no `include`. */
  readonly include: IncludeTree | null;
  /** Type → fields to show of it; types that are not here show all. */
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>;
  readonly conditions: readonly Condition[];
  readonly sort: readonly SortKey[];
  readonly page: PageRequest;
  /** Our own parameters that are set. */
  readonly own: ReadonlySet<string>;
  /** The query without `page`, ready for links: '' or `a=b&…`. */
  readonly rest: string;
  /** The query as it came, in the form that links have. */
  readonly whole: string;
}

/** What an endpoint can do with a query. */
export interface Endpoint {
  definition: ResourceDefinition<never>;
  registry: ReadonlyMap<string, ResourceDefinition<never>>;
  list: boolean;
  /** Whether the answer has primary data, for `include` and `fields`. */
  document: boolean;
  own: readonly string[];
  /** Whether the caller may see relationships to a type: he can't filter by what he can't see. */
  reads: (type: string) => boolean;
}

export const PAGE_SIZE = { standard: 25, most: 100 };
/** Deepest `include` path; each level costs a statement per relationship. */
export const DEEPEST_INCLUDE = 3;
const EMPTY_FIELDS: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const EMPTY_OWN: ReadonlySet<string> = new Set();

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
      page: readPage([]),
      own: new Set(),
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
  if (search === '') return plainQuery(definition);
  const given = parameters(search);
  const links = (list: Parameter[]) => list.map(({ name, value }) => `${encode(name)}=${encode(value)}`).join('&');
  refuseRepeated(given);
  let include: IncludeTree | null = null;
  let fields: Map<string, ReadonlySet<string>> | undefined;
  let own: Set<string> | undefined;
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
    } else throw bad(name, `This endpoint has no query parameter ${name}.`);
  }
  return {
    include,
    fields: fields ?? EMPTY_FIELDS,
    conditions: given.filter(({ base }) => base === 'filter').reduce(readFilters(endpoint), [] as Condition[]),
    sort: readSort(sort, definition),
    page: readPage(given.filter(({ base }) => base === 'page')),
    own: own ?? EMPTY_OWN,
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

function readInclude(value: string, { definition, registry, reads }: Endpoint): IncludeTree {
  const tree: IncludeTree = new Map();
  if (value === '') return tree;
  for (const path of value.split(',')) {
    const names = path.split('.');
    if (names.length > DEEPEST_INCLUDE) throw bad('include', `${path} is deeper than ${DEEPEST_INCLUDE} levels.`);
    let branch = tree;
    let from: ResourceDefinition<never> | undefined = definition;
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

function readSort(value: string, definition: ResourceDefinition<never>): SortKey[] {
  return value.split(',').map((key) => {
    const descending = key.startsWith('-');
    const field = descending ? key.slice(1) : key;
    const sortable = Object.hasOwn(definition.attributes, field) && definition.attributes[field]?.sort === true;
    if (!sortable && field !== 'id') throw bad('sort', `${definition.type} can't be sorted by ${field}.`);
    return { field, descending };
  });
}

function readPage(given: Parameter[]): PageRequest {
  if (given.length === 0) return { style: 'number', size: PAGE_SIZE.standard, offset: 0 };
  const values = new Map<string, number>();
  for (const { name, keys, value } of given) {
    const [key = ''] = keys;
    if (keys.length !== 1 || !['number', 'size', 'offset', 'limit'].includes(key)) {
      throw bad(name, `There is no parameter ${name}.`);
    }
    values.set(key, readPageValue(name, key, value));
  }
  const byOffset = values.has('offset') || values.has('limit');
  if (byOffset && (values.has('number') || values.has('size'))) {
    const name = `page[${values.has('offset') ? 'offset' : 'limit'}]`;
    throw bad(name, 'page[offset] and page[limit] do not go with page[number] and page[size].');
  }
  const size = values.get('limit') ?? values.get('size') ?? PAGE_SIZE.standard;
  if (byOffset) return { style: 'offset', size, offset: values.get('offset') ?? 0 };
  return { style: 'number', size, offset: ((values.get('number') ?? 1) - 1) * size };
}

function readPageValue(name: string, key: string, value: string): number {
  const least = key === 'offset' ? 0 : 1;
  const number = /^[0-9]{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= MOST_INTEGER)) throw bad(name, `${name} is a whole number from ${least} on.`);
  if ((key === 'size' || key === 'limit') && number > PAGE_SIZE.most) {
    throw new AppError(
      'page_size_too_large',
      `${name} is at most ${PAGE_SIZE.most}.`,
      { parameter: name },
      {
        meta: { page: { maxSize: PAGE_SIZE.most } },
      },
    );
  }
  return number;
}

/** The rows that a query means, for the services. */
export function selectionOf({ conditions, sort, page }: Query): Selection {
  return { conditions, sort, offset: page.offset, limit: page.size };
}
