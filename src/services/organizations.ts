import { v7 as uuidv7 } from 'uuid';
import { Organization } from '../../entities';
import type { Context } from '../context';
import { callerScope, organizationsOf, selectOne } from '../db/select';
import { type Bind, Table } from '../db/table';
import { type Changes, Expression, type Guard, insertSql, updateRow, versionGuard } from '../db/write';
import { AppError, notFound } from '../errors';
import { allow, denial, may, SYSTEM_ROLES } from '../permissions';
import { makeKey, makeWebhookSecret } from '../secrets';
import { apiKeyTable, organizationToken } from './apiKeys';
import { type Create, crud, type Input, type Update } from './crud';
import { memberTable } from './members';
import { replaceToken } from './organizationSecrets';
import { noDefault, type Settings, settingsChange, settingsGuards, settingsSql } from './organizationSettings';
import { partnerTable } from './partners';
import { checkQuota } from './quotas';
import { slugFrom, withSuffix } from './slugs';
import { userTable } from './users';
import { defaultWorkspace, workspaceTable } from './workspaces';

/** Tries at a free slug: with six random characters, the second one fails once in two thousand million names. */
const SLUG_TRIES = 5;

export const organizationTable = new Table(Organization, {
  visible: (caller, bind, _isFew, reads) => {
    if (caller.level === 'organization') return `t.id = ${bind(caller.organizationId)}`;
    if (caller.level === 'user')
      return `t.id in (${organizationsOf(caller, bind, reads ? 'organizations:read' : undefined)})`;
    return caller.level === 'partner' ? `t.partner_id = ${bind(caller.partnerId)}` : 'true';
  },
  computed: {
    settings: settingsSql('t.settings'),
    role: ({ userId }, bind) =>
      userId === null
        ? 'null::text[]'
        : `array(select r.code from members m join member_roles mr on mr.member_id = m.id join roles r on r.id = mr.role_id
           where m.organization_id = t.id and m.user_id = ${bind(userId)} order by r.rank desc, r.id desc)`,
    memberCount:
      "(select coalesce(sum(c.rows), 0)::integer from row_counts c where c.relation = 'members' and c.scope = t.id)",
  },
  retired: { field: 'status', value: 'pending_deletion', sql: "t.status <> 'pending_deletion'" },
  counted: callerScope('organizations'),
  // Only platform callers read partners, and so may name one.
  countedBy: {
    partnerId: { relation: 'organizations', visible: ({ level }) => (level === 'platform' ? 'true' : 'false') },
  },
  links: {
    userId: (id) => `t.id in (select m.organization_id from members m where m.user_id = ${id})`,
  },
  references: {
    ownerId: () => userTable as unknown as Table,
    partnerId: () => partnerTable as unknown as Table,
  },
  search: {
    sql: "(t.name || E'\\n' || t.slug || E'\\n' || coalesce(t.external_id, '') || E'\\n' || coalesce(t.primary_domain, ''))",
    covers: ['name', 'slug', 'externalId', 'primaryDomain'],
  },
});

const plain = crud(organizationTable);
export const { list: listOrganizations, get: getOrganization, rows: organizationRows } = plain;

const attributeSource = (name: string) => ({ pointer: `/data/attributes/${name}` });
/** What the cipher of a webhook secret is bound to. */
export const cipherPurpose = (id: string) => `organizations/${id}/webhookSecret`;

/** What the JSON schema can't say, because it depends on the configuration. */
function checkWebhookUrl(ctx: Context, url: unknown): void {
  if (typeof url !== 'string' || isAllowedWebhook(ctx, url)) return;
  throw new AppError('not_allowed', 'webhookUrl must be https.', attributeSource('webhookUrl'));
}

function isAllowedWebhook(ctx: Context, text: string): boolean {
  const url = new URL(text);
  if (url.protocol === 'https:') return true;
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return ctx.config.webhookAllowHttp === 'yes' || (ctx.config.webhookAllowHttp === 'loopback' && loopback);
}

/**
 * Makes an organization and its token in one statement; `token`, and `webhookSecret` where there is one, are on the
 * result, once. A partner's organization is the partner's; a platform caller may name one.
 */
