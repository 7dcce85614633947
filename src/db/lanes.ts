import { AppError } from '../errors';

/** Milliseconds that somebody waits at the most. */
const PATIENCE_MS = 60_000;
/** Who else comes is told to come again. */
const MOST_WAITING = 10_000;

interface Waiting {
  readonly name: string;
  readonly begin: () => void;
}

/**
 * Lets so much be done at a time, and of one name less; the rest waits in memory, first come, first served. Work that would
 * wait for the same row in the database would each hold a connection meanwhile, and nobody else would get one in time.
 */
export class Lanes {
  private readonly waiting = new Set<Waiting>();
  /** By name; those of which nothing is done are not there. */
  private readonly running = new Map<string, number>();
  private total = 0;

  /** @param most and `mostOfOne`: at a time, 1 or more */
  constructor(
    private readonly most: number,
    private readonly mostOfOne: number,
  ) {}

  /** @throws AppError `unavailable` when it is nobody's turn for a minute, or too many wait */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
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
    return this.total < this.most && (this.running.get(name) ?? 0) < this.mostOfOne;
  }

  private count(name: string, change: 1 | -1): void {
    this.total += change;
    const now = (this.running.get(name) ?? 0) + change;
    if (now === 0) this.running.delete(name);
    else this.running.set(name, now);
  }

  private wait(name: string): Promise<void> {
    const { waiting } = this;
    if (waiting.size >= MOST_WAITING) throw busy();
    return new Promise((resolve, reject) => {
      const patience = setTimeout(() => {
        waiting.delete(one);
        reject(busy());
      }, PATIENCE_MS);
      const begin = () => {
        clearTimeout(patience);
        waiting.delete(one);
        this.count(name, 1);
        resolve();
      };
      const one = { name, begin };
      waiting.add(one);
    });
  }

  private callNext(): void {
    for (const { name, begin } of this.waiting) {
      if (this.total >= this.most) return;
      if (this.isFree(name)) begin();
    }
  }
}

const busy = () => new AppError('unavailable', 'Too much is asked for at a time; try again in a moment.');
