import type { MigrationInterface, QueryRunner } from 'typeorm';

const NOW = "timestamptz not null default date_trunc('second', now())";
const VERSIONED = `created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1`;
const NIL = "'00000000-0000-0000-0000-000000000000'::uuid";

const USERS = `
alter table users add password_hash text;

-- Whoever was erased is in no total.
create function count_erased_user() returns trigger language plpgsql as $$
begin
  perform add_to_row_count('users', ${NIL}, case when new.status = 'erased' then -1 else 1 end);
  return null;
end $$;
create trigger users_count_erasure after update of status on users
  for each row when ((old.status = 'erased') <> (new.status = 'erased')) execute function count_erased_user();

-- Waits for an erasure that is on its way, or makes it wait.
create function refuse_erased_user() returns trigger language plpgsql as $$
begin
  if (select status from users where id = new.user_id for share) = 'erased' then
    raise exception 'the user was erased' using errcode = 'check_violation', constraint = 'members_user_check';
  end if;
  return new;
end $$;
create trigger members_refuse_erased before insert on members for each row execute function refuse_erased_user();

create table user_networks (
  user_id uuid not null,
  network text not null,
  last_used_at timestamptz not null default now(),
  constraint user_networks_pkey primary key (user_id, network),
  constraint user_networks_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);
create index user_networks_last_used_at_idx on user_networks (last_used_at);

create table password_resets (
  id uuid not null,
  user_id uuid not null,
  email text not null,
  hash bytea not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint password_resets_pkey primary key (id),
  constraint password_resets_hash_key unique (hash),
  constraint password_resets_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);
create index password_resets_user_id_idx on password_resets (user_id);
create index password_resets_expires_at_idx on password_resets (expires_at);
`;

/** A role goes with its organization: the check that no member has it comes after all that the cascade removes. */
const ROLES = `
alter table organizations add settings jsonb not null default '{}', add quotas jsonb not null default '{}';

alter table roles add organization_id uuid, add external_id text;
alter table roles drop constraint roles_code_key;
alter table roles
  add constraint roles_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade,
  add constraint roles_organization_check check ((kind = 'system') = (organization_id is null)),
  add constraint roles_code_check check (kind = 'system' or code not in ('owner', 'admin', 'billing', 'auditor', 'member')),
  add constraint roles_rank_check check (rank between 0 and 100);
create unique index roles_organization_id_code_key on roles (coalesce(organization_id, ${NIL}), code);
create index roles_organization_id_rank_idx on roles (organization_id, rank, id);
create index roles_rank_idx on roles (rank, id);
alter table member_roles drop constraint member_roles_role_id_fkey;
alter table member_roles add constraint member_roles_role_id_fkey foreign key (role_id) references roles (id) on delete no action;

insert into roles (id, code, name, description, kind, rank, permissions) values
  (gen_random_uuid(), 'billing', 'Billing', 'Sees the organization and handles its money.', 'system', 50,
   '{organizations:read,members:read,wallets:read,wallets:charge,wallets:topup,wallets:hold,overages:read,overages:update}'),
  (gen_random_uuid(), 'auditor', 'Auditor', 'Reads everything, changes nothing.', 'system', 40,
   '{organizations:read,domains:read,members:read,roles:read,workspaces:read,invitations:read,apiKeys:read,webhooks:read,
     events:read,wallets:read,overages:read,audit:read,audit:export}');
`;

