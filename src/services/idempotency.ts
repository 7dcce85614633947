import type { Database } from '../db/database';
import { AppError } from '../errors';
import { removeRows } from './sweeper';

/** Hours for which an answer is kept (domain sheet 9.8). */
const KEPT_HOURS = 24;

/** Which request this is: records are private to the credential (INV-56). */
export interface RequestIdentity {
  readonly credentialId: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
  /** SHA-256 of all that must be the same in a repetition. */
  readonly fingerprint: Buffer;
}

/** An answer as it was sent, but for secrets. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

const SOURCE = { header: 'Idempotency-Key' };

/**
 * Claims a request inside the transaction of its effect: a lock that ends with the transaction, so that a dead process
 * leaves no lease behind; whoever comes while it runs is told so at once and holds no connection.
 * @returns the answer that was stored, or undefined when the request is to be carried out
 * @throws AppError `request_in_progress`, `idempotency_key_reused`
 */
export async function claimRequest(db: Database, request: RequestIdentity): Promise<StoredAnswer | undefined> {
  const { credentialId, method, path, key, fingerprint } = request;
  const [lock] = await db.query('select pg_try_advisory_xact_lock(hashtextextended($1, 0))', [
    ['idempotency', credentialId, method, path, key].join('\n'),
  ]);
  if (lock?.[0] !== true) {
    const headers = { 'Retry-After': '1' };
    throw new AppError('request_in_progress', 'A request with this key is running.', SOURCE, { headers });
  }
  // A statement of its own: its view of the table must be younger than the lock.
  const [row] = await db.query(
    `select fingerprint, status, headers, body from idempotency_records
     where credential_id = $1 and method = $2 and path = $3 and key = $4 and expires_at > now()`,
    [credentialId, method, path, key],
  );
  if (row === undefined) return undefined;
  if (!(row[0] as Buffer).equals(fingerprint)) {
    throw new AppError('idempotency_key_reused', 'This key was used for another request: take a new one.', SOURCE);
  }
  return {
    status: row[1] as number,
    headers: row[2] as Record<string, string>,
    body: (row[3] as string | null) ?? undefined,
  };
}

/** Keeps an answer; to be called in the transaction that claimed the request. */
export async function storeAnswer(db: Database, request: RequestIdentity, answer: StoredAnswer): Promise<void> {
  const { credentialId, method, path, key, fingerprint } = request;
  await db.query(
    `insert into idempotency_records (credential_id, method, path, key, fingerprint, status, headers, body, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, now() + interval '${KEPT_HOURS} hours')
     on conflict (credential_id, method, path, key) do update set fingerprint = excluded.fingerprint,
       status = excluded.status, headers = excluded.headers, body = excluded.body,
       created_at = excluded.created_at, expires_at = excluded.expires_at
       where idempotency_records.expires_at <= now()`,
    [credentialId, method, path, key, fingerprint, answer.status, answer.headers, answer.body ?? null],
  );
}

/** Removes answers that are no longer kept. */
export const removeExpiredAnswers = ({ db }: { db: Database }): Promise<void> =>
  removeRows(db, 'idempotency_records', 'expires_at <= now()');
