import { type Answer, type Ask, NoAnswer } from './client';
import type { Level, Rule } from './rules';
import type { Seen } from './seen';
import type { World } from './world';

/** Thrown by a check that finds nothing to judge; its message is the reason. */
export class Skip extends Error {}

export interface Failure {
  /** What the rule wants and did not get. */
  readonly wanted: string;
  readonly answer: Answer | undefined;
  /** Pointer into the answer, when the fault has a place. */
  readonly at: string;
}

export type Outcome = 'pass' | 'fail' | 'skipped' | 'note';

export interface Result {
  readonly id: string;
  readonly level: Level;
  readonly title: string;
  readonly outcome: Outcome;
  /** Why it was skipped. */
  readonly reason?: string;
  /** How many single facts were judged, and how many of them were wrong; the first wrong ones are kept. */
  readonly judged: number;
  readonly failed: number;
  readonly failures: readonly Failure[];
}

/** Failures of one rule that are kept: the others are counted. */
const KEPT = 3;

/** One rule at work: what it may ask, and what it has found. */
export class Check {
  /** What a watcher remembers from one answer to the next. */
  readonly memory = new Map<string, unknown>();
  private judged = 0;
  private failed = 0;
  private reason: string | undefined;
  private readonly failures: Failure[] = [];

  constructor(
    readonly world: World,
    private readonly rule: Rule,
  ) {
    this.reason = rule.unseen;
  }

  /** The first collection of the run, on which whatever holds for all is tried. */
  get url(): string {
    return this.world.main.url;
  }

  /** Judges one fact. A rule of which no fact was judged is never a pass. */
  expect(holds: boolean, wanted: string, answer?: Answer, at = ''): boolean {
    this.judged++;
    if (holds) return true;
    this.failed++;
    if (this.failures.length < KEPT) this.failures.push({ wanted, answer, at });
    return false;
  }

  /** Judges the status of an answer, which it gives back. */
  async status(asked: Promise<Answer> | Answer, statuses: number | readonly number[], why = ''): Promise<Answer> {
    const answer = await asked;
    const allowed = [statuses].flat();
    this.expect(allowed.includes(answer.status), `${allowed.join(' or ')}${why && `: ${why}`}`, answer);
    return answer;
  }

  ask(url: string, ask?: Ask): Promise<Answer> {
    return this.world.client.ask(url, ask);
  }

  get(url: string, headers?: Ask['headers']): Promise<Answer> {
    return this.ask(url, { headers });
  }

  skip(reason: string): never {
    throw new Skip(reason);
  }

  need<T>(value: T | undefined, reason: string): T {
    if (value === undefined) throw new Skip(reason);
    return value;
  }

  async run(): Promise<void> {
    try {
      await this.rule.check?.(this);
    } catch (error) {
      this.stop(error);
    }
  }

  /** Lets the rule look at an answer that somebody asked for. */
  look(seen: Seen): void {
    try {
      this.rule.watch?.(seen, this);
    } catch (error) {
      this.stop(error, seen.answer);
    }
  }

  private stop(error: unknown, answer?: Answer): void {
    if (error instanceof Skip) this.reason = error.message;
    else if (error instanceof NoAnswer) this.expect(false, `an answer: ${error.message}`);
    // The suite's own mistake, or an answer that no line of it foresaw: never taken for a pass.
    else this.expect(false, `an answer this suite can read (it stopped with: ${(error as Error).stack})`, answer);
  }

  result(): Result {
    const { id, level, title } = this.rule;
    const { judged, failed, failures } = this;
    const bad: Outcome = level === 'OURS' ? 'note' : 'fail';
    const outcome = failed > 0 ? bad : judged > 0 ? 'pass' : 'skipped';
    const reason = outcome === 'skipped' ? (this.reason ?? 'nothing in this run was a case of it') : undefined;
    return { id, level, title, outcome, reason, judged, failed, failures };
  }
}
