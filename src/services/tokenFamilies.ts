import type { Database } from '../db/database';

/**
 * Ends all pairs of families of access tokens. Their first pairs are locked before: who refreshes holds that lock, so
 * that no pair is made meanwhile that would live on. All of this is for a transaction; whoever calls it forgets who was
 * believed after its commit (INV-34).
 * @param condition SQL on the first pairs, `f`
 */
async function endFamilies(db: Database, condition: string, values: unknown[]): Promise<void> {
  const rows = await db.query(
    `select f.id from access_tokens f where f.id = f.family_id and f.revoked_at is null and ${condition}
     order by f.id for no key update`,
    values,
  );
  if (rows.length === 0) return;
  await db.query(
    `update access_tokens set revoked_at = date_trunc('second', now()), family_ends_at = least(family_ends_at, now()),
       version = version + 1, updated_at = date_trunc('second', now())
     where family_id = any($1::uuid[]) and revoked_at is null`,
    [rows.map(([id]) => id)],
  );
}

export const endFamily = (db: Database, familyId: string): Promise<void> => endFamilies(db, 'f.id = $1', [familyId]);

/** Of a user, all but the session whose family is named. Lock the user first. */
export const endSessions = (db: Database, userId: string, exceptFamilyId: string | null = null): Promise<void> =>
  endFamilies(db, 'f.user_id = $1 and f.id is distinct from $2', [userId, exceptFamilyId]);

/** What was made from keys. */
export const endTokensOf = (db: Database, apiKeyIds: readonly string[]): Promise<void> =>
  endFamilies(db, 'f.api_key_id = any($1::uuid[])', [apiKeyIds]);
