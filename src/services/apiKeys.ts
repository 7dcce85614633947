import { v7 as uuidv7 } from 'uuid';
import { ApiKey } from '../../entities';
import type { Context, Level } from '../context';
import { compare, Values } from '../db/conditions';
import { callerScope, visibleOrganization } from '../db/select';
import { causeSql, shapeOf } from '../db/shape';
import { Table } from '../db/table';
import { Expression, type Guard, updateRow, versionGuard } from '../db/write';
import { hashKey, isCredential, type KeyKind, keyStart, makeKey } from '../secrets';
import { crud, type Remove } from './crud';
import { record, snapshots } from './events';
import { organizationTable } from './organizations';
import { partnerTable } from './partners';
import { endTokensOf } from './tokenFamilies';
import { userTable } from './users';

const REPLACED_BY = '(select r.id from api_keys r where r.replaces_id = t.id)';

export const apiKeyTable: Table<ApiKey> = new Table(ApiKey, {
  computed: {
    // What is disabled while it is being replaced authenticates nobody: it is not shown as rotating.
    status: `case when t.revoked_at is not null or t.grace_until <= now() then 'revoked'
      when t.expires_at <= now() then 'expired' when t.disabled then 'disabled'
      when t.grace_until is not null then 'rotating' else 'active' end`,
    replacedById: REPLACED_BY,
    workspaceIds: 'array(select kw.workspace_id from api_key_workspaces kw where kw.api_key_id = t.id order by 1)',
  },
  visible: (caller, bind, _isFew, reads) => {
    if (caller.level === 'organization') return `t.organization_id = ${bind(caller.organizationId)}`;
    if (caller.level === 'user') {
      return `t.user_id = ${bind(caller.userId)}
        or ${visibleOrganization(caller, 't.organization_id', bind, reads ? 'apiKeys:read' : undefined)}`;
    }
    const own = caller.level === 'partner' ? `t.partner_id = ${bind(caller.partnerId)}` : 't.organization_id is null';
    return `${own} or ${visibleOrganization(caller, 't.organization_id', bind)}`;
  },
  filters: {
    replacedById: (condition, bind) => {
      const { operator } = condition;
      if (operator !== 'eq' && operator !== 'in') return compare(REPLACED_BY, 'uuid', condition, bind);
      return `t.id in (select r.replaces_id from api_keys r where ${compare('r.id', 'uuid', condition, bind)})`;
    },
  },
  retired: { field: 'status', value: 'revoked', sql: 't.revoked_at is null' },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    partnerId: () => partnerTable as unknown as Table,
    createdById: () => userTable as unknown as Table,
    replacesId: () => apiKeyTable as unknown as Table,
    replacedById: () => apiKeyTable as unknown as Table,
  },
  counted: callerScope('api_keys'),
});

const plain = crud(apiKeyTable);
export const { list: listApiKeys, get: getApiKey, rows: apiKeyRows } = plain;

/** Locks the organization of a key that the caller sees: before the key, as everybody locks them. */
export async function lockOwner(ctx: Context, id: string): Promise<void> {
  const { list, bind } = new Values();
  const visible = apiKeyTable.options.visible(ctx.caller, bind, true, false);
  await ctx.db.query(
    `select 1 from organizations where id = (select t.organization_id from api_keys t where t.id = ${bind(id)} and (${visible}))
     for no key update`,
    list,
  );
}

/**
 * A key as the lock on it finds it, its organization being locked, too.
 * @throws AppError `not_found`, and those of the guards
 */
export async function lockKey(ctx: Context, id: string, guards: readonly Guard[]): Promise<ApiKey> {
  await lockOwner(ctx, id);
  return updateRow(ctx, apiKeyTable, id, {}, guards);
}

/** What the secret of a key of each level begins with. */
export const KEY_KINDS: Readonly<Record<ApiKey['level'], KeyKind>> = {
  platform: 'pk',
  partner: 'pk',
  organization: 'sk',
  user: 'pat',
};

