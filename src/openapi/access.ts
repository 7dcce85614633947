import type { Level } from '../context';
import { levelReads, OPERATIONS } from '../permissions';

/** Every level of credential. */
export const LEVELS: readonly Level[] = ['platform', 'partner', 'organization', 'user'];

/** Who may do an operation, for programs (`x-` members) and in words. */
export interface Access {
  'x-permission': string | null;
  /** Instead: one of them, by what is asked. */
  'x-any-permission'?: readonly string[];
  /** What is needed beside it, to read the row that a path below it begins at. */
  'x-row-permission'?: string;
  /** Levels of credential that may ever do it. */
  'x-levels': readonly Level[];
  words: string;
}

const levelsWords = (levels: readonly Level[]): string => `${levels.join(' and ')} credentials only`;

/** Access to what hangs on a row of a type: for those who may read the row, too. */
export function accessBelow(operation: string, type: string, other: string): Access {
  const access = accessOf(operation, type, other);
  const row = OPERATIONS[`${type}.get`]?.permission ?? null;
  if (row === null || row === access['x-permission']) return access;
  return { ...access, 'x-row-permission': row, words: `${access.words} To read the row: \`${row}\`.` };
}

/**
 * @param through types that the caller must be able to read for the path to exist
 * @throws Error for an operation without a row in permissions.ts
 */
export function accessOf(operation: string, ...through: string[]): Access {
  const rule = OPERATIONS[operation];
  if (rule === undefined) throw new Error(`${operation} has no row in permissions.ts`);
  const { permission, anyOf } = rule;
  const levels = rule.levels.filter((level) => through.every((type) => levelReads(level, type)));
  const limit = levels.length === LEVELS.length ? '' : `; ${levelsWords(levels)}`;
  const one = anyOf?.map((each) => `\`${each}\``).join(', ');
  const none = one === undefined ? 'No permission is needed' : `Permission, by what is asked: one of ${one}`;
  const needed = permission === null ? none : `Permission: \`${permission}\``;
  const some = anyOf === undefined ? {} : { 'x-any-permission': anyOf };
  return { 'x-permission': permission, ...some, 'x-levels': levels, words: `${needed}${limit}.` };
}

/** Says who sees relationships to a type and their filters; '' when everybody does. */
export function readersNote(type: string): string {
  const levels = LEVELS.filter((level) => levelReads(level, type));
  return levels.length === LEVELS.length ? '' : ` For ${levelsWords(levels)}.`;
}
