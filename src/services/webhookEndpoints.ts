import { v7 as uuidv7 } from 'uuid';
import { WebhookEndpoint } from '../../entities';
import type { Context } from '../context';
import { callerScope, ownedBy } from '../db/select';
import { Table } from '../db/table';
import { type Changes, Expression, type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import { DEFAULT_GRACE_SECONDS } from './apiKeyRotation';
import { type Create, crud, lockOrganization, ownerOf, type Remove, type Update } from './crud';
import { record, recordGone, snapshot, snapshots } from './events';
import { organizationTable } from './organizations';
import { checkQuota } from './quotas';
import { cancelDeliveries } from './webhookCancelling';
import { attributeFault, columnsOf, type EndpointInput, headersOf } from './webhookEndpointRules';
import { endOldSecrets, insertSecret, type NewSecret, newSecret, replaceSecret } from './webhookSecrets';
import { checkWebhookUrl } from './webhookUrls';

const owned = ownedBy('webhooks:read');

export const webhookEndpointTable = new Table(WebhookEndpoint, {
  // A deleted one is there for the log alone.
  visible: (caller, bind, isFew, reads) => `t.deleted_at is null and ${owned.visible(caller, bind, isFew, reads)}`,
  computed: {
    status: "case when t.auto_disabled then 'auto_disabled' when t.disabled then 'disabled' else 'enabled' end",
    oldSecrets: `(select coalesce(jsonb_agg(jsonb_build_object('start', s.start, 'expiresAt', json_time(s.expires_at))
      order by s.created_at desc, s.id desc), '[]') from webhook_secrets s where s.endpoint_id = t.id and s.expires_at > now())`,
    publicKey: '(select s.public_key from webhook_secrets s where s.endpoint_id = t.id and s.expires_at is null)',
  },
  references: { organizationId: () => organizationTable as unknown as Table },
  counted: callerScope('webhook_endpoints'),
});

const plain = crud(webhookEndpointTable);
export const { list: listWebhookEndpoints, get: getWebhookEndpoint, rows: webhookEndpointRows } = plain;

/** Columns of an endpoint that is to be made. */
export const newEndpoint = ({ config }: Pick<Context, 'config'>, values: Changes<WebhookEndpoint>) => ({
  timeoutSeconds: config.webhookTimeoutSeconds,
  ...values,
});

/** Makes an endpoint without telling of it; its organization is locked. */
export async function insertEndpoint(
  ctx: Context,
  values: Changes<WebhookEndpoint>,
  secret: NewSecret,
): Promise<WebhookEndpoint> {
  const endpoint = await insertRow(ctx, webhookEndpointTable, newEndpoint(ctx, values));
  await insertSecret(ctx, endpoint, secret);
  return Object.assign(endpoint, { secret: secret.shown, publicKey: secret.publicKey });
}

export const recordCreated = (ctx: Context, { id }: WebhookEndpoint): Promise<void> =>
  record(ctx, 'webhook_endpoint.created', 'webhookEndpoints', [id], { aboutThemselves: true });

/**
 * Makes an endpoint and gives it back with `secret`, once.
 * @throws AppError `blocked_address`, `unknown_event_type`, `not_allowed`, `invalid_format`, `quota_exceeded`
 */
export const createWebhookEndpoint: Create<WebhookEndpoint> = async (ctx, input) => {
  const attributes = input.attributes as EndpointInput;
  const { signature = 'v1', disabled, secret } = attributes;
  const id = uuidv7();
  const columns = columnsOf(ctx, { id, signature, legacySignatureHeader: null, headers: {} }, attributes);
  await checkWebhookUrl(ctx, attributes.url, 'url');
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organizationId = await ownerOf(inside, input);
    await checkQuota(inside, organizationId, 'webhookEndpoints');
    const values = { ...columns, id, organizationId, disabled };
    const endpoint = await insertEndpoint(inside, values, newSecret(signature, secret));
    await recordCreated(inside, endpoint);
    return endpoint;
  });
};

/** An endpoint that the caller sees, as the lock on it finds it; its organization is locked first. */
async function lockEndpoint(ctx: Context, id: string, ifMatch: IfMatch): Promise<WebhookEndpoint> {
  const { organizationId } = await plain.get(ctx, id, ['organizationId']);
  await lockOrganization(ctx, organizationId);
  return updateRow(ctx, webhookEndpointTable, id, {}, versionGuard(ifMatch));
}

const read = (ctx: Context, id: string): Promise<WebhookEndpoint> =>
  plain.get(ctx, id, webhookEndpointTable.properties);

/** Tells of an organization whose default endpoint has been changed since this was made. */
export async function organizationTeller(ctx: Context, organizationId: string): Promise<() => Promise<void>> {
  const before = await snapshots(ctx, 'organizations', [organizationId]);
  return () => record(ctx, 'organization.updated', 'organizations', [organizationId], { before });
}

const nobody = async (): Promise<void> => undefined;

/**
 * Changes an endpoint. What is sent back as it was read changes nothing. Another URL keeps the secret (INV-42).
 * @throws AppError `blocked_address`, `unknown_event_type`, `not_allowed`, `invalid_format`
 */
