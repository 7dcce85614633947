import { AppError } from '../errors';
import { type Condition, OPERATORS, type Operator, type Scalar, type Selection, type SortKey } from '../selection';
import type { Relationship, ResourceDefinition, Schema } from './define';
import { isPrintable, isUuid, MEMBER_NAME, parseTime } from './schemas';

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
/** Values of one filter at the most. */
export const MOST_VALUES = 100;
/** PostgreSQL's integer, which numbers in queries are compared with. */
export const MOST_INTEGER = 2_147_483_647;

interface Parameter {
  /** Decoded name, as the client wrote it. */
  name: string;
  base: string;
  /** Names in brackets; `[]` is an empty one. */
  keys: string[];
  value: string;
}

const bad = (parameter: string, detail: string): AppError => new AppError('invalid_parameter', detail, { parameter });

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new AppError('malformed_request', 'The query has percent-encoding that is not UTF-8.');
  }
}

/** A value or name in a link: brackets and what else needs no encoding stay readable, as in the seed. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/%(5B|5D|2C|3A|2F)/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** Splits a query string as the URL standard does; brackets may be encoded or not. */
function parameters(search: string): Parameter[] {
  const parsed: Parameter[] = [];
  for (const part of search.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? '' : decode(part.slice(equals + 1));
    if (!isPrintable(value) || !isPrintable(name)) throw bad(name, 'Control characters are not allowed.');
    const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
    if (match === null) throw bad(name, 'This is not the name of a query parameter.');
    const keys = [...(match[2] as string).matchAll(/\[([^[\]]*)\]/g)].map((each) => each[1] as string);
    parsed.push({ name, base: match[1] as string, keys, value });
  }
  return parsed;
}

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

function readBoolean(name: string, value: string): boolean {
  if (value !== 'true' && value !== 'false') throw bad(name, `${name} is true or false.`);
  return value === 'true';
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

export interface Filterable {
  schema: Schema;
  operators: readonly Operator[];
}

export const ID_FILTER: Filterable = { schema: { type: 'string', format: 'uuid' }, operators: ['eq', 'ne', 'in'] };
export const KEY_FILTER: Filterable = { ...ID_FILTER, operators: ['eq', 'ne', 'in', 'null'] };

/** What `filter[name]` is judged by: an attribute, the id, a filter of the type, or the id of a to-one. */
function filterable(name: string, { definition, reads }: Endpoint): Filterable | undefined {
  if (name === 'id') return ID_FILTER;
  const attribute = Object.hasOwn(definition.attributes, name) ? definition.attributes[name] : undefined;
  if (attribute?.filter !== undefined) return { schema: attribute.schema, operators: attribute.filter };
  if (Object.hasOwn(definition.filters, name)) return definition.filters[name];
  const toOne = Object.values(definition.relationships).find((each) => 'one' in each && each.key === name);
  return toOne !== undefined && reads(toOne.type) ? KEY_FILTER : undefined;
}

/** `filter[a]=v`, `filter[a][op]=v`, `filter[json.path]=v`; a `[]` at the end makes one value of several. */
function readFilters(endpoint: Endpoint) {
  return (conditions: Condition[], { name, keys, value }: Parameter): Condition[] => {
    const asArray = keys.at(-1) === '';
    const [target = '', operatorName, ...more] = asArray ? keys.slice(0, -1) : keys;
    const [field = '', ...path] = target.split('.');
    const found = target.split('.').every((part) => MEMBER_NAME.test(part)) ? filterable(field, endpoint) : undefined;
    const isJson = found?.schema['x-metadata'] === true;
    if (found === undefined || more.length > 0 || path.length > 0 !== isJson)
      throw bad(name, `There is no filter ${name}.`);
    const operator = operatorOf(name, operatorName, value, asArray, found);
    const previous = asArray && conditions.find((each) => each.field === field && each.operator === 'in');
    const one = asArray ? [value] : operator === 'in' ? value.split(',') : value;
    const parsed = Array.isArray(one)
      ? one.map((each) => readValue(name, each, found.schema))
      : operator === 'null'
        ? readBoolean(name, value)
        : readValue(name, value, found.schema);
    if (previous) {
      const list = [...(previous.value as Scalar[]), ...(parsed as Scalar[])];
      return [...conditions.filter((each) => each !== previous), { ...previous, value: atMost(name, list) }];
    }
    const condition = { field, operator, value: Array.isArray(parsed) ? atMost(name, parsed) : parsed };
    return [...conditions, path.length > 0 ? { ...condition, path } : condition];
  };
}

function atMost(name: string, values: Scalar[]): Scalar[] {
  if (values.length > MOST_VALUES) throw bad(name, `${name} takes at most ${MOST_VALUES} values.`);
  return values;
}

function operatorOf(
  name: string,
  given: string | undefined,
  value: string,
  asArray: boolean,
  { operators }: Filterable,
): Operator {
  const list = asArray || ((given ?? 'eq') === 'eq' && value.includes(','));
  const operator = list && (given ?? 'eq') === 'eq' && operators.includes('in') ? 'in' : (given ?? 'eq');
  if (
    !OPERATORS.includes(operator as Operator) ||
    !operators.includes(operator as Operator) ||
    (asArray && operator !== 'in')
  ) {
    throw bad(name, `${name} takes ${operators.join(', ')}.`);
  }
  return operator as Operator;
}

/** A time whose plus sign became a blank, because the client did not encode it, is meant as it was shown. */
const mendTime = (text: string): string => text.replace(/ (\d\d:\d\d)$/, '+$1');

function readValue(name: string, value: string, schema: Schema): Scalar {
  const types = [schema.type].flat();
  if (types.includes('boolean')) return readBoolean(name, value);
  if (types.includes('integer')) {
    const number = /^-?\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
    if (!(Math.abs(number) <= MOST_INTEGER)) throw bad(name, `${name} takes a whole number.`);
    return number;
  }
  if (schema.format === 'uuid' && !isUuid(value)) throw bad(name, `${name} takes a UUID.`);
  if (schema.format === 'date-time') return readTime(name, value);
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) {
    throw bad(name, `${name} is one of ${schema.enum.filter((each) => each !== null).join(', ')}.`);
  }
  return value.normalize('NFC');
}

function readTime(name: string, value: string): string {
  const time = parseTime(mendTime(value));
  if (time === undefined) throw bad(name, `${name} takes a time such as 2026-01-31T08:00:00+00:00.`);
  return time.toISOString();
}

/** The rows that a query means, for the services. */
export function selectionOf({ conditions, sort, page }: Query): Selection {
  return { conditions, sort, offset: page.offset, limit: page.size };
}
