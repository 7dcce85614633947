import type { MigrationInterface, QueryRunner } from 'typeorm';

const NOW = "timestamptz not null default date_trunc('second', now())";

const TABLES = `
create table installation (
  id boolean not null default true,
  secret_key_check bytea not null,
  constraint installation_pkey primary key (id),
  constraint installation_single_row_check check (id)
);

create table partners (
  id uuid not null,
  name text not null,
  status text not null default 'active',
  external_id text,
  metadata jsonb not null default '{}',
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint partners_pkey primary key (id),
  constraint partners_status_check check (status in ('active', 'suspended'))
);
create unique index partners_external_id_key on partners (external_id) where external_id is not null;
create index partners_created_at_idx on partners (created_at, id);

create table users (
  id uuid not null,
  partner_id uuid,
  email text not null,
  name text,
  status text not null default 'active',
  email_verified_at timestamptz,
  avatar_url text,
  locale text,
  external_id text,
  last_seen_at timestamptz,
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint users_pkey primary key (id),
  constraint users_status_check check (status in ('active', 'suspended', 'erased')),
  constraint users_partner_id_fkey foreign key (partner_id) references partners (id) on delete restrict
);
create unique index users_email_key on users (lower(email));
create index users_created_at_idx on users (created_at, id);
create index users_partner_id_idx on users (partner_id);

create table organizations (
  id uuid not null,
  number integer generated always as identity not null,
  partner_id uuid,
  owner_id uuid,
  name text not null,
  slug text not null,
  external_id text,
  kind text not null default 'business',
  country_code text,
  status text not null default 'active',
  status_reason text,
  status_changed_at ${NOW},
  status_before_deletion text,
  avatar_url text,
  primary_domain text,
  webhook_url text,
  webhook_secret_cipher bytea,
  metadata jsonb not null default '{}',
  delete_protection boolean not null default false,
  legal_hold boolean not null default false,
  deleted_at timestamptz,
  purge_at timestamptz,
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint organizations_pkey primary key (id),
  constraint organizations_number_key unique (number),
  constraint organizations_slug_key unique (slug),
  constraint organizations_status_check check (status in ('active', 'suspended', 'pending_deletion')),
  constraint organizations_partner_id_fkey foreign key (partner_id) references partners (id) on delete restrict,
  constraint organizations_owner_id_fkey foreign key (owner_id) references users (id) on delete restrict
);
-- Per partner: somebody else's ids are neither in the way nor to be found out.
create unique index organizations_partner_external_id_key on organizations
  (coalesce(partner_id, '00000000-0000-0000-0000-000000000000'), external_id) where external_id is not null;
-- The default list: newest first among what is not being deleted, for everybody and for one partner.
create index organizations_live_created_at_idx on organizations (created_at, id) where status <> 'pending_deletion';
create index organizations_live_partner_created_at_idx on organizations (partner_id, created_at, id)
  where status <> 'pending_deletion' and partner_id is not null;
create index organizations_name_idx on organizations (name, id);
-- For the totals of lists by status: counted in this index alone, a fifth of the time of the table.
create index organizations_status_idx on organizations (status);
create index organizations_pending_deletion_idx on organizations (created_at, id) where status = 'pending_deletion';

create table organization_tombstones (
  id uuid not null,
  deleted_at timestamptz not null,
  purged_at ${NOW},
  name_hash bytea not null,
  constraint organization_tombstones_pkey primary key (id)
);

create table roles (
  id uuid not null,
  number integer generated always as identity not null,
  code text not null,
  name text not null,
  description text,
  kind text not null,
  rank integer not null,
  permissions text[] not null,
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint roles_pkey primary key (id),
  constraint roles_number_key unique (number),
  constraint roles_code_key unique (code),
  constraint roles_kind_check check (kind in ('system', 'custom'))
);

create table members (
  id uuid not null,
  number integer generated always as identity not null,
  organization_id uuid not null,
  user_id uuid not null,
  status text not null default 'active',
  join_method text not null,
  is_primary_owner boolean not null default false,
  external_id text,
  metadata jsonb not null default '{}',
  joined_at ${NOW},
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint members_pkey primary key (id),
  constraint members_number_key unique (number),
  constraint members_organization_id_user_id_key unique (organization_id, user_id),
  constraint members_status_check check (status in ('active', 'suspended')),
  constraint members_join_method_check check (join_method in ('created', 'invited', 'domain', 'import', 'admin')),
  constraint members_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade,
  constraint members_user_id_fkey foreign key (user_id) references users (id) on delete restrict
);
create unique index members_primary_owner_key on members (organization_id) where is_primary_owner;
create index members_organization_id_created_at_idx on members (organization_id, created_at, id);
create index members_created_at_idx on members (created_at, id);
create index members_user_id_idx on members (user_id);

create table member_roles (
  member_id uuid not null,
  role_id uuid not null,
  constraint member_roles_pkey primary key (member_id, role_id),
  constraint member_roles_member_id_fkey foreign key (member_id) references members (id) on delete cascade,
  constraint member_roles_role_id_fkey foreign key (role_id) references roles (id) on delete restrict
);
create index member_roles_role_id_idx on member_roles (role_id);

create table api_keys (
  id uuid not null,
  level text not null,
  environment text not null default 'live',
  organization_id uuid,
  partner_id uuid,
  name text not null,
  hash bytea not null,
  start text not null,
  scopes text[] not null,
  ceiling text[] not null,
  is_organization_token boolean not null default false,
  metadata jsonb not null default '{}',
  expires_at timestamptz,
  last_used_at timestamptz,
  last_used_ip inet,
  revoked_at timestamptz,
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint api_keys_pkey primary key (id),
  constraint api_keys_hash_key unique (hash),
  constraint api_keys_level_check check (level in ('platform', 'partner', 'organization')),
  constraint api_keys_environment_check check (environment in ('live', 'test')),
  constraint api_keys_binding_check check
    ((level = 'organization') = (organization_id is not null) and (level = 'partner') = (partner_id is not null)),
  constraint api_keys_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade,
  constraint api_keys_partner_id_fkey foreign key (partner_id) references partners (id) on delete restrict
);
create unique index api_keys_organization_token_key on api_keys (organization_id)
  where is_organization_token and revoked_at is null;
create index api_keys_organization_id_idx on api_keys (organization_id, created_at, id);
create index api_keys_partner_id_idx on api_keys (partner_id, created_at, id);
create index api_keys_created_at_idx on api_keys (created_at, id);

-- Half-empty pages: a slot is updated in place for ever, and finds room for its next version beside it.
create table row_counts (
  slot bigint generated always as identity not null,
  relation text not null,
  scope uuid not null,
  rows bigint not null,
  constraint row_counts_pkey primary key (slot)
) with (fillfactor = 50);
create index row_counts_relation_scope_idx on row_counts (relation, scope);
`;

