import { v7 as uuidv7 } from 'uuid';
import type { WebhookEndpoint } from '../../entities';
import type { Context, Services } from '../context';
import type { Bind } from '../db/table';
import { AppError } from '../errors';
import { makeWebhookSecret } from '../secrets';
import { makeSigningKey, publicKeyOf, secretStart } from '../webhooks/sign';
import { record, snapshots } from './events';
import { cipherPurpose } from './organizations';
import { removeRows } from './sweeper';

/** Old secrets of an endpoint that live side by side at the most (INV-33). */
const MOST_OLD = 10;

type Owner = Pick<WebhookEndpoint, 'id' | 'organizationId' | 'signature'>;

/** A secret for an endpoint that signs in this way, and what may be shown of it, once. */
export interface NewSecret {
  readonly text: string;
  /** undefined for ed25519: receivers verify with the public key, and nobody needs the other. */
  readonly shown: string | undefined;
  readonly publicKey: string | null;
}

/** @param given instead of one that is made; never for `v1a` */
export function newSecret(signature: WebhookEndpoint['signature'], given?: string | null): NewSecret {
  if (signature === 'v1a') {
    const text = makeSigningKey();
    return { text, shown: undefined, publicKey: publicKeyOf(text) };
  }
  const text = given ?? makeWebhookSecret();
  return { text, shown: text, publicKey: null };
}

/** SQL that stores the current secret of an endpoint; `from` is SQL behind the values, for a statement that may have none. */
export function secretSql(
  { secrets }: Pick<Context, 'secrets'>,
  { id, organizationId }: Pick<WebhookEndpoint, 'id' | 'organizationId'>,
  { text, publicKey }: NewSecret,
  bind: Bind,
  from = '',
): string {
  const cipher = secrets.encrypt(text, cipherPurpose(organizationId));
  // By the clock: a transaction that had to wait for another one is not older than it.
  return `insert into webhook_secrets (id, endpoint_id, cipher, start, public_key, created_at)
    select ${bind(uuidv7())}::uuid, ${bind(id)}::uuid, ${bind(cipher)}::bytea, ${bind(secretStart(text))}::text,
      ${bind(publicKey)}::text, clock_timestamp() ${from}`;
}

export async function insertSecret(ctx: Context, endpoint: Owner, secret: NewSecret): Promise<void> {
  const list: unknown[] = [];
  await ctx.db.query(
    secretSql(ctx, endpoint, secret, (value) => `$${list.push(value)}`),
    list,
  );
}

/**
 * A new secret takes the place of the current one, which signs along for the grace; beyond ten the oldest ends (INV-33).
 * Tells of it. The endpoint and its organization are locked.
 * @param graceSeconds 0: the current one ends at once
 * @returns what may be shown of the new one
 * @throws AppError `not_allowed` for a given secret where receivers verify with a public key
 */
export async function replaceSecret(
  ctx: Context,
  endpoint: Owner,
  graceSeconds: number,
  given?: string | null,
): Promise<string | undefined> {
  const { id, signature } = endpoint;
  if (signature === 'v1a' && typeof given === 'string') {
    throw new AppError('not_allowed', 'The key of a v1a endpoint is made here.', { pointer: '/meta/secret' });
  }
  const before = await snapshots(ctx, 'webhookEndpoints', [id]);
  const secret = newSecret(signature, given);
  await ctx.db.query(
    'update webhook_secrets set expires_at = now() + make_interval(secs => $2::integer) where endpoint_id = $1 and expires_at is null',
    [id, graceSeconds],
  );
  await insertSecret(ctx, endpoint, secret);
  await ctx.db.query(
    `delete from webhook_secrets where endpoint_id = $1 and (expires_at <= now() or id in (
       select id from webhook_secrets where endpoint_id = $1 and expires_at > now() order by created_at desc, id desc offset ${MOST_OLD}))`,
    [id],
  );
  await touch(ctx, id);
  await record(ctx, 'webhook_endpoint.secret_rotated', 'webhookEndpoints', [id], {
    before,
    always: true,
    aboutThemselves: true,
  });
  return secret.shown;
}

/** The old secrets of an endpoint sign no more. Tells of it when there were some. The endpoint and its organization are locked. */
export async function endOldSecrets(ctx: Context, id: string): Promise<void> {
  const before = await snapshots(ctx, 'webhookEndpoints', [id]);
  const ended = await ctx.db.query(
    'delete from webhook_secrets where endpoint_id = $1 and expires_at is not null returning 1',
    [id],
  );
  if (ended.length === 0) return;
  await touch(ctx, id);
  await record(ctx, 'webhook_endpoint.updated', 'webhookEndpoints', [id], { before, aboutThemselves: true });
}

/** It shows other secrets: whoever read it before holds an old version (INV-59). */
const touch = ({ db }: Context, id: string): Promise<unknown> =>
  db.query(
    "update webhook_endpoints set version = version + 1, updated_at = date_trunc('second', now()) where id = $1",
    [id],
  );

/** Removes the secrets whose grace is over, which sign nothing already. */
export const removeExpiredSecrets = ({ db }: Pick<Services, 'db'>): Promise<void> =>
  removeRows(db, 'webhook_secrets', 'expires_at <= now()');
