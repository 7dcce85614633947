import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isPassing } from '../db/constraints';
import { LEASE_MS } from './delivery';
import { type FinishContext, finishAttempts } from './finish';
import type { Ended } from './outcome';
import { Pace } from './pace';

/** Attempts that one transaction notes: with 16 KiB of each answer it is a megabyte and a half at the most. */
const MOST_AT_ONCE = 100;
/** Milliseconds between two tries when the database is away. */
const RETRY_MS = 500;

interface Waiting {
  readonly ended: Ended;
  readonly done: () => void;
}

/** Notes attempts as they end: one transaction at a time, while it runs the next ones gather. */
export class Recorder {
  private waiting: Waiting[] = [];
  private isWriting = false;
  private isStopped = false;
  private readonly pace = new Pace();

  constructor(private readonly ctx: FinishContext & { readonly log: Logger }) {}

  /** Resolves when it was noted, or was given up. */
  add(ended: Ended): Promise<void> {
    return new Promise((done) => {
      this.waiting.push({ ended, done });
      if (!this.isWriting) void this.write();
    });
  }

  /** Nothing that can't be noted now is tried again. */
  stop(): void {
    this.isStopped = true;
  }

  private async write(): Promise<void> {
    this.isWriting = true;
    while (this.waiting.length > 0) {
      await this.pace.keep();
      const batch = this.waiting.splice(0, MOST_AT_ONCE);
      await this.note(batch.map(({ ended }) => ended));
      for (const { done } of batch) done();
    }
    this.isWriting = false;
  }

  private async note(batch: readonly Ended[]): Promise<void> {
    const end = Date.now() + LEASE_MS;
    for (;;) {
      try {
        await finishAttempts(this.ctx, batch);
        return;
      } catch (error) {
        if (isPassing(error) && !this.isStopped && Date.now() < end) await pause(RETRY_MS);
        else if (isPassing(error) || batch.length === 1) return this.giveUp(batch, error as Error);
        else return this.noteOneByOne(batch);
      }
    }
  }

  /** One of them can't be written: the others must not be lost with it. */
  private async noteOneByOne(batch: readonly Ended[]): Promise<void> {
    for (const each of batch) await this.note([each]);
  }

  /** Their leases run out, and they are sent again. */
  private giveUp(batch: readonly Ended[], error: Error): void {
    const deliveries = batch.map(({ delivery }) => delivery.id);
    this.ctx.log.error({ deliveries, reason: error.message }, 'webhooks are sent again: their attempts were not noted');
  }
}
