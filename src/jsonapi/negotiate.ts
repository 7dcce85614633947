import { AppError } from '../errors';

export const MEDIA_TYPE = 'application/vnd.api+json';
export const ATOMIC = 'https://jsonapi.org/ext/atomic';
export const CURSOR_PROFILE = 'https://jsonapi.org/profiles/ethanresnick/cursor-pagination';
/** Of answers that apply the profile or the extension. */
export const CURSOR_TYPE = `${MEDIA_TYPE};profile="${CURSOR_PROFILE}"`;
export const ATOMIC_TYPE = `${MEDIA_TYPE};ext="${ATOMIC}"`;

/** Extensions that an `Accept` may ask for; an answer that needs none of them is sent without. */
const KNOWN_EXTENSIONS = new Set([ATOMIC]);

interface MediaRange {
  type: string;
  /** Lower-case names; without `q` and what follows it. */
  parameters: Map<string, string>;
  /** Weight, 0–1. */
  q: number;
}

/** Splits at `separator` where it is not inside a quoted string (RFC 9110, 5.6.4). */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let part = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (quoted && character === '\\') part += character + (text[++i] ?? '');
    else if (character === separator && !quoted) {
      parts.push(part);
      part = '';
    } else {
      if (character === '"') quoted = !quoted;
      part += character;
    }
  }
  parts.push(part);
  return parts;
}

const unquote = (text: string): string =>
  text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;

function parseRange(text: string): MediaRange {
  const [type = '', ...rest] = split(text, ';');
  const range: MediaRange = { type: type.trim().toLowerCase(), parameters: new Map(), q: 1 };
  for (const parameter of rest) {
    const equals = parameter.indexOf('=');
    const name = (equals < 0 ? parameter : parameter.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : unquote(parameter.slice(equals + 1).trim());
    if (name === 'q') {
      range.q = Number(value) || 0;
      break;
    }
    if (name !== '') range.parameters.set(name, value);
  }
  return range;
}

const uris = (value: string | undefined): string[] => (value ?? '').split(' ').filter((uri) => uri !== '');

/** Whether an instance of the JSON:API media type has only parameters that we understand. */
function isUnderstood({ parameters }: MediaRange, extensions: ReadonlySet<string>): boolean {
  const names = [...parameters.keys()].every((name) => name === 'ext' || name === 'profile');
  return names && uris(parameters.get('ext')).every((uri) => extensions.has(uri));
}

/**
 * Server responsibilities for `Accept` (JSON:API 1.1, "Content Negotiation"): with instances of the JSON:API media type,
 * one of them must be acceptable; without, a wildcard must let it through.
 * @param others media types that are answered with as well
 * @returns whether it asks for the cursor pagination profile
 * @throws AppError `not_acceptable`
 */
export function checkAccept(header: string | undefined, others: readonly string[] = []): boolean {
  if (header === undefined || header === '*/*' || header === MEDIA_TYPE || header.trim() === '') return false;
  const ranges = split(header, ',').map(parseRange);
  if (ranges.some(({ type, q }) => others.includes(type) && q > 0)) return false;
  const instances = ranges.filter(({ type }) => type === MEDIA_TYPE);
  const wildcard = ranges.find(({ type }) => type === 'application/*') ?? ranges.find(({ type }) => type === '*/*');
  const understood = instances.filter((range) => range.q > 0 && isUnderstood(range, KNOWN_EXTENSIONS));
  const acceptable = instances.length > 0 ? understood.length > 0 : wildcard !== undefined && wildcard.q > 0;
  if (acceptable) return understood.some(({ parameters }) => uris(parameters.get('profile')).includes(CURSOR_PROFILE));
  const types = [...others, MEDIA_TYPE].join(' or ');
  throw new AppError('not_acceptable', `Answers are ${types}, with no parameter but ext and profile.`, {
    header: 'Accept',
  });
}

/**
 * Bodies must be labelled as JSON:API; a profile never matters, an extension must be one that the endpoint applies.
 * @throws AppError `unsupported_media_type`
 */
export function checkContentType(header: string | undefined, extensions: ReadonlySet<string> = new Set()): void {
  if (header === MEDIA_TYPE) return;
  const range = parseRange(header ?? '');
  if (range.type === MEDIA_TYPE && isUnderstood(range, extensions)) return;
  throw new AppError('unsupported_media_type', `Send ${MEDIA_TYPE}, with no parameter but ext and profile.`, {
    header: 'Content-Type',
  });
}

/**
 * For endpoints that are an extension: the body must be labelled with it.
 * @throws AppError `unsupported_media_type`
 */
export function requireExtension(header: string | undefined, extension: string): void {
  checkContentType(header, new Set([extension]));
  if (uris(parseRange(header ?? '').parameters.get('ext')).includes(extension)) return;
  throw new AppError('unsupported_media_type', `Send ${MEDIA_TYPE};ext="${extension}".`, { header: 'Content-Type' });
}
