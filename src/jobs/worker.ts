import type { Logger } from 'pino';
import type { Services } from '../context';
import { type ClaimedJob, claimJobs, failJob, finishJob, isSpent, LEASE_MS, prolongLease, readPayload } from './queue';

/** What a job gets to know. */
export interface JobContext extends Omit<Services, 'limiter'> {
  readonly log: Logger;
  /** The same in every run of one job. */
  readonly jobId: string;
}

/** Must be safe to run twice: a worker may die between the effect and its being noted. */
export type JobHandler<P> = (ctx: JobContext, payload: P) => Promise<void>;

/** Kind → what it does. */
// biome-ignore lint/suspicious/noExplicitAny: each kind has a payload of its own; `src/jobs/index.ts` ties the two
export type JobHandlers = Readonly<Record<string, JobHandler<any>>>;

export type WorkerContext = Omit<JobContext, 'jobId'>;

/** Jobs of one process that run at the same time. */
const MOST_RUNNING = 4;
/** Milliseconds between two looks at the queue; jobs of this process are noticed at once. */
const POLL_MS = 1_000;

/** Runs one job and notes what came of it. Never throws: what can't be noted is left to the end of the lease. */
async function runJob(ctx: WorkerContext, handlers: JobHandlers, job: ClaimedJob): Promise<void> {
  const { id, kind, attempts } = job;
  const lease = setInterval(() => void prolongLease(ctx, job).catch(() => undefined), LEASE_MS / 3).unref();
  try {
    try {
      if (isSpent(job)) throw new Error('every worker that ran it has died');
      await handlers[kind]?.({ ...ctx, jobId: id }, readPayload(ctx, job));
    } catch (error) {
      // The message alone: other properties of an error may hold what the job was about.
      const reason = (error as Error).message;
      const outcome = await failJob(ctx, job, reason);
      ctx.log[outcome === 'failed' ? 'error' : 'warn'](
        { job: id, kind, attempts, outcome, reason },
        'a job has failed',
      );
      return;
    }
    await finishJob(ctx, job);
  } catch (error) {
    ctx.log.warn(
      { job: id, kind, attempts, reason: (error as Error).message },
      'a job runs again: its end was not noted',
    );
  } finally {
    clearInterval(lease);
  }
}

/**
 * Runs what is due, and what becomes due by that, until nothing is.
 * @returns how many runs there were
 */
export async function runDueJobs(ctx: WorkerContext, handlers: JobHandlers): Promise<number> {
  for (let runs = 0; ; ) {
    const jobs = await claimJobs(ctx, Object.keys(handlers), MOST_RUNNING);
    if (jobs.length === 0) return runs;
    await Promise.all(jobs.map((job) => runJob(ctx, handlers, job)));
    runs += jobs.length;
  }
}

/** Runs jobs from its making until `stop`, several at a time. */
export class Worker {
  private readonly kinds: readonly string[];
  private readonly running = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  private claiming: Promise<void> = Promise.resolve();
  private isClaiming = false;
  /** There may be due jobs that were not seen yet. */
  private isWanted = false;
  private isStopped = false;
  private isAway = false;

  constructor(
    private readonly ctx: WorkerContext,
    private readonly handlers: JobHandlers,
  ) {
    this.kinds = Object.keys(handlers);
    this.timer = setInterval(() => this.wake(), POLL_MS).unref();
    ctx.jobs.listen(() => this.wake());
    this.wake();
  }

  /** Looks for no more jobs; resolves when those that run, and those of a claim on its way, have ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.timer);
    await this.claiming;
    await Promise.all(this.running);
  }

  private wake(): void {
    this.isWanted = true;
    if (!this.isClaiming) this.claiming = this.fill();
  }

  /** Takes jobs as long as there is a free slot and something may be due. */
  private async fill(): Promise<void> {
    this.isClaiming = true;
    while (this.isWanted && !this.isStopped && this.running.size < MOST_RUNNING) {
      this.isWanted = false;
      const free = MOST_RUNNING - this.running.size;
      const jobs = await this.claim(free);
      for (const job of jobs) this.start(job);
      if (jobs.length === free) this.isWanted = true;
    }
    this.isClaiming = false;
  }

  private start(job: ClaimedJob): void {
    const run = runJob(this.ctx, this.handlers, job).then(() => {
      this.running.delete(run);
      if (this.isWanted && !this.isClaiming) this.claiming = this.fill();
    });
    this.running.add(run);
  }

  private async claim(limit: number): Promise<ClaimedJob[]> {
    try {
      const jobs = await claimJobs(this.ctx, this.kinds, limit);
      this.isAway = false;
      return jobs;
    } catch (error) {
      // Once, not every second for as long as the database is away.
      if (!this.isAway) this.ctx.log.warn({ reason: (error as Error).message }, 'no jobs can be taken');
      this.isAway = true;
      return [];
    }
  }
}