const WORKSPACES = `
create table workspaces (
  id uuid not null,
  organization_id uuid not null,
  name text not null,
  slug text not null,
  description text,
  status text not null default 'active',
  is_default boolean not null default false,
  external_id text,
  metadata jsonb not null default '{}',
  ${VERSIONED},
  constraint workspaces_pkey primary key (id),
  constraint workspaces_organization_id_slug_key unique (organization_id, slug),
  constraint workspaces_status_check check (status in ('active', 'archived')),
  constraint workspaces_default_check check (not is_default or status = 'active'),
  constraint workspaces_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade
);
create unique index workspaces_default_key on workspaces (organization_id) where is_default;
create index workspaces_organization_id_created_at_idx on workspaces (organization_id, created_at, id);
create index workspaces_created_at_idx on workspaces (created_at, id);
create index workspaces_external_id_idx on workspaces (external_id, id) where external_id is not null;
create index workspaces_metadata_idx on workspaces using gin (metadata jsonb_path_ops) with (fastupdate = off) where metadata <> '{}';

alter table members add all_workspaces boolean not null default true, add invited_by_id uuid,
  add constraint members_invited_by_id_fkey foreign key (invited_by_id) references users (id) on delete set null;
create table member_workspaces (
  member_id uuid not null,
  workspace_id uuid not null,
  constraint member_workspaces_pkey primary key (member_id, workspace_id),
  constraint member_workspaces_member_id_fkey foreign key (member_id) references members (id) on delete cascade,
  constraint member_workspaces_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade
);
create index member_workspaces_workspace_id_idx on member_workspaces (workspace_id);
`;

const INVITATIONS = `
create table invitations (
  id uuid not null,
  organization_id uuid not null,
  kind text not null default 'email',
  email text,
  name text,
  status text not null default 'pending',
  expires_at timestamptz not null,
  message text,
  locale text,
  redirect_url text,
  hash bytea not null,
  token_start text not null,
  send_count integer not null default 0,
  last_sent_at timestamptz,
  max_uses integer not null default 1,
  use_count integer not null default 0,
  all_workspaces boolean not null default true,
  accepted_at timestamptz,
  declined_at timestamptz,
  revoked_at timestamptz,
  invited_by_id uuid,
  accepted_by_id uuid,
  revoked_by_id uuid,
  ${VERSIONED},
  constraint invitations_pkey primary key (id),
  constraint invitations_hash_key unique (hash),
  constraint invitations_kind_check check (kind in ('email', 'link') and (kind = 'email') = (email is not null)),
  constraint invitations_status_check check (status in ('pending', 'accepted', 'declined', 'revoked', 'expired')),
  constraint invitations_uses_check check (max_uses between 1 and 1000 and use_count between 0 and max_uses),
  constraint invitations_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade,
  constraint invitations_invited_by_id_fkey foreign key (invited_by_id) references users (id) on delete set null,
  constraint invitations_accepted_by_id_fkey foreign key (accepted_by_id) references users (id) on delete set null,
  constraint invitations_revoked_by_id_fkey foreign key (revoked_by_id) references users (id) on delete set null
);
-- INV-19. Whoever invites marks those whose time is over first, since an index can't know the time.
create unique index invitations_pending_email_key on invitations (organization_id, lower(email)) where status = 'pending';
create index invitations_organization_id_created_at_idx on invitations (organization_id, created_at, id);
create index invitations_created_at_idx on invitations (created_at, id);
create index invitations_email_idx on invitations (lower(email)) where email is not null;
create index invitations_invited_by_id_idx on invitations (invited_by_id, id) where invited_by_id is not null;
create index invitations_expires_at_idx on invitations (expires_at) where status = 'pending';

create table invitation_roles (
  invitation_id uuid not null,
  role_id uuid not null,
  constraint invitation_roles_pkey primary key (invitation_id, role_id),
  constraint invitation_roles_invitation_id_fkey foreign key (invitation_id) references invitations (id) on delete cascade,
  constraint invitation_roles_role_id_fkey foreign key (role_id) references roles (id) on delete cascade
);
create index invitation_roles_role_id_idx on invitation_roles (role_id);

create table invitation_workspaces (
  invitation_id uuid not null,
  workspace_id uuid not null,
  constraint invitation_workspaces_pkey primary key (invitation_id, workspace_id),
  constraint invitation_workspaces_invitation_id_fkey foreign key (invitation_id) references invitations (id) on delete cascade,
  constraint invitation_workspaces_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade
);
create index invitation_workspaces_workspace_id_idx on invitation_workspaces (workspace_id);
`;