const NIL = "'00000000-0000-0000-0000-000000000000'::uuid";

/*
 * Running totals. A writer takes a slot of the scope that no other transaction holds and makes one when there is none:
 * writers never wait for each other, there are never more slots than there were concurrent writers, and no order of
 * locks can end in a deadlock.
 */
const COUNTERS = `
create function add_to_row_count(counted text, counted_scope uuid, change bigint) returns void language plpgsql as $$
begin
  if change = 0 or counted_scope is null then return; end if;
  update row_counts set rows = rows + change where slot = (
    select slot from row_counts where relation = counted and scope = counted_scope limit 1 for update skip locked
  );
  if not found then
    insert into row_counts (relation, scope, rows) values (counted, counted_scope, change);
  end if;
end $$;

-- Rows of an organization that is being deleted count for the organization alone. The share lock makes a change of the
-- status wait for us or us for it, so that nothing is counted twice or forgotten.
create function count_tenant_rows(counted text, organization uuid, partner uuid, change bigint) returns void
language plpgsql as $$
declare live boolean := true;
begin
  if organization is not null then
    select o.status <> 'pending_deletion', o.partner_id into live, partner
      from organizations o where o.id = organization for share;
    -- A purge: what the cascade removes is counted after the organization, whose slots have gone already.
    if not found then return; end if;
    if counted = 'members' then perform add_to_row_count(counted, organization, change); end if;
  end if;
  if live then
    perform add_to_row_count(counted, ${NIL}, change);
    perform add_to_row_count(counted, partner, change);
  end if;
end $$;

create function count_organizations() returns trigger language plpgsql as $$
declare part record;
begin
  for part in select partner_id, count(*) as n from changed where status <> 'pending_deletion' group by partner_id loop
    perform add_to_row_count('organizations', ${NIL}, tg_argv[0]::bigint * part.n);
    perform add_to_row_count('organizations', part.partner_id, tg_argv[0]::bigint * part.n);
  end loop;
  if tg_op = 'DELETE' then
    delete from row_counts where relation = 'members' and scope in (select id from changed);
  end if;
  return null;
end $$;
create trigger organizations_count_insert after insert on organizations
  referencing new table as changed for each statement execute function count_organizations('1');
create trigger organizations_count_delete after delete on organizations
  referencing old table as changed for each statement execute function count_organizations('-1');

create function count_organization_status() returns trigger language plpgsql as $$
declare
  sign bigint := case when new.status = 'pending_deletion' then -1 else 1 end;
  members_of bigint;
  keys_of bigint;
begin
  select count(*) into members_of from members where organization_id = new.id;
  select count(*) into keys_of from api_keys where organization_id = new.id and revoked_at is null;
  perform add_to_row_count('organizations', ${NIL}, sign), add_to_row_count('organizations', new.partner_id, sign),
    add_to_row_count('members', ${NIL}, sign * members_of), add_to_row_count('members', new.partner_id, sign * members_of),
    add_to_row_count('api_keys', ${NIL}, sign * keys_of), add_to_row_count('api_keys', new.partner_id, sign * keys_of);
  return null;
end $$;
create trigger organizations_count_status after update of status on organizations
  for each row when ((old.status = 'pending_deletion') <> (new.status = 'pending_deletion'))
  execute function count_organization_status();

create function count_members() returns trigger language plpgsql as $$
declare part record;
begin
  for part in select organization_id, count(*) as n from changed group by organization_id loop
    perform count_tenant_rows('members', part.organization_id, null, tg_argv[0]::bigint * part.n);
  end loop;
  return null;
end $$;
create trigger members_count_insert after insert on members
  referencing new table as changed for each statement execute function count_members('1');
create trigger members_count_delete after delete on members
  referencing old table as changed for each statement execute function count_members('-1');

create function count_api_keys() returns trigger language plpgsql as $$
declare part record;
begin
  for part in select organization_id, partner_id, count(*) as n from changed where revoked_at is null
    group by organization_id, partner_id loop
    perform count_tenant_rows('api_keys', part.organization_id, part.partner_id, tg_argv[0]::bigint * part.n);
  end loop;
  return null;
end $$;
create trigger api_keys_count_insert after insert on api_keys
  referencing new table as changed for each statement execute function count_api_keys('1');
create trigger api_keys_count_delete after delete on api_keys
  referencing old table as changed for each statement execute function count_api_keys('-1');

create function count_api_key_revocation() returns trigger language plpgsql as $$
begin
  perform count_tenant_rows('api_keys', new.organization_id, new.partner_id, case when new.revoked_at is null then 1 else -1 end);
  return null;
end $$;
create trigger api_keys_count_revocation after update of revoked_at on api_keys
  for each row when ((old.revoked_at is null) <> (new.revoked_at is null)) execute function count_api_key_revocation();

create function count_installation_rows() returns trigger language plpgsql as $$
begin
  perform add_to_row_count(tg_table_name, ${NIL}, tg_argv[0]::bigint * (select count(*) from changed));
  return null;
end $$;
create trigger users_count_insert after insert on users
  referencing new table as changed for each statement execute function count_installation_rows('1');
create trigger users_count_delete after delete on users
  referencing old table as changed for each statement execute function count_installation_rows('-1');
create trigger partners_count_insert after insert on partners
  referencing new table as changed for each statement execute function count_installation_rows('1');
create trigger partners_count_delete after delete on partners
  referencing old table as changed for each statement execute function count_installation_rows('-1');
`;

