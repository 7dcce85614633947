import { AppError, type Fault } from '../errors';
import type { Input } from '../services/crud';
import { BodyReader, type Form } from './body';
import type { Relationship, Schema } from './define';
import { isObject } from './json';
import { malformed, SettingsReader, settingsSchema, type Values } from './values';

/** What a request said, judged: texts are trimmed and in NFC, but for secrets. */
export interface RequestDocument {
  readonly attributes: Values;
  /** Relationship → id, ids, or null. */
  readonly relationships: Input['relationships'];
  /** Settings. */
  readonly meta: Values;
  /** Of a list: objects that are not judged yet. */
  readonly items: readonly Record<string, unknown>[];
}

/** The body that a request beside the resource types takes. */
export interface RequestBody {
  /** Whether a request without one is refused. */
  readonly required: boolean;
  /** Of the whole document, for OpenAPI. */
  readonly schema: Schema;
  /**
   * @param document undefined for a request without a body
   * @throws AppError with all faults of the document
   */
  read(document: unknown): RequestDocument;
}

/** Of a request without a body. */
export const NOTHING: RequestDocument = { attributes: {}, relationships: {}, meta: {}, items: [] };

const object = (properties: Record<string, unknown>, required: readonly string[]): Schema => ({
  type: 'object',
  ...(required.length > 0 ? { required } : {}),
  properties,
});

const linkageSchema = (relationship: Relationship): Schema => {
  const id = { type: 'string', description: 'A UUID; other texts are the ids of nothing.' };
  const identifier = object({ type: { type: 'string', const: relationship.type }, id }, ['type', 'id']);
  const data = 'many' in relationship ? { type: 'array', items: identifier } : identifier;
  return { ...object({ data }, ['data']), description: relationship.summary };
};

/**
 * `{"data": {"type", "attributes": {…}}}`: judged as what creates a resource is.
 * @param attributes name → schema; a secret has `writeOnly` in it, and is taken as it is
 */
export function resourceRequest(
  type: string,
  attributes: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
  relationships: Readonly<Record<string, Relationship>> = {},
): RequestBody {
  const form: Form = {
    type,
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([name, schema]) => [
        name,
        { schema, write: 'create', required: required.includes(name) },
      ]),
    ),
    relationships: Object.fromEntries(
      Object.entries(relationships).map(([name, each]) => [name, { ...each, write: 'create' }]),
    ),
  };
  const reader = new BodyReader(form);
  const links = Object.entries(relationships);
  const needed = links.filter(([, each]) => each.required === true).map(([name]) => name);
  const members = {
    type: { type: 'string', const: type },
    attributes: settingsSchema(attributes, required),
    ...(links.length === 0
      ? {}
      : {
          relationships: object(Object.fromEntries(links.map(([name, each]) => [name, linkageSchema(each)])), needed),
        }),
  };
  const data = object(members, [
    'type',
    ...(required.length > 0 ? ['attributes'] : []),
    ...(needed.length > 0 ? ['relationships'] : []),
  ]);
  return {
    required: true,
    schema: object({ data }, ['data']),
    read: (document) => {
      const input = reader.read(document, 'create');
      return { ...NOTHING, attributes: input.attributes, relationships: input.relationships };
    },
  };
}

/** `{"meta": {…}}`; no body means the defaults, unless a setting is required. */
export function settingsRequest(
  settings: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): RequestBody {
  const reader = new SettingsReader(settings, required);
  const isRequired = required.length > 0;
  return {
    required: isRequired,
    schema: object({ meta: settingsSchema(settings, required) }, isRequired ? ['meta'] : []),
    read: (document) => ({ ...NOTHING, meta: reader.read(document) }),
  };
}

/**
 * `{"data": […]}` of many objects, each of which is judged by itself later.
 * @param item schema of one, for OpenAPI
 * @param most objects at the most
 */
export function listRequest(item: Schema, most: number): RequestBody {
  const data = { type: 'array', items: item, minItems: 1, maxItems: most };
  return {
    required: true,
    schema: object({ data }, ['data']),
    read: (document) => ({ ...NOTHING, items: readItems(document, most) }),
  };
}

function readItems(document: unknown, most: number): Record<string, unknown>[] {
  if (!isObject(document)) throw AppError.of([malformed('The document must be an object.', '')]);
  const { data } = document;
  if (data === undefined) throw AppError.of([malformed('The document has no data.', '')]);
  if (!Array.isArray(data)) throw AppError.of([malformed('data must be a list.', '/data')]);
  const source = { pointer: '/data' };
  if (data.length === 0) throw new AppError('too_short', 'data must not be empty.', source);
  if (data.length > most) throw new AppError('too_large', `data must not have more than ${most} items.`, source);
  const faults = data.flatMap((item, i): Fault[] =>
    isObject(item) ? [] : [malformed('An item of data must be an object.', `/data/${i}`)],
  );
  if (faults.length > 0) throw AppError.of(faults);
  return data;
}