const KEYS = `
alter table api_keys add user_id uuid, add ip_allow_list text[] not null default '{}', add disabled boolean not null default false,
  add rate_limit jsonb, add grace_until timestamptz, add revoked_reason text, add all_workspaces boolean not null default true,
  add created_by_id uuid, add replaces_id uuid;
alter table api_keys drop constraint api_keys_level_check, drop constraint api_keys_binding_check;
alter table api_keys
  add constraint api_keys_level_check check (level in ('platform', 'partner', 'organization', 'user')),
  add constraint api_keys_binding_check check ((level = 'organization') = (organization_id is not null)
    and (level = 'partner') = (partner_id is not null) and (level = 'user') = (user_id is not null)),
  add constraint api_keys_user_id_fkey foreign key (user_id) references users (id) on delete cascade,
  add constraint api_keys_created_by_id_fkey foreign key (created_by_id) references users (id) on delete set null,
  add constraint api_keys_replaces_id_fkey foreign key (replaces_id) references api_keys (id) on delete set null;
drop index api_keys_organization_token_key;
create unique index api_keys_organization_token_key on api_keys (organization_id)
  where is_organization_token and revoked_at is null and grace_until is null;
create index api_keys_unrevoked_idx on api_keys (organization_id) where revoked_at is null;
create index api_keys_user_id_idx on api_keys (user_id, created_at, id);
create index api_keys_created_by_id_idx on api_keys (created_by_id) where created_by_id is not null;
create index api_keys_grace_until_idx on api_keys (grace_until) where grace_until is not null and revoked_at is null;
create unique index api_keys_replaces_id_key on api_keys (replaces_id) where replaces_id is not null;

create table api_key_workspaces (
  api_key_id uuid not null,
  workspace_id uuid not null,
  constraint api_key_workspaces_pkey primary key (api_key_id, workspace_id),
  constraint api_key_workspaces_api_key_id_fkey foreign key (api_key_id) references api_keys (id) on delete cascade,
  constraint api_key_workspaces_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade
);
create index api_key_workspaces_workspace_id_idx on api_key_workspaces (workspace_id);

create table access_tokens (
  id uuid not null,
  family_id uuid not null,
  previous_id uuid,
  api_key_id uuid,
  user_id uuid,
  organization_id uuid,
  hash bytea not null,
  refresh_hash bytea not null,
  scopes text[] not null,
  expires_at timestamptz not null,
  refresh_expires_at timestamptz not null,
  family_ends_at timestamptz not null,
  replaced_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  last_used_ip inet,
  user_agent text,
  ${VERSIONED},
  constraint access_tokens_pkey primary key (id),
  constraint access_tokens_hash_key unique (hash),
  constraint access_tokens_refresh_hash_key unique (refresh_hash),
  constraint access_tokens_parent_check check ((api_key_id is null) <> (user_id is null)),
  constraint access_tokens_api_key_id_fkey foreign key (api_key_id) references api_keys (id) on delete cascade,
  constraint access_tokens_user_id_fkey foreign key (user_id) references users (id) on delete cascade,
  constraint access_tokens_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade
);
create index access_tokens_family_id_idx on access_tokens (family_id);
create index access_tokens_api_key_id_idx on access_tokens (api_key_id, created_at, id);
create index access_tokens_user_id_idx on access_tokens (user_id, created_at, id);
create index access_tokens_family_ends_at_idx on access_tokens (family_ends_at);
`;

const countedTables = ['members', 'api_keys', 'workspaces', 'invitations', 'roles'];

/** The status of an organization takes what belongs to it out of the totals, and puts it back. */
const COUNTERS = `
create function count_owned_rows() returns trigger language plpgsql as $$
declare part record;
begin
  for part in select organization_id, count(*) as n from changed group by organization_id loop
    perform count_tenant_rows(tg_table_name, part.organization_id, null, tg_argv[0]::bigint * part.n);
  end loop;
  return null;
end $$;
${['workspaces', 'invitations', 'roles']
  .map(
    (table) => `
create trigger ${table}_count_insert after insert on ${table}
  referencing new table as changed for each statement execute function count_owned_rows('1');
