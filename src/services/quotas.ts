import type { Context } from '../context';
import { AppError } from '../errors';
import type { QuotaName } from '../settings';

/** What counts against a quota, by the id of the organization, or of the user: read from an index alone. */
const COUNTED: Readonly<Record<QuotaName, string>> = {
  // Whatever is not purged: to delete one and make another would be no limit.
  organizationsPerUser: 'from organizations t where t.owner_id = $1',
  members: 'from members t where t.organization_id = $1',
  invitations: "from invitations t where t.organization_id = $1 and t.status = 'pending' and t.expires_at > now()",
  workspaces: 'from workspaces t where t.organization_id = $1',
  roles: 'from roles t where t.organization_id = $1',
  apiKeys: 'from api_keys t where t.organization_id = $1 and t.revoked_at is null and t.grace_until is null',
  webhookEndpoints: 'from webhook_endpoints t where t.organization_id = $1 and t.deleted_at is null',
};

/** Members are counted already. */
const MEMBERS = "(select coalesce(sum(c.rows), 0) from row_counts c where c.relation = 'members' and c.scope = $1)";

const OVERRIDE = 'case when o.quotas ? $2 then (o.quotas->>$2)::bigint else $3 end as most from organizations o';

/** The limit, and how much of it is used; no more is counted than tells whether there is room. */
function lookUp(name: QuotaName): string {
  const limit = name === 'organizationsPerUser' ? '$3::bigint as most' : `${OVERRIDE} where o.id = $1`;
  const few = `(select count(*) from (select 1 ${COUNTED[name]} limit greatest(q.most - $4::bigint + 1, 0)) few)`;
  const used = name === 'members' ? MEMBERS : few;
  const named = name === 'organizationsPerUser' ? ' and $2::text is not null' : '';
  return `select q.most, ${used} from (select ${limit}) q where q.most is not null${named}`;
}

/**
 * Refuses what would be more than an organization may have, or for `organizationsPerUser` a user. To be called in the
 * transaction that adds it, with the organization locked; a user is locked here. Lowering a quota removes nothing.
 * @param ownerId id of the organization, or of the user
 * @param adding how many are to come
 * @throws AppError `quota_exceeded` with the limit and what is used of it
 */
export async function checkQuota(
  { config, db }: Pick<Context, 'config' | 'db'>,
  ownerId: string,
  name: QuotaName,
  adding = 1,
): Promise<void> {
  const usual = config.quotas[name] ?? null;
  if (name === 'organizationsPerUser') {
    if (usual === null) return;
    await db.query('select 1 from users where id = $1 for no key update', [ownerId]);
  }
  const [row] = await db.query(lookUp(name), [ownerId, name, usual, ...(name === 'members' ? [] : [adding])]);
  if (row === undefined) return;
  const limit = Number(row[0]);
  if (Number(row[1]) + adding <= limit) return;
  // Only now all of it: there may be more than the limit, from the time before it was lowered.
  const [all] = await db.query(`select count(*) ${COUNTED[name]}`, [ownerId]);
  const used = Number(all?.[0]);
  throw quotaExceeded(name, { limit, used });
}

export const quotaExceeded = (name: QuotaName, { limit, used }: { limit: number; used: number }): AppError =>
  new AppError('quota_exceeded', `${name}: ${used} of ${limit} are used.`, undefined, { meta: { limit, used } });
