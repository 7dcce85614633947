import type { AccessToken } from '../../entities';
import type { Caller, OpenContext } from '../context';
import type { Database } from '../db/database';
import type { Actor } from '../db/shape';
import { AppError } from '../errors';
import { hashKey, isCredential } from '../secrets';
import { insertPair, PAIR_COLUMNS, readPair } from './accessTokens';
import { holderOf } from './callers';
import { record } from './events';
import { endFamily } from './tokenFamilies';

/** How long a refresh token works on after its first use, for those who did not get the answer (INV-35). */
const OVERLAP_SECONDS = 30;

const PLACE = { pointer: '/data/attributes/refreshToken' };
/** One answer for tokens that are malformed, cut or unknown. */
const invalid = (): AppError => new AppError('invalid_credential', 'This refresh token is not valid.', PLACE);
const revoked = (detail: string): AppError => new AppError('revoked_credential', detail, PLACE);

interface Refreshed {
  readonly pair: AccessToken;
  /** Whose it is. */
  readonly caller: Caller;
}

/**
 * A new pair of the same family; the old access token lives to its own end. A refresh token is good once, and for half a
 * minute more as long as no token made from it was used. Any other reuse ends the family: one of two holders is a thief
 * (INV-35).
 * @param address of the client, for keys with a list of addresses
 * @throws AppError 401, `partner_suspended`, `ip_not_allowed`
 */
export async function refreshTokens(
  ctx: OpenContext,
  { refreshToken, address, userAgent }: { refreshToken: string; address: string; userAgent: string | null },
): Promise<Refreshed> {
  if (!refreshToken.startsWith('rt_') || !isCredential(refreshToken)) throw invalid();
  const hash = hashKey(refreshToken);
  const refreshed = await ctx.db.transaction(async (db) => {
    const pair = await lockPair(db, hash);
    if (pair === undefined) throw invalid();
    if (pair.isRevoked) throw revoked('This session has been ended.');
    if (pair.isReused) {
      await endFamily(db, pair.row.familyId);
      db.afterCommit(() => ctx.callers.forget());
      await tellReuse({ ...ctx, db }, pair.row);
      return undefined;
    }
    if (pair.isExpired) throw new AppError('expired_credential', 'This refresh token has expired.', PLACE);
    const caller = await holder(db, hash, ctx.now(), address);
    await db.query(
      `update access_tokens set replaced_at = coalesce(replaced_at, now()), version = version + 1,
         updated_at = date_trunc('second', now()) where id = $1`,
      [pair.row.id],
    );
    const made = { scopes: caller.scopes, userAgent };
    return { pair: await insertPair({ ...ctx, db, caller }, pair.row, made, pair.row), caller };
  });
  if (refreshed === undefined) throw revoked('This refresh token was used before: the session has been ended.');
  return refreshed;
}

interface LockedPair {
  readonly row: AccessToken;
  readonly isRevoked: boolean;
  readonly isReused: boolean;
  readonly isExpired: boolean;
}

/** The pair of a refresh token as it is once nobody else refreshes or ends the family: its first pair is locked. */
async function lockPair(db: Database, hash: Buffer): Promise<LockedPair | undefined> {
  const [first] = await db.query(
    `select f.id from access_tokens f where f.id = (select a.family_id from access_tokens a where a.refresh_hash = $1)
     for no key update`,
    [hash],
  );
  if (first === undefined) return undefined;
  const [row] = await db.query(
    `select t.revoked_at is not null, t.refresh_expires_at <= now(),
       t.replaced_at is not null and (t.replaced_at < now() - interval '${OVERLAP_SECONDS} seconds' or exists (
         select 1 from access_tokens n where n.family_id = t.family_id and n.previous_id = t.id and n.replaced_at is not null)),
       ${PAIR_COLUMNS}
     from access_tokens t where t.refresh_hash = $1`,
    [hash],
  );
  if (row === undefined) return undefined;
  const [isRevoked, isExpired, isReused] = row as boolean[];
  return {
    row: readPair(row, 3),
    isRevoked: isRevoked === true,
    isReused: isReused === true,
    isExpired: isExpired === true,
  };
}

/** To the organization of the key, or to every organization of the person; others have none that could be told. */
async function tellReuse(ctx: OpenContext, { id, apiKeyId, holderId, organizationId }: AccessToken): Promise<void> {
  const rows =
    organizationId !== null
      ? [[organizationId]]
      : await ctx.db.query('select organization_id from members where user_id = $1', [holderId]);
  const actor: Actor = holderId === null ? { type: 'apiKey', id: apiKeyId } : { type: 'user', id: holderId };
  const organizationIds = rows.map(([each]) => each as string);
  await record({ ...ctx, actor }, 'access_token.reuse_detected', 'accessTokens', [id], { organizationIds });
}

/** Who is behind the token: nothing is refreshed whose key, user or organization has ended. */
async function holder(db: Database, hash: Buffer, now: Date, address: string): Promise<Caller> {
  try {
    return await holderOf(db, hash, now.getTime(), address);
  } catch (error) {
    if (!(error instanceof AppError) || error.status !== 401) throw error;
    throw revoked('What this session was made from has ended.');
  }
}
