import { v7 as uuidv7 } from 'uuid';
import type { Organization } from '../../entities';
import { scaleOf } from '../assets';
import type { Context } from '../context';
import { selectOne } from '../db/select';
import { causeSql, shapeOf } from '../db/shape';
import type { Bind } from '../db/table';
import { type Changes, Expression, insertSql } from '../db/write';
import { AppError, notFound } from '../errors';
import { allow, SYSTEM_ROLES } from '../permissions';
import { makeKey } from '../secrets';
import { apiKeyTable, organizationToken } from './apiKeys';
import type { Create, Input } from './crud';
import { nudge } from './events';
import { memberTable } from './members';
import { noDefault, type Settings, settingsChange } from './organizationSettings';
import { attributeSource, cipherPurpose, organizationTable } from './organizations';
import { checkQuota, quotaExceeded } from './quotas';
import { slugFrom, withSuffix } from './slugs';
import { userTable } from './users';
import { walletTable } from './wallets';
import { newEndpoint, webhookEndpointTable } from './webhookEndpoints';
import { type NewSecret, newSecret, secretSql } from './webhookSecrets';
import { checkWebhookUrl } from './webhookUrls';
import { defaultWorkspace, workspaceTable } from './workspaces';

/** Tries at a free slug: with six random characters, the second one fails once in two thousand million names. */
const SLUG_TRIES = 5;

/**
 * Makes an organization and its token in one statement; `token`, and `webhookSecret` where there is one, are on the
 * result, once. A partner's organization is the partner's; a platform caller may name one.
 */
export const createOrganization: Create<Organization> = async (ctx, input) => {
  const { webhookSecret: givenSecret, token: givenToken, ...attributes } = input.attributes;
  const { webhookUrl } = attributes as { webhookUrl?: string | null };
  checkCreation(ctx, attributes);
  await checkWebhookUrl(ctx, webhookUrl, 'webhookUrl');
  if (input.id !== undefined) await refuseBuriedId(ctx, input.id);
  const id = input.id ?? uuidv7();
  const given = givenSecret as string | null | undefined;
  const secret = typeof webhookUrl === 'string' ? newSecret('v1', given) : null;
  if (secret !== null) checkFirstEndpoint(ctx, attributes.quotas as Organization['quotas'] | undefined);
  const token = (givenToken as string | null | undefined) ?? makeKey('sk');
  const slug = (attributes.slug as string | undefined) ?? slugFrom(attributes.name as string);
  const values: Changes<Organization> = {
    ...(attributes as Partial<Organization>),
    id,
    partnerId: partnerOf(ctx, input),
    settings: newSettings(attributes.settings as Partial<Settings> | undefined) as never,
    // Until there is a URL.
    webhookSecretCipher: secret === null && given ? ctx.secrets.encrypt(given, cipherPurpose(id)) : undefined,
  };
  const ownerId = await ownerOfNew(ctx, input);
  const isLimited = ownerId !== null && ctx.config.quotas.organizationsPerUser !== undefined;
  const created = await ctx.db.transactionIf(isLimited, async (db) => {
    const inside = { ...ctx, db };
    if (isLimited) await checkQuota(inside, ownerId, 'organizationsPerUser');
    return insertWithSlug(inside, { values, token, ownerId, secret }, slug, attributes.slug !== undefined);
  });
  // The statement that makes a member does not see him yet.
  const role = ctx.caller.userId === null ? undefined : ['owner'];
  return Object.assign(created, {
    token,
    webhookSecret: secret?.shown ?? given,
    role,
    memberCount: ownerId === null ? 0 : 1,
  });
};

async function insertWithSlug(ctx: Context, creation: Creation, slug: string, isGiven: boolean): Promise<Organization> {
  for (let attempt = 1; attempt <= SLUG_TRIES; attempt++) {
    const tried = attempt === 1 ? slug : withSuffix(slug);
    const created = await insertOrganization(ctx, creation, tried, !isGiven);
    if (created !== undefined) return created;
  }
  throw new AppError('slug_taken', 'No free slug was found for this name: give one.');
}

