import { isObject, type Json } from './json';

export interface Identifier {
  readonly type: string;
  readonly id: string;
}

/** What a server cannot say about itself: one type that may be written, and how. See README.md for an example. */
export interface Description {
  /** The collection to POST to. */
  readonly url: string;
  /** A whole request document; `{unique}` in any text of it becomes something new each time. */
  readonly create: Json;
  /** An attribute that PATCH takes, and a value for it that `create` does not give; absent: there is no PATCH. */
  readonly update?: { readonly attribute: string; readonly value: unknown };
  /** An attribute and a value that the server must refuse for it. */
  readonly invalid?: { readonly attribute: string; readonly value: unknown };
  /** A writable to-one relationship, of the created resource or of the one at `on`. */
  readonly toOne?: {
    readonly on?: string;
    readonly name: string;
    readonly target: Identifier;
    readonly nullable?: boolean;
  };
  /** A writable to-many relationship with two targets that may stand in it. */
  readonly toMany?: {
    readonly on?: string;
    readonly name: string;
    readonly targets: readonly [Identifier, Identifier];
  };
  /** A relationship of the created resource that takes no update, and linkage that it does not have. */
  readonly readOnly?: { readonly name: string; readonly data: Identifier | readonly Identifier[] };
  /** A to-one relationship that may be given on creation, and the type it refers to. */
  readonly reference?: { readonly name: string; readonly type: string };
  /** An attribute of which no two resources may have the same value; `create` must give it. */
  readonly unique?: string;
  /** False where there is no DELETE; what the run makes then stays. */
  readonly deletable?: boolean;
  /** Whether a client may choose the id; not stated: that is not tested. */
  readonly clientIds?: boolean;
  /** Whether POST takes an Idempotency-Key. */
  readonly idempotencyKey?: boolean;
  /** The URL of the atomic operations. */
  readonly operations?: string;
}

const MEMBERS = [
  'url',
  'create',
  'update',
  'invalid',
  'toOne',
  'toMany',
  'readOnly',
  'reference',
  'unique',
  'deletable',
  'clientIds',
  'idempotencyKey',
  'operations',
];

/** @throws Error in one sentence when the description cannot be used */
export function readDescription(text: string): Description {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`The description is no JSON: ${(error as Error).message}.`);
  }
  if (!isObject(value)) throw new Error('The description must be a JSON object.');
  const unknown = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) throw new Error(`The description has an unknown member "${unknown}".`);
  if (typeof value.url !== 'string') throw new Error('The description needs "url", the collection to POST to.');
  if (!isObject(value.create) || !isObject(value.create.data))
    throw new Error('The description needs "create", a document with "data".');
  for (const name of ['update', 'invalid'] as const) {
    const change = value[name];
    if (change === undefined) continue;
    if (!isObject(change) || typeof change.attribute !== 'string' || !('value' in change))
      throw new Error(`"${name}" of the description needs "attribute" and "value".`);
  }
  for (const name of ['toOne', 'toMany', 'reference', 'readOnly'] as const) {
    const relationship = value[name];
    if (relationship !== undefined && (!isObject(relationship) || typeof relationship.name !== 'string'))
      throw new Error(`"${name}" of the description needs "name".`);
  }
  const { toOne, toMany, readOnly } = value;
  if (isObject(toOne) && !isObject(toOne.target)) throw new Error('"toOne" of the description needs "target".');
  if (isObject(toMany) && !(Array.isArray(toMany.targets) && toMany.targets.length === 2))
    throw new Error('"toMany" of the description needs two "targets".');
  if (isObject(readOnly) && !('data' in readOnly)) throw new Error('"readOnly" of the description needs "data".');
  return value as unknown as Description;
}
