import { AppError } from './errors';

/** How much is done at a time; 1 or more. */
export interface Bounds {
  readonly atOnce: number;
  /** Of one name; as many as of all when it is not given. */
  readonly ofOne?: number;
  /** How many may wait. */
  readonly waiting: number;
  /** Milliseconds that somebody waits at the most; for ever when it is not given. */
  readonly patienceMs?: number;
  /** The detail of what those get who can't wait, or have waited too long. */
  readonly refusal: string;
}

interface Waiting {
  readonly name: string;
  readonly begin: () => void;
}

/** Work that must not be done by many at once: a few run, some wait for their turn, the rest is refused. */
export class Turns {
  private readonly waiting = new Set<Waiting>();
  /** By name; those of which nothing is done are not there. */
  private readonly running = new Map<string, number>();
  private total = 0;

  constructor(private readonly bounds: Bounds) {}

  /**
   * First come, first served, but for those whose name has as many as it may.
   * @param name of what the work would wait for anyway
   * @throws AppError `unavailable` when too many wait, or it is nobody's turn in time
   */
  async take<T>(work: () => Promise<T>, name = ''): Promise<T> {
    if (this.isFree(name)) this.count(name, 1);
    else await this.wait(name);
    try {
      return await work();
    } finally {
      this.count(name, -1);
      this.callNext();
    }
  }

  private isFree(name: string): boolean {
    const { atOnce, ofOne = atOnce } = this.bounds;
    return this.total < atOnce && (this.running.get(name) ?? 0) < ofOne;
  }

  private count(name: string, change: 1 | -1): void {
    this.total += change;
    const now = (this.running.get(name) ?? 0) + change;
    if (now === 0) this.running.delete(name);
    else this.running.set(name, now);
  }

  private wait(name: string): Promise<void> {
    const { waiting } = this;
    const { waiting: most, patienceMs, refusal } = this.bounds;
    if (waiting.size >= most) throw new AppError('unavailable', refusal);
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        waiting.delete(one);
        reject(new AppError('unavailable', refusal));
      };
      const patience = patienceMs === undefined ? undefined : setTimeout(giveUp, patienceMs);
      const begin = () => {
        clearTimeout(patience);
        waiting.delete(one);
        // The place goes to the next one without becoming free between them.
        this.count(name, 1);
        resolve();
      };
      const one = { name, begin };
      waiting.add(one);
    });
  }

  private callNext(): void {
    for (const { name, begin } of this.waiting) {
      if (this.total >= this.bounds.atOnce) return;
      if (this.isFree(name)) begin();
    }
  }
}