function checkCreation(ctx: Context, attributes: Record<string, unknown>): void {
  if (attributes.status !== undefined && attributes.status !== 'active') {
    throw new AppError('not_allowed', 'An organization begins as active.', attributeSource('status'));
  }
  delete attributes.status;
  delete attributes.statusReason;
  if (attributes.legalHold === true) allow(ctx.caller, 'organizations.hold');
  if (Object.keys(attributes.quotas ?? {}).length > 0) allow(ctx.caller, 'organizations.quotas');
}

/** @throws AppError `quota_exceeded` where a new organization may not have a single endpoint */
function checkFirstEndpoint({ config }: Context, { webhookEndpoints }: Organization['quotas'] = {}): void {
  const limit = webhookEndpoints === undefined ? (config.quotas.webhookEndpoints ?? null) : webhookEndpoints;
  if (limit === 0) throw quotaExceeded('webhookEndpoints', { limit, used: 0 });
}

/** @throws AppError `not_allowed` for a default role that a new organization does not have */
function newSettings(given: Partial<Settings> | undefined): Expression | undefined {
  const { defaultRole } = given ?? {};
  if (typeof defaultRole === 'string' && (defaultRole === 'owner' || !Object.hasOwn(SYSTEM_ROLES, defaultRole))) {
    throw noDefault();
  }
  return given === undefined ? undefined : settingsChange(given, null);
}

/** The id of a purged organization stays used: its tombstone has it. */
async function refuseBuriedId(ctx: Context, id: string): Promise<void> {
  const [row] = await ctx.db.query('select exists (select 1 from organization_tombstones where id = $1)', [id]);
  if (row?.[0] === true) throw new AppError('id_taken', 'This id has been used before.', { pointer: '/data/id' });
}

/**
 * A user becomes the owner of what he makes (INV-3); platform and partner callers may name somebody.
 * @throws AppError `not_found` for a user whom the caller can't see
 */
async function ownerOfNew(ctx: Context, input: Input): Promise<string | null> {
  const asked = (input.relationships.owner as string | null | undefined) ?? null;
  if (ctx.caller.userId !== null && (asked === null || asked === ctx.caller.userId)) return ctx.caller.userId;
  if (asked === null) return null;
  const source = { pointer: '/data/relationships/owner/data' };
  const owner = await selectOne(ctx, userTable, asked, ['id', 'status']);
  if (owner === null) throw notFound('There is no such user.', source);
  if (ctx.caller.level === 'user') throw new AppError('not_allowed', 'Whoever makes an organization owns it.', source);
  if (owner.status !== 'active') throw new AppError('not_allowed', 'The owner must be an active user.', source);
  return asked;
}

function partnerOf(ctx: Context, input: Input): string | null {
  const asked = input.relationships.partner as string | null | undefined;
  if (ctx.caller.level === 'platform') return asked ?? null;
  if (typeof asked === 'string' && asked !== ctx.caller.partnerId) {
    throw notFound('There is no such partner.', { pointer: '/data/relationships/partner/data' });
  }
  return ctx.caller.partnerId;
}

/** What comes into being with an organization. */
interface Creation {
  readonly values: Changes<Organization>;
  readonly token: string;
  /** Who becomes its owner and primary owner (INV-3); null: nobody yet (INV-1). */
  readonly ownerId: string | null;
  /** Of its default endpoint; null: there is none. */
  readonly secret: NewSecret | null;
}

/**
 * One statement: the organization, its token, its default workspace, its wallet, its default endpoint, and its owner.
 * @param yieldSlug whether a taken slug is no error
 * @returns undefined when `yieldSlug` is set and the slug is taken
 */
