import type { ApiKey, Organization } from '../../entities';
import type { Context } from '../context';
import { type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError, notFound } from '../errors';
import { hashKey, makeKey } from '../secrets';
import { grantsOf } from './apiKeyGrants';
import { DEFAULT_GRACE_SECONDS, rotateKey } from './apiKeyRotation';
import { apiKeyTable, organizationToken } from './apiKeys';
import { record, type Snapshot, snapshots } from './events';
import { organizationTable } from './organizations';
import { endTokensOf } from './tokenFamilies';
import { defaultEndpointOf } from './webhookEndpoints';
import { replaceSecret } from './webhookSecrets';

/** The key that `token` stands for; null when it was ended. Its organization is locked. */
async function currentToken(ctx: Context, organizationId: string): Promise<ApiKey | null> {
  const values: unknown[] = [organizationId];
  const columns = apiKeyTable.selectList(apiKeyTable.properties, ctx.caller, (value) => `$${values.push(value)}`);
  const [row] = await ctx.db.query(
    `select ${columns} from api_keys t
     where t.organization_id = $1 and t.is_organization_token and t.revoked_at is null and t.grace_until is null`,
    values,
  );
  return row === undefined ? null : apiKeyTable.read(apiKeyTable.properties, row);
}

/** A token that can do no more than the caller can himself (INV-13). Gives back its id. */
async function insertToken(ctx: Context, organizationId: string, token: string): Promise<string> {
  const of = { level: 'organization' as const, organizationId, partnerId: null, userId: null };
  const { ceiling } = await grantsOf(ctx, of);
  const values = { ...organizationToken(ctx, token), organizationId, createdById: ctx.caller.userId };
  return (await insertRow(ctx, apiKeyTable, { ...values, ceiling: [...ceiling] })).id;
}

/** Ends the token, and those before it that live on for a while. Gives back what they were, to be told with `tellEnd`. */
async function endTokens(ctx: Context, organizationId: string): Promise<ReadonlyMap<string, Snapshot>> {
  const { db } = ctx;
  const rows = await db.query(
    `select id from api_keys where organization_id = $1 and is_organization_token and revoked_at is null order by id
     for no key update`,
    [organizationId],
  );
  const ids = rows.map(([id]) => id as string);
  const before = await snapshots(ctx, 'apiKeys', ids);
  await db.query(
    `update api_keys set revoked_at = date_trunc('second', now()), version = version + 1, updated_at = date_trunc('second', now())
     where id = any($1::uuid[])`,
    [ids],
  );
  await endTokensOf(db, ids);
  return before;
}

const tellEnd = (ctx: Context, before: ReadonlyMap<string, Snapshot>): Promise<void> =>
  record(ctx, 'api_key.revoked', 'apiKeys', [...before.keys()].sort(), { before });

/**
 * The old token ends at once, the new one begins (domain sheet 9.2); the same one sent back changes nothing: false. The
 * organization is locked.
 */
export async function replaceToken(ctx: Context, id: string, token: string): Promise<boolean> {
  const current = await currentToken(ctx, id);
  if (current?.hash.equals(hashKey(token)) === true) return false;
  const ended = await endTokens(ctx, id);
  const made = await insertToken(ctx, id, token);
  await tellEnd(ctx, ended);
  await record(ctx, 'api_key.created', 'apiKeys', [made]);
  return true;
}

/**
 * A new token, shown once on the organization; the old one lives on for the grace (INV-33). One that was ended before is
 * made anew.
 * @throws AppError `cannot_grant` when the token can do more than the caller
 */
export const rotateToken = (
  ctx: Context,
  id: string,
  settings: { readonly gracePeriodSeconds?: number },
  ifMatch: IfMatch,
): Promise<Organization> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organization = await updateRow(inside, organizationTable, id, {}, versionGuard(ifMatch));
    const current = await currentToken(inside, id);
    if (current !== null)
      return Object.assign(organization, { token: (await rotateKey(inside, current.id, settings)).secret });
    const token = makeKey('sk');
    await record(inside, 'api_key.created', 'apiKeys', [await insertToken(inside, id, token)]);
    return Object.assign(organization, { token });
  });

/**
 * Ends the token, without grace.
 * @throws AppError `not_found` when there is none
 */
export const revokeToken = (ctx: Context, id: string, _settings: object, ifMatch: IfMatch): Promise<void> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await updateRow(inside, organizationTable, id, {}, versionGuard(ifMatch));
    const ended = await endTokens(inside, id);
    if (ended.size === 0) throw notFound('The organization has no token.');
    db.afterCommit(() => ctx.callers.forget());
    await tellEnd(inside, ended);
  });

/**
 * A new webhook secret, shown once on the organization; the old one signs along for the grace (INV-33).
 * @throws AppError `invalid_transition` without a webhook URL
 */
export const rotateWebhookSecret = (
  ctx: Context,
  id: string,
  { gracePeriodSeconds = DEFAULT_GRACE_SECONDS }: { readonly gracePeriodSeconds?: number },
  ifMatch: IfMatch,
): Promise<Organization> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organization = await updateRow(inside, organizationTable, id, {}, versionGuard(ifMatch));
    const endpoint = await defaultEndpointOf(inside, id);
    if (endpoint === null) {
      throw new AppError('invalid_transition', 'There is no webhookUrl that a secret could be for.');
    }
    const webhookSecret = await replaceSecret(inside, endpoint, gracePeriodSeconds);
    return Object.assign(organization, { webhookSecret });
  });
