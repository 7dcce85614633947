/** What can be wrong with a chain. */
export const PROBLEM_KINDS = [
  'changed',
  'rewritten',
  'missing',
  'swapped',
  'inserted',
  'cut_off',
  'bad_checkpoint',
  'bad_head',
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

export interface Problem {
  readonly kind: ProblemKind;
  /** Of the row, or where it should be. */
  readonly sequence: number;
  /** Of the row, when there is one. */
  readonly id?: string;
  /** A sentence. */
  readonly detail: string;
}

/** Problems that are told of at the most: of a chain that is broken everywhere the first ones say enough. */
export const MOST_PROBLEMS = 100;

/** Gathers what is wrong. */
export class Findings<P extends Problem = Problem> {
  readonly list: P[] = [];
  /** There are more than those of the list. */
  isCut = false;

  add(problem: P): void {
    if (this.list.length < MOST_PROBLEMS) this.list.push(problem);
    else this.isCut = true;
  }

  /** The same for each of these numbers. */
  addRange(from: number, to: number, problemOf: (sequence: number) => P): void {
    for (let sequence = from; sequence <= to; sequence++) {
      if (this.list.length === MOST_PROBLEMS) {
        this.isCut = true;
        return;
      }
      this.list.push(problemOf(sequence));
    }
  }
}
