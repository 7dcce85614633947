import type { ValidateFunction } from 'ajv';
import { AppError } from '../errors';
import type { QueryParameters, Schema } from './define';
import { compile, isPrintable } from './schemas';
import { type Values, wordsOf } from './values';

/** PostgreSQL's integer, which numbers in queries are compared with. */
export const MOST_INTEGER = 2_147_483_647;

/** One query parameter, taken apart. */
export interface Parameter {
  /** Decoded name, as the client wrote it. */
  name: string;
  base: string;
  /** Names in brackets; `[]` is an empty one. */
  keys: string[];
  value: string;
}

/** The error for a parameter that can't be used. */
export const bad = (parameter: string, detail: string): AppError =>
  new AppError('invalid_parameter', detail, { parameter });

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new AppError('malformed_request', 'The query has percent-encoding that is not UTF-8.');
  }
}

/** A value or name in a link: brackets and what else needs no encoding stay readable, as in the seed. */
export const encode = (text: string): string =>
  encodeURIComponent(text).replace(/%(5B|5D|2C|3A|2F)/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** Splits a query string as the URL standard does; brackets may be encoded or not. */
export function parameters(search: string): Parameter[] {
  const parsed: Parameter[] = [];
  for (const part of search.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? '' : decode(part.slice(equals + 1));
    if (!isPrintable(value) || !isPrintable(name)) throw bad(name, 'Control characters are not allowed.');
    const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
    if (match === null) throw bad(name, 'This is not the name of a query parameter.');
    const keys = [...(match[2] as string).matchAll(/\[([^[\]]*)\]/g)].map((each) => each[1] as string);
    parsed.push({ name, base: match[1] as string, keys, value });
  }
  return parsed;
}

/** `true` or `false`. */
export function readBoolean(name: string, value: string): boolean {
  if (value !== 'true' && value !== 'false') throw bad(name, `${name} is true or false.`);
  return value === 'true';
}

/** A time whose plus sign became a blank, because the client did not encode it, is meant as it was shown. */
export const mendTime = (text: string): string => text.replace(/ (\d\d:\d\d)$/, '+$1');

const validators = new WeakMap<Schema, ValidateFunction>();

function validatorOf(schema: Schema): ValidateFunction {
  const validate = validators.get(schema) ?? compile(schema);
  validators.set(schema, validate);
  return validate;
}

/**
 * The value of a parameter that an operation declares; ids are in lower case.
 * @throws AppError `invalid_parameter`
 */
export function readParameter({ name, value }: Pick<Parameter, 'name' | 'value'>, schema: Schema): unknown {
  const parsed =
    schema.type === 'boolean'
      ? readBoolean(name, value)
      : schema.type === 'integer' && /^-?\d{1,10}$/.test(value)
        ? Number(value)
        : (schema.format === 'date-time' ? mendTime(value) : value).normalize('NFC');
  const validate = validatorOf(schema);
  if (!validate(parsed)) throw bad(name, `${name} ${(validate.errors ?? []).map(wordsOf).join(', ')}.`);
  return schema.format === 'uuid' ? value.toLowerCase() : parsed;
}

const NO_VALUES: Values = {};

/**
 * The values of a query that has only what an operation declares.
 * @param search without the question mark
 * @throws AppError `invalid_parameter`
 */
export function readDeclared(search: string, declared: QueryParameters): Values {
  if (search === '') return NO_VALUES;
  const values: Record<string, unknown> = {};
  for (const parameter of parameters(search)) {
    const { name } = parameter;
    if (!Object.hasOwn(declared, name)) throw bad(name, `This endpoint has no query parameter ${name}.`);
    if (Object.hasOwn(values, name)) throw bad(name, 'This parameter is given twice.');
    values[name] = readParameter(parameter, declared[name] as Schema);
  }
  return values;
}
