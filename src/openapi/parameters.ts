import type { ResourceDefinition, Schema } from '../jsonapi/define';
import { ID_FILTER, KEY_FILTER, MOST_VALUES } from '../jsonapi/filters';
import { MOST_INTEGER } from '../jsonapi/parameters';
import { DEEPEST_INCLUDE, PAGE_SIZE } from '../jsonapi/query';
import { boolean, time, uuid } from '../jsonapi/schemas';
import { OPERATIONS } from '../permissions';
import type { Operator } from '../selection';
import { readersNote } from './access';
import type { Components, Json, Ref } from './components';
import { includable, type Registry } from './include';

type Definition = ResourceDefinition<never>;

const inQuery = (name: string, description: string, schema: Schema): Json => ({
  name,
  in: 'query',
  description,
  schema,
});
const inHeader = (name: string, description: string): Json => ({
  name,
  in: 'header',
  description,
  schema: { type: 'string' },
});

/** Several values separated by commas. */
const list = (name: string, description: string, items: Schema, more: Schema = {}): Json => ({
  ...inQuery(name, description, { type: 'array', items, ...more }),
  style: 'form',
  explode: false,
});

/** Names in brackets become parts of a component's name. */
const keyOf = (name: string): string => name.replaceAll('[', '.').replaceAll(']', '');

export const idParameter = (components: Components): Ref =>
  components.add('parameters', { name: 'id', in: 'path', required: true, schema: uuid }, 'id');

const REQUEST_ID = inHeader(
  'X-Request-Id',
  'Comes back in the answer when it has 8 to 64 letters, digits, `_` or `-`; else the server makes one.',
);
const IF_MATCH = inHeader('If-Match', 'ETags of which the resource must have one, or `*`; else 412.');
const IF_NONE_MATCH = inHeader(
  'If-None-Match',
  'ETags that the client holds: 304 when the resource still has one of them.',
);

const header = (components: Components, part: Json): Ref => components.add('parameters', part, part.name as string);
export const requestId = (components: Components): Ref => header(components, REQUEST_ID);
export const ifMatch = (components: Components): Ref => header(components, IF_MATCH);
export const ifNoneMatch = (components: Components): Ref => header(components, IF_NONE_MATCH);

function pageParameters(components: Components): Ref[] {
  const size = { type: 'integer', minimum: 1, maximum: PAGE_SIZE.most };
  const standard = `${PAGE_SIZE.standard} when it is not given`;
  const notWith = 'Does not go with `page[number]` and `page[size]`.';
  return [
    inQuery('page[number]', 'Page, from 1.', { type: 'integer', minimum: 1, maximum: MOST_INTEGER }),
    inQuery('page[size]', `Resources of a page; ${standard}.`, size),
    inQuery('page[offset]', `Resources before the page. ${notWith}`, {
      type: 'integer',
      minimum: 0,
      maximum: MOST_INTEGER,
    }),
    inQuery('page[limit]', `Resources of a page; ${standard}. ${notWith}`, size),
  ].map((part) => components.add('parameters', part, keyOf(part.name as string)));
}

function sortParameter(components: Components, { type, attributes, defaultSort }: Definition): Ref {
  const names = ['id', ...Object.keys(attributes).filter((name) => attributes[name]?.sort === true)];
  const key = `-?(?:${names.join('|')})`;
  const fields = names.map((name) => `\`${name}\``).join(', ');
  const description = `Fields separated by commas, most significant first; \`-\` before one reverses it. One of ${fields}.`;
  const schema = { type: 'string', pattern: `^${key}(?:,${key})*$`, default: defaultSort };
  return components.add('parameters', inQuery('sort', description, schema), `${type}.sort`);
}

/** `include` and `fields[type]`, for every answer with primary data. */
export function documentParameters(components: Components, definition: Definition, registry: Registry): Ref[] {
  const { paths, types } = includable(definition, registry);
  const parameters: Ref[] = [];
  if (paths.length > 0) {
    const description = `Related resources to send along, by path, at most ${DEEPEST_INCLUDE} levels deep.`;
    const part = list('include', description, { type: 'string', enum: paths });
    parameters.push(components.add('parameters', part, `${definition.type}.include`));
  }
  for (const type of new Set([definition.type, ...types])) {
    const { attributes, relationships } = registry.get(type) as Definition;
    const fields = { type: 'string', enum: [...Object.keys(attributes), ...Object.keys(relationships)] };
    const part = list(
      `fields[${type}]`,
      `Attributes and relationships to show of ${type}; all when it is not given.`,
      fields,
    );
    parameters.push(components.add('parameters', part, `fields.${type}`));
  }
  return parameters;
}