create trigger ${table}_count_delete after delete on ${table}
  referencing old table as changed for each statement execute function count_owned_rows('-1');`,
  )
  .join('')}

-- Members of each custom role. A system role is one row for all organizations: what is counted would be of all of them.
create function count_role_members() returns trigger language plpgsql as $$
declare part record;
begin
  for part in select c.role_id, count(*) as n from changed c join roles r on r.id = c.role_id
    where r.kind = 'custom' group by c.role_id loop
    perform add_to_row_count('member_roles', part.role_id, tg_argv[0]::bigint * part.n);
  end loop;
  return null;
end $$;
create trigger member_roles_count_insert after insert on member_roles
  referencing new table as changed for each statement execute function count_role_members('1');
create trigger member_roles_count_delete after delete on member_roles
  referencing old table as changed for each statement execute function count_role_members('-1');
create trigger member_roles_count_gain after update on member_roles
  referencing new table as changed for each statement execute function count_role_members('1');
create trigger member_roles_count_loss after update on member_roles
  referencing old table as changed for each statement execute function count_role_members('-1');
create function forget_role_members() returns trigger language plpgsql as $$
begin
  delete from row_counts where relation = 'member_roles' and scope in (select id from changed);
  return null;
end $$;
create trigger roles_forget_members after delete on roles
  referencing old table as changed for each statement execute function forget_role_members();

create or replace function count_organization_status() returns trigger language plpgsql as $$
declare
  sign bigint := case when new.status = 'pending_deletion' then -1 else 1 end;
  part record;
begin
  perform add_to_row_count('organizations', ${NIL}, sign), add_to_row_count('organizations', new.partner_id, sign);
  for part in ${countedTables
    .map(
      (table) =>
        `select '${table}' as relation, count(*) as n from ${table} where organization_id = new.id` +
        (table === 'api_keys' ? ' and revoked_at is null' : ''),
    )
    .join('\n    union all ')}
  loop
    perform add_to_row_count(part.relation, ${NIL}, sign * part.n), add_to_row_count(part.relation, new.partner_id, sign * part.n);
  end loop;
  return null;
end $$;
`;

const FORMER_COUNTER = `
create or replace function count_organization_status() returns trigger language plpgsql as $$
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
`;

/**
 * INV-1, INV-2, INV-4 and INV-12, whatever path a change takes: judged when the transaction ends, by statements that see
 * what others have committed, with the organization locked.
 */
const OWNERSHIP = `
create function keep_owner() returns trigger language plpgsql as $$
declare
  organization uuid;
  owner uuid;
begin
  if tg_table_name = 'organizations' then
    if new.owner_id is null then
      raise exception 'an organization keeps its owner' using errcode = 'check_violation', constraint = 'organizations_keep_owner';
    end if;
    organization := new.id;
  elsif tg_table_name = 'member_roles' then
    select m.organization_id into organization from members m where m.id = old.member_id;
  else
    organization := old.organization_id;
  end if;
  select o.owner_id into owner from organizations o where o.id = organization for no key update;
  if owner is not null and not exists (
    select 1 from members m join member_roles mr on mr.member_id = m.id join roles r on r.id = mr.role_id
    where m.organization_id = organization and m.user_id = owner and m.status = 'active' and m.is_primary_owner
      and r.code = 'owner' and r.kind = 'system'
  ) then
    raise exception 'an organization keeps its owner' using errcode = 'check_violation', constraint = 'organizations_keep_owner';
  end if;
  return null;
end $$;
create constraint trigger members_keep_owner after update of status, is_primary_owner or delete on members
  deferrable initially deferred for each row when (old.is_primary_owner) execute function keep_owner();
create constraint trigger member_roles_keep_owner after delete on member_roles
  deferrable initially deferred for each row execute function keep_owner();
create constraint trigger organizations_keep_owner after update of owner_id on organizations
  deferrable initially deferred for each row when (old.owner_id is not null) execute function keep_owner();

create function keep_role() returns trigger language plpgsql as $$
declare member uuid;
begin
  if tg_table_name = 'members' then member := new.id; else member := old.member_id; end if;
  if exists (select 1 from members where id = member) and not exists (select 1 from member_roles where member_id = member) then
    raise exception 'a member has at least one role' using errcode = 'check_violation', constraint = 'members_keep_role';
  end if;
  return null;
end $$;
create constraint trigger members_keep_role after insert on members
  deferrable initially deferred for each row execute function keep_role();
create constraint trigger member_roles_keep_role after delete on member_roles
  deferrable initially deferred for each row execute function keep_role();
`;