export const createOrganization: Create<Organization> = async (ctx, input) => {
  const { webhookSecret: givenSecret, token: givenToken, ...attributes } = input.attributes;
  checkWebhookUrl(ctx, input.attributes.webhookUrl);
  checkCreation(ctx, attributes);
  if (input.id !== undefined) await refuseBuriedId(ctx, input.id);
  const id = input.id ?? uuidv7();
  const secret =
    (givenSecret as string | null | undefined) ?? (attributes.webhookUrl ? makeWebhookSecret() : undefined);
  const token = (givenToken as string | null | undefined) ?? makeKey('sk');
  const slug = (attributes.slug as string | undefined) ?? slugFrom(attributes.name as string);
  const values: Changes<Organization> = {
    ...(attributes as Partial<Organization>),
    id,
    partnerId: partnerOf(ctx, input),
    settings: newSettings(attributes.settings as Partial<Settings> | undefined) as never,
    webhookSecretCipher: secret === undefined ? undefined : ctx.secrets.encrypt(secret, cipherPurpose(id)),
  };
  const ownerId = await ownerOfNew(ctx, input);
  const isLimited = ownerId !== null && ctx.config.quotas.organizationsPerUser !== undefined;
  const created = await ctx.db.transactionIf(isLimited, async (db) => {
    const inside = { ...ctx, db };
    if (isLimited) await checkQuota(inside, ownerId, 'organizationsPerUser');
    return insertWithSlug(inside, { values, token, ownerId }, slug, attributes.slug !== undefined);
  });
  // The statement that makes a member does not see him yet.
  const role = ctx.caller.userId === null ? undefined : ['owner'];
  return Object.assign(created, { token, webhookSecret: secret, role, memberCount: ownerId === null ? 0 : 1 });
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
}

/**
 * One statement: the organization, its token, its default workspace, and its owner.
 * @param yieldSlug whether a taken slug is no error
 * @returns undefined when `yieldSlug` is set and the slug is taken
 */
async function insertOrganization(
  ctx: Context,
  { values, token, ownerId }: Creation,
  slug: string,
  yieldSlug: boolean,
): Promise<Organization | undefined> {
  const list: unknown[] = [];
  const bind: Bind = (value) => `$${list.push(value)}`;
  // From the row, not from the id, so that there is nothing else when there is no organization.
  const organizationId = new Expression(() => 'created.id');
  const fromCreated = (sql: string) => `${sql.replace(' values (', ' select ').replace(/\)$/, '')} from created`;
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
      : `, member as (${fromCreated(insertSql(memberTable, owner, bind))} returning t.id),
       role as (insert into member_roles (member_id, role_id) select member.id, r.id from member, roles r
         where r.code = 'owner' and r.kind = 'system')`;
  const [row] = await ctx.db.query(
    `with created as (${organization} ${yieldSlug ? 'on conflict (slug) do nothing' : ''} returning *),
       key as (${fromCreated(key)}), workspace as (${fromCreated(workspace)})${member}
     select ${organizationTable.selectList(organizationTable.properties, ctx.caller, bind)} from created t`,
    list,
  );
  return row === undefined ? undefined : organizationTable.read(organizationTable.properties, row);
}

/**
 * Changes an organization. Secrets that are `null` change nothing (INV-31); a string replaces the secret at once and is
 * on the result, once, as is a webhook secret that was made because a URL was set for the first time.
 * @throws AppError `permission_denied` for a change of the status by an organization's own credential
 */
export const updateOrganization: Update<Organization> = async (ctx, id, input, ifMatch) => {
  checkWebhookUrl(ctx, input.attributes.webhookUrl);
  const { token, webhookSecret, webhookUrl, status, statusReason, settings, ...others } = input.attributes;
  // Made although a stored one may stay: only the database knows, in the same statement.
  const secret = (webhookSecret as string | null | undefined) ?? (webhookUrl ? makeWebhookSecret() : undefined);
  const cipher = secret === undefined ? null : ctx.secrets.encrypt(secret, cipherPurpose(id));
  const changes: Changes<Organization> = {
    ...(others as Partial<Organization>),
    ...statusChanges(status as string | undefined, statusReason as string | null | undefined),
    ...(settings === undefined ? {} : { settings: settingsChange(settings as object, 'old') as never }),
    ...webhookChanges(webhookUrl as string | null | undefined, typeof webhookSecret === 'string', cipher),
  };
  const guards = [
    ...privilegeGuards(ctx, input.attributes),
    ...versionGuard(ifMatch),
    ...statusGuards(status as string | undefined, statusReason as string | null | undefined),
    ...settingsGuards((settings ?? {}) as Partial<Settings>),
  ];
  const namesRole = typeof (settings as Partial<Settings> | undefined)?.defaultRole === 'string';
  return ctx.db.transactionIf(typeof token === 'string' || namesRole, async (db) => {
    const inside = { ...ctx, db };
    // Locked by a statement of its own: the next one sees whether the role has gone meanwhile.
    if (namesRole) await lockOrganizations(inside, [id]);
    const updated = await updateRow(inside, organizationTable, id, changes, guards);
    const isReplaced = typeof token === 'string' && (await replaceToken(inside, id, token));
    if (token !== undefined || status !== undefined || settings !== undefined)
      db.afterCommit(() => ctx.callers.forget());
    const revealed = cipher !== null && updated.webhookSecretCipher?.equals(cipher) === true;
    return Object.assign(updated, {
      token: isReplaced ? token : undefined,
      webhookSecret: revealed ? secret : undefined,
    });
  });
};