const SYSTEM_ROLES = `
insert into roles (id, code, name, description, kind, rank, permissions) values
  (gen_random_uuid(), 'owner', 'Owner', 'Everything of the organization.', 'system', 100,
   (select array_agg(p) from unnest($1::text[]) p where p not in ('organizations:suspend', 'platform:admin'))),
  (gen_random_uuid(), 'admin', 'Admin', 'Everything but deleting or handing over the organization and what money and law guard.',
   'system', 80, (select array_agg(p) from unnest($1::text[]) p where p not in ('organizations:delete',
     'organizations:transfer', 'overages:update', 'wallets:adjust', 'data:erase', 'organizations:suspend', 'platform:admin'))),
  (gen_random_uuid(), 'member', 'Member', 'Sees the organization and its people.', 'system', 10,
   '{organizations:read,members:read,roles:read,workspaces:read}')
`;

/** The permissions there were when this migration was written; a later one that adds some also updates the roles. */
const PERMISSIONS =
  'organizations:read organizations:update organizations:delete organizations:suspend organizations:restore ' +
  'organizations:transfer domains:read domains:manage members:read members:update members:remove roles:read roles:manage ' +
  'workspaces:read workspaces:manage invitations:read invitations:create invitations:revoke apiKeys:read apiKeys:create ' +
  'apiKeys:update apiKeys:rotate apiKeys:revoke tokens:issue webhooks:read webhooks:manage webhooks:rotate webhooks:replay ' +
  'events:read wallets:read wallets:charge wallets:topup wallets:hold wallets:adjust overages:read overages:update ' +
  'audit:read audit:export data:export data:import data:erase platform:admin';

/** Organizations, partners, users, members with system roles, API keys, and the running totals of their lists. */
export class Foundation1763700000000 implements MigrationInterface {
  name = 'Foundation1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
    await runner.query(COUNTERS);
    await runner.query(SYSTEM_ROLES, [PERMISSIONS.split(' ')]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table row_counts, api_keys, member_roles, members, roles, organization_tombstones, organizations, users,
        partners, installation cascade;
      drop function add_to_row_count, count_tenant_rows, count_organizations, count_organization_status, count_members,
        count_api_keys, count_api_key_revocation, count_installation_rows;
    `);
  }
}
