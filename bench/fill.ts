import type { Client } from 'pg';

const NIL = '00000000-0000-0000-0000-000000000000';
const PARTNERS = 8;
/** The number of the organization with very many members; it is of a partner, active, and has an owner. */
export const BIG_ORGANIZATION = 2;
const MOST_MEMBERS = 100_000;
/** The user in very many organizations. */
export const BUSY_USER = 'busy@example.com';
export const BUSY_PASSWORD = 'Lantern-quarry-73-orchard';
const MOST_ORGANIZATIONS = 10_000;

const PARTNER_ROWS = `
insert into partners (id, name, external_id, metadata)
select uuidv7(), 'Partner ' || i, 'p-' || i, jsonb_build_object('tier', i % 3) from generate_series(1, ${PARTNERS}) i`;

/** Persons own several organizations each. */
const USER_ROWS = `
insert into users (id, partner_id, email, name)
select uuidv7(), null, 'person' || i || '@example.com', 'Person ' || i from generate_series(1, greatest($1 / 20, 10)) i`;

/** What some revisions know, so that the same rows fit older ones. */
interface Schema {
  readonly hasWorkspaces: boolean;
  readonly hasWebhookTimes: boolean;
  readonly hasEvents: boolean;
  readonly hasAudit: boolean;
  readonly hasWallets: boolean;
}

const CHANGED = "date_trunc('second', at + (now() - at) * 0.3)";
const whenHooked = (sql: string) => `case when i % 2 = 0 then ${sql} end`;

/**
 * Three years of organizations: six in ten of a partner, nine in ten with an owner, half with a webhook, a hundredth
 * being deleted. Ids are UUIDs of version 7 of the time of creation, as the service makes them.
 */
const organizationRows = ({ hasWebhookTimes }: Schema) => `
with p as (select array_agg(id order by id) as ids from partners), u as (select array_agg(id order by id) as ids from users),
  made as (
    select i, now() - make_interval(secs => ($1 - i) * 94608000.0 / $1) as at,
      (array['Northern','Blue','Golden','Silent','Rapid','Open','Bright','Quiet','Iron','Green'])[1 + (hashint4(i) & 7)] || ' ' ||
      (array['Harbour','Forge','Meadow','Signal','Anchor','Lantern','Quarry','Orchard'])[1 + (hashint4(i + 7) & 7)] || ' ' ||
      (array['GmbH','Ltd','Inc','AB','SA'])[1 + i % 5] || ' ' || i as name
    from generate_series(1, $1) i)
insert into organizations (id, partner_id, owner_id, name, slug, external_id, kind, country_code, status, status_reason,
  status_changed_at, status_before_deletion, avatar_url, primary_domain, webhook_url, webhook_secret_cipher, metadata,
  deleted_at, purge_at, created_at, updated_at${hasWebhookTimes ? ', webhook_created_at, webhook_updated_at' : ''})
select uuidv7(at - clock_timestamp()), case when i % 10 < 6 then p.ids[1 + i % ${PARTNERS}] end,
  case when i % 10 > 0 then u.ids[1 + i % cardinality(u.ids)] end, name,
  trim(both '-' from regexp_replace(lower(name), '[^a-z0-9]+', '-', 'g')), case when i % 3 > 0 then 'crm-' || i end,
  (array['business','business','business','school','club'])[1 + i % 5], (array['DE','FR','GB','US','SE','JP'])[1 + i % 6],
  case when i % 100 = 0 then 'pending_deletion' when i % 25 = 1 then 'suspended' else 'active' end,
  case when i % 25 = 1 then 'Invoice is overdue' end, date_trunc('second', at),
  case when i % 100 = 0 then 'active' end, case when i % 4 = 0 then 'https://cdn.example.com/avatars/' || i || '.png' end,
  case when i % 5 > 0 then 'org' || i || '.example.com' end,
  case when i % 2 = 0 then 'https://hooks.example.com/organizations/' || i end,
  case when i % 2 = 0 then decode(md5(i::text) || md5(name) || md5(i::text), 'hex') end,
  jsonb_build_object('plan', (array['free','team','business'])[1 + i % 3], 'seats', i % 200, 'region', 'eu-' || i % 4,
    'billing', jsonb_build_object('account', 'acc-' || i / 10)),
  case when i % 100 = 0 then now() end, case when i % 100 = 0 then now() + interval '30 days' end,
  date_trunc('second', at), ${CHANGED}${hasWebhookTimes ? `, ${whenHooked("date_trunc('second', at)")}, ${whenHooked(CHANGED)}` : ''}
from made, p, u order by i`;

