import { type EnqueueOptions, enqueue } from '../../src/services/jobs';
import type { TestApp } from '../support/app';

/** Enqueues a job of a kind that only the tests know. */
export const enqueueProbe = (ctx: TestApp['services'], payload: object = {}, options?: EnqueueOptions) =>
  enqueue(ctx, 'probe' as never, payload as never, options);

export interface JobRow {
  id: string;
  kind: string;
  payload: Buffer;
  key: string | null;
  runAt: Date;
  attempts: number;
  leaseUntil: Date | null;
  failedAt: Date | null;
  lastError: string | null;
}

/** Every job that is there, oldest first. */
export async function jobRows({ db }: Pick<TestApp, 'db'>): Promise<JobRow[]> {
  const ms = (name: string) => `floor(extract(epoch from ${name}) * 1000)::float8`;
  const rows = await db.query(
    `select id, kind, payload, key, ${ms('run_at')}, attempts, ${ms('lease_until')}, ${ms('failed_at')}, last_error
     from jobs order by id`,
  );
  const time = (value: unknown) => (value === null ? null : new Date(value as number));
  return rows.map(([id, kind, payload, key, runAt, attempts, leaseUntil, failedAt, lastError]) => ({
    id: id as string,
    kind: kind as string,
    payload: payload as Buffer,
    key: key as string | null,
    runAt: time(runAt) as Date,
    attempts: attempts as number,
    leaseUntil: time(leaseUntil),
    failedAt: time(failedAt),
    lastError: lastError as string | null,
  }));
}