/** What is told of a key that is good. */
export type Verification =
  | { readonly valid: false }
  | {
      readonly valid: true;
      readonly level: Level;
      /** As the key shows them. */
      readonly scopes: readonly string[];
      readonly organizationId: string | null;
      readonly expiresAt: string | null;
    };

/**
 * Whether a text is the secret of a key that authenticates somebody now, without counting as a use of it. Of keys that
 * the caller can't see nothing is told (INV-18).
 */
export async function verifyApiKey(ctx: Context, secret: string): Promise<Verification> {
  if (!isCredential(secret)) return { valid: false };
  const { list, bind } = new Values();
  const status = apiKeyTable.sql.get('status');
  const visible = apiKeyTable.options.visible(ctx.caller, bind, true, true);
  const [row] = await ctx.db.query(
    `select t.level, t.scopes, t.organization_id, t.expires_at from api_keys t
     left join partners p on p.id = t.partner_id
     left join users u on u.id = t.user_id
     where t.hash = ${bind(hashKey(secret))} and ${status} in ('active', 'rotating')
       and p.status is distinct from 'suspended' and (t.user_id is null or u.status = 'active') and (${visible})`,
    list,
  );
  if (row === undefined) return { valid: false };
  const [level, scopes, organizationId, expiresAt] = row;
  return {
    valid: true,
    level: level as Level,
    scopes: scopes as string[],
    organizationId: organizationId as string | null,
    expiresAt: expiresAt as string | null,
  };
}

export const REVOKED_NOW = new Expression(() => "date_trunc('second', now())");

/**
 * Revokes a key and its access tokens for ever. They authenticate nobody from the next request on (INV-34).
 * @param parameters `reason`: why, for the list of revoked keys
 */
export const revokeApiKey: Remove = (ctx, id, ifMatch, parameters) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await lockKey(inside, id, versionGuard(ifMatch));
    const before = await snapshots(inside, 'apiKeys', [id]);
    const changes = { revokedAt: REVOKED_NOW, revokedReason: parameters?.reason as string | undefined };
    await updateRow(inside, apiKeyTable, id, changes);
    await endTokensOf(db, [id]);
    db.afterCommit(() => ctx.callers.forget());
    await record(inside, 'api_key.revoked', 'apiKeys', [id], { before });
  });

/** Columns of the key that an organization's `token` stands for (domain sheet 4.1): all that its maker might do (INV-32). */
export function organizationToken({ caller }: Context, token: string): Partial<ApiKey> {
  return {
    id: uuidv7(),
    level: 'organization',
    name: 'Organization token',
    hash: hashKey(token),
    start: keyStart(token),
    scopes: ['*'],
    ceiling: [...caller.scopes],
    isOrganizationToken: true,
  };
}

/** Makes a platform key outside of any request: on the first start and from the command line. */
export async function createPlatformKey(
  ctx: Pick<Context, 'db' | 'shapes'>,
  name: string,
  secret = makeKey('pk'),
): Promise<string> {
  const { list, bind } = new Values();
  const values = [uuidv7(), 'platform', name, hashKey(secret), keyStart(secret), ['*'], ['*']].map(bind).join(', ');
  const told = `record_events(array['api_key.created'], null, array[${shapeOf(ctx.shapes, 'apiKeys').sql}], null, ${causeSql({}, bind)})`;
  await ctx.db.query(
    `with made as (insert into api_keys (id, level, name, hash, start, scopes, ceiling) values (${values})
       on conflict (hash) do nothing returning *)
     select ${told} from made t`,
    list,
  );
  return secret;
}

/** Whether there is a platform key that was not revoked. */
export async function hasPlatformKey(ctx: Pick<Context, 'db'>): Promise<boolean> {
  const [row] = await ctx.db.query(
    "select exists (select 1 from api_keys where level = 'platform' and revoked_at is null)",
  );
  return row?.[0] === true;
}
