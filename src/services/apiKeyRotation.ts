import { v7 as uuidv7 } from 'uuid';
import type { ApiKey } from '../../entities';
import type { Context, Services } from '../context';
import type { Database } from '../db/database';
import { Expression, type Guard, type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import { hashKey, keyStart, makeKey } from '../secrets';
import { checkReach, grantsOf } from './apiKeyGrants';
import { apiKeyTable, KEY_KINDS, lockOwner, REVOKED_NOW } from './apiKeys';
import { record, snapshots } from './events';
import { planExpiryNotice } from './keyExpiry';
import { endTokensOf } from './tokenFamilies';

/** Seconds for which a rotated key lives on, unless the request says otherwise (INV-33). */
export const DEFAULT_GRACE_SECONDS = 86_400;
export const MOST_GRACE_SECONDS = 604_800;

const REASON = 'Replaced by rotation.';

/** Judged on what the lock finds: of several rotations of one key one wins. */
const ROTATABLE: Guard = {
  sql: () =>
    'old.revoked_at is null and old.grace_until is null and (old.expires_at is null or old.expires_at > clock_timestamp())',
  error: () => new AppError('invalid_transition', 'A key that was revoked, replaced, or has expired can’t be rotated.'),
};

/**
 * Makes a key with the settings of another one, which ends after the grace, or at once without one (INV-33). The one
 * that was replaced before it ends now.
 * @param settings `gracePeriodSeconds`, 0–604 800
 * @returns the new key with `secret`, once
 * @throws AppError `invalid_transition`; `cannot_grant` for a key that can do more than the caller, who gets its secret
 */
export const rotateKey = (
  ctx: Context,
  id: string,
  { gracePeriodSeconds = DEFAULT_GRACE_SECONDS }: { readonly gracePeriodSeconds?: number } = {},
  ifMatch?: IfMatch,
): Promise<ApiKey> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const old = await lockRotatable(inside, id, ifMatch);
    const { replacesId } = old;
    const before = await snapshots(inside, 'apiKeys', replacesId === null ? [id] : [id, replacesId]);
    const endsNow = gracePeriodSeconds === 0;
    const end = endsNow
      ? { revokedAt: REVOKED_NOW, revokedReason: REASON }
      : { graceUntil: graceEnd(gracePeriodSeconds) };
    await updateRow(inside, apiKeyTable, id, end);
    if (endsNow) await endTokensOf(db, [id]);
    const isEnded = replacesId !== null && (await endReplaced(db, replacesId));
    const key = await insertSuccessor(inside, old);
    await planExpiryNotice(inside, key);
    db.afterCommit(() => ctx.callers.forget());
    await record(inside, 'api_key.rotated', 'apiKeys', [key.id]);
    const revoked = [...(isEnded ? [replacesId] : []), ...(endsNow ? [id] : [])];
    await record(inside, 'api_key.revoked', 'apiKeys', revoked, { before });
    return key;
  });

/** Revoked keys are no 404 here: whoever was a moment late is told why. */
async function lockRotatable(ctx: Context, id: string, ifMatch: IfMatch): Promise<ApiKey> {
  const { caller } = ctx;
  await lockOwner(ctx, id);
  const guards = [...versionGuard(ifMatch), ROTATABLE];
  const key = await updateRow(
    ctx,
    apiKeyTable,
    id,
    {},
    guards,
    (bind) => `(${apiKeyTable.options.visible(caller, bind, true, false)})`,
  );
  if (key.userId !== null && key.userId !== caller.userId) {
    const meta = { required: 'apiKeys:rotate' };
    throw new AppError('permission_denied', 'Only its holder can rotate a personal key.', undefined, { meta });
  }
  checkReach(await grantsOf(ctx, key), key);
  return key;
}

/** Never past its own end. */
const graceEnd = (seconds: number): Expression =>
  new Expression((bind) => `least(now() + make_interval(secs => ${bind(seconds)}::integer), old.expires_at)`);

async function insertSuccessor(ctx: Context, old: ApiKey): Promise<ApiKey> {
  const { level, organizationId, partnerId, userId, environment, name, scopes, ceiling, isOrganizationToken } = old;
  const { metadata, expiresAt, ipAllowList, disabled, rateLimit, allWorkspaces, workspaceIds } = old;
  const secret = makeKey(KEY_KINDS[level], environment);
  const settings = { environment, name, scopes, ceiling, isOrganizationToken, metadata, expiresAt, ipAllowList };
  const key = await insertRow(ctx, apiKeyTable, {
    ...{ level, organizationId, partnerId, userId, ...settings, disabled, rateLimit, allWorkspaces },
    id: uuidv7(),
    hash: hashKey(secret),
    start: keyStart(secret),
    createdById: ctx.caller.userId ?? old.createdById,
    replacesId: old.id,
  });
  await ctx.db.query(
    'insert into api_key_workspaces (api_key_id, workspace_id) select $1, workspace_id from api_key_workspaces where api_key_id = $2',
    [key.id, old.id],
  );
  return Object.assign(key, { secret, workspaceIds });
}

/** A key that has been replaced ends for good, with its access tokens; false when it has ended before. */
async function endReplaced(db: Database, id: string, condition = 'true'): Promise<boolean> {
  const ended = await db.query(
    `update api_keys set revoked_at = date_trunc('second', now()), revoked_reason = $2, version = version + 1,
       updated_at = date_trunc('second', now())
     where id = $1 and revoked_at is null and ${condition} returning 1`,
    [id, REASON],
  );
  if (ended.length > 0) await endTokensOf(db, [id]);
  return ended.length > 0;
}

/** Keys that one statement looks for at the most. */
const MOST_SWEPT = 1_000;

/** What was there before the end was noted; `status` reads as revoked from the end of the grace on. */
const AFTER_GRACE = JSON.stringify({ attributes: { status: 'rotating', revokedAt: null, revokedReason: null } });

/**
 * Notes as revoked the keys whose grace is over, which authenticate nobody already: totals count what is not revoked.
 * One transaction for each, with its organization locked first.
 */
export async function endGraces({
  db,
  shapes,
  deliveries,
}: Pick<Services, 'db' | 'shapes' | 'deliveries'>): Promise<void> {
  const isOver = 'grace_until <= now()';
  let due: unknown[][];
  do {
    due = await db.query(
      `select id, organization_id from api_keys where revoked_at is null and ${isOver} order by grace_until limit ${MOST_SWEPT}`,
    );
    for (const [id, organizationId] of due) {
      await db.transaction(async (inside) => {
        await inside.query('select 1 from organizations where id = $1 for no key update', [organizationId]);
        const isEnded = await endReplaced(inside, id as string, isOver);
        const before = new Map([[id as string, AFTER_GRACE]]);
        if (isEnded)
          await record({ db: inside, shapes, deliveries }, 'api_key.revoked', 'apiKeys', [id as string], { before });
      });
    }
  } while (due.length === MOST_SWEPT);
}
