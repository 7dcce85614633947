/** JSON as it comes from a server that may be wrong about everything: nothing here trusts a type. */
export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at a path of member names and indices; undefined as soon as something is missing. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  let here = value;
  for (const step of path) {
    if (Array.isArray(here)) here = here[Number(step)];
    else if (isObject(here)) here = Object.hasOwn(here, String(step)) ? here[String(step)] : undefined;
    else return undefined;
  }
  return here;
}

/** The object at a path, or an empty one: for walking over members that may be missing. */
export function objectAt(value: unknown, ...path: (string | number)[]): Json {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

export function textAt(value: unknown, ...path: (string | number)[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

/** Primary data or linkage as a list, whether it is one thing, several or none. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value == null ? [] : [value]);

/** Text that is the same for equal values, whatever the order of their members. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, each: unknown) =>
    isObject(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each,
  );
}

export const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

const POINTER = /^(?:\/(?:[^~]|~[01])*)?$/;

/** Whether an RFC 6901 pointer is well-formed and names something that is there. */
export function pointsSomewhere(document: unknown, pointer: string): boolean {
  if (!POINTER.test(pointer)) return false;
  let here = document;
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(here)) {
      if (!/^(?:0|[1-9]\d*)$/.test(name) || Number(name) >= here.length) return false;
      here = here[Number(name)];
    } else {
      if (!isObject(here) || !Object.hasOwn(here, name)) return false;
      here = here[name];
    }
  }
  return true;
}

/** A member name or index as a step of an RFC 6901 pointer. */
export function step(name: string | number): string {
  const text = String(name);
  // Hardly any name has to be escaped, and every name of every answer comes by here.
  return /[~/]/.test(text) ? `/${text.replaceAll('~', '~0').replaceAll('/', '~1')}` : `/${text}`;
}
