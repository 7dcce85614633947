import type { Level } from '../context';
import { levelReads, OPERATIONS } from '../permissions';

/** Every level of credential. */
export const LEVELS: readonly Level[] = ['platform', 'partner', 'organization', 'user'];

/** Who may do an operation, for programs (`x-` members) and in words. */
export interface Access {
  'x-permission': string | null;
  /** Levels of credential that may ever do it. */
  'x-levels': readonly Level[];
  words: string;
}

const levelsWords = (levels: readonly Level[]): string => `${levels.join(' and ')} credentials only`;

/**
 * @param through types that the caller must be able to read for the path to exist
 * @throws Error for an operation without a row in permissions.ts
 */
export function accessOf(operation: string, ...through: string[]): Access {
  const rule = OPERATIONS[operation];
  if (rule === undefined) throw new Error(`${operation} has no row in permissions.ts`);
  const { permission } = rule;
  const levels = rule.levels.filter((level) => through.every((type) => levelReads(level, type)));
  const limit = levels.length === LEVELS.length ? '' : `; ${levelsWords(levels)}`;
  const needed = permission === null ? 'No permission is needed' : `Permission: \`${permission}\``;
  return { 'x-permission': permission, 'x-levels': levels, words: `${needed}${limit}.` };
}

/** Says who sees relationships to a type and their filters; '' when everybody does. */
export function readersNote(type: string): string {
  const levels = LEVELS.filter((level) => levelReads(level, type));
  return levels.length === LEVELS.length ? '' : ` For ${levelsWords(levels)}.`;
}
