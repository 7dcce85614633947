import { attributesSchema } from '../jsonapi/body';
import { type Action, capitalize, type Relationship, type Schema } from '../jsonapi/define';
import { hasTextIds } from '../jsonapi/ids';
import { MEDIA_TYPE } from '../jsonapi/negotiate';
import { uuid } from '../jsonapi/schemas';
import { settingsSchema } from '../jsonapi/values';
import { type Components, type Json, nameOf, type Ref } from './components';
import { exampleOf, linkageExample, sampleOf } from './example';
import type { Definition } from './include';
import { constant, listOf, object, orNull } from './schemas';

type Purpose = 'create' | 'update';

const lid = { type: 'string', description: 'In atomic operations: a name for what one of them makes.' };
const meta = { type: 'object' };
const clientId: Schema = {
  type: ['string', 'null'],
  format: 'uuid',
  description: 'Platform and partner callers may choose it; else the server makes one.',
};

/** A resource identifier in a request. */
export function reference(components: Components, type: string): Ref {
  const form = hasTextIds(type) ? 'A text' : 'A UUID; other texts are the ids of nothing';
  const id = { type: 'string', description: `${form}.` };
  const schema = object({ type: constant(type), id, lid, meta }, ['id', 'lid', 'meta']);
  return components.add(
    'schemas',
    { ...schema, anyOf: [{ required: ['id'] }, { required: ['lid'] }] },
    `${nameOf(type)}Reference`,
  );
}

/** `data` of a relationship in a request. */
function linkage(components: Components, relationship: Relationship): Ref | Schema {
  const other = reference(components, relationship.type);
  if ('many' in relationship) return listOf(other);
  return relationship.required === true ? other : orNull(other);
}

function relationshipsSchema(
  components: Components,
  { relationships }: Definition,
  purpose: Purpose,
): Schema | undefined {
  const settable = Object.entries(relationships).filter(([, { write, change }]) =>
    purpose === 'create' ? write === 'create' : change !== undefined,
  );
  if (settable.length === 0) return undefined;
  const isNeeded = (each: Relationship) => purpose === 'create' && each.required === true;
  const properties = settable.map(([name, each]) => {
    const data = linkage(components, each);
    // With links or meta alone it is sent back as it was read, and changes nothing.
    const schema = isNeeded(each) ? object({ data }) : { ...object({ data }, ['data']), minProperties: 1 };
    return [name, { ...schema, description: each.summary }];
  });
  const optional = settable.filter(([, each]) => !isNeeded(each)).map(([name]) => name);
  return object(Object.fromEntries(properties), optional);
}

/**
 * The resource object of a request. Attributes and relationships that can't be set may stand in it too, as they were
 * read: they are ignored.
 */
export function requestedResource(components: Components, definition: Definition, purpose: Purpose): Ref {
  const { type, clientIds } = definition;
  const attributes = attributesSchema(definition, purpose);
  const relationships = relationshipsSchema(components, definition, purpose);
  const id = purpose === 'update' ? uuid : clientIds ? clientId : undefined;
  const optional = [
    'id',
    'lid',
    ...(attributes.required === undefined ? ['attributes'] : []),
    ...(relationships?.required === undefined ? ['relationships'] : []),
  ];
  const members = {
    type: constant(type),
    ...(id === undefined ? {} : { id }),
    lid,
    attributes,
    ...(relationships === undefined ? {} : { relationships }),
  };
  return components.add('schemas', object(members, optional), `${nameOf(type)}${capitalize(purpose)}Resource`);
}

const body = (schema: Ref, example: Json): Json => ({
  required: true,
  content: { [MEDIA_TYPE]: { schema, example } },
});

/** The body that creates a resource or changes one. */
export function resourceBody(components: Components, definition: Definition, purpose: Purpose): Json {
  const resource = requestedResource(components, definition, purpose);
  const data = purpose === 'update' ? { allOf: [resource, { required: ['id'] }] } : resource;
  const schema = components.add('schemas', object({ data }), `${nameOf(definition.type)}${capitalize(purpose)}`);
  return body(schema, exampleOf(definition, purpose));
}

/** The body that changes the linkage of a relationship. */
export function linkageBody(components: Components, relationship: Relationship): Json {
  const schema = object({ data: linkage(components, relationship) });
  const kind = 'many' in relationship ? 'References' : relationship.required ? 'Reference' : 'ReferenceOrNull';
  const name = `${nameOf(relationship.type)}${kind}Document`;
  return body(components.add('schemas', schema, name), linkageExample(relationship));
}

/**
 * The body of an action, which may be left out where no setting is required.
 * @param name of its operation
 */
export function actionBody(
  components: Components,
  { settings = {}, requiredSettings = [] }: Exclude<Action<never>, { method: 'DELETE' }>,
  name: string,
): Json {
  if (Object.keys(settings).length === 0) {
    const none = object({ meta: { ...meta, maxProperties: 0, description: 'It has no settings.' } }, ['meta']);
    return { required: false, content: { [MEDIA_TYPE]: { schema: components.add('schemas', none, 'Action') } } };
  }
  const required = requiredSettings.length > 0;
  const given = { ...settingsSchema(settings, requiredSettings), description: 'Settings of the action.' };
  const schema = object({ meta: given }, required ? [] : ['meta']);
  const ref = components.add('schemas', schema, `${name}Settings`);
  return { required, content: { [MEDIA_TYPE]: { schema: ref, example: sampleOf(schema) } } };
}
