import type { ErrorObject, ValidateFunction } from 'ajv';
import { AppError, type ErrorCode, type Fault } from '../errors';
import type { Schema } from './define';
import { escapePointer, isObject } from './json';
import { compile, formatWords } from './schemas';

/** Named values of a request document: attributes of a resource, settings in `meta`. */
export type Values = Readonly<Record<string, unknown>>;

/** Where values stand in a document, and what they stand in, as JSON pointers. */
export interface Place {
  readonly pointer: string;
  readonly parent: string;
}

export const malformed = (detail: string, pointer?: string): Fault => ({
  code: 'malformed_document',
  detail,
  source: pointer === undefined ? undefined : { pointer },
});

/** Text is trimmed and in NFC (domain sheet 1), but for secrets: those are what they are (`writeOnly`). */
export const normalize = (value: unknown, schema: Schema): unknown =>
  typeof value === 'string' && schema.writeOnly !== true ? value.trim().normalize('NFC') : value;

/** Keyword of a schema that a value breaks → code; `invalid_format` for all others. */
export const KEYWORDS: Readonly<Record<string, ErrorCode>> = {
  minLength: 'too_short',
  minItems: 'too_short',
  maxLength: 'too_long',
  maxItems: 'too_long',
  maxProperties: 'too_long',
  maxSize: 'too_long',
  enum: 'not_allowed',
  not: 'not_allowed',
  minimum: 'not_allowed',
  maximum: 'not_allowed',
};

/** Client libraries find the field by `meta.attribute` where the pointer does not name it (rulings, "Answers"). */
export function valueFault(place: Place, code: ErrorCode, detail: string, path: readonly string[]): Fault {
  const pointer = [place.pointer, ...path.map(escapePointer)].join('/');
  return { code, detail, source: { pointer }, meta: { attribute: path.at(-1), message: detail } };
}

/** What ajv found, in words that fit behind the value's name. */
export function wordsOf({ keyword, params, message }: ErrorObject): string {
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as unknown[]).map(String).join(', ')}`;
  if (keyword === 'type' && Array.isArray(params.type)) return `must be ${params.type.join(' or ')}`;
  if (keyword === 'format') return formatWords(params.format as string) ?? String(message);
  return keyword === 'not' ? 'is reserved' : String(message);
}

function schemaFault(error: ErrorObject, place: Place, isThere: boolean): Fault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (error.keyword === 'required') {
    const attribute = String(error.params.missingProperty);
    const detail = `${attribute} is required.`;
    const pointer = isThere || path.length > 0 ? place.pointer + error.instancePath : place.parent;
    return { code: 'required', detail, source: { pointer }, meta: { attribute, message: detail } };
  }
  if (error.keyword === 'additionalProperties') {
    const name = String(error.params.additionalProperty);
    return valueFault(place, 'unknown_attribute', `${path.join('.')} has no ${name}.`, [...path, name]);
  }
  const code = KEYWORDS[error.keyword] ?? 'invalid_format';
  return valueFault(place, code, `${path.join('.')} ${wordsOf(error)}.`, path);
}

/**
 * What is wrong with values.
 * @param isThere whether the document has the place at all; else faults point at what it would stand in
 */
export function schemaFaults(validate: ValidateFunction, values: Values, place: Place, isThere: boolean): Fault[] {
  if (validate(values)) return [];
  return (validate.errors ?? []).map((error) => schemaFault(error, place, isThere));
}

/** The schema of settings, also for OpenAPI. */
export const settingsSchema = (settings: Readonly<Record<string, Schema>>, required: readonly string[]): Schema => ({
  type: 'object',
  properties: settings,
  ...(required.length > 0 ? { required } : {}),
});

const META: Place = { pointer: '/meta', parent: '' };

/** Reads documents that have settings in `meta`, and nothing else that matters. */
export class SettingsReader {
  private readonly validate: ValidateFunction;

  constructor(
    private readonly settings: Readonly<Record<string, Schema>>,
    required: readonly string[],
  ) {
    this.validate = compile(settingsSchema(settings, required));
  }

  /**
   * @param document undefined for a request without a body: nothing is set
   * @throws AppError with all faults of the document
   */
  read(document: unknown): Values {
    if (document !== undefined && !isObject(document)) {
      throw AppError.of([malformed('The document must be an object.', '')]);
    }
    const given = document?.meta;
    if (given !== undefined && !isObject(given)) throw AppError.of([malformed('meta must be an object.', '/meta')]);
    const faults: Fault[] = [];
    const values: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(given ?? {})) {
      if (name.startsWith('@')) continue;
      const schema = Object.hasOwn(this.settings, name) ? this.settings[name] : undefined;
      if (schema !== undefined) values[name] = normalize(value, schema);
      else faults.push(valueFault(META, 'unknown_attribute', `There is no setting ${name}.`, [name]));
    }
    faults.push(...schemaFaults(this.validate, values, META, given !== undefined));
    if (faults.length > 0) throw AppError.of(faults);
    return values;
  }
}