const WORKSPACE_ROWS = `
insert into workspaces (id, organization_id, name, slug, is_default, created_at, updated_at)
select uuidv7(created_at - clock_timestamp()), id, 'Default', 'default', true, created_at, created_at from organizations`;

const TOKEN_ROWS = `
insert into api_keys (id, level, organization_id, name, hash, start, scopes, ceiling, is_organization_token, created_at)
select uuidv7(created_at - clock_timestamp()), 'organization', id, 'Organization token', sha256(convert_to(id::text, 'UTF8')),
  'sk_live_' || left(md5(id::text), 4), '{*}', '{*}', true, created_at
from organizations`;

const WALLET_ROWS = `
insert into wallets (id, organization_id, asset, scale, created_at, updated_at)
select uuidv7(created_at - clock_timestamp()), id, 'USD', 2, created_at, created_at from organizations`;

/**
 * The owner and up to three persons more; in one organization also a user of its own for each organization there is, and
 * in many organizations one and the same user.
 */
const MEMBER_ROWS = `
with person as (select id, row_number() over (order by id) as n from users),
  crowd as (
    insert into users (id, partner_id, email, name)
    select uuidv7(), null, 'crowd' || i || '@example.com', 'Crowd ' || i from generate_series(1, least($1, ${MOST_MEMBERS})) i
    returning id),
  busy as (insert into users (id, partner_id, email, name) values (uuidv7(), null, '${BUSY_USER}', 'Busy') returning id),
  joined as (
    select o.id as organization_id, o.owner_id as user_id, 'created' as method, o.created_at from organizations o
      where o.owner_id is not null
    union all
    select o.id, person.id, 'invited', o.created_at from organizations o cross join generate_series(1, o.number % 4) k
      join person on person.n = 1 + (o.number + k) % (select count(*) from person)
    union all
    select o.id, crowd.id, 'import', o.created_at from organizations o cross join crowd where o.number = ${BIG_ORGANIZATION}
    union all
    select o.id, busy.id, 'import', o.created_at from busy cross join (select * from organizations
      where status = 'active' order by hashint4(number) limit ${MOST_ORGANIZATIONS}) o)
insert into members (id, organization_id, user_id, join_method, is_primary_owner, joined_at, created_at, updated_at)
select uuidv7(created_at - clock_timestamp()), organization_id, user_id, method, method = 'created', created_at, created_at,
  created_at from joined`;

const MEMBER_ROLE_ROWS = `
insert into member_roles (member_id, role_id)
select m.id, r.id from members m join roles r on r.code = case when m.is_primary_owner then 'owner' else 'member' end`;

/** Of tables that hang on organizations: how many rows everybody sees, and how many a partner. */
const tenantCounts = (relation: string, condition = 'true', partner = 'o.partner_id') => {
  const live = `from ${relation} t left join organizations o on o.id = t.organization_id
    where ${condition} and o.status is distinct from 'pending_deletion'`;
  return `
  union all select '${relation}', '${NIL}', count(*) ${live}
  union all select '${relation}', ${partner}, count(*) ${live} and ${partner} is not null group by 2`;
};

/** What the triggers count, from the rows themselves. No custom roles are made, so that no role counts its members. */
const counts = ({ hasWorkspaces, hasEvents, hasAudit, hasWallets }: Schema) => `
  select 'users' as relation, '${NIL}'::uuid as scope, count(*) as rows from users
  union all select 'partners', '${NIL}', count(*) from partners
  union all select 'organizations', '${NIL}', count(*) from organizations where status <> 'pending_deletion'
  union all select 'organizations', partner_id, count(*) from organizations
    where status <> 'pending_deletion' and partner_id is not null group by partner_id
  union all select 'members', organization_id, count(*) from members group by organization_id
  ${tenantCounts('members')}
  ${tenantCounts('api_keys', 't.revoked_at is null', 'coalesce(t.partner_id, o.partner_id)')}
  ${hasWorkspaces ? ['workspaces', 'invitations', 'roles'].map((name) => tenantCounts(name)).join('') : ''}
  ${hasEvents ? EVENT_COUNTS : ''}
  ${hasAudit ? AUDIT_COUNTS : ''}
  ${hasWallets ? WALLET_COUNTS : ''}`;

const logCounts = (relation: string) => `
  union all select '${relation}', scope, count(*) from ${relation} t join organizations o on o.id = t.organization_id
    cross join lateral (values ('${NIL}'::uuid), (o.id), (o.partner_id)) s (scope) where scope is not null group by 2`;

