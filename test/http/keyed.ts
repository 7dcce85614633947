import type { Answer, TestApp } from '../support/app';

let made = 0;
/** A key that no request has had. */
export const freshKey = (): string => `key-${process.pid}-${++made}`;

export const keyed = (key: string, more: Record<string, string> = {}) => ({ 'Idempotency-Key': key, ...more });

export const isReplay = ({ headers }: Answer): boolean => headers['idempotent-replayed'] === 'true';

/** Idempotency records, each as `method path status`. */
export async function recordsOf(app: TestApp, key: string): Promise<string[]> {
  const rows = await app.db.query('select method, path, status from idempotency_records where key = $1 order by 1, 2', [
    key,
  ]);
  return rows.map((row) => row.join(' '));
}

/** Sends a request twice with one key. */
export async function twice(
  send: (headers: Record<string, string>) => Promise<Answer>,
  headers: Record<string, string> = {},
): Promise<[Answer, Answer]> {
  const both = keyed(freshKey(), headers);
  return [await send(both), await send(both)];
}
