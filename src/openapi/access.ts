import type { Level } from '../context';
import { OPERATIONS } from '../permissions';

/** Every level of credential. */
export const LEVELS: readonly Level[] = ['platform', 'partner', 'organization'];

/** Who may do an operation, for programs (`x-` members) and in words. */
export interface Access {
  'x-permission': string;
  /** Levels of credential that may ever do it. */
  'x-levels': readonly Level[];
  words: string;
}

const levelsWords = (levels: readonly Level[]): string => `${levels.join(' and ')} credentials only`;

/** @throws Error for an operation without a row in permissions.ts */
export function accessOf(operation: string): Access {
  const rule = OPERATIONS[operation];
  if (rule === undefined) throw new Error(`${operation} has no row in permissions.ts`);
  const { permission, levels } = rule;
  const limit = levels.length === LEVELS.length ? '' : `; ${levelsWords(levels)}`;
  return { 'x-permission': permission, 'x-levels': levels, words: `Permission: \`${permission}\`${limit}.` };
}

/** Says who sees relationships to a type and their filters; '' when everybody does. */
export function readersNote(type: string): string {
  const levels = OPERATIONS[`${type}.get`]?.levels ?? [];
  return levels.length === LEVELS.length ? '' : ` For ${levelsWords(levels)}.`;
}
