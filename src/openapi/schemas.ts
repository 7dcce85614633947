import { attributesSchema } from '../jsonapi/body';
import type { Attribute, Relationship, ResourceDefinition, Schema } from '../jsonapi/define';
import { nullable, uuid } from '../jsonapi/schemas';
import { readersNote } from './access';
import { type Components, nameOf, type Ref } from './components';
import { includable, type Registry } from './include';

type Definition = ResourceDefinition<never>;

const uriReference: Schema = { type: 'string', format: 'uri-reference' };
const count = (minimum: number): Schema => ({ type: 'integer', minimum });

/** An object that has all of these members, unless some are named as optional. */
export const object = (properties: Record<string, unknown>, optional: readonly string[] = []): Schema => {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', ...(required.length === 0 ? {} : { required }), properties };
};

export const constant = (value: string): Schema => ({ type: 'string', const: value });

/** The `jsonapi` member of every document. */
export const jsonapi = (components: Components): Ref =>
  components.add('schemas', object({ version: constant('1.1') }), 'JsonApi');

export const selfLink = (components: Components): Ref =>
  components.add('schemas', object({ self: uriReference }), 'SelfLink');

const pageMeta = (components: Components): Ref =>
  components.add(
    'schemas',
    object({
      total: { ...count(0), description: 'Resources that fit the filters.' },
      totalUnfiltered: { ...count(0), description: 'Resources that the caller can see without them.' },
      currentSize: { ...count(1), description: 'Size of a page, as asked for.' },
      currentPage: count(1),
      maxPage: count(1),
    }),
    'PageMeta',
  );

const pageLinks = (components: Components): Ref =>
  components.add(
    'schemas',
    object({
      self: uriReference,
      first: uriReference,
      last: uriReference,
      prev: nullable(uriReference),
      next: nullable(uriReference),
    }),
    'PageLinks',
  );

/** A resource identifier object of a type. */
export const identifier = (components: Components, type: string): Ref =>
  components.add('schemas', object({ type: constant(type), id: uuid }), `${nameOf(type)}Identifier`);

const orNull = (ref: Ref): Schema => ({ oneOf: [ref, { type: 'null' }] });

/** How an attribute is read: secrets are shown once. */
function readSchema({ schema, reveal }: Attribute): Schema {
  if (reveal !== 'once') return schema;
  const shown = [schema.type].flat().includes('null') ? schema : nullable(schema);
  const description = [schema.description, 'Shown in the one answer that makes it, else null.']
    .filter(Boolean)
    .join(' ');
  return { ...shown, description };
}

function linkage(components: Components, relationship: Relationship): Schema {
  const other = identifier(components, relationship.type);
  if (!('one' in relationship)) return { type: 'array', items: other };
  return relationship.required === true ? { ...other } : orNull(other);
}

/** A relationship as an answer shows it: linkage where the row knows the others, else the link to their list. */
function readRelationship(components: Components, relationship: Relationship): Schema {
  const description = `${relationship.summary}${readersNote(relationship.type)}`;
  const linked = 'one' in relationship || relationship.keys !== undefined;
  if (linked) return { ...object({ data: linkage(components, relationship) }), description };
  return { ...object({ links: object({ related: uriReference }) }), description };
}

function entriesOf<From, To>(record: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

/** The resource object of a type. `fields` leaves attributes and relationships out, so none of them is required. */
function resource(components: Components, { type, summary, attributes, relationships }: Definition): Schema {
  const shown = entriesOf(relationships, (each) => readRelationship(components, each));
  const members = {
    id: uuid,
    type: constant(type),
    attributes: { type: 'object', properties: entriesOf(attributes, readSchema) },
    ...(Object.keys(shown).length === 0 ? {} : { relationships: { type: 'object', properties: shown } }),
    links: selfLink(components),
  };
  return { ...object(members, ['relationships']), description: summary };
}

/** What requests set. The others' attributes may stand in the body too, as they were read: they are ignored. */
function requestDocument(components: Components, definition: Definition, purpose: 'create' | 'update'): Schema {
  const writable = Object.entries(definition.relationships).filter(([, { write }]) => write === purpose);
  const needed = purpose === 'create' ? writable.filter(([, { required }]) => required).map(([name]) => name) : [];
  const relationships = Object.fromEntries(
    writable.map(([name, each]) => [
      name,
      { ...object({ data: linkage(components, each) }), description: each.summary },
    ]),
  );
  const attributes = attributesSchema(definition, purpose);
  const optional = [
    ...(attributes.required === undefined ? ['attributes'] : []),
    ...(needed.length === 0 ? ['relationships'] : []),
    ...(purpose === 'create' ? ['id'] : []),
  ];
  const id = purpose === 'update' ? { id: uuid } : definition.clientIds ? { id: CLIENT_ID } : {};
  const members = {
    type: constant(definition.type),
    ...id,
    attributes,
    ...(writable.length === 0
      ? {}
      : {
          relationships: {
            type: 'object',
            properties: relationships,
            ...(needed.length === 0 ? {} : { required: needed }),
          },
        }),
  };
  return object({ data: object(members, optional) });
}

const CLIENT_ID: Schema = {
  ...uuid,
  description: 'Platform and partner callers may choose it; else the server makes one.',
};

/** Resources of `included`, which is there when the request has `include`. */
function included(definition: Definition, registry: Registry): Record<string, Schema> {
  const types = [...includable(definition, registry).types];
  if (types.length === 0) return {};
  const refs = types.map((type) => ({ $ref: `#/components/schemas/${nameOf(type)}` }));
  return { included: { type: 'array', items: refs.length === 1 ? refs[0] : { anyOf: refs } } };
}

/** The schemas of one type: the resource object, and the documents of its requests and answers. */
export function addSchemas(components: Components, definition: Definition, registry: Registry): void {
  const { type, operations, actions } = definition;
  const name = nameOf(type);
  const data = components.add('schemas', resource(components, definition), name);
  const also = included(definition, registry);
  const version = { jsonapi: jsonapi(components) };
  const add = (suffix: string, schema: Schema) => components.add('schemas', schema, `${name}${suffix}`);
  const document = { data, ...also };
  if (operations.get ?? operations.update ?? Object.values(actions)[0]) {
    add('Document', object({ ...document, links: selfLink(components), ...version }, ['included']));
  }
  if (operations.create) {
    add('Created', object({ ...document, meta: { type: 'object' }, ...version }, ['included']));
    add('Create', requestDocument(components, definition, 'create'));
  }
  if (operations.update) add('Update', requestDocument(components, definition, 'update'));
  if (operations.list) {
    const page = {
      data: { type: 'array', items: data },
      ...also,
      meta: pageMeta(components),
      links: pageLinks(components),
    };
    add('List', object({ ...page, ...version }, ['included']));
  }
}
