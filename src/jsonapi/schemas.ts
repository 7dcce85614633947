import type { Options, ValidateFunction } from 'ajv';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { isAddressRange } from '../addresses';
import { ASSET_PATTERN, MOST } from '../assets';
import { nameIn } from '../media/names';
import { isCredential } from '../secrets';
import type { Schema } from './define';
import { escapePointer } from './json';

/** Control characters and halves of surrogate pairs: PostgreSQL can't store some, no screen can show any. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f]/;
/** Line breaks and tabs are content in free JSON. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSTORABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

export const isPrintable = (text: string): boolean => text.isWellFormed() && !UNPRINTABLE.test(text);

/**
 * A JSON:API member name (JSON:API 1.1, "Member Names"), for keys that clients choose. Halves of surrogate pairs are no
 * characters: PostgreSQL refuses them.
 */
export const MEMBER_NAME =
  /^[a-zA-Z0-9\u{80}-\u{d7ff}\u{e000}-\u{10ffff}](?:[-a-zA-Z0-9_ \u{80}-\u{d7ff}\u{e000}-\u{10ffff}]*[a-zA-Z0-9\u{80}-\u{d7ff}\u{e000}-\u{10ffff}])?$/u;

const METADATA = { bytes: 16_384, keys: 50, depth: 5 };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
export const isUuid = (text: string): boolean => UUID.test(text);

/** A day, or a time with its offset; offsets beyond 14 hours are nowhere on earth, and from 16 on PostgreSQL refuses them. */
const TIME = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d))?$/i;
const [FIRST_MS, LAST_MS] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59Z')];

/** The moment that a text names; undefined for days that do not exist and for years that our form of times can't show. */
export function parseTime(text: string): Date | undefined {
  const day = TIME.exec(text)?.[1];
  const time = new Date(text);
  const ms = time.getTime();
  // 30 February would silently become another day. NaN is in no range.
  if (day === undefined || !(ms >= FIRST_MS && ms <= LAST_MS) || !isDay(day)) return undefined;
  return time;
}

