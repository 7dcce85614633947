import { v7 as uuidv7 } from 'uuid';
import { AccessToken } from '../../entities';
import type { Caller, Context } from '../context';
import { Values, whereSql } from '../db/conditions';
import type { Row } from '../db/database';
import { visibleOrganization } from '../db/select';
import { type Cause, shapeOf, whoSql } from '../db/shape';
import { type Bind, Table } from '../db/table';
import { Expression, insertSql, versionGuard } from '../db/write';
import { notFound } from '../errors';
import { hashKey, makeKey } from '../secrets';
import { apiKeyTable } from './apiKeys';
import { crud, type Get, type Remove } from './crud';
import { record } from './events';
import { organizationTable } from './organizations';
import { endFamily } from './tokenFamilies';
import { userTable } from './users';

/** Domain sheet 11. */
const ACCESS_SECONDS = 3_600;
const IDLE_DAYS = 30;
const FAMILY_DAYS = 90;

/** The pair that stands for a live family: the newest of those whose refresh token was not used. */
const CURRENT = `t.replaced_at is null and t.revoked_at is null and t.refresh_expires_at > now()
  and not exists (select 1 from access_tokens n where n.family_id = t.family_id and n.replaced_at is null and n.id > t.id)`;

/**
 * Whoever has signed in sees his sessions; a key, and a token made from it, what was made from that very key. By its id
 * the operator sees, and can end, what was made from any key that he sees: the log has the id of the family.
 */
function holds(caller: Caller, bind: Bind, reads: boolean): string {
  if (caller.apiKeyId === null) return `t.user_id = ${bind(caller.userId)}`;
  if (reads || caller.level !== 'platform') return `t.api_key_id = ${bind(caller.apiKeyId)}`;
  return `exists (select 1 from api_keys k where k.id = t.api_key_id and k.revoked_at is null
    and (k.organization_id is null or ${visibleOrganization(caller, 'k.organization_id', bind)}))`;
}

export const accessTokenTable = new Table(AccessToken, {
  computed: {
    tokenType: "'Bearer'",
    expiresIn: 'greatest(0, extract(epoch from t.expires_at - t.created_at))::integer',
    holderId: 'coalesce(t.user_id, (select hk.user_id from api_keys hk where hk.id = t.api_key_id))',
  },
  visible: (caller, bind, _isFew, reads) => `${holds(caller, bind, reads)} and ${CURRENT}`,
  references: {
    apiKeyId: () => apiKeyTable as unknown as Table,
    userId: () => userTable as unknown as Table,
    organizationId: () => organizationTable as unknown as Table,
  },
});

/** All that can be read of a pair, for statements that no caller stands behind: nothing of it differs by caller. */
export const PAIR_COLUMNS = [...accessTokenTable.sql.values()].join(', ');
export const readPair = (row: Row, from = 0): AccessToken =>
  accessTokenTable.read(accessTokenTable.properties, row, from);

export const { list: listAccessTokens, rows: accessTokenRows } = crud(accessTokenTable);

/** The current pair of a live family, by the id of any of its pairs. The first one's is that of the family. */
export const getAccessToken: Get<AccessToken> = async (ctx, id, properties) => {
  const { list, bind } = new Values();
  const family = `t.family_id = (select a.family_id from access_tokens a where a.id = ${bind(id)})`;
  const visible = whereSql(ctx, accessTokenTable as unknown as Table, [], bind, undefined, true, false);
  const columns = accessTokenTable.selectList(properties, ctx.caller, bind);
  const [row] = await ctx.db.query(`select ${columns} from access_tokens t where ${family} and ${visible}`, list);
  if (row === undefined) throw notFound();
  return accessTokenTable.read(properties, row);
};

const ENDED = ['id', 'familyId', 'version'];

/** Ends a session, or what was made from a key, by the id of any of its pairs; at once (INV-34). */
export const endAccessToken: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const pair = await getAccessToken(inside, id, ENDED);
    const [guard] = versionGuard(ifMatch);
    if (guard !== undefined && ifMatch?.includes(pair.version) === false) throw guard.error();
    await endFamily(db, pair.familyId);
    db.afterCommit(() => ctx.callers.forget());
    await record(inside, 'access_token.revoked', 'accessTokens', [pair.id]);
  });

/** Whose tokens they are: those of a key, or of somebody who has signed in. */
export type Holder = Pick<AccessToken, 'apiKeyId' | 'userId' | 'organizationId'>;

/**
 * A new pair, both tokens in it, once (INV-30). Without a pair before it begins a family. No end is later than that of
 * the family, nor than that of the key. Only the audit trail is told: of the organization of the key, else of the installation.
 */
export async function insertPair(
  ctx: Pick<Context, 'db' | 'shapes'> & Cause,
  { apiKeyId, userId, organizationId }: Holder,
  { scopes, userAgent }: { scopes: readonly string[]; userAgent: string | null },
  before?: AccessToken,
): Promise<AccessToken> {
  const [id, accessToken, refreshToken] = [uuidv7(), makeKey('at'), makeKey('rt')];
  const start = "date_trunc('second', now())";
  const familyEnd = (bind: Bind) =>
    `date_trunc('second', least(${before === undefined ? `${start} + interval '${FAMILY_DAYS} days'` : `${bind(before.familyEndsAt)}::timestamptz`},
      (select least(k.expires_at, k.grace_until) from api_keys k where k.id = ${bind(apiKeyId)}::uuid)))`;
  const after = (interval: string) =>
    new Expression((bind) => `least(${start} + interval '${interval}', ${familyEnd(bind)})`);
  const { list, bind } = new Values();
  const values = {
    id,
    familyId: before?.familyId ?? id,
    previousId: before?.id,
    apiKeyId,
    userId,
    organizationId,
    hash: hashKey(accessToken),
    refreshHash: hashKey(refreshToken),
    scopes: [...scopes],
    expiresAt: after(`${ACCESS_SECONDS} seconds`) as never,
    refreshExpiresAt: after(`${IDLE_DAYS} days`) as never,
    familyEndsAt: new Expression(familyEnd) as never,
    lastUsedAt: before?.lastUsedAt,
    lastUsedIp: before?.lastUsedIp,
    userAgent,
  };
  const action = bind(before === undefined ? 'access_token.issued' : 'access_token.refreshed');
  const { sql: shape, organization } = shapeOf(ctx.shapes, 'accessTokens');
  const [row = []] = await ctx.db.query(
    `with made as (${insertSql(accessTokenTable, values, bind)} returning *)
     select ${PAIR_COLUMNS}, record_audit(${action}, ${organization}, 'success', array[${shape}], null, ${whoSql(ctx, bind)}, null)
     from made t`,
    list,
  );
  return Object.assign(readPair(row), { accessToken, refreshToken });
}
