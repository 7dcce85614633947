import { type Condition, OPERATORS, type Operator, type Scalar } from '../selection';
import type { ResourceDefinition, Schema } from './define';
import { idSchema } from './ids';
import { bad, MOST_INTEGER, mendTime, type Parameter, readBoolean } from './parameters';
import type { Endpoint } from './query';
import { isUuid, MEMBER_NAME, parseTime } from './schemas';

/** Values of one filter at the most. */
export const MOST_VALUES = 100;

/** What a filter is judged by. */
export interface Filterable {
  schema: Schema;
  operators: readonly Operator[];
}

/** By the id of a resource. */
export const idFilter = (type: string): Filterable => ({ schema: idSchema(type), operators: ['eq', 'ne', 'in'] });
/** By the id of what a to-one leads to. */
export const keyFilter = (type: string): Filterable => ({
  schema: idSchema(type),
  operators: ['eq', 'ne', 'in', 'null'],
});

/** An attribute that can be filtered by. */
function attributeOf({ attributes }: ResourceDefinition<never>, name: string): Filterable | undefined {
  const attribute = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return attribute?.filter === undefined ? undefined : { schema: attribute.schema, operators: attribute.filter };
}

/** What `filter[name]` is judged by: an attribute, the id, a filter of the type, or the id of a to-one. */
function filterable(name: string, { definition, reads }: Endpoint): Filterable | undefined {
  if (name === 'id') return idFilter(definition.type);
  const attribute = attributeOf(definition, name);
  if (attribute !== undefined) return attribute;
  if (Object.hasOwn(definition.filters, name)) return definition.filters[name];
  const toOne = Object.values(definition.relationships).find((each) => 'one' in each && each.key === name);
  return toOne !== undefined && reads(toOne.type) ? keyFilter(toOne.type) : undefined;
}

interface Target {
  found: Filterable;
  field: string;
  /** Keys below a JSON attribute. */
  path: string[];
  through?: string;
}

/**
 * What stands in the first brackets: a name, a path into JSON, or an attribute of a to-one (`organization.slug`).
 * @throws AppError `permission_denied` for attributes of a type that the caller may not read
 */
function targetOf(name: string, target: string, endpoint: Endpoint): Target {
  const [first = '', ...rest] = target.split('.');
  const { relationships } = endpoint.definition;
  const named = Object.hasOwn(relationships, first) ? relationships[first] : undefined;
  const toOne = named !== undefined && 'one' in named && endpoint.reads(named.type) ? named : undefined;
  // `filter[organization]=id` is what jsonapi.org recommends, `filter[organizationId]=id` what our links say: the type may
  // have a filter of its own under that name.
  if (toOne !== undefined && rest.length === 0) {
    const found = endpoint.definition.filters[toOne.key] ?? keyFilter(toOne.type);
    return { found, field: toOne.key, path: [] };
  }
  const other = endpoint.registry.get(toOne?.type ?? '');
  const [field = '', ...path] = other === undefined ? [first, ...rest] : rest;
  const isNamed = target.split('.').every((part) => MEMBER_NAME.test(part));
  const found = !isNamed ? undefined : other === undefined ? filterable(field, endpoint) : attributeOf(other, field);
  const isJson = found?.schema['x-metadata'] === true;
  if (found === undefined || path.length > 0 !== isJson) throw bad(name, `There is no filter ${name}.`);
  if (toOne === undefined) return { found, field, path };
  endpoint.allowRead(toOne.type);
  return { found, field, path, through: toOne.key };
}

/** `filter[a]=v`, `filter[a][op]=v`, `filter[json.path]=v`; a `[]` at the end makes one value of several. */
export function readFilters(endpoint: Endpoint) {
  return (conditions: Condition[], { name, keys, value }: Parameter): Condition[] => {
    const asArray = keys.at(-1) === '';
    const [target = '', operatorName, ...more] = asArray ? keys.slice(0, -1) : keys;
    if (more.length > 0) throw bad(name, `There is no filter ${name}.`);
    const { found, field, path, through } = targetOf(name, target, endpoint);
    const operator = operatorOf(name, operatorName, value, asArray, found);
    const isSame = (each: Condition) => each.field === field && each.through === through && each.operator === 'in';
    const previous =
      asArray && conditions.find((each) => isSame(each) && each.path?.join('.') === (path.join('.') || undefined));
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
    const values = Array.isArray(parsed) ? atMost(name, parsed) : parsed;
    return [
      ...conditions,
      { field, operator, value: values, ...(path.length > 0 && { path }), ...(through && { through }) },
    ];
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
