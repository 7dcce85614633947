/** The end of all that one request may take, and of what its caller no longer wants. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  /** Which of the two it was; null as long as neither. */
  passed: 'timeout' | 'aborted' | null = null;

  constructor(
    milliseconds: number,
    private readonly outer?: AbortSignal,
  ) {
    this.timer = setTimeout(() => this.pass('timeout'), milliseconds);
    if (outer?.aborted) this.abort();
    else outer?.addEventListener('abort', this.abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** What can't be stopped is left to end by itself. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.passed !== null) reject(this.signal.reason);
      this.signal.addEventListener('abort', () => reject(this.signal.reason), { once: true });
      work.then(resolve, reject);
    });
  }

  /** To be called when all is done: connections may outlive the request. */
  clear(): void {
    clearTimeout(this.timer);
    this.outer?.removeEventListener('abort', this.abort);
  }

  private readonly abort = () => this.pass('aborted');

  private pass(as: 'timeout' | 'aborted'): void {
    this.passed ??= as;
    this.controller.abort(new Error(as));
  }
}
