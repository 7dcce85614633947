import { apiKeyTable } from '../services/apiKeys';
import type { JobPayloads } from '../services/jobs';
import { queueMail } from '../services/mail';
import type { JobContext } from './worker';

/**
 * The maker of a key looks after it as long as he is a member of its organization, else its owner does. Keys of the
 * platform and of partners have no person behind them.
 */
const LOOK_UP = `
  select t.name, t.start, o.name, t.organization_id, coalesce(
    (select u.email from users u where u.id = t.created_by_id and u.status = 'active' and (t.organization_id is null
       or exists (select 1 from members m where m.organization_id = o.id and m.user_id = u.id and m.status = 'active'))),
    (select u.email from users u where u.id = o.owner_id and u.status = 'active'))
  from api_keys t left join organizations o on o.id = t.organization_id
  where t.id = $1 and date_trunc('second', t.expires_at) = $2 and ${apiKeyTable.sql.get('status')} = 'active'
    and o.status is distinct from 'pending_deletion'`;

/** Tells whoever looks after a key that it expires soon, unless that is no longer so. */
export async function tellOfExpiry(
  ctx: JobContext,
  { apiKeyId, expiresAt }: JobPayloads['keyExpiring'],
): Promise<void> {
  const [row] = await ctx.db.query(LOOK_UP, [apiKeyId, expiresAt]);
  const [name, start, organizationName, organizationId, to] = (row ?? []) as (string | null)[];
  if (typeof to !== 'string') return;
  const data = {
    keyName: String(name),
    keyStart: String(start),
    organizationName: organizationName ?? null,
    expiresAt,
  };
  const key = `mail keyExpiring ${apiKeyId}`;
  await queueMail(ctx, { to, template: 'keyExpiring', data }, { key, organizationId: organizationId ?? undefined });
}