/** Reactivating clears the reason (domain sheet 6.1). */
function statusChanges(status: string | undefined, reason: string | null | undefined): Changes<Organization> {
  if (status === undefined) return reason === undefined ? {} : { statusReason: reason };
  return {
    status: status as Organization['status'],
    statusReason: status === 'active' ? null : reason,
    statusChangedAt: new Expression(
      (bind) =>
        `case when old.status = ${bind(status)} then old.status_changed_at else date_trunc('second', now()) end`,
    ),
  };
}

/** Removing the URL ends the secret; a first URL makes one (domain sheet 4.1, INV-42: another URL keeps it). */
function webhookChanges(url: string | null | undefined, given: boolean, cipher: Buffer | null): Changes<Organization> {
  const changes: Changes<Organization> = url === undefined ? {} : { webhookUrl: url };
  if (given) return { ...changes, webhookSecretCipher: cipher };
  if (url === undefined) return changes;
  const kept = url === null ? 'case when old.webhook_url is null then old.webhook_secret_cipher end' : undefined;
  return {
    ...changes,
    webhookSecretCipher: new Expression((bind) => kept ?? `coalesce(old.webhook_secret_cipher, ${bind(cipher)})`),
  };
}

/** A value that only others may change may still be sent back as it is (round trip). */
function privilegeGuards(ctx: Context, attributes: Record<string, unknown>): Guard[] {
  const guards: Guard[] = [];
  const unchanged = (column: string, value: unknown, operation: string) => {
    if (value === undefined || may(ctx.caller, operation)) return;
    guards.push({
      sql: (bind) => `old.${column} is not distinct from ${bind(value)}${column === 'quotas' ? '::jsonb' : ''}`,
      error: () => denial(ctx.caller, operation),
    });
  };
  unchanged('status', attributes.status, 'organizations.suspend');
  unchanged('status_reason', attributes.statusReason, 'organizations.suspend');
  unchanged('legal_hold', attributes.legalHold, 'organizations.hold');
  unchanged('quotas', attributes.quotas, 'organizations.quotas');
  return guards;
}

function statusGuards(status: string | undefined, reason: string | null | undefined): Guard[] {
  const guards: Guard[] = [];
  if (status === 'pending_deletion') {
    throw new AppError('not_allowed', 'Use DELETE to delete an organization.', attributeSource('status'));
  }
  if (status === 'suspended' && reason === undefined) {
    guards.push({
      sql: () => 'old.status_reason is not null',
      error: () =>
        new AppError(
          'required',
          'statusReason is required to suspend.',
          { pointer: '/data/attributes' },
          {
            meta: { attribute: 'statusReason' },
          },
        ),
    });
  }
  if (status === 'suspended' && reason === null) {
    throw new AppError('required', 'statusReason is required to suspend.', attributeSource('statusReason'));
  }
  if (status === undefined && reason !== undefined) {
    const fits = reason === null ? "old.status <> 'suspended'" : "old.status = 'suspended'";
    guards.push({
      sql: () => fits,
      error: () =>
        new AppError('not_allowed', 'statusReason goes with the status suspended.', attributeSource('statusReason')),
    });
  }
  return guards;
}

/** Locks those of these organizations that the caller sees, in the order of their ids: whoever locks several must. */
export async function lockOrganizations(ctx: Context, ids: readonly string[]): Promise<void> {
  const values: unknown[] = [ids];
  const visible = organizationTable.options.visible(ctx.caller, (value) => `$${values.push(value)}`, true, false);
  await ctx.db.query(
    `select 1 from organizations t where t.id = any($1::uuid[]) and (${visible}) order by t.id for no key update`,
    values,
  );
}
