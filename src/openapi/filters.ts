import type { Attribute, Schema } from '../jsonapi/define';
import { idFilter, keyFilter, MOST_VALUES } from '../jsonapi/filters';
import { MOST_INTEGER } from '../jsonapi/parameters';
import { boolean, dayOrTime, uuid } from '../jsonapi/schemas';
import type { Operator } from '../selection';
import { readersNote } from './access';
import type { Components, Json, Ref } from './components';
import type { Definition, Registry } from './include';
import { inQuery, list, parameter } from './parameter';

interface Filterable {
  name: string;
  schema: Schema;
  operators: readonly Operator[];
  /** What is compared, where the name does not say it. */
  summary?: string;
}

const isJson = ({ schema }: Attribute): boolean => schema['x-metadata'] === true;

/** Attributes that a list can be filtered by. */
const filterable = ({ attributes }: Definition) =>
  Object.entries(attributes).flatMap(([name, attribute]) =>
    attribute.filter === undefined ? [] : [{ name, attribute, operators: attribute.filter }],
  );

/** To-one relationships: their attributes can be filtered by, too. */
const toOnes = ({ relationships }: Definition, registry: Registry) =>
  Object.entries(relationships).flatMap(([name, each]) =>
    'one' in each ? [{ name, key: each.key, other: registry.get(each.type) as Definition }] : [],
  );

/** All that a list can be filtered by under a name of its own. The first of two with the same name is the one meant. */
function ownFilters(definition: Definition, registry: Registry): Filterable[] {
  const found: Filterable[] = [
    ...Object.entries(definition.filters).map(([name, filter]) => ({ name, ...filter })),
    { name: 'id', ...idFilter(definition.type) },
    ...filterable(definition).flatMap(({ name, attribute, operators }) =>
      isJson(attribute) ? [] : [{ name, schema: attribute.schema, operators }],
    ),
  ];
  const keys = toOnes(definition, registry).map(({ name, key, other }): Filterable => {
    const summary = `Id of the resource in \`${name}\`.${readersNote(other.type)}`;
    return { name: key, ...keyFilter(other.type), summary };
  });
  return [...found, ...keys.filter(({ name }) => !found.some((each) => each.name === name))];
}

/** `organization` and `organization.slug`: what a to-one leads to. */
const remoteFilters = (definition: Definition, registry: Registry): Filterable[] =>
  toOnes(definition, registry).flatMap(({ name: relationship, key, other }) => {
    const readers = readersNote(other.type);
    const attributes = filterable(other).flatMap(({ name, attribute, operators }) => {
      const summary = `\`${name}\` of the resource in \`${relationship}\`.${readers}`;
      return isJson(attribute)
        ? []
        : [{ name: `${relationship}.${name}`, schema: attribute.schema, operators, summary }];
    });
    return [
      {
        name: relationship,
        ...(definition.filters[key] ?? keyFilter(other.type)),
        summary: `The same as \`filter[${key}]\`.${readers}`,
      },
      ...attributes,
    ];
  });

/** Paths into free JSON, to which the client's own keys are added: path → operators. */
export function jsonFilters(definition: Definition, registry: Registry): Record<string, readonly Operator[]> {
  const below = (prefix: string, from: Definition) =>
    filterable(from)
      .filter(({ attribute }) => isJson(attribute))
      .map(({ name, operators }) => [prefix + name, operators] as const);
  const remote = toOnes(definition, registry).flatMap(({ name, other }) => below(`${name}.`, other));
  return Object.fromEntries([...below('', definition), ...remote]);
}

/** What a value in the query must be: lengths and patterns of the attribute do not bind what it is compared with. */
function valueSchema(schema: Schema): Schema {
  const types = [schema.type].flat();
  if (types.includes('boolean')) return boolean;
  if (types.includes('integer')) return { type: 'integer', minimum: -MOST_INTEGER, maximum: MOST_INTEGER };
  if (schema.format === 'uuid') return uuid;
  if (schema.format === 'date-time') return dayOrTime;
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

function operatorParameter(name: string, { schema, summary }: Filterable, operator: Operator): Json {
  const description =
    operator === 'eq' && summary !== undefined ? summary : [summary, MEANINGS[operator]].filter(Boolean).join(' ');
  const value = valueSchema(schema);
  if (operator === 'in') return list(name, description, value, { minItems: 1, maxItems: MOST_VALUES });
  return inQuery(name, description, operator === 'null' ? boolean : value);
}

/** `filter[name]`: `eq`, and with commas `in` where it is offered. */
function plainParameter(filter: Filterable): Json[] {
  const { name, operators } = filter;
  if (!operators.includes('eq')) return [];
  const part = operatorParameter(`filter[${name}]`, filter, operators.includes('in') ? 'in' : 'eq');
  return [part];
}

/** Every filter of a list; those through a to-one in the plain form only, with their operators as `x-operators`. */
export function filterParameters(components: Components, definition: Definition, registry: Registry): Ref[] {
  const own = ownFilters(definition, registry).flatMap((filter) => [
    ...plainParameter(filter),
    ...filter.operators.map((operator) => operatorParameter(`filter[${filter.name}][${operator}]`, filter, operator)),
  ]);
  const remote = remoteFilters(definition, registry).flatMap((filter) =>
    plainParameter(filter).map((part) => ({ ...part, 'x-operators': filter.operators })),
  );
  return [...own, ...remote].map((part) => parameter(components, part, definition.type));
}

const words = (operators: readonly Operator[]): string => operators.map((operator) => `\`${operator}\``).join(', ');

/** How filters are written, for the introduction. */
export const FILTERS = `A filter takes one value, or with \`in\` several: \`filter[name][in]=a,b\`, in short \`filter[name]=a,b\`. Values with a comma are sent as \`filter[name][]=a&filter[name][]=b,c\`. Several filters must all fit.

Filters by what a to-one relationship leads to and by its attributes, such as \`filter[organization]\` and \`filter[organization.slug]\`, are listed in their plain form. They take operators as the others do, \`filter[organization.slug][contains]\`: each parameter has its own in \`x-operators\`. Those by attributes need the permission to read the other type.

Values inside free JSON are filtered by their path, as text: \`filter[metadata.key]=text\`, \`filter[metadata.outer.inner][ne]=text\`. Where an operation offers that, \`x-json-filters\` has the names in front, with their operators.`;

/** What of a list's query has no literal name; undefined when all of it has. */
export function jsonFiltersNote(definition: Definition, registry: Registry): string | undefined {
  const filters = Object.entries(jsonFilters(definition, registry));
  const notes = filters.map(([name, operators]) => `\`filter[${name}.key]\` with ${words(operators)}`);
  return notes.length === 0 ? undefined : `Also by values inside: ${notes.join('; ')}.`;
}
