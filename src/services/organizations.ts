import { Organization } from '../../entities';
import type { Context } from '../context';
import { callerScope, organizationsOf, ownTotalSql } from '../db/select';
import { Table } from '../db/table';
import { type Changes, Expression, type Guard, type IfMatch, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import type { EventType } from '../eventTypes';
import { denial, may } from '../permissions';
import { crud, type Update } from './crud';
import { changeDefault } from './defaultEndpoint';
import { record, type Snapshot, snapshots } from './events';
import { replaceToken } from './organizationSecrets';
import { DEFAULT_SETTINGS, type Settings, settingsChange, settingsGuards, settingsSql } from './organizationSettings';
import { partnerTable } from './partners';
import { userTable } from './users';
import { checkWebhookUrl } from './webhookUrls';

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
  defaults: { settings: DEFAULT_SETTINGS },
  retired: { field: 'status', value: 'pending_deletion', sql: "t.status <> 'pending_deletion'" },
  counted: (caller) =>
    caller.level === 'user' ? (bind) => `(${ownTotalSql(caller, bind)})` : callerScope('organizations')(caller),
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

/** Where an attribute of a request stands. */
export const attributeSource = (name: string) => ({ pointer: `/data/attributes/${name}` });
/** What the cipher of a webhook secret is bound to. */
export const cipherPurpose = (id: string) => `organizations/${id}/webhookSecret`;

/**
 * Changes an organization. Secrets that are `null` change nothing (INV-31); a string replaces the secret at once and is
 * on the result, once, as is a webhook secret that was made because a URL was set for the first time.
 * @throws AppError `permission_denied` for a change of the status by an organization's own credential; `not_allowed`,
 * `blocked_address`, `quota_exceeded` for a URL
 */
export const updateOrganization: Update<Organization> = async (ctx, id, input, ifMatch) => {
  const attributes = input.attributes as OrganizationInput;
  const { token, webhookSecret, webhookUrl, status, settings } = attributes;
  const isHooked = webhookUrl !== undefined || typeof webhookSecret === 'string';
  if (typeof webhookUrl === 'string') await checkNewUrl(ctx, id, webhookUrl);
  const changes = changesOf(ctx, id, attributes);
  const guards = guardsOf(ctx, attributes, ifMatch);
  const namesRole = typeof (settings as Partial<Settings> | undefined)?.defaultRole === 'string';
  const isLater = status !== undefined || typeof token === 'string' || isHooked;
  return ctx.db.transactionIf(namesRole || isLater, async (db) => {
    const inside = { ...ctx, db };
    // Locked by a statement of its own: the next one sees whether the role has gone meanwhile.
    if (namesRole || isLater) await lockOrganizations(inside, [id]);
    const before = isLater ? await snapshots(inside, 'organizations', [id]) : undefined;
    const held = typeof webhookSecret === 'string' ? await hasPendingSecret(inside, id) : false;
    const told = { kind: 'organization.updated', type: 'organizations' } as const;
    const updated = await updateRow(
      inside,
      organizationTable,
      id,
      changes,
      guards,
      undefined,
      before ? undefined : told,
    );
    const isPending = typeof webhookSecret === 'string' && updated.webhookUrl === null;
    const secrets = isPending ? { webhookSecret: held ? ('***' as const) : null } : undefined;
    const tell = async () => (before === undefined ? undefined : recordStatus(inside, updated, before, secrets));
    // The endpoint before the token: whoever sends locks it, too, before he tells of anything.
    const change = { url: webhookUrl, secret: webhookSecret };
    const secret = isHooked ? await changeDefault(inside, id, change, tell) : void (await tell());
    const isReplaced = typeof token === 'string' && (await replaceToken(inside, id, token));
    if (token !== undefined || status !== undefined || settings !== undefined)
      db.afterCommit(() => ctx.callers.forget());
    return Object.assign(updated, { token: isReplaced ? token : undefined, webhookSecret: secret });
  });
};

/** One that is there already can be sent back, whatever may be called by now (round trip). */
async function checkNewUrl(ctx: Context, id: string, url: string): Promise<void> {
  const { webhookUrl } = await plain.get(ctx, id, ['webhookUrl']);
  if (url !== webhookUrl) await checkWebhookUrl(ctx, url, 'webhookUrl');
}

function changesOf(ctx: Context, id: string, attributes: OrganizationInput): Changes<Organization> {
  const { token: _token, webhookSecret, webhookUrl, status, statusReason, settings, ...others } = attributes;
  const cipher = typeof webhookSecret === 'string' ? ctx.secrets.encrypt(webhookSecret, cipherPurpose(id)) : null;
  return {
    ...(others as Partial<Organization>),
    ...statusChanges(status, statusReason),
    ...(settings === undefined ? {} : { settings: settingsChange(settings, 'old') as never }),
    // Here, too, although a trigger would copy it from the endpoint: so that the organization is changed once.
    webhookUrl,
    ...pendingSecret(webhookUrl, cipher),
  };
}

function guardsOf(ctx: Context, attributes: OrganizationInput, ifMatch: IfMatch): Guard[] {
  const { status, statusReason, settings } = attributes;
  return [
    ...privilegeGuards(ctx, attributes),
    ...versionGuard(ifMatch),
    ...statusGuards(status, statusReason),
    ...settingsGuards((settings ?? {}) as Partial<Settings>),
  ];
}

interface OrganizationInput extends Record<string, unknown> {
  token?: string | null;
  webhookUrl?: string | null;
  webhookSecret?: string | null;
  status?: Organization['status'];
  statusReason?: string | null;
  settings?: object;
}

/** An organization has been suspended or taken up again; what else has changed is told by itself. */
async function recordStatus(
  ctx: Context,
  { id, status }: Organization,
  before: ReadonlyMap<string, Snapshot>,
  secrets: Secrets,
) {
  const { attributes, relationships } = JSON.parse(before.get(id) ?? '{}');
  const { status: was, statusReason, statusChangedAt, ...others } = attributes;
  const tell = (kind: EventType, old: object, hidden?: Secrets) =>
    record(ctx, kind, 'organizations', [id], { before: new Map([[id, JSON.stringify(old)]]), secrets: hidden });
  if (was === status) return tell('organization.updated', { attributes, relationships }, secrets);
  const kind = status === 'suspended' ? 'organization.suspended' : 'organization.reactivated';
  await tell(kind, { attributes: { status: was, statusReason, statusChangedAt } });
  await tell('organization.updated', { attributes: others, relationships }, secrets);
}

type Secrets = { readonly webhookSecret: null | '***' } | undefined;

/** Whether there is a webhook secret that waits for a URL. */
async function hasPendingSecret({ db }: Context, id: string): Promise<boolean> {
  const [row] = await db.query('select webhook_secret_cipher is not null from organizations where id = $1', [id]);
  return row?.[0] === true;
}

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

/** A secret without a URL is kept for the one to come; there `changeDefault` finds it. */
function pendingSecret(url: string | null | undefined, cipher: Buffer | null): Changes<Organization> {
  if (cipher === null || typeof url === 'string') return {};
  if (url === null) return { webhookSecretCipher: cipher };
  return {
    webhookSecretCipher: new Expression((bind) => `case when old.webhook_url is null then ${bind(cipher)}::bytea end`),
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

/**
 * Locks those of these organizations that the caller sees, in the order of their ids: whoever locks several must.
 * @returns their ids
 */
export async function lockOrganizations(ctx: Context, ids: readonly string[]): Promise<string[]> {
  const values: unknown[] = [ids];
  const visible = organizationTable.options.visible(ctx.caller, (value) => `$${values.push(value)}`, true, false);
  const rows = await ctx.db.query(
    `select t.id from organizations t where t.id = any($1::uuid[]) and (${visible}) order by t.id for no key update`,
    values,
  );
  return rows.map(([id]) => id as string);
}