/** `purgeNow`, where a type can be removed for good. */
export function purgeParameter(components: Components, { type, operations }: Definition): Ref[] {
  if (operations.remove?.purge === undefined) return [];
  const rule = OPERATIONS[`${type}.purge`];
  const needs = rule === undefined ? '' : ` Needs the permission \`${rule.permission}\`.`;
  const description = `\`true\` removes the resource and all that belongs to it now and for ever.${needs}`;
  return [
    components.add(
      'parameters',
      inQuery('purgeNow', description, { ...boolean, default: false }),
      'purgeNow',
      `${type}.purgeNow`,
    ),
  ];
}

interface Filterable {
  name: string;
  schema: Schema;
  operators: readonly Operator[];
  /** What is compared, where the name does not say it. */
  summary?: string;
}

/** All that a list can be filtered by under a name of its own. The first of two with the same name is the one meant. */
function filtersOf({ attributes, filters, relationships }: Definition): Filterable[] {
  const keys = Object.entries(relationships).flatMap(([name, each]): Filterable[] => {
    if (!('one' in each)) return [];
    const summary = `Id of the resource in \`${name}\`.${readersNote(each.type)}`;
    return [{ name: each.key, ...KEY_FILTER, summary }];
  });
  const found: Filterable[] = [
    ...Object.entries(filters).map(([name, filter]) => ({ name, ...filter })),
    { name: 'id', ...ID_FILTER },
    ...Object.entries(attributes).flatMap(([name, { schema, filter }]) =>
      filter === undefined || schema['x-metadata'] === true ? [] : [{ name, schema, operators: filter }],
    ),
  ];
  return [...found, ...keys.filter(({ name }) => !found.some((each) => each.name === name))];
}

/** What a value in the query must be: lengths and patterns of the attribute do not bind what it is compared with. */
function valueSchema(schema: Schema): Schema {
  const types = [schema.type].flat();
  if (types.includes('boolean')) return boolean;
  if (types.includes('integer')) return { type: 'integer', minimum: -MOST_INTEGER, maximum: MOST_INTEGER };
  if (schema.format === 'uuid') return uuid;
  if (schema.format === 'date-time') return time;
  if (Array.isArray(schema.enum)) return { type: 'string', enum: schema.enum.filter((each) => each !== null) };
  return { type: 'string' };
}

const MEANINGS: Readonly<Record<Operator, string>> = {
  eq: 'Equal to this.',
  ne: 'Other than this; null is other than every value.',
  lt: 'Less than this, or before it.',
  lte: 'This or less, or not after it.',
  gt: 'More than this, or after it.',
  gte: 'This or more, or not before it.',
  in: `One of these, at most ${MOST_VALUES}.`,
  contains: 'Has this text in it; case does not matter.',
  startsWith: 'Begins with this text.',
  null: '`true`: is null; `false`: is not.',
};

function filterParameter({ name, schema, summary }: Filterable, operator: Operator, isPlain: boolean): Json {
  const parameter = isPlain ? `filter[${name}]` : `filter[${name}][${operator}]`;
  const description =
    operator === 'eq' && summary !== undefined ? summary : [summary, MEANINGS[operator]].filter(Boolean).join(' ');
  const value = valueSchema(schema);
  if (operator === 'in') return list(parameter, description, value, { minItems: 1, maxItems: MOST_VALUES });
  return inQuery(parameter, description, operator === 'null' ? boolean : value);
}

function filterParameters(components: Components, definition: Definition): Ref[] {
  return filtersOf(definition).flatMap((filterable) => {
    const plain = filterable.operators.includes('eq') ? [filterParameter(filterable, 'eq', true)] : [];
    return [...plain, ...filterable.operators.map((operator) => filterParameter(filterable, operator, false))].map(
      (part) => {
        const key = keyOf(part.name as string);
        return components.add('parameters', part, key, `${definition.type}.${key}`);
      },
    );
  });
}

/** The query of a list. */
export function listParameters(components: Components, definition: Definition, registry: Registry): Ref[] {
  return [
    ...pageParameters(components),
    sortParameter(components, definition),
    ...documentParameters(components, definition, registry),
    ...filterParameters(components, definition),
  ];
}

/** What of a list's query has no literal name, in words. */
export function filterNotes({ attributes }: Definition): string {
  const notes = [
    'A filter takes one value, or with `in` several: `filter[name][in]=a,b`, in short `filter[name]=a,b`. ' +
      'Values with a comma are sent as `filter[name][]=a&filter[name][]=b,c`. Several filters must all fit.',
  ];
  for (const [name, { schema, filter }] of Object.entries(attributes)) {
    if (schema['x-metadata'] !== true || filter === undefined) continue;
    notes.push(
      `A value inside \`${name}\` is filtered by its path, as text: \`filter[${name}.key]=text\`, \`filter[${name}.outer.inner][op]=text\` ` +
        `with ${filter.map((operator) => `\`${operator}\``).join(', ')}.`,
    );
  }
  return notes.join('\n\n');
}
