import { Findings, MOST_PROBLEMS, type Problem } from './findings';
import { NO_HASH, type SignedCheckpoint } from './seal';

/** A row of a chain, as far as it was recomputed already. */
export interface Link {
  readonly sequence: number;
  readonly id: string;
  readonly prevHash: string;
  readonly hash: string;
  /** The row is what its hash is of. */
  readonly fits: boolean;
  /** What is personal is what its digests are of, or was removed whole. */
  readonly hasDigests: boolean;
  /** What is derived of the targets is. */
  readonly isDerived: boolean;
}

/** Where a chain ends and begins, by what is kept beside it. */
export interface Head {
  readonly last: number;
  readonly from: number;
  readonly hash: string | null;
}

/** Walks along a chain, row by row in the order of their numbers, and says what is wrong with it. */
export class Walk {
  readonly findings = new Findings();
  /** By number: rows that do not fit their hashes, or that the next one was not made behind. */
  readonly strays = new Map<number, Problem>();
  checked = 0;
  checkpoints = 0;
  first: Link | null = null;
  last: Link | null = null;
  /** The furthest checkpoint that is behind the head of the chain. */
  furthest: SignedCheckpoint | null = null;

  /** @param start what was signed when the rows before the first one were removed; null where there is nothing valid */
  constructor(
    private readonly head: Head,
    private readonly start: SignedCheckpoint | null,
  ) {
    if (head.from > 1 && start === null) {
      const detail = `Rows 1 to ${head.from - 1} are gone, and no signed checkpoint says that their time was over.`;
      this.findings.addRange(1, head.from - 1, (sequence) => ({ kind: 'missing', sequence, detail }));
    }
  }

  take(link: Link): void {
    const { head, last } = this;
    const { sequence, id } = link;
    this.checked++;
    if (sequence < head.from) {
      const detail = `The chain begins with row ${head.from}; this one stands before it.`;
      this.findings.add({ kind: 'inserted', sequence, id, detail });
      return;
    }
    const expected = last === null ? head.from : last.sequence + 1;
    this.findings.addRange(expected, sequence - 1, (missing) => ({
      kind: 'missing',
      sequence: missing,
      detail: `There is no row ${missing}.`,
    }));
    if (!link.fits) this.stray(link, 'The row is not what its hash was made of.');
    else if (sequence === expected) this.judgeLink(link);
    if (!link.hasDigests) this.change(link, 'What is personal in it is not what its digest was made of.');
    if (!link.isDerived) this.change(link, 'The columns for its target are not what its targets say.');
    this.first ??= link;
    this.last = link;
  }

  /** The row fits its own hash, and with that what it says of the one before. */
  private judgeLink(link: Link): void {
    const { last, head, start } = this;
    if (last === null) {
      const before = head.from === 1 ? NO_HASH : start?.hash;
      if (before !== undefined && link.prevHash !== before)
        this.stray(link, 'The row was not made to begin this chain.');
    } else if (link.prevHash !== last.hash && !this.strays.has(last.sequence)) {
      this.stray(last, `Row ${link.sequence} was made behind another one than this.`);
    }
  }

  private stray({ sequence, id }: Link, detail: string): void {
    if (this.strays.size < MOST_PROBLEMS) this.strays.set(sequence, { kind: 'changed', sequence, id, detail });
    else this.findings.isCut = true;
  }

  private change({ sequence, id }: Link, detail: string): void {
    if (!this.strays.has(sequence)) this.findings.add({ kind: 'changed', sequence, id, detail });
  }

  /**
   * @param fault why it proves nothing
   * @param hash of the row that it is of, if that is there
   */
  takeCheckpoint(checkpoint: SignedCheckpoint, fault: string | undefined, hash: string | undefined): void {
    const { sequence, isStart, signedAt } = checkpoint;
    this.checkpoints++;
    if (fault !== undefined) this.findings.add({ kind: 'bad_checkpoint', sequence, detail: fault });
    else if (sequence > this.head.last) this.furthest = checkpoint;
    else if (hash !== undefined && !isStart && hash !== checkpoint.hash && !this.strays.has(sequence)) {
      const detail = `The row has another hash than when it was signed at ${signedAt}: it, or rows before it, were written anew.`;
      this.findings.add({ kind: 'rewritten', sequence, detail });
    }
  }

  /** The last row against the head of the chain. */
  end(): void {
    const { head, last } = this;
    const reached = last?.sequence ?? head.from - 1;
    const detail = `The chain goes to row ${head.last}.`;
    this.findings.addRange(reached + 1, head.last, (sequence) => ({ kind: 'cut_off', sequence, detail }));
    if (last?.sequence !== head.last || last.hash === head.hash || this.strays.has(last.sequence)) return;
    this.stray(last, 'The head of the chain has another hash than its last row.');
  }

  /**
   * What is behind the head, or was: to be asked when no checkpoint is read any more.
   * @param now where the chain ends by now
   * @param rows that stand behind it
   */
  judgeBeyond(now: number, rows: readonly (readonly [sequence: number, id: string])[]): void {
    const { furthest, findings } = this;
    const signed = furthest?.sequence ?? 0;
    const there = new Set<number>();
    for (const [sequence, id] of rows) {
      there.add(sequence);
      const kind = sequence > signed ? 'inserted' : 'bad_head';
      findings.add({
        kind,
        sequence,
        id,
        detail: `The chain says that it ends with row ${now}; this one stands behind it.`,
      });
    }
    const detail = `Row ${signed} was there when it was signed at ${furthest?.signedAt}; the chain says that it ends with row ${now}.`;
    for (let sequence = now + 1; sequence <= signed && !findings.isCut; sequence++) {
      if (!there.has(sequence)) findings.add({ kind: 'cut_off', sequence, detail });
    }
  }
}

/**
 * What is wrong with rows that do not fit, when it is known where some of them belong.
 * @param placeOf number of such a row → the number with which it would fit
 */
export function judgeStrays(strays: ReadonlyMap<number, Problem>, placeOf: ReadonlyMap<number, number>): Problem[] {
  const taken = new Set(placeOf.values());
  const wasAnother = (sequence: number) => `Row ${sequence} was another one, which stands elsewhere now.`;
  const told = [...strays.values()].flatMap((problem): Problem[] => {
    const { sequence } = problem;
    const place = placeOf.get(sequence);
    if (place === undefined) {
      return [taken.has(sequence) ? { ...problem, kind: 'inserted', detail: wasAnother(sequence) } : problem];
    }
    const moved: Problem = { ...problem, kind: 'swapped', detail: `It was written as row ${place}.` };
    // Those behind a row that was taken out were moved up.
    if (place < sequence || taken.has(sequence)) return [moved];
    return [{ kind: 'missing', sequence, detail: `What was row ${sequence} is gone, others were moved up.` }, moved];
  });
  const pushed = [...taken].filter((place) => !strays.has(place));
  return [
    ...told,
    ...pushed.map((sequence): Problem => ({ kind: 'inserted', sequence, detail: wasAnother(sequence) })),
  ];
}
