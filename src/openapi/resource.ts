import { type Attribute, hintOf, type Relationship, type Schema } from '../jsonapi/define';
import { idSchema } from '../jsonapi/ids';
import { boolean, nullable } from '../jsonapi/schemas';
import { readersNote } from './access';
import { type Components, nameOf, type Ref } from './components';
import type { Definition } from './include';
import {
  closed,
  constant,
  count,
  entriesOf,
  identifier,
  itemCursor,
  link,
  linkageLinks,
  listOf,
  orNull,
  selfLink,
} from './schemas';

/** How an attribute is read: secrets are shown once. */
function readSchema({ schema, reveal }: Attribute): Schema {
  if (reveal !== 'once') return schema;
  const shown = [schema.type].flat().includes('null') ? schema : nullable(schema);
  const description = [schema.description, 'Shown in the one answer that makes it, else null.']
    .filter(Boolean)
    .join(' ');
  return { ...shown, description };
}

/** `data` of a to-one relationship. */
export function linkageOfOne(components: Components, { type, required }: Relationship): Ref | Schema {
  const other = identifier(components, type);
  return required === true ? other : orNull(other);
}

/** Links of a list; `prev` and `next` are there when the list is included. */
function pagedLinks(components: Components): Ref {
  const links = { self: link, related: link, prev: { type: 'null' }, next: nullable(link) };
  return components.add('schemas', closed(links, ['prev', 'next']), 'ListLinks');
}

/** A relationship of a resource as answers have it. Lists have linkage where it is short, or when they are included. */
function relationshipSchema(components: Components, relationship: Relationship): Ref {
  const { type, required } = relationship;
  const add = (schema: Schema, name: string) => components.add('schemas', schema, name);
  const name = nameOf(type);
  const links = linkageLinks(components);
  if ('one' in relationship) {
    const schema = closed({ data: linkageOfOne(components, relationship), links });
    return add(schema, required === true ? `${name}ToOne` : `${name}ToOneOrNone`);
  }
  const data = listOf(identifier(components, type));
  if (relationship.keys !== undefined) return add(closed({ data, links }), `${name}ToFew`);
  const page = closed({ total: count(0) });
  const paged = {
    data: { ...data, description: 'With `include` only: the first ones.' },
    links: pagedLinks(components),
    meta: closed({ page }),
  };
  const together = { data: ['meta'], meta: ['data'] };
  return add({ ...closed(paged, ['data', 'meta']), dependentRequired: together }, `${name}ToMany`);
}

/** What `withCapabilities` adds. */
function capabilities({ operations, actions, relationships }: Definition): Schema {
  const changeable = Object.entries(relationships).filter(([, { change }]) => change !== undefined);
  const hidden = changeable.filter(([, { type }]) => readersNote(type) !== '').map(([name]) => name);
  const names = [
    ...(operations.update === undefined ? [] : ['update']),
    ...(operations.remove === undefined ? [] : ['delete']),
    ...Object.entries(actions).map(([name, action]) => hintOf(name, action)),
  ];
  const can: Record<string, Schema> = Object.fromEntries(names.map((name) => [name, boolean]));
  if (changeable.length > 0) {
    can.relationships = closed(Object.fromEntries(changeable.map(([name]) => [name, boolean])), hidden);
  }
  const optional = hidden.length === changeable.length ? ['relationships'] : [];
  return { ...closed(can, optional), description: 'With `withCapabilities`: what the caller may do here.' };
}

/** The resource object of a type. `fields` leaves attributes and relationships out, so none of them is required. */
export const resourceSchema = (components: Components, definition: Definition): Ref =>
  components.once(`resource ${definition.type}`, () => describeResource(components, definition));

function describeResource(components: Components, definition: Definition): Ref {
  const { type, summary, attributes, relationships, meta } = definition;
  const read = entriesOf(attributes, readSchema);
  const linked = entriesOf(relationships, (each) => ({
    ...relationshipSchema(components, each),
    description: `${each.summary}${readersNote(each.type)}`,
  }));
  const members = {
    id: idSchema(type),
    type: constant(type),
    attributes: closed(read, Object.keys(read)),
    ...(Object.keys(linked).length === 0 ? {} : { relationships: closed(linked, Object.keys(linked)) }),
    links: selfLink(components),
    meta: closed({ ...meta, can: capabilities(definition), page: itemCursor(components) }, [
      ...Object.keys(meta),
      'can',
      'page',
    ]),
  };
  const schema = { ...closed(members, ['relationships', 'meta']), description: summary };
  return components.add('schemas', schema, nameOf(type));
}