function isDay(text: string): boolean {
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

function isHttpUrl(text: string, schemes: readonly string[]): boolean {
  if (!isPrintable(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return schemes.includes(url.protocol) && url.username === '' && url.password === '' && !text.includes('#');
}

const COUNTRIES = new Set(
  (
    'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF ' +
    'CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH ' +
    'GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW ' +
    'KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG ' +
    'NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN ' +
    'SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ' +
    'ZA ZM ZW'
  ).split(' '),
);

interface Format {
  test: (text: string) => boolean;
  /** What is said of a text that fails it, behind the attribute's name. */
  words: string;
}

/** Formats beyond JSON Schema's own; their names stand in the OpenAPI document. */
const FORMATS: Readonly<Record<string, Format>> = {
  text: { test: isPrintable, words: 'must not hold control characters' },
  lines: {
    test: (text) => isPrintable(text.replace(/[\n\r\t]/g, '')),
    words: 'must not hold control characters but line breaks and tabs',
  },
  uuid: { test: isUuid, words: 'must be a UUID' },
  'date-time': {
    test: (text) => /T\d\d:\d\d:\d\d/i.test(text) && parseTime(text) !== undefined,
    words: 'must be a time such as 2026-01-31T08:00:00+00:00',
  },
  'day-or-time': { test: (text) => parseTime(text) !== undefined, words: 'must be a day, or a time with its offset' },
  'https-url': {
    test: (text) => isHttpUrl(text, ['https:']),
    words: 'must be an https URL without user information and fragment',
  },
  // One of this service, which may be reached without TLS, can be sent back as it was read.
  'avatar-url': {
    test: (text) => isHttpUrl(text, nameIn(text) === undefined ? ['https:'] : ['http:', 'https:']),
    words: 'must be an https URL without user information and fragment',
  },
  'http-url': {
    test: (text) => isHttpUrl(text, ['http:', 'https:']),
    words: 'must be an https URL without user information and fragment',
  },
  'country-code': {
    test: (text) => COUNTRIES.has(text),
    words: 'must be the code of a country, ISO 3166-1 alpha-2, in upper case',
  },
  'webhook-secret': {
    // What begins like the private key of an endpoint would be taken for one.
    test: (text) => isPrintable(text) && !/^whsk_/.test(text) && (!text.startsWith('whsec_') || isWebhookSecret(text)),
    words:
      'must be whsec_ and 24–64 bytes in base64, or any other text without control characters but one with whsk_ in front',
  },
  'address-range': {
    test: isAddressRange,
    words: 'must be an IPv4 or IPv6 address, or a range such as 192.0.2.0/24',
  },
  'email-address': { test: isEmailAddress, words: 'must be an e-mail address' },
  // Lengths are judged beside it: one fault for one mistake.
  credential: {
    test: (text) => /^[\x21-\x7e]+$/.test(text) && (text.length < 22 || text.length > 255 || isCredential(text)),
    words: 'must be visible ASCII characters, and when it begins like a key of this service its checksum must be right',
  },
};

/** What is wrong with a text that fails a format; undefined for formats of JSON Schema. */
export const formatWords = (format: string): string | undefined => FORMATS[format]?.words;

function isEmailAddress(text: string): boolean {
  const form = /^[^\s@"(),:;<>[\]\\]{1,64}@[^\s@."(),:;<>[\]\\]+(?:\.[^\s@."(),:;<>[\]\\]+)+$/;
  return isPrintable(text) && form.test(text);
}

function isWebhookSecret(text: string): boolean {
  const encoded = text.slice('whsec_'.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || encoded.length % 4 !== 0) return false;
  const { length } = Buffer.from(encoded, 'base64');
  return length >= 24 && length <= 64;
}

interface MetadataFault {
  keyword: string;
  instancePath: string;
  message: string;
  params: Record<string, unknown>;
}

/** Faults of a metadata value: keys are member names, so that a document with them stays valid JSON:API. */
function metadataFaults(value: unknown, path: string, depth: number): MetadataFault[] {
  const fault = (message: string): MetadataFault[] => [
    { keyword: 'metadata', instancePath: path, message, params: {} },
  ];
  if (typeof value === 'string') {
    return !value.isWellFormed() || UNSTORABLE.test(value) ? fault('must not hold control characters') : [];
  }
  if (typeof value === 'number') {
    // 1e999 has become Infinity, and 2^53 + 1 another number, when the parser is done: better refused than changed.
    const exact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
    return exact ? [] : fault('must be a number that JSON parsers keep exactly; send it as a string');
  }
  if (typeof value !== 'object' || value === null) return [];
  if (depth > METADATA.depth) return fault(`must not be nested deeper than ${METADATA.depth}`);
  if (Array.isArray(value)) return value.flatMap((item, i) => metadataFaults(item, `${path}/${i}`, depth + 1));
  return Object.entries(value).flatMap(([key, item]) => {
    const below = `${path}/${escapePointer(key)}`;
    if (!MEMBER_NAME.test(key)) {
      const message = 'is no name: letters, digits, and inside "-", "_" and blanks';
      return [{ keyword: 'metadata', instancePath: below, message, params: {} }];
    }
    return metadataFaults(item, below, depth + 1);
  });
}

interface MetadataKeyword {
  (schema: unknown, value: object, parent?: unknown, context?: { instancePath: string }): boolean;
  errors?: MetadataFault[];
}

const checkMetadata: MetadataKeyword = (_schema, value, _parent, context) => {
  const path = context?.instancePath ?? '';
  const faults = metadataFaults(value, path, 1);
  const limit = (message: string) => faults.push({ keyword: 'maxSize', instancePath: path, message, params: {} });
  if (Object.keys(value).length > METADATA.keys) limit(`must not have more than ${METADATA.keys} keys`);
  if (faults.length === 0 && Buffer.byteLength(JSON.stringify(value)) > METADATA.bytes) {
    limit(`must not be larger than ${METADATA.bytes} bytes`);
  }
  checkMetadata.errors = faults;
  return faults.length === 0;
};

/** An ajv that knows our formats and keywords. */
export function newAjv(options: Options): Ajv2020 {
  const made = new Ajv2020(options);
  addFormats(made);
  for (const [name, { test }] of Object.entries(FORMATS)) made.addFormat(name, test);
  made.addKeyword({ keyword: 'x-metadata', type: 'object', errors: 'full', validate: checkMetadata as never });
  return made;
}

const ajv = newAjv({ allErrors: true, strict: false });

/** A schema made ready; compiled once, at start. */
export const compile = (schema: Schema): ValidateFunction => ajv.compile(schema);

const orNull = (schema: Schema): Schema => ({ ...schema, type: [schema.type, 'null'] });

/** The kinds of value that attributes have. Lengths count characters. */
export const text = (minLength: number, maxLength: number): Schema => ({
  type: 'string',
  minLength,
  maxLength,
  format: 'text',
});
/** Text of several lines. */
export const lines = (minLength: number, maxLength: number): Schema => ({
  ...text(minLength, maxLength),
  format: 'lines',
});
export const nullable = (schema: Schema): Schema =>
  'enum' in schema ? { ...orNull(schema), enum: [...(schema.enum as []), null] } : orNull(schema);
export const choice = (...values: string[]): Schema => ({ type: 'string', enum: values });
export const boolean: Schema = { type: 'boolean' };
export const integer: Schema = { type: 'integer' };
/** Money and units: whole numbers in the smallest unit of the asset. */
export const money: Schema = { ...integer, minimum: -MOST, maximum: MOST, examples: [10_000] };
export const unsigned: Schema = { ...money, minimum: 0 };
export const positive: Schema = { ...money, minimum: 1 };
export const asset: Schema = {
  type: 'string',
  pattern: ASSET_PATTERN,
  examples: ['USD'],
  description: 'A currency of ISO 4217, or a unit such as `SMS_POINT`.',
};
export const uuid: Schema = { type: 'string', format: 'uuid' };
export const time: Schema = { type: 'string', format: 'date-time' };
export const avatarUrl: Schema = nullable({ ...text(1, 2048), format: 'avatar-url' });
/** What a time is compared with: a day is its first moment, and seconds may be left out. */
export const dayOrTime: Schema = { type: 'string', format: 'day-or-time', examples: ['2030-01-31T08:00:00Z'] };
export const metadata: Schema = { type: 'object', 'x-metadata': true, description: '≤ 16 KiB, ≤ 50 keys, depth ≤ 5' };