const FILL = `
insert into workspaces (id, organization_id, name, slug, is_default)
  select gen_random_uuid(), id, 'Default', 'default', true from organizations;
select add_to_row_count('roles', ${NIL}, (select count(*) from roles));
`;

/** Workspaces, custom roles, invitations, passwords, sessions, the life of keys; ownership that can't be lost. */
export class People1764200000000 implements MigrationInterface {
  name = 'People1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [USERS, ROLES, WORKSPACES, INVITATIONS, KEYS, COUNTERS, OWNERSHIP, FILL]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(FORMER_COUNTER);
    await runner.query(`
      drop trigger users_count_erasure on users;
      drop trigger members_refuse_erased on members;
      drop trigger members_keep_owner on members;
      drop trigger member_roles_keep_owner on member_roles;
      drop trigger organizations_keep_owner on organizations;
      drop trigger members_keep_role on members;
      drop trigger member_roles_keep_role on member_roles;
      drop trigger member_roles_count_insert on member_roles;
      drop trigger member_roles_count_delete on member_roles;
      drop trigger member_roles_count_gain on member_roles;
      drop trigger member_roles_count_loss on member_roles;
      drop trigger roles_forget_members on roles;
      drop trigger roles_count_insert on roles;
      drop trigger roles_count_delete on roles;
      drop table access_tokens, api_key_workspaces, invitation_workspaces, invitation_roles, invitations, member_workspaces,
        workspaces, password_resets, user_networks;
      drop function keep_owner, keep_role, count_owned_rows, count_role_members, forget_role_members, count_erased_user, refuse_erased_user;
      delete from row_counts where relation in ('workspaces', 'invitations', 'roles', 'member_roles');

      delete from api_keys where level = 'user';
      drop index api_keys_organization_token_key, api_keys_unrevoked_idx;
      update api_keys set revoked_at = coalesce(revoked_at, date_trunc('second', now())) where grace_until is not null or disabled;
      create unique index api_keys_organization_token_key on api_keys (organization_id)
        where is_organization_token and revoked_at is null;
      alter table api_keys drop constraint api_keys_level_check, drop constraint api_keys_binding_check,
        drop column user_id, drop column ip_allow_list, drop column disabled, drop column rate_limit, drop column grace_until,
        drop column revoked_reason, drop column all_workspaces, drop column created_by_id, drop column replaces_id;
      alter table api_keys
        add constraint api_keys_level_check check (level in ('platform', 'partner', 'organization')),
        add constraint api_keys_binding_check check (
          (level = 'organization') = (organization_id is not null) and (level = 'partner') = (partner_id is not null));
      alter table members drop column all_workspaces, drop column invited_by_id;

      -- Whoever had only roles that there were not before gets the least one.
      insert into member_roles (member_id, role_id)
        select m.id, r.id from members m, roles r where r.code = 'member' and r.organization_id is null and not exists (
          select 1 from member_roles mr join roles o on o.id = mr.role_id
          where mr.member_id = m.id and o.organization_id is null and o.code not in ('billing', 'auditor'))
        on conflict do nothing;
      delete from member_roles where role_id in (
        select id from roles where organization_id is not null or code in ('billing', 'auditor'));
      delete from roles where organization_id is not null or code in ('billing', 'auditor');
      alter table member_roles drop constraint member_roles_role_id_fkey;
      alter table member_roles add constraint member_roles_role_id_fkey foreign key (role_id) references roles (id) on delete restrict;
      drop index roles_organization_id_code_key, roles_rank_idx;
      alter table roles drop column organization_id, drop column external_id, drop constraint roles_code_check, drop constraint roles_rank_check;
      alter table roles add constraint roles_code_key unique (code);
      alter table organizations drop column settings, drop column quotas;
      alter table users drop column password_hash;
    `);
  }
}