async function insertOrganization(
  ctx: Context,
  { values, token, ownerId, secret }: Creation,
  slug: string,
  yieldSlug: boolean,
): Promise<Organization | undefined> {
  const list: unknown[] = [];
  const bind: Bind = (value) => `$${list.push(value)}`;
  const organizationId = new Expression(() => 'created.id');
  const organization = insertSql(organizationTable, { ...values, slug, ownerId }, bind);
  const key = insertSql(apiKeyTable, { ...organizationToken(ctx, token), organizationId }, bind);
  const workspace = insertSql(workspaceTable, { ...defaultWorkspace(), organizationId }, bind);
  const owner = {
    id: uuidv7(),
    organizationId,
    userId: ownerId ?? undefined,
    isPrimaryOwner: true,
    joinMethod: 'created' as const,
  };
  const member =
    ownerId === null
      ? ''
      : `, member as (${fromCreated(insertSql(memberTable, owner, bind))} returning *),
       role as (insert into member_roles (member_id, role_id) select member.id, r.id from member, roles r
         where r.code = 'owner' and r.kind = 'system' returning role_id)`;
  const endpoint = secret === null ? undefined : endpointParts(ctx, values, secret, bind);
  const { walletAsset } = ctx.config;
  const wallet = { id: uuidv7(), organizationId, asset: walletAsset, scale: scaleOf(walletAsset) };
  const columns = organizationTable.selectList(organizationTable.properties, ctx.caller, bind);
  const facts = [
    ['organization.created', shapeOf(ctx.shapes, 'organizations').sql],
    ['workspace.created', `(select ${shapeOf(ctx.shapes, 'workspaces').sql} from workspace t)`],
    ['api_key.created', `(select ${shapeOf(ctx.shapes, 'apiKeys').sql} from key t)`],
    ...(ownerId === null ? [] : [['member.added', ownerShapeSql(ctx)]]),
  ];
  const kinds = bind(facts.map(([kind]) => kind));
  // A secret that waits for its URL.
  const old = values.webhookSecretCipher === undefined ? 'null' : bind([{ secrets: { webhookSecret: null } }]);
  const told = `record_events(${kinds}, t.id, array[${facts.map(([, shape]) => shape).join(', ')}], ${old}::jsonb[], ${causeSql(ctx, bind)})`;
  const [row] = await ctx.db.query(
    `with created as (${organization} ${yieldSlug ? 'on conflict (slug) do nothing' : ''} returning *),
       key as (${fromCreated(key)} returning *), workspace as (${fromCreated(workspace)} returning *),
       wallet as (${fromCreated(insertSql(walletTable, wallet, bind))})${member}${endpoint?.made ?? ''}
     select ${told}${endpoint?.told ?? ''}, ${columns} from created t${endpoint?.from ?? ''}`,
    list,
  );
  if (row === undefined) return undefined;
  nudge(ctx, row[0] as number);
  return organizationTable.read(organizationTable.properties, row, 1);
}

/**
 * SQL that makes the default endpoint and tells of it. Read beside the organization, it is there before anything is told:
 * it gets the first event.
 */
function endpointParts(ctx: Context, { id, webhookUrl }: Creation['values'], secret: NewSecret, bind: Bind) {
  const organizationId = new Expression(() => 'created.id');
  const values = { id: uuidv7(), organizationId, url: webhookUrl as string, isDefault: true };
  const insert = insertSql(webhookEndpointTable, newEndpoint(ctx, values), bind);
  const owner = { id: values.id, organizationId: id as string };
  const shape = `(select ${shapeOf(ctx.shapes, 'webhookEndpoints').sql} from endpoint t)`;
  const kinds = "array['webhook_endpoint.created']";
  return {
    made: `, endpoint as (${fromCreated(insert)} returning *),
       secret as (${secretSql(ctx, owner, secret, bind, 'from created')})`,
    told: ` + record_events(${kinds}, t.id, array[${shape}], null, ${causeSql(ctx, bind, 'endpoint.id')})`,
    from: ', endpoint',
  };
}

/** From the row, not from the id, so that there is nothing else when there is no organization. */
const fromCreated = (sql: string) => `${sql.replace(' values (', ' select ').replace(/\)$/, '')} from created`;

/** The roles of a member are rows of their own, which a statement that makes them does not see. */
function ownerShapeSql({ shapes }: Context): string {
  const roles = "jsonb_build_array(jsonb_build_object('type', 'roles', 'id', role.role_id))";
  return `(select jsonb_set(${shapeOf(shapes, 'members').sql}, '{relationships,roles,data}', ${roles}) from member t, role)`;
}
