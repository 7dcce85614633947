import type { Check } from './check';
import type { Part, Seen } from './seen';

/**
 * MUST, NOT (must not), SHOULD and MAY are the specification's words, HTTP is what it takes over from HTTP, REC stands on
 * its recommendations page, OURS is where it leaves a choice and this suite has an opinion.
 */
export type Level = 'MUST' | 'NOT' | 'SHOULD' | 'MAY' | 'HTTP' | 'REC' | 'OURS';

export interface Rule {
  readonly id: string;
  readonly level: Level;
  readonly title: string;
  /** Asks the server what the rule is about. */
  readonly check?: (t: Check) => Promise<unknown>;
  /** Looks at every answer of the run, whoever asked for it. */
  readonly watch?: (seen: Seen, t: Check) => void;
  /** Why nobody can tell from outside, for a rule with neither. */
  readonly unseen?: string;
}

export interface Chapter {
  readonly id: string;
  readonly title: string;
  readonly rules: readonly Rule[];
}

export const asks = (id: string, level: Level, title: string, check: (t: Check) => Promise<unknown>): Rule => ({
  id,
  level,
  title,
  check,
});

/** A rule that watches; `check` provokes the answers it is about, where the rest of the run might not. */
export const watches = (
  id: string,
  level: Level,
  title: string,
  watch: (seen: Seen, t: Check) => void,
  check?: (t: Check) => Promise<unknown>,
): Rule => ({ id, level, title, watch, check });

export const isUnseen = (id: string, level: Level, title: string, unseen: string): Rule => ({
  id,
  level,
  title,
  unseen,
});

/** A watcher that judges each piece of a kind: every link, every resource object. */
export function each<P extends Part>(
  pick: (seen: Seen) => Iterable<P>,
  holds: (value: P['value'], seen: Seen, part: P) => boolean,
  wanted: string,
): (seen: Seen, t: Check) => void {
  return (seen, t) => {
    for (const part of pick(seen)) t.expect(holds(part.value, seen, part), wanted, seen.answer, part.at);
  };
}
