import { attributesSchema } from '../jsonapi/body';
import type { Relationship, Schema } from '../jsonapi/define';
import type { Json } from './components';
import type { Definition } from './include';

const ID = '0198f2a4-7c1e-7d3a-9b60-2f5c8e1d4a77';
const BY_FORMAT: Readonly<Record<string, string>> = {
  uuid: ID,
  'date-time': '2030-01-31T08:00:00+00:00',
  'email-address': 'ada@example.com',
  'http-url': 'https://example.com/hook',
  'https-url': 'https://example.com/picture.png',
  'country-code': 'NL',
};

/** A value that the schema allows: its first example, else the least that it must be. */
export function sampleOf(schema: Schema): unknown {
  const [type] = [schema.type].flat();
  if (Array.isArray(schema.examples)) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (type === 'integer') return schema.minimum ?? 1;
  if (type === 'boolean') return true;
  if (type === 'array') return [sampleOf(schema.items as Schema)];
  if (type === 'object') return sampleObject(schema);
  return BY_FORMAT[schema.format as string] ?? 'Example'.padEnd((schema.minLength as number | undefined) ?? 0, '!');
}

function sampleObject({ properties = {}, required = [] }: Schema): unknown {
  const schemas = properties as Record<string, Schema>;
  return Object.fromEntries((required as string[]).map((name) => [name, sampleOf(schemas[name] as Schema)]));
}

/** A change of a relationship's linkage. */
export function linkageExample(relationship: Relationship): Json {
  const other = { type: relationship.type, id: ID };
  return { data: 'many' in relationship ? [other] : other };
}

/**
 * A resource object as events tell of it: all attributes but secrets, and the linkage that they have.
 * @param organizationId of the organization that it belongs to, or is
 */
export function subjectExample(definition: Definition, organizationId: string): Json {
  const { type, tenant, attributes, relationships } = definition;
  const idOf = (key: string) => (key === tenant ? organizationId : ID);
  const shown = Object.entries(attributes).filter(
    ([, { reveal, schema }]) => reveal === undefined && !schema.writeOnly,
  );
  const linked = Object.entries(relationships).flatMap(([name, each]): [string, Json][] => {
    if ('one' in each) return [[name, { data: { type: each.type, id: idOf(each.key) } }]];
    return each.keys === undefined ? [] : [[name, linkageExample(each)]];
  });
  return {
    type,
    id: idOf('id'),
    attributes: Object.fromEntries(shown.map(([name, { schema }]) => [name, sampleOf(schema)])),
    relationships: Object.fromEntries(linked),
  };
}

/**
 * The least that a request of a type must have; a change is one of the first attribute. Without it, readers of the
 * document make up a request that sets everything, and is refused.
 */
export function exampleOf(definition: Definition, purpose: 'create' | 'update'): Json {
  const { type, relationships: all } = definition;
  const { required = [], properties } = attributesSchema(definition, purpose) as {
    required?: string[];
    properties: Json;
  };
  const isNew = purpose === 'create';
  const names = isNew ? required : Object.keys(properties).slice(0, 1);
  const values = Object.fromEntries(names.map((name) => [name, sampleOf(properties[name] as Schema)]));
  const attributes = { ...values, ...(isNew ? (definition.operations.create?.example as object | undefined) : {}) };
  const needed = Object.entries(all).filter(([, each]) => isNew && each.write === 'create' && each.required === true);
  const relationships = Object.fromEntries(needed.map(([name, each]) => [name, linkageExample(each)]));
  return {
    data: {
      type,
      ...(isNew ? {} : { id: ID }),
      attributes,
      ...(needed.length === 0 ? {} : { relationships }),
    },
  };
}
