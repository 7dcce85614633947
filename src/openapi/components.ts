import { isDeepStrictEqual } from 'node:util';
import { capitalize } from '../jsonapi/define';

export type Json = Record<string, unknown>;

/** A reference to a component. */
export type Ref = { $ref: string };

type Kind = 'schemas' | 'parameters' | 'responses' | 'headers';

/** The shared parts of the document: each stands in it once, however many operations use it. */
export class Components {
  readonly parts: Readonly<Record<Kind, Record<string, Json>>> = {
    schemas: {},
    parameters: {},
    responses: {},
    headers: {},
  };

  private readonly made = new Map<string, unknown>();

  /** What many operations have and only the first one makes. */
  once<Made>(key: string, make: () => Made): Made {
    if (!this.made.has(key)) this.made.set(key, make());
    return this.made.get(key) as Made;
  }

  /**
   * Puts a part under the first of `names` that is free or means the same already.
   * @throws Error when all names mean something else
   */
  add(kind: Kind, part: Json, ...names: string[]): Ref {
    const parts = this.parts[kind];
    const name = names.find((each) => parts[each] === undefined || isDeepStrictEqual(parts[each], part));
    if (name === undefined) throw new Error(`${kind} ${names.join(', ')}: one name for two things`);
    parts[name] = part;
    return { $ref: `#/components/${kind}/${name}` };
  }
}

/** `organizations` → `organization`, `webhookDeliveries` → `webhookDelivery`. */
const singular = (type: string): string => (type.endsWith('ies') ? `${type.slice(0, -3)}y` : type.replace(/s$/, ''));

/** Name of one resource of a type, for schemas and operation ids: `apiKeys` → `ApiKey`. */
export const nameOf = (type: string): string => capitalize(singular(type));
