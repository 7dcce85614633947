import type { MigrationInterface, QueryRunner } from 'typeorm';

const NIL = "'00000000-0000-0000-0000-000000000000'::uuid";

/** The status of an organization takes what belongs to it out of the totals, and puts it back. */
export const statusCounter = (countedTables: readonly string[]) => `
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
        (table === 'api_keys' ? ' and revoked_at is null' : '') +
        (table === 'webhook_endpoints' ? ' and deleted_at is null' : ''),
    )
    .join('\n    union all ')}
  loop
    perform add_to_row_count(part.relation, ${NIL}, sign * part.n), add_to_row_count(part.relation, new.partner_id, sign * part.n);
  end loop;
  return null;
end $$;
`;

const FORMER_TABLES = ['members', 'api_keys', 'workspaces', 'invitations', 'roles'];
/** What has totals by this; later migrations add to it. */
export const COUNTED = [...FORMER_TABLES, 'webhook_endpoints'];

const COUNTERS = `
create function count_webhook_endpoints() returns trigger language plpgsql as $$
declare part record;
begin
  for part in select organization_id, count(*) as n from changed where deleted_at is null group by organization_id loop
    perform count_tenant_rows('webhook_endpoints', part.organization_id, null, tg_argv[0]::bigint * part.n);
  end loop;
  return null;
end $$;
create trigger webhook_endpoints_count_insert after insert on webhook_endpoints
  referencing new table as changed for each statement execute function count_webhook_endpoints('1');
create trigger webhook_endpoints_count_delete after delete on webhook_endpoints
  referencing old table as changed for each statement execute function count_webhook_endpoints('-1');

create function count_deleted_endpoint() returns trigger language plpgsql as $$
begin
  perform count_tenant_rows('webhook_endpoints', new.organization_id, null, case when new.deleted_at is null then 1 else -1 end);
  return null;
end $$;
create trigger webhook_endpoints_count_deletion after update of deleted_at on webhook_endpoints
  for each row when ((old.deleted_at is null) <> (new.deleted_at is null)) execute function count_deleted_endpoint();
`;

/** Whatever writes the endpoint: the organization shows its URL, and is another version with another one. */
const COPY = `
create function copy_default_url() returns trigger language plpgsql as $$
declare shown text := case when new.deleted_at is null then new.url end;
begin
  update organizations set webhook_url = shown, version = version + 1, updated_at = date_trunc('second', now())
    where id = new.organization_id and webhook_url is distinct from shown;
  return null;
end $$;
create trigger webhook_endpoints_copy_url after insert or update of url, deleted_at on webhook_endpoints
  for each row when (new.is_default) execute function copy_default_url();
`;

/** A secret that has no URL yet stays where it is. */
const MOVE = `
insert into webhook_endpoints (id, organization_id, url, is_default, created_at, updated_at)
  select new_id(), id, webhook_url, true, coalesce(webhook_created_at, created_at), coalesce(webhook_updated_at, updated_at)
  from organizations where webhook_url is not null;
insert into webhook_secrets (id, endpoint_id, cipher, start, created_at)
  select new_id(), e.id, o.webhook_secret_cipher, 'whsec_', e.updated_at
  from webhook_endpoints e join organizations o on o.id = e.organization_id
  where e.is_default and o.webhook_secret_cipher is not null;
insert into row_counts (relation, scope, rows)
  select 'webhook_endpoints', part.scope, count(*) from webhook_endpoints e join organizations o on o.id = e.organization_id
    cross join lateral (values (${NIL}), (o.partner_id)) part (scope)
  where o.status <> 'pending_deletion' and part.scope is not null group by part.scope;
drop trigger organizations_note_webhook on organizations;
drop trigger organizations_note_first_webhook on organizations;
drop function organizations_note_webhook;
update organizations set webhook_secret_cipher = null where webhook_url is not null and webhook_secret_cipher is not null;
alter table organizations drop column webhook_created_at, drop column webhook_updated_at;
`;

const MOVE_BACK = `
alter table organizations add column webhook_created_at timestamptz, add column webhook_updated_at timestamptz;
update organizations o set webhook_created_at = e.created_at, webhook_updated_at = e.updated_at,
    webhook_secret_cipher = (select s.cipher from webhook_secrets s where s.endpoint_id = e.id and s.expires_at is null)
  from webhook_endpoints e where e.organization_id = o.id and e.is_default and e.deleted_at is null;
delete from webhook_endpoints where is_default;
create function organizations_note_webhook() returns trigger language plpgsql as $$
begin
  if new.webhook_url is null then
    new.webhook_created_at := null;
    new.webhook_updated_at := null;
  elsif tg_op = 'INSERT' or new.webhook_created_at is null then
    new.webhook_created_at := date_trunc('second', now());
    new.webhook_updated_at := new.webhook_created_at;
  elsif (new.webhook_url, new.webhook_secret_cipher) is distinct from (old.webhook_url, old.webhook_secret_cipher) then
    new.webhook_updated_at := date_trunc('second', now());
  end if;
  return new;
end $$;
create trigger organizations_note_first_webhook before insert on organizations
  for each row when (new.webhook_url is not null) execute function organizations_note_webhook();
create trigger organizations_note_webhook before update of webhook_url, webhook_secret_cipher on organizations
  for each row execute function organizations_note_webhook();
`;

/** The single-URL webhook of an organization is one of its endpoints, and endpoints have totals. */
export class DefaultEndpoint1764500000001 implements MigrationInterface {
  name = 'DefaultEndpoint1764500000001';

  async up(runner: QueryRunner): Promise<void> {
    // First what there is: a trigger would write the same total again for each of the rows.
    await runner.query([MOVE, COUNTERS, statusCounter(COUNTED), COPY].join('\n'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger webhook_endpoints_copy_url on webhook_endpoints;
      ${MOVE_BACK}
      ${statusCounter(FORMER_TABLES)}
      drop trigger webhook_endpoints_count_insert on webhook_endpoints;
      drop trigger webhook_endpoints_count_delete on webhook_endpoints;
      drop trigger webhook_endpoints_count_deletion on webhook_endpoints;
      drop function copy_default_url, count_webhook_endpoints, count_deleted_endpoint;
      delete from row_counts where relation = 'webhook_endpoints';
    `);
  }
}
