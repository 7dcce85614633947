import { v7 as uuidv7 } from 'uuid';
import type { Services } from '../context';
import type { Origin } from '../db/shape';
import type { MailPayload } from '../mail/templates';

/** What each kind of job is given; `src/jobs/index.ts` says what it does. */
export interface JobPayloads {
  mail: MailPayload;
  purgeOrganization: { readonly id: string };
  /** `expiresAt` as it was when the notice was planned. */
  keyExpiring: { apiKeyId: string; expiresAt: string };
  /** With who asked, for the audit trail. */
  passwordReset: { email: string; requestId?: string; origin?: Origin };
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

type JobContext = Pick<Services, 'db' | 'secrets' | 'jobs' | 'now'>;

/**
 * Writes a job in the transaction of `ctx.db`, so that there is one exactly when its cause is there. It runs at least
 * once: a job must be safe to run twice.
 * @returns its id
 */
export async function enqueue<K extends keyof JobPayloads>(
  ctx: JobContext,
  kind: K,
  payload: JobPayloads[K],
  { key, ...options }: EnqueueOptions = {},
): Promise<string> {
  const [id] = await enqueueAll(ctx, kind, [{ payload, key }], options);
  return id as string;
}

/**
 * Writes several jobs of one kind in one statement.
 * @param list with keys that differ
 * @returns their ids, in the same order
 */
export async function enqueueAll<K extends keyof JobPayloads>(
  ctx: JobContext,
  kind: K,
  list: readonly { readonly payload: JobPayloads[K]; readonly key?: string }[],
  { runAt = ctx.now(), organizationId }: Omit<EnqueueOptions, 'key'> = {},
): Promise<string[]> {
  const ids = list.map(() => uuidv7());
  const payloads = list.map(({ payload }, i) =>
    ctx.secrets.encrypt(JSON.stringify(payload), jobPurpose(ids[i] as string)),
  );
  // A replaced job takes the new id: the payload is encrypted for it, and who runs the old one finds nothing to finish.
  await ctx.db.query(
    `insert into jobs (id, kind, payload, organization_id, key, run_at)
     select j.id, $1, j.payload, $2, j.key, $3 from unnest($4::uuid[], $5::bytea[], $6::text[]) j (id, payload, key)
     on conflict (key) where key is not null do update set
       id = excluded.id, kind = excluded.kind, payload = excluded.payload, organization_id = excluded.organization_id,
       run_at = excluded.run_at, attempts = 0, lease_until = null, failed_at = null, last_error = null`,
    [kind, organizationId ?? null, runAt, ids, payloads, list.map(({ key }) => key ?? null)],
  );
  if (list.length > 0 && runAt <= ctx.now()) ctx.db.afterCommit(() => ctx.jobs.nudge());
  return ids;
}
