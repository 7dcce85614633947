import { v7 as uuidv7 } from 'uuid';
import { ApiKey } from '../../entities';
import type { Context, Level } from '../context';
import { Values } from '../db/conditions';
import { callerScope, visibleOrganization } from '../db/select';
import { Table } from '../db/table';
import { Expression, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError, notFound } from '../errors';
import { effectivePermissions } from '../permissions';
import { hashKey, isCredential, keyStart, makeKey } from '../secrets';
import { type Create, crud, type Input, ownerOf, type Remove } from './crud';
import { organizationTable } from './organizations';
import { partnerTable } from './partners';

export const apiKeyTable = new Table(ApiKey, {
  computed: {
    status: `case when t.revoked_at is not null or t.grace_until <= now() then 'revoked'
      when t.expires_at <= now() then 'expired' when t.grace_until is not null then 'rotating'
      when t.disabled then 'disabled' else 'active' end`,
    replacedById: '(select r.id from api_keys r where r.replaces_id = t.id)',
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
  retired: { field: 'status', value: 'revoked', sql: 't.revoked_at is null' },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    partnerId: () => partnerTable as unknown as Table,
  },
  counted: callerScope('api_keys'),
});

const plain = crud(apiKeyTable);
export const { list: listApiKeys, get: getApiKey, rows: apiKeyRows } = plain;

interface Binding {
  level: Level;
  organizationId: string | null;
  partnerId: string | null;
}

/** Whom the new key is for: told by its relationships, else by who makes it (an organization's key makes its own kind). */
async function bindingOf(ctx: Context, input: Input): Promise<Binding> {
  const { caller } = ctx;
  const { organization, partner } = input.relationships;
  if (typeof organization === 'string' && typeof partner === 'string') {
    throw new AppError('not_allowed', 'A key belongs to an organization or to a partner.', {
      pointer: '/data/relationships/partner',
    });
  }
  if (typeof partner === 'string') {
    if (caller.level !== 'platform') throw notFound('There is no such partner.', PARTNER);
    return { level: 'partner', organizationId: null, partnerId: partner };
  }
  if (caller.level === 'platform' && typeof organization !== 'string') {
    return { level: 'platform', organizationId: null, partnerId: null };
  }
  return { level: 'organization', organizationId: await ownerOf(ctx, input), partnerId: null };
}

const PARTNER = { pointer: '/data/relationships/partner/data' };

/**
 * Makes a key and gives it back with `secret`, once.
 * @throws AppError `cannot_grant` when the scopes are more than the maker may do himself (INV-32)
 */
export const createApiKey: Create<ApiKey> = async (ctx, input) => {
  const binding = await bindingOf(ctx, input);
  const scopes = (input.attributes.scopes as string[] | undefined) ?? ['*'];
  const grantable = effectivePermissions(binding.level, [...ctx.caller.permissions]);
  const lacking = scopes.filter((scope) => scope !== '*' && !grantable.has(scope as never));
  if (lacking.length > 0) {
    throw new AppError('cannot_grant', `This credential can't grant ${lacking.join(', ')}.`, {
      pointer: '/data/attributes/scopes',
    });
  }
  const expiresAt = input.attributes.expiresAt as string | null | undefined;
  if (typeof expiresAt === 'string' && Date.parse(expiresAt) <= ctx.now().getTime()) {
    throw new AppError('not_allowed', 'expiresAt must be in the future.', { pointer: '/data/attributes/expiresAt' });
  }
  const secret = makeKey(binding.level === 'organization' ? 'sk' : 'pk');
  const key = await insertRow(ctx, apiKeyTable, {
    ...(input.attributes as Partial<ApiKey>),
    ...binding,
    id: uuidv7(),
    scopes,
    ceiling: [...ctx.caller.scopes],
    hash: hashKey(secret),
    start: keyStart(secret),
  });
  key.secret = secret;
  return key;
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
     where t.hash = ${bind(hashKey(secret))} and ${status} in ('active', 'rotating')
       and p.status is distinct from 'suspended' and (${visible})`,
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

/** Revokes a key for ever. It authenticates nobody from the next request on (INV-34). */
export const revokeApiKey: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    // The organization before its key, as everybody locks them: the count of the keys locks it too, and would be late.
    await db.query(
      'select 1 from organizations where id = (select organization_id from api_keys where id = $1) for no key update',
      [id],
    );
    const changes = { revokedAt: new Expression(() => "date_trunc('second', now())") };
    await updateRow({ ...ctx, db }, apiKeyTable, id, changes, versionGuard(ifMatch));
    db.afterCommit(() => ctx.callers.forget());
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
  ctx: Pick<Context, 'db'>,
  name: string,
  secret = makeKey('pk'),
): Promise<string> {
  await ctx.db.query(
    `insert into api_keys (id, level, name, hash, start, scopes, ceiling) values ($1, 'platform', $2, $3, $4, '{*}', '{*}')
     on conflict (hash) do nothing`,
    [uuidv7(), name, hashKey(secret), keyStart(secret)],
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
