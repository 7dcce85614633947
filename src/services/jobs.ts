import { v7 as uuidv7 } from 'uuid';
import type { Services } from '../context';
import type { MailPayload } from '../mail/templates';

/** What each kind of job is given; `src/jobs/index.ts` says what it does. */
export interface JobPayloads {
  mail: MailPayload;
  passwordReset: { email: string };
}

/** How those who enqueue wake the worker of their process; the workers of others look every second. */
export class JobSignal {
  private wake: () => void = () => undefined;

  /** There is one listener, the worker; a process without one has nobody to wake. */
  listen(wake: () => void): void {
    this.wake = wake;
  }

  nudge(): void {
    this.wake();
  }
}

export interface EnqueueOptions {
  /** Not before then; at once when it is not given. */
  readonly runAt?: Date;
  /**
   * At most one job has this key, over all organizations and kinds: begin it with the kind. A job that waits, or has
   * failed, is replaced; one that just runs ends without effect on the new one.
   */
  readonly key?: string;
  /** The job goes with the organization. */
  readonly organizationId?: string;
}

export const jobPurpose = (id: string): string => `jobs/${id}`;

/**
 * Writes a job in the transaction of `ctx.db`, so that there is one exactly when its cause is there. It runs at least
 * once: a job must be safe to run twice.
 * @returns its id
 */
export async function enqueue<K extends keyof JobPayloads>(
  ctx: Pick<Services, 'db' | 'secrets' | 'jobs' | 'now'>,
  kind: K,
  payload: JobPayloads[K],
  { runAt = ctx.now(), key, organizationId }: EnqueueOptions = {},
): Promise<string> {
  const id = uuidv7();
  // A replaced job takes the new id: the payload is encrypted for it, and who runs the old one finds nothing to finish.
  await ctx.db.query(
    `insert into jobs (id, kind, payload, organization_id, key, run_at) values ($1, $2, $3, $4, $5, $6)
     on conflict (key) where key is not null do update set
       id = excluded.id, kind = excluded.kind, payload = excluded.payload, organization_id = excluded.organization_id,
       run_at = excluded.run_at, attempts = 0, lease_until = null, failed_at = null, last_error = null`,
    [
      id,
      kind,
      ctx.secrets.encrypt(JSON.stringify(payload), jobPurpose(id)),
      organizationId ?? null,
      key ?? null,
      runAt,
    ],
  );
  if (runAt <= ctx.now()) ctx.db.afterCommit(() => ctx.jobs.nudge());
  return id;
}
