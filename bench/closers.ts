/** What is to be ended, in the order of opening; it is ended in reverse. */
export class Closers {
  private readonly list: (() => Promise<unknown> | unknown)[] = [];

  add(close: () => Promise<unknown> | unknown): void {
    this.list.push(close);
  }

  /** Ends everything, whatever fails on the way. */
  async closeAll(): Promise<void> {
    for (const close of this.list.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        process.stderr.write(`bench: ${(error as Error).message}\n`);
      }
    }
  }
}