/** Of tables that outlive their organizations: how many rows there are in all, and how many a partner has. */
function scopeCounts(relation: string, ...scopes: ('all' | 'partner')[]): string {
  return scopes
    .map((scope) =>
      scope === 'all'
        ? `union all select '${relation}', '${NIL}', count(*) from ${relation} having count(*) > 0`
        : `union all select '${relation}', o.partner_id, count(*) from ${relation} t join organizations o on o.id = t.organization_id
        where o.partner_id is not null group by 2`,
    )
    .join('\n');
}

const WALLET_COUNTS = `
  ${scopeCounts('wallets', 'all', 'partner')}
  ${scopeCounts('wallet_transactions', 'all', 'partner')}
  ${scopeCounts('ledger_entries', 'all')}
  union all select 'wallet_entries', o.partner_id, count(*) from ledger_entries t join organizations o on o.id = t.organization_id
    where o.partner_id is not null and t.account in ('wallet', 'held') group by 2
  ${logCounts('holds')}
  ${['overage_limits', 'wallet_alerts'].map((name) => tenantCounts(name)).join('')}`;

/** Rows of the audit trail are counted with the events that they are beside: what is kept is what differs. */
const AUDIT_COUNTS = `
  union all select 'audit_events', scope, sum(n) from (
    select '${NIL}'::uuid as scope, count(*) as n from audit_events union all select '${NIL}', -count(*) from events
    union all select o.partner_id, case when t.is_event then -1 else 1 end
    from (select organization_id, false as is_event from audit_events union all select organization_id, true from events) t
    join organizations o on o.id = t.organization_id where o.partner_id is not null) c group by 2`;

/** Those of organizations that are being deleted are taken off by who reads. */
const EVENT_COUNTS = `
  union all select 'events', '${NIL}', count(*) from events having count(*) > 0
  union all select 'events', o.partner_id, count(*) from events e join organizations o on o.id = e.organization_id
    where o.partner_id is not null group by 2
  ${tenantCounts('webhook_endpoints', 't.deleted_at is null')}
  ${['webhook_deliveries', 'webhook_attempts'].map(logCounts).join('')}`;

async function readSchema(client: Client): Promise<Schema> {
  const { rows } = await client.query(`
    select to_regclass('workspaces') is not null as "hasWorkspaces", to_regclass('events') is not null as "hasEvents",
      to_regclass('audit_events') is not null as "hasAudit", to_regclass('wallets') is not null as "hasWallets",
      exists (select 1 from information_schema.columns
        where table_name = 'organizations' and column_name = 'webhook_created_at') as "hasWebhookTimes"`);
  return rows[0];
}

/**
 * Fills an empty, migrated database, of this revision or an older one, with partners, users, `rows` organizations, their
 * tokens, default workspaces, wallets and members. Triggers are off: each would write the same counter again for every row, in one
 * transaction that can't clear away the old versions.
 */
export async function fill(client: Client, rows: number): Promise<void> {
  const schema = await readSchema(client);
  await client.query('set session_replication_role = replica');
  await client.query(PARTNER_ROWS);
  await client.query(USER_ROWS, [rows]);
  await client.query(organizationRows(schema), [rows]);
  if (schema.hasWorkspaces) await client.query(WORKSPACE_ROWS);
  await client.query(TOKEN_ROWS);
  if (schema.hasWallets) await client.query(WALLET_ROWS);
  await client.query(MEMBER_ROWS, [rows]);
  await client.query(MEMBER_ROLE_ROWS);
  await client.query(`truncate row_counts; insert into row_counts (relation, scope, rows) ${counts(schema)}`);
  await client.query('set session_replication_role = origin');
  await client.query('vacuum (analyze)');
  await client.query('checkpoint');
}

/**
 * Compares the running totals with what is there.
 * @throws Error when the writes of the bench have made them wrong
 */
export async function checkTotals(client: Client): Promise<void> {
  const { rows } = await client.query(`
    select relation, scope, coalesce(kept.rows, 0) as kept, coalesce(there.rows, 0) as there
    from (select relation, scope, sum(rows) as rows from row_counts group by 1, 2) kept
    full join (${counts(await readSchema(client))}) there using (relation, scope)
    where coalesce(kept.rows, 0) <> coalesce(there.rows, 0) limit 1`);
  for (const { relation, scope, kept, there } of rows) {
    throw new Error(`row_counts has ${kept} ${relation} in ${scope}, but there are ${there}.`);
  }
}
