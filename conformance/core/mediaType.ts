export const JSON_API = 'application/vnd.api+json';
export const ATOMIC_URI = 'https://jsonapi.org/ext/atomic';
export const ATOMIC = `${JSON_API};ext="${ATOMIC_URI}"`;
export const CURSOR_URI = 'https://jsonapi.org/profiles/ethanresnick/cursor-pagination';
export const CURSOR = `${JSON_API};profile="${CURSOR_URI}"`;

export interface MediaType {
  /** type/subtype in lower case */
  readonly essence: string;
  /** Names in lower case, in the order they came; a name may be there twice. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

const PARAMETER = /\s*;\s*([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/gy;

/** Reads a Content-Type (RFC 9110, 8.3.1); undefined when it is missing or is none. */
export function readMediaType(header: string | undefined): MediaType | undefined {
  const essence = /^\s*[^\s;/]+\/[^\s;/]+/.exec(header ?? '')?.[0];
  if (header === undefined || essence === undefined) return undefined;
  const parameters: [string, string][] = [];
  PARAMETER.lastIndex = essence.length;
  for (let match = PARAMETER.exec(header); match !== null; match = PARAMETER.exec(header))
    parameters.push([String(match[1]).toLowerCase(), match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '']);
  return { essence: essence.trim().toLowerCase(), parameters };
}

export const isJsonApi = (header: string | undefined): boolean => readMediaType(header)?.essence === JSON_API;

/** The URIs that a Content-Type names as its `ext` or `profile`. */
export function urisOf(header: string | undefined, name: 'ext' | 'profile'): string[] {
  const value = readMediaType(header)?.parameters.find(([each]) => each === name)?.[1] ?? '';
  return value.split(' ').filter((uri) => uri !== '');
}
