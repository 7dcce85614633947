import { v7 as uuidv7 } from 'uuid';
import type { Context } from '../context';
import { selectUnique } from '../db/select';
import { notFound } from '../errors';
import { DEFAULT_GRACE_SECONDS } from './apiKeyRotation';
import { lockOrganization } from './crud';
import { cipherPurpose } from './organizations';
import { checkQuota } from './quotas';
import {
  changeEndpoint,
  defaultEndpointOf,
  insertEndpoint,
  organizationTeller,
  recordCreated,
  removeEndpoint,
  switchEndpoint,
  webhookEndpointTable,
} from './webhookEndpoints';
import { newSecret, replaceSecret } from './webhookSecrets';
import { checkWebhookUrl } from './webhookUrls';

/** The one endpoint that `webhookUrl` and `webhookSecret` of an organization stand for: it gets every event. */
export interface DefaultEndpoint {
  readonly url: string;
  /** Only in what the call gives back that made the secret (INV-30). */
  readonly secret: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const PROPERTIES = ['id', 'url', 'createdAt', 'updatedAt'];

/** @throws AppError `not_found` for an organization that the caller can't see, or that has no such endpoint */
export async function getDefaultEndpoint(ctx: Context, organizationId: string): Promise<DefaultEndpoint> {
  const conditions = [
    { field: 'organizationId', operator: 'eq', value: organizationId },
    { field: 'isDefault', operator: 'eq', value: true },
  ] as const;
  const endpoint = await selectUnique(ctx, webhookEndpointTable, conditions, PROPERTIES);
  if (endpoint === null) throw notFound();
  const { url, createdAt, updatedAt } = endpoint;
  return { url, secret: null, createdAt, updatedAt };
}

/** The header field in which receivers of `/v1` look for the signature. */
const LEGACY_SIGNATURE_HEADER = 'X-ThunderPhone-Signature';

/**
 * Sets the URL, and makes the endpoint where there was none, with the signature that receivers of `/v1` know.
 * @param rotates whether a new secret takes the place of the one there is, which signs along for a day (INV-42); the first
 * one is made anyhow
 * @throws AppError `not_found`, `quota_exceeded`; `not_allowed` for plain http, `blocked_address`
 */
export async function setDefaultEndpoint(
  ctx: Context,
  organizationId: string,
  url: string,
  rotates: boolean,
): Promise<DefaultEndpoint> {
  await checkWebhookUrl(ctx, url, 'webhookUrl');
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await lockOrganization(inside, organizationId);
    const tell = await organizationTeller(inside, organizationId);
    const change = { url, legacySignatureHeader: LEGACY_SIGNATURE_HEADER, rotates, enables: true };
    const secret = await changeDefault(inside, organizationId, change, tell);
    return { ...(await getDefaultEndpoint(inside, organizationId)), secret: secret ?? null };
  });
}

/** What is to become of the default endpoint of an organization. */
interface DefaultChange {
  /** null: it ends; undefined: it stays where it is. */
  readonly url?: string | null;
  /** Takes the place of the current one at once; null changes nothing (INV-31). */
  readonly secret?: string | null;
  /** A new secret takes the place of the current one, which signs along for a day. */
  readonly rotates?: boolean;
  /** Whoever was switched off by the rule is on again, as with another URL: there is no other switch on `/v1`. */
  readonly enables?: boolean;
  /** Of one that is made. */
  readonly legacySignatureHeader?: string;
}

/**
 * Makes, changes or ends the default endpoint of an organization, which is locked, and tells of it.
 * @param tell tells of the organization, which comes first
 * @returns the secret to be shown, if one was made or given
 * @throws AppError `quota_exceeded`
 */
export async function changeDefault(
  ctx: Context,
  organizationId: string,
  change: DefaultChange,
  tell: () => Promise<void>,
): Promise<string | undefined> {
  const endpoint = await defaultEndpointOf(ctx, organizationId);
  const { url, secret, rotates } = change;
  if (endpoint === null && typeof url === 'string') return makeDefault(ctx, organizationId, { ...change, url }, tell);
  if (endpoint !== null && url === null) {
    await removeEndpoint(ctx, endpoint, tell);
    return secret ?? undefined;
  }
  const isMoved = endpoint !== null && typeof url === 'string' && url !== endpoint.url;
  if (isMoved) await changeEndpoint(ctx, endpoint, { url }, tell);
  else await tell();
  if (endpoint === null) return secret ?? undefined;
  if (endpoint.autoDisabled && (isMoved || change.enables)) await switchEndpoint(ctx, endpoint, false);
  if (typeof secret === 'string') return replaceSecret(ctx, endpoint, 0, secret);
  return rotates ? replaceSecret(ctx, endpoint, DEFAULT_GRACE_SECONDS) : undefined;
}

async function makeDefault(
  ctx: Context,
  organizationId: string,
  { url, secret, rotates, legacySignatureHeader }: DefaultChange & { url: string },
  tell: () => Promise<void>,
): Promise<string | undefined> {
  await checkQuota(ctx, organizationId, 'webhookEndpoints');
  const pending = await takePendingSecret(ctx, organizationId);
  const isPending = pending !== null && !rotates && typeof secret !== 'string';
  const made = newSecret('v1', isPending ? pending : secret);
  const values = { id: uuidv7(), organizationId, url, isDefault: true, legacySignatureHeader };
  const endpoint = await insertEndpoint(ctx, values, made);
  await tell();
  await recordCreated(ctx, endpoint);
  return isPending ? undefined : made.shown;
}

/** The secret that was given before there was a URL, which is used up now. */
async function takePendingSecret(ctx: Context, organizationId: string): Promise<string | null> {
  const [row] = await ctx.db.query(
    `with held as (select id, webhook_secret_cipher as cipher from organizations
       where id = $1 and webhook_secret_cipher is not null),
     taken as (update organizations o set webhook_secret_cipher = null from held where o.id = held.id)
     select cipher from held`,
    [organizationId],
  );
  return row === undefined ? null : ctx.secrets.decrypt(row[0] as Buffer, cipherPurpose(organizationId));
}
