import type { Services } from '../context';
import { jobPurpose } from '../services/jobs';

/** A job that this worker may run until its lease ends. */
export interface ClaimedJob {
  readonly id: string;
  readonly kind: string;
  /** Runs that were begun, this one included. */
  readonly attempts: number;
  /** As stored: encrypted. */
  readonly payload: Buffer;
}

/** What comes of a run that failed. */
export type Failure = 'retried' | 'failed' | 'lost';

/** Milliseconds for which a job belongs to the worker that claimed it or prolonged the lease. */
export const LEASE_MS = 60_000;
/** Seconds between one run that failed and the next; after the last the job has failed. */
export const RETRY_SECONDS = [10, 60, 300, 1_800, 7_200, 21_600] as const;
const MOST_RUNS = RETRY_SECONDS.length + 1;
/** A retry comes up to so much earlier or later: what failed together is not tried again together. */
const JITTER = 0.2;
const MOST_ERROR_LENGTH = 500;

type QueueContext = Pick<Services, 'db' | 'now'>;

/**
 * Takes due jobs, the longest due first, and gives each a lease. Kinds that this version does not know are left to
 * those that do.
 * @param limit jobs at the most
 */
export function claimJobs({ db, now }: QueueContext, kinds: readonly string[], limit: number): Promise<ClaimedJob[]> {
  return db.transaction(async (inside) => {
    const at = now();
    const due = await inside.query(
      `select id from jobs
       where failed_at is null and run_at <= $1 and (lease_until is null or lease_until <= $1) and kind = any($2)
       order by run_at limit $3 for update skip locked`,
      [at, kinds, limit],
    );
    if (due.length === 0) return [];
    // A statement of its own: one that picks and takes at once may take what its view of the table says is still free.
    const rows = await inside.query(
      `update jobs set attempts = attempts + 1, lease_until = $2 where id = any($1)
       returning id, kind, attempts, payload`,
      [due.map(([id]) => id), new Date(at.getTime() + LEASE_MS)],
    );
    return rows.map(([id, kind, attempts, payload]) => ({ id, kind, attempts, payload }) as ClaimedJob);
  });
}

/** @throws Error when SECRET_KEY is not the one it was written with */
export function readPayload({ secrets }: Pick<Services, 'secrets'>, { id, payload }: ClaimedJob): unknown {
  return JSON.parse(secrets.decrypt(payload, jobPurpose(id)));
}

/** Begins the lease anew. Whoever lost it has no effect, here and below: `attempts` has moved on. */
export async function prolongLease({ db, now }: QueueContext, { id, attempts }: ClaimedJob): Promise<void> {
  const until = new Date(now().getTime() + LEASE_MS);
  await db.query('update jobs set lease_until = $3 where id = $1 and attempts = $2', [id, attempts, until]);
}

/** The job is done: its row goes. */
export async function finishJob({ db }: QueueContext, { id, attempts }: ClaimedJob): Promise<void> {
  await db.query('delete from jobs where id = $1 and attempts = $2', [id, attempts]);
}

/** Notes that a run failed, and when the next one is due; after the last the row stays as failed. */
export async function failJob({ db, now }: QueueContext, job: ClaimedJob, reason: string): Promise<Failure> {
  const seconds = RETRY_SECONDS[job.attempts - 1];
  const runAt = seconds === undefined ? null : new Date(now().getTime() + seconds * spread() * 1_000);
  const updated = await db.query(
    `update jobs set lease_until = null, last_error = $3, run_at = coalesce($4, run_at), failed_at = $5
     where id = $1 and attempts = $2 returning id`,
    [job.id, job.attempts, reason.slice(0, MOST_ERROR_LENGTH), runAt, runAt === null ? now() : null],
  );
  if (updated.length === 0) return 'lost';
  return runAt === null ? 'failed' : 'retried';
}

/** Whether it was claimed more often than it may run: its workers died of it. */
export const isSpent = ({ attempts }: ClaimedJob): boolean => attempts > MOST_RUNS;

const spread = (): number => 1 + JITTER * (2 * Math.random() - 1);
