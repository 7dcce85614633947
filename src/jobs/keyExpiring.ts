import { apiKeyTable } from '../services/apiKeys';
import { record } from '../services/events';
import type { JobPayloads } from '../services/jobs';
import { queueMail } from '../services/mail';
import type { JobContext } from './worker';

/**
 * Notes that a key's end is told of, unless it was already. The maker of a key looks after it as long as he is a member of
 * its organization, else its owner does. Keys of the platform and of partners have no person behind them.
 */
const NOTE = `
  with told as (
    update api_keys t set expiry_announced_for = t.expires_at
    where t.id = $1 and date_trunc('second', t.expires_at) = $2 and t.expiry_announced_for is distinct from t.expires_at
      and ${apiKeyTable.sql.get('status')} = 'active'
      and not exists (select 1 from organizations d where d.id = t.organization_id and d.status = 'pending_deletion')
    returning t.*)
  select t.name, t.start, o.name, t.organization_id, coalesce(
    (select u.email from users u where u.id = t.created_by_id and u.status = 'active' and (t.organization_id is null
       or exists (select 1 from members m where m.organization_id = o.id and m.user_id = u.id and m.status = 'active'))),
    (select u.email from users u where u.id = o.owner_id and u.status = 'active'))
  from told t left join organizations o on o.id = t.organization_id`;

/**
 * Tells whoever looks after a key, and its organization, that it expires soon, unless that is no longer so. Once for
 * each end that it is given, however often the job runs.
 */
export const tellOfExpiry = (ctx: JobContext, { apiKeyId, expiresAt }: JobPayloads['keyExpiring']): Promise<void> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await db.query(
      `select 1 from organizations where id = (select k.organization_id from api_keys k where k.id = $1) for no key update`,
      [apiKeyId],
    );
    const [row] = await db.query(NOTE, [apiKeyId, expiresAt]);
    if (row === undefined) return;
    const [name, start, organizationName, organizationId, to] = row as (string | null)[];
    if (typeof to === 'string') {
      const data = {
        keyName: String(name),
        keyStart: String(start),
        organizationName: organizationName ?? null,
        expiresAt,
      };
      const key = `mail keyExpiring ${apiKeyId}`;
      const mail = { to, template: 'keyExpiring' as const, data };
      await queueMail(inside, mail, { key, organizationId: organizationId ?? undefined });
    }
    await record(inside, 'api_key.expiring', 'apiKeys', [apiKeyId]);
  });
