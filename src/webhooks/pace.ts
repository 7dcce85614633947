import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds between two beginnings: under load one transaction does the work of many. */
const APART_MS = 10;

/** Keeps what is done again and again from being done too often; what was not done for a while is done at once. */
export class Pace {
  private last = 0;

  async keep(): Promise<void> {
    const wait = this.last + APART_MS - performance.now();
    if (wait > 0) await pause(wait);
    this.last = performance.now();
  }
}
