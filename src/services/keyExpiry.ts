import type { ApiKey } from '../../entities';
import type { Context } from '../context';
import { enqueue } from './jobs';

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
