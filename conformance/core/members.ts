import { isObject, type Json } from './json';
import type { Seen } from './seen';

const ALLOWED = 'a-zA-Z0-9\\u{80}-\\u{10ffff}';
/** The grammar of a member name (JSON:API 1.1, "Member Names"). */
export const NAME = new RegExp(`^[${ALLOWED}](?:[-_ ${ALLOWED}]*[${ALLOWED}])?$`, 'u');
/** A member of an extension: its namespace, a colon, a member name. */
export const EXTENSION_NAME = new RegExp(`^[a-zA-Z0-9]+:[${ALLOWED}](?:[-_ ${ALLOWED}]*[${ALLOWED}])?$`, 'u');

/** What comes before the name proper: the sign of an @-member, or an extension's namespace. */
export const bareName = (name: string): string => name.replace(/^@|^[a-zA-Z0-9]+:/, '');

/**
 * The members of an object that the specification does not allow there. Names with an @ are allowed everywhere; those with
 * a namespace where an extension was applied.
 */
export function foreignMembers(value: unknown, allowed: readonly string[], { extensions }: Seen): string[] {
  if (!isObject(value)) return [];
  return Object.keys(value).filter(
    (name) => !allowed.includes(name) && !name.startsWith('@') && !(extensions.length > 0 && EXTENSION_NAME.test(name)),
  );
}

/** Whether an object has at least one of some members, or one that an extension defines. */
export const hasOneOf = (value: Json, names: readonly string[], { extensions }: Seen): boolean =>
  Object.keys(value).some((name) => names.includes(name) || (extensions.length > 0 && EXTENSION_NAME.test(name)));

/** Whether a value has only what a resource identifier may have. */
export const isIdentifier = (value: unknown, seen: Seen): boolean =>
  isObject(value) && foreignMembers(value, ['type', 'id', 'lid', 'meta'], seen).length === 0;
