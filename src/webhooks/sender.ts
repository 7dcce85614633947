import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Services } from '../context';
import { type ClaimedDelivery, LEASE_MS, prolongLeases } from './delivery';
import { START } from './due';
import { type FinishContext, finishAttempts } from './finish';
import { type Ended, isPlain } from './outcome';
import { Pace } from './pace';
import { type Claim, claimDeliveries } from './queue';
import { Recorder } from './recorder';
import { sendDelivery } from './send';
import { Slots } from './slots';

/** What is measured of attempts. */
export interface AttemptMetrics {
  /** @param outcome `success` or the class of the error */
  countAttempt(outcome: string): void;
  /** Seconds between an event and the first attempt to deliver it. */
  observeFirstAttempt(seconds: number): void;
}

export interface SenderContext extends FinishContext, Pick<Services, 'secrets' | 'egress' | 'deliveries'> {
  readonly log: Logger;
  readonly metrics?: AttemptMetrics;
}

/** Milliseconds between two looks at the queue; deliveries of this process are noticed at once. */
const POLL_MS = 500;
/** An attempt that takes longer than a third of the lease is given a new one. */
const PROLONG_MS = LEASE_MS / 3;
/** Milliseconds that attempts get to end when the process stops. */
const GRACE_MS = 5_000;

interface Run {
  readonly delivery: ClaimedDelivery;
  readonly ended: Promise<void>;
  leasedAt: number;
}

/** Sends webhooks from its making until `stop`. Several processes share the work. */
export class Sender {
  private readonly slots = new Slots();
  private readonly runs = new Map<string, Run>();
  /** What says something new about an endpoint may have to wait for its organization; the rest never does. */
  private readonly plain: Recorder;
  private readonly troubled: Recorder;
  private readonly pace = new Pace();
  private readonly cut = new AbortController();
  private readonly timers: NodeJS.Timeout[];
  private wait: NodeJS.Timeout | undefined;
  private cursor = START;
  private claiming: Promise<void> = Promise.resolve();
  private isClaiming = false;
  /** There may be due deliveries that were not seen yet. */
  private isWanted = false;
  private isStopped = false;
  private isAway = false;

  constructor(private readonly ctx: SenderContext) {
    this.plain = new Recorder(ctx);
    this.troubled = new Recorder(ctx);
    // Each attempt listens.
    setMaxListeners(0, this.cut.signal);
    this.timers = [
      setInterval(() => this.wake(), POLL_MS).unref(),
      setInterval(() => void this.prolong(), PROLONG_MS / 2).unref(),
    ];
    ctx.deliveries.listen(() => this.wake());
    this.wake();
  }

  /**
   * Takes no more; what is being sent gets 5 s to end, then it is cut off: it is due again at once, for another process or
   * the next start. Resolves when all of it is noted.
   */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const timer of [...this.timers, this.wait]) clearTimeout(timer);
    await this.claiming;
    const ended = Promise.all([...this.runs.values()].map((run) => run.ended));
    const grace = new AbortController();
    await Promise.race([ended, pause(GRACE_MS, undefined, { signal: grace.signal }).catch(() => undefined)]);
    grace.abort();
    for (const recorder of [this.plain, this.troubled]) recorder.stop();
    this.cut.abort();
    await ended;
  }

  private wake(): void {
    this.isWanted = true;
    if (!this.isClaiming && !this.isStopped) this.claiming = this.fill();
  }

  private async fill(): Promise<void> {
    this.isClaiming = true;
    while (this.isWanted && !this.isStopped) {
      this.isWanted = false;
      await this.goRound();
    }
    this.isClaiming = false;
  }

  /** Takes deliveries once round all endpoints. A round that begins in the middle comes past the end twice. */
  private async goRound(): Promise<void> {
    let ends = this.cursor === START ? 1 : 2;
    while (ends > 0 && this.slots.free > 0 && !this.isStopped) {
      await this.pace.keep();
      const claim = await this.claim();
      if (claim === undefined) return;
      this.cursor = claim.cursor;
      for (const delivery of claim.deliveries) this.start(delivery);
      this.wakeIn(claim.waitMs);
      if (claim.cursor === START) ends--;
      if (claim.hasMore) ends = this.cursor === START ? 1 : 2;
    }
  }

  private async claim(): Promise<Claim | undefined> {
    try {
      const claim = await claimDeliveries(this.ctx, this.slots, this.cursor);
      this.isAway = false;
      return claim;
    } catch (error) {
      // Once, not twice a second for as long as the database is away.
      if (!this.isAway) this.ctx.log.warn({ reason: (error as Error).message }, 'no webhooks can be taken');
      this.isAway = true;
      return undefined;
    }
  }

  private wakeIn(milliseconds: number | null): void {
    if (milliseconds === null || milliseconds >= POLL_MS || this.isStopped) return;
    clearTimeout(this.wait);
    this.wait = setTimeout(() => this.wake(), milliseconds).unref();
  }

  private start(delivery: ClaimedDelivery): void {
    this.slots.enter(delivery.endpoint);
    this.runs.set(delivery.id, { delivery, ended: this.run(delivery), leasedAt: Date.now() });
  }

  private async run(delivery: ClaimedDelivery): Promise<void> {
    const ended = await sendDelivery(this.ctx, delivery, this.cut.signal);
    measure(this.ctx.metrics, ended);
    await (isPlain(ended) ? this.plain : this.troubled).add(ended);
    this.runs.delete(delivery.id);
    this.slots.leave(delivery.endpoint);
    this.wake();
  }

  private async prolong(): Promise<void> {
    const old = [...this.runs.values()].filter(({ leasedAt }) => Date.now() - leasedAt >= PROLONG_MS);
    if (old.length === 0) return;
    try {
      await prolongLeases(
        this.ctx,
        old.map(({ delivery }) => delivery),
      );
      for (const run of old) run.leasedAt = Date.now();
    } catch {
      // Tried again before they run out, and when they do, nothing is lost.
    }
  }
}

function measure(metrics: AttemptMetrics | undefined, { delivery, startedAt, result }: Ended): void {
  metrics?.countAttempt(result.error ?? 'success');
  if (delivery.attemptCount > 0 || delivery.manual) return;
  metrics?.observeFirstAttempt(Math.max(0, startedAt.getTime() - delivery.occurredAt) / 1_000);
}

/**
 * Sends what is due, and what becomes due by that, until nothing is.
 * @returns how many attempts there were
 */
export async function sendDueDeliveries(ctx: SenderContext): Promise<number> {
  const slots = new Slots();
  let cursor = START;
  let attempts = 0;
  for (let found = 1; found > 0 || cursor !== START; ) {
    if (cursor === START) found = 0;
    const claim = await claimDeliveries(ctx, slots, cursor);
    const ended = await Promise.all(claim.deliveries.map((each) => sendDelivery(ctx, each)));
    for (const each of ended) measure(ctx.metrics, each);
    if (ended.length > 0) await finishAttempts(ctx, ended);
    cursor = claim.cursor;
    found += ended.length + claim.cancelled;
    attempts += ended.length;
  }
  return attempts;
}
