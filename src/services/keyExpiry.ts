import type { ApiKey } from '../../entities';
import type { Context, Services } from '../context';
import { record } from './events';
import { enqueue } from './jobs';
import { sweepOrganizations } from './sweeper';

const DAY_MS = 86_400_000;
/** Days before its end at which somebody is told (domain sheet 11). */
const NOTICE_DAYS = 7;

/**
 * Plans the notice that a key is about to expire, in the place of an earlier one; none for a key whose end is nearer than
 * that already.
 */
export async function planExpiryNotice(ctx: Context, { id, expiresAt, organizationId }: ApiKey): Promise<void> {
  if (expiresAt === null) return;
  const runAt = new Date(Date.parse(expiresAt) - NOTICE_DAYS * DAY_MS);
  if (runAt <= ctx.now()) return;
  await enqueue(
    ctx,
    'keyExpiring',
    { apiKeyId: id, expiresAt },
    { runAt, key: `keyExpiring ${id}`, organizationId: organizationId ?? undefined },
  );
}

/** Keys that one statement looks at, or changes, at the most. */
const MOST_SWEPT = 1_000;
/** As the index has it. A key that is being replaced ends with its grace. */
const HAS_EXPIRED = 'expires_at <= now() and revoked_at is null and grace_until is null and expiry_told_at is null';

type Telling = Pick<Services, 'db' | 'shapes' | 'deliveries'>;

/**
 * Tells of the keys that have expired, of each once. They authenticate nobody already, and read as expired: nothing else
 * changes.
 */
export async function tellExpiredKeys(ctx: Telling): Promise<void> {
  const due = `select organization_id from api_keys where ${HAS_EXPIRED} and organization_id is not null
    order by expires_at limit ${MOST_SWEPT}`;
  await sweepOrganizations(
    ctx,
    due,
    async (db, id) => void (await tellSome({ ...ctx, db }, 'organization_id = $1', [id])),
  );
  let told: number;
  do {
    told = await ctx.db.transaction((db) => tellSome({ ...ctx, db }, 'organization_id is null'));
  } while (told === MOST_SWEPT);
}

async function tellSome({ db, shapes, deliveries }: Telling, condition: string, values: unknown[] = []) {
  const rows = await db.query(
    `update api_keys set expiry_told_at = now() where id = any(array(
       select id from api_keys where ${condition} and ${HAS_EXPIRED} limit ${MOST_SWEPT})) and expiry_told_at is null
     returning id, case when disabled then 'disabled' else 'active' end`,
    values,
  );
  const before = new Map(rows.map(([id, status]) => [id as string, JSON.stringify({ attributes: { status } })]));
  await record({ db, shapes, deliveries }, 'api_key.expired', 'apiKeys', [...before.keys()].sort(), { before });
  return rows.length;
}
