import { AppError } from './errors';

/** Work that must not be done by many at once: a few run, some wait for their turn, the rest is refused. */
export class Turns {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param refusal the detail of what those get who can't even wait */
  constructor(
    private readonly mostAtOnce: number,
    private readonly longestQueue: number,
    private readonly refusal: string,
  ) {}

  /** @throws AppError `unavailable` when too many wait */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.running < this.mostAtOnce) this.running++;
    else if (this.waiting.length < this.longestQueue) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else throw new AppError('unavailable', this.refusal);
    try {
      return await work();
    } finally {
      // The place goes to the next one without becoming free between them.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
