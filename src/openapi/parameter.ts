import type { Schema } from '../jsonapi/define';
import type { Components, Json, Ref } from './components';

export const inQuery = (name: string, description: string, schema: Schema): Json => ({
  name,
  in: 'query',
  description,
  schema,
});
export const inHeader = (name: string, description: string, schema: Schema = { type: 'string' }): Json => ({
  name,
  in: 'header',
  description,
  schema,
});

/** Several values separated by commas. */
export const list = (name: string, description: string, items: Schema, more: Schema = {}): Json => ({
  ...inQuery(name, description, { type: 'array', items, ...more }),
  style: 'form',
  explode: false,
});

/** Puts a parameter among the components; names in brackets become parts of the component's name. */
export function parameter(components: Components, part: Json, owner: string): Ref {
  const key = String(part.name).replaceAll('[', '.').replaceAll(']', '');
  return components.add('parameters', part, key, `${owner}.${key}`);
}