export const updateWebhookEndpoint: Update<WebhookEndpoint> = async (ctx, id, input, ifMatch) => {
  const attributes = input.attributes as EndpointInput;
  if (typeof attributes.secret === 'string') {
    throw AppError.of([attributeFault('not_allowed', 'Use secret/rotate to replace the secret.', 'secret')]);
  }
  const { url } = await plain.get(ctx, id, ['url']);
  if (attributes.url !== url) await checkWebhookUrl(ctx, attributes.url, 'url');
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const endpoint = await lockEndpoint(inside, id, ifMatch);
    const columns = columnsOf(ctx, { ...endpoint, headers: headersOf(ctx, endpoint) }, attributes);
    const isMoved = endpoint.isDefault && columns.url !== undefined && columns.url !== endpoint.url;
    const tell = isMoved ? await organizationTeller(inside, endpoint.organizationId) : nobody;
    await changeEndpoint(inside, endpoint, columns, tell);
    const { disabled } = attributes;
    if (disabled !== undefined && disabled !== endpoint.disabled) await switchEndpoint(inside, endpoint, disabled);
    return read(inside, id);
  });
};

/**
 * Changes a locked endpoint and tells of it.
 * @param tell tells of its organization, which comes first
 */
export async function changeEndpoint(
  ctx: Context,
  { id }: WebhookEndpoint,
  changes: Changes<WebhookEndpoint>,
  tell: () => Promise<void>,
): Promise<void> {
  const before = await snapshots(ctx, 'webhookEndpoints', [id]);
  await updateRow(ctx, webhookEndpointTable, id, changes);
  await tell();
  // A secret value of a header is masked before and after.
  const always = changes.headersCipher !== undefined;
  const secrets = always ? { headers: '***' as const } : undefined;
  const told = { before, always, secrets, aboutThemselves: true } as const;
  await record(ctx, 'webhook_endpoint.updated', 'webhookEndpoints', [id], told);
}

/** By hand: the record of failures is cleared when it is switched on (domain sheet 6.4). */
export async function switchEndpoint(ctx: Context, { id }: WebhookEndpoint, disabled: boolean): Promise<void> {
  const before = await snapshots(ctx, 'webhookEndpoints', [id]);
  const cleared = { failingSince: null, failingDeliveryId: null, failingApart: false };
  const changes = { disabled, autoDisabled: false, disabledReason: null, ...(disabled ? {} : cleared) };
  await updateRow(ctx, webhookEndpointTable, id, changes);
  const kind = disabled ? 'webhook_endpoint.disabled' : 'webhook_endpoint.enabled';
  await record(ctx, kind, 'webhookEndpoints', [id], { before, aboutThemselves: true });
  if (disabled) await cancelDeliveries(ctx, id);
}

/** Deletes an endpoint; the log of what it got stays. */
export const deleteWebhookEndpoint: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const endpoint = await lockEndpoint(inside, id, ifMatch);
    const { isDefault, organizationId } = endpoint;
    await removeEndpoint(inside, endpoint, isDefault ? await organizationTeller(inside, organizationId) : nobody);
  });

/**
 * Deletes a locked endpoint and tells of it.
 * @param tell tells of its organization, which comes first
 */
export async function removeEndpoint(
  ctx: Context,
  { id, organizationId }: WebhookEndpoint,
  tell: () => Promise<void>,
): Promise<void> {
  const last = await snapshot(ctx, 'webhookEndpoints', id);
  const deletedAt = new Expression(() => "date_trunc('second', now())");
  await updateRow(ctx, webhookEndpointTable, id, { deletedAt, headersCipher: null });
  await ctx.db.query('delete from webhook_secrets where endpoint_id = $1', [id]);
  await tell();
  await recordGone(ctx, 'webhook_endpoint.deleted', organizationId, [last]);
  await cancelDeliveries(ctx, id);
}

/** How a secret is replaced. */
interface Rotation {
  readonly gracePeriodSeconds?: number;
  /** Instead of one that is made. */
  readonly secret?: string;
}

/**
 * Replaces the secret of an endpoint; the old one signs along for the grace (INV-33).
 * @returns the endpoint with `secret`, once
 * @throws AppError `not_allowed` for a given secret with `v1a`
 */
export const rotateEndpointSecret = (
  ctx: Context,
  id: string,
  { gracePeriodSeconds = DEFAULT_GRACE_SECONDS, secret: given }: Rotation,
  ifMatch: IfMatch,
): Promise<WebhookEndpoint> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const endpoint = await lockEndpoint(inside, id, ifMatch);
    const secret = await replaceSecret(inside, endpoint, gracePeriodSeconds, given);
    return Object.assign(await read(inside, id), { secret });
  });

/** Ends the grace of all old secrets of an endpoint now. */
export const expireOldSecrets = (
  ctx: Context,
  id: string,
  _settings: object,
  ifMatch: IfMatch,
): Promise<WebhookEndpoint> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await lockEndpoint(inside, id, ifMatch);
    await endOldSecrets(inside, id);
    return read(inside, id);
  });

/** The endpoint that `webhookUrl` of an organization stands for, or null; the organization is locked. */
export async function defaultEndpointOf(ctx: Context, organizationId: string): Promise<WebhookEndpoint | null> {
  const { properties } = webhookEndpointTable;
  const list: unknown[] = [organizationId];
  const columns = webhookEndpointTable.selectList(properties, ctx.caller, (value) => `$${list.push(value)}`);
  const [row] = await ctx.db.query(
    `select ${columns} from webhook_endpoints t where t.organization_id = $1 and t.is_default and t.deleted_at is null
     for no key update`,
    list,
  );
  return row === undefined ? null : webhookEndpointTable.read(properties, row);
}
