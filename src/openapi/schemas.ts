import type { Schema } from '../jsonapi/define';
import { idSchema } from '../jsonapi/ids';
import { ATOMIC } from '../jsonapi/negotiate';
import { type Components, nameOf, type Ref } from './components';

/** The parts that documents of all types are made of. */

export const constant = (value: string): Schema => ({ type: 'string', const: value });
export const count = (minimum: number, description?: string): Schema => ({
  type: 'integer',
  minimum,
  ...(description === undefined ? {} : { description }),
});
export const orNull = (ref: Ref): Schema => ({ oneOf: [ref, { type: 'null' }] });
export const anyOf = (refs: readonly (Ref | Schema)[]): Ref | Schema =>
  refs.length === 1 ? (refs[0] as Ref) : { anyOf: refs };
export const listOf = (items: Ref | Schema): Schema => ({ type: 'array', items });

/** Maps the values of a record. */
export function entriesOf<From, To>(record: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

/** An object that has all of these members, unless some are named as optional. Requests may have others. */
export const object = (properties: Record<string, unknown>, optional: readonly string[] = []): Schema => {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', ...(required.length === 0 ? {} : { required }), properties };
};

/** The same without others: answers have nothing that is not described. */
export const closed = (properties: Record<string, unknown>, optional: readonly string[] = []): Schema => ({
  ...object(properties, optional),
  additionalProperties: false,
});

/** No `uri-reference`: brackets stand in queries as they are. */
export const link: Schema = { type: 'string' };

/** The `jsonapi` member. */
export const jsonapi = (components: Components): Ref =>
  components.add('schemas', closed({ version: constant('1.1') }), 'JsonApi');

export const jsonapiOfAtomic = (components: Components): Ref => {
  const ext = { ...listOf(constant(ATOMIC)), minItems: 1, maxItems: 1 };
  return components.add('schemas', closed({ version: constant('1.1'), ext }), 'AtomicJsonApi');
};

export const selfLink = (components: Components): Ref => components.add('schemas', closed({ self: link }), 'Links');

/** Links of a relationship, and of a document of linkage. */
export const linkageLinks = (components: Components): Ref =>
  components.add('schemas', closed({ self: link, related: link }), 'LinkageLinks');

/** `meta.page` of an item of a page with cursors. */
export const itemCursor = (components: Components): Ref => {
  const description = 'For `page[after]` and `page[before]`, with the same sorting and filters.';
  return components.add('schemas', closed({ cursor: { type: 'string', description } }), 'ItemCursor');
};

/** A resource identifier of a type, as answers have it. */
export function identifier(components: Components, type: string): Ref {
  const members = { type: constant(type), id: idSchema(type), meta: closed({ page: itemCursor(components) }) };
  return components.add('schemas', closed(members, ['meta']), `${nameOf(type)}Identifier`);
}

/** `meta` of an answer that was stored and sent again, where it had a secret (INV-30). */
export const replayMeta = (components: Components): Ref => {
  const secretWithheld = {
    const: true,
    description: 'This is a repetition, by `Idempotency-Key`, of an answer that showed a secret: it is null here.',
  };
  return components.add('schemas', closed({ secretWithheld }, ['secretWithheld']), 'ReplayMeta');
};
