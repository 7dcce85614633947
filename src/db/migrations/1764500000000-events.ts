import type { MigrationInterface, QueryRunner } from 'typeorm';

const NIL = "'00000000-0000-0000-0000-000000000000'::uuid";

/* The last number that an organization has given to an event. Whoever writes one holds the row until his commit, so that
 * numbers have no gap and are committed in their order. It outlives the organization, as does the fact that it was purged. */
const SEQUENCES = `
create table event_sequences (
  organization_id uuid not null,
  last bigint not null,
  constraint event_sequences_pkey primary key (organization_id)
) with (fillfactor = 50);
`;

/* The body is the text that receivers get, byte for byte (INV-40); what clients read of it is taken from it. */
const EVENTS = `
create table events (
  id uuid not null,
  organization_id uuid not null,
  sequence bigint not null,
  event_type text not null,
  subject_type text not null,
  subject_id uuid not null,
  occurred_at timestamptz not null,
  actor_type text not null,
  actor_id uuid,
  request_id text,
  body text,
  constraint events_pkey primary key (id),
  constraint events_organization_id_sequence_key unique (organization_id, sequence),
  constraint events_actor_type_check check (actor_type in ('user', 'apiKey', 'invitee', 'system'))
);
create index events_sequence_idx on events (sequence, id);
create index events_organization_id_sequence_idx on events (organization_id, sequence, id);
create index events_occurred_at_idx on events (occurred_at, id);
create index events_organization_id_occurred_at_idx on events (organization_id, occurred_at, id);
create index events_event_type_idx on events (event_type, organization_id, sequence);
create index events_subject_id_idx on events (subject_id, sequence);
create index events_member_user_idx on events ((body::json #>> '{data,relationships,user,data,id}'))
  where subject_type = 'members' and body is not null;
create index events_body_idx on events (occurred_at) where body is not null;
`;

const ENDPOINTS = `
create table webhook_endpoints (
  id uuid not null,
  organization_id uuid not null,
  url text not null,
  description text,
  event_types text[] not null default '{}',
  disabled boolean not null default false,
  auto_disabled boolean not null default false,
  disabled_reason text,
  failing_since timestamptz,
  failing_delivery_id uuid,
  failing_apart boolean not null default false,
  last_success_at timestamptz,
  is_default boolean not null default false,
  signature text not null default 'v1',
  headers jsonb not null default '{}',
  headers_cipher bytea,
  timeout_seconds integer not null default 15,
  rate_per_second integer,
  rate_left integer not null default 0,
  rate_at timestamptz,
  ordering text not null default 'none',
  payload text not null default 'full',
  retry_schedule integer[],
  legacy_signature_header text,
  external_id text,
  metadata jsonb not null default '{}',
  deleted_at timestamptz,
  created_at timestamptz not null default date_trunc('second', now()),
  updated_at timestamptz not null default date_trunc('second', now()),
  version integer not null default 1,
  constraint webhook_endpoints_pkey primary key (id),
  constraint webhook_endpoints_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade,
  constraint webhook_endpoints_signature_check check (signature in ('v1', 'v1a')),
  constraint webhook_endpoints_ordering_check check (ordering in ('none', 'strict')),
  constraint webhook_endpoints_payload_check check (payload in ('full', 'thin')),
  constraint webhook_endpoints_auto_disabled_check check (disabled or not auto_disabled),
  constraint webhook_endpoints_timeout_seconds_check check (timeout_seconds between 1 and 30),
  constraint webhook_endpoints_rate_per_second_check check (rate_per_second between 1 and 1000)
);
create unique index webhook_endpoints_default_key on webhook_endpoints (organization_id) where is_default and deleted_at is null;
create index webhook_endpoints_organization_id_created_at_idx on webhook_endpoints (organization_id, created_at, id);
create index webhook_endpoints_created_at_idx on webhook_endpoints (created_at, id);
create index webhook_endpoints_external_id_idx on webhook_endpoints (external_id, id) where external_id is not null;
create index webhook_endpoints_metadata_idx on webhook_endpoints using gin (metadata jsonb_path_ops) with (fastupdate = off) where metadata <> '{}';

create table webhook_secrets (
  id uuid not null,
  endpoint_id uuid not null,
  cipher bytea not null,
  start text not null,
  public_key text,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  constraint webhook_secrets_pkey primary key (id),
  constraint webhook_secrets_endpoint_id_fkey foreign key (endpoint_id) references webhook_endpoints (id) on delete cascade
);
create unique index webhook_secrets_current_key on webhook_secrets (endpoint_id) where expires_at is null;
create index webhook_secrets_endpoint_id_idx on webhook_secrets (endpoint_id);
create index webhook_secrets_expires_at_idx on webhook_secrets (expires_at) where expires_at is not null;
`;

const DELIVERIES = `
create table webhook_deliveries (
  id uuid not null,
  organization_id uuid not null,
  endpoint_id uuid not null,
  event_id uuid not null,
  sequence bigint not null,
  trigger text not null default 'event',
  manual boolean not null default false,
  status text not null,
  payload text not null,
  attempt_count integer not null default 0,
  failures integer not null default 0,
  claims integer not null default 0,
  next_attempt_at timestamptz,
  first_attempt_at timestamptz,
  last_attempt_at timestamptz,
  delivered_at timestamptz,
  last_status_code integer,
  last_error text,
  replay_of_id uuid,
  created_at timestamptz not null default date_trunc('second', now()),
  updated_at timestamptz not null default date_trunc('second', now()),
  version integer not null default 1,
  constraint webhook_deliveries_pkey primary key (id),
  constraint webhook_deliveries_endpoint_id_fkey foreign key (endpoint_id) references webhook_endpoints (id) on delete cascade,
  constraint webhook_deliveries_event_id_fkey foreign key (event_id) references events (id) on delete cascade,
  constraint webhook_deliveries_replay_of_id_fkey foreign key (replay_of_id) references webhook_deliveries (id) on delete set null,
  constraint webhook_deliveries_trigger_check check (trigger in ('event', 'replay', 'test')),
  constraint webhook_deliveries_payload_check check (payload in ('full', 'thin')),
  constraint webhook_deliveries_status_check check (
    status in ('pending', 'skipped', 'sending', 'succeeded', 'retrying', 'exhausted', 'cancelled')),
  constraint webhook_deliveries_next_attempt_at_check check (
    (next_attempt_at is not null) = (status in ('pending', 'retrying', 'sending')))
);
create index webhook_deliveries_due_idx on webhook_deliveries (endpoint_id, next_attempt_at)
  where status in ('pending', 'retrying', 'sending');
create index webhook_deliveries_order_idx on webhook_deliveries (endpoint_id, sequence, id)
  where status in ('pending', 'retrying', 'sending');
create index webhook_deliveries_event_id_idx on webhook_deliveries (event_id);
create index webhook_deliveries_organization_id_created_at_idx on webhook_deliveries (organization_id, created_at, id);
create index webhook_deliveries_organization_id_status_idx on webhook_deliveries (organization_id, status, created_at, id);
create index webhook_deliveries_status_idx on webhook_deliveries (status, created_at, id);
create index webhook_deliveries_last_error_idx on webhook_deliveries (last_error, created_at, id) where last_error is not null;
create index webhook_deliveries_endpoint_id_sequence_idx on webhook_deliveries (endpoint_id, sequence, id);
create index webhook_deliveries_ended_idx on webhook_deliveries (endpoint_id, sequence, id)
  where status in ('skipped', 'exhausted', 'cancelled');
create index webhook_deliveries_endpoint_id_status_idx on webhook_deliveries (endpoint_id, status, created_at, id);
create index webhook_deliveries_created_at_idx on webhook_deliveries (created_at, id);
create index webhook_deliveries_replay_of_id_idx on webhook_deliveries (replay_of_id) where replay_of_id is not null;

create table webhook_attempts (
  id uuid not null,
  organization_id uuid not null,
  delivery_id uuid not null,
  number integer not null,
  manual boolean not null,
  started_at timestamptz not null,
  duration_ms integer not null,
  status_code integer,
  error text,
  remote_address text,
  request_headers jsonb not null,
  response_headers jsonb not null,
  response_body text,
  truncated boolean not null default false,
  constraint webhook_attempts_pkey primary key (id),
  constraint webhook_attempts_delivery_id_number_key unique (delivery_id, number),
  constraint webhook_attempts_delivery_id_fkey foreign key (delivery_id) references webhook_deliveries (id) on delete cascade,
  constraint webhook_attempts_error_check check (error in ('dns_error', 'connection_refused', 'connection_reset', 'tls_error',
    'timeout', 'blocked_address', 'redirect_refused', 'http_status', 'aborted'))
);
create index webhook_attempts_organization_id_started_at_idx on webhook_attempts (organization_id, started_at, id);
create index webhook_attempts_started_at_idx on webhook_attempts (started_at, id);
`;

/** How events are written; later migrations do it in another way, and come back to this one. */
export const RECORDING = `-- Writes events with the next numbers of their organization, in their order, and a delivery of each for each endpoint that
-- asks for it (INV-36, INV-37); gives back how many of those are due. An organization that is being deleted tells of that
-- alone. Events about an endpoint are not for that one (INV-43), tests for nobody else. The last kind holds for all that follow.
create function record_events(kinds text[], organization uuid, subjects jsonb[], old_values jsonb[], actor_kind text, actor uuid,
  request text, about uuid) returns integer language plpgsql as $$
declare
  many integer := cardinality(subjects);
  number bigint;
  at timestamptz;
  live boolean;
  partner uuid;
  is_heard boolean;
  due integer := 0;
begin
  if coalesce(many, 0) = 0 then return 0; end if;
  insert into event_sequences as s (organization_id, last) values (organization, many)
    on conflict (organization_id) do update set last = s.last + many returning s.last - many into number;
  -- Behind the lock: within an organization times follow the numbers. Not later than now by a clock that counts milliseconds.
  at := date_trunc('milliseconds', clock_timestamp());
  insert into events (id, organization_id, sequence, event_type, subject_type, subject_id, occurred_at, actor_type, actor_id,
      request_id, body)
    select e.id, organization, number + e.place, e.kind, e.subject->>'type', (e.subject->>'id')::uuid, at, actor_kind, actor,
      request, '{"type":"' || e.kind || '","timestamp":"' || json_time_ms(at) || '","id":"' || e.id || '","sequence":'
      || (number + e.place) || ',"apiVersion":"2","organizationId":"' || organization || '","actor":{"type":"' || actor_kind
      || '","id":' || coalesce('"' || actor || '"', 'null') || '},"requestId":' || coalesce(to_json(request)::text, 'null')
      || ',"data":' || e.subject || ',"previous":' || coalesce(e.old::text, 'null') || '}'
    from (select new_id() as id, u.subject, u.old, u.place, kinds[least(u.place, cardinality(kinds))] as kind
      from unnest(subjects, old_values) with ordinality u (subject, old, place) offset 0) e;
  select o.status <> 'pending_deletion', o.partner_id, exists (select 1 from webhook_endpoints e
      where e.organization_id = organization and e.deleted_at is null) into live, partner, is_heard
    from organizations o where o.id = organization;
  -- How many an organization has is what its last number says, as long as it is there.
  perform add_to_row_count('events', partner, many), add_to_row_count('events', ${NIL}, many);
  -- Most organizations have none, and the insert costs something without a row, too.
  if is_heard is not true then return 0; end if;
  with made as (
    insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, status, payload, next_attempt_at)
    select new_id(), organization, e.id, v.id, v.sequence, state.status, e.payload, case when state.status = 'pending' then at end
    from events v join webhook_endpoints e on e.organization_id = organization cross join lateral (select case
      when not e.disabled and (live is not false or v.event_type = 'organization.deletion_scheduled') then 'pending'
      else 'skipped' end as status) state
    where v.organization_id = organization and v.sequence > number and v.sequence <= number + many
      and e.deleted_at is null and e.id is distinct from about and v.event_type <> 'webhook.test'
      and (e.event_types = '{}' or e.event_types && array[v.event_type, split_part(v.event_type, '.', 1) || '.*'])
    order by v.sequence returning status)
  select count(*) into due from made where status = 'pending';
  return due;
end $$;

-- One change, which is told when it has changed something.
create function record_change(kind text, organization uuid, before jsonb, after jsonb, actor_kind text, actor uuid,
  request text, about uuid) returns integer language plpgsql as $$
declare old_values jsonb := event_previous(before, after);
begin
  if old_values is null then return 0; end if;
  return record_events(array[kind], organization, array[after], array[old_values], actor_kind, actor, request, about);
end $$;
`;

const FUNCTIONS = `
-- UUID version 7: milliseconds since 1970 in the first 48 bits, the rest random.
create function new_id() returns uuid language sql volatile as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Times as resources show them.
create function json_time(at timestamptz) returns text language sql stable as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
$$;
create function json_time_ms(at timestamptz) returns text language sql stable as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"')
$$;

-- What a resource, or a part of it, was before and is no more; null when it is the same but for the time of the change.
create function event_previous(before jsonb, after jsonb) returns jsonb language plpgsql immutable as $$
declare
  now_is jsonb := after->'attributes';
  changed jsonb;
  result jsonb;
begin
  select jsonb_build_object('attributes', jsonb_object_agg(key, value)) into result from jsonb_each(before->'attributes')
    where value is distinct from now_is->key and key <> 'updatedAt' having count(*) > 0;
  if before->'relationships' is distinct from after->'relationships' then
    now_is := after->'relationships';
    select jsonb_build_object('relationships', jsonb_object_agg(key, value->'data')) into changed
      from jsonb_each(before->'relationships') where value is distinct from now_is->key having count(*) > 0;
    result := coalesce(result || changed, result, changed);
  end if;
  return result;
end $$;

${RECORDING}
-- Totals of what belongs to an organization, to its partner, and to all; readers take off what is of organizations that are
-- being deleted. No lock on the organization: whoever sends never waits for whoever changes it.
create function count_log_rows() returns trigger language plpgsql as $$
declare part record;
begin
  -- A purge: what the cascade removes has been taken off already.
  -- Summed up before the organization is looked for: while it is written to, each look is at all that it was.
  for part in select o.id, o.partner_id, c.n from (select organization_id, count(*) as n from changed group by 1 offset 0) c
    join organizations o on o.id = c.organization_id loop
    perform add_to_row_count(tg_table_name, part.id, tg_argv[0]::bigint * part.n),
      add_to_row_count(tg_table_name, part.partner_id, tg_argv[0]::bigint * part.n),
      add_to_row_count(tg_table_name, ${NIL}, tg_argv[0]::bigint * part.n);
  end loop;
  return null;
end $$;
${['webhook_deliveries', 'webhook_attempts']
  .map(
    (table) => `
create trigger ${table}_count_insert after insert on ${table}
  referencing new table as changed for each statement execute function count_log_rows('1');
create trigger ${table}_count_delete after delete on ${table}
  referencing old table as changed for each statement execute function count_log_rows('-1');`,
  )
  .join('')}

-- Before a purge: what is removed with the organization is in no total, and its events go.
create function forget_log() returns trigger language plpgsql as $$
declare part record;
begin
  for part in
    select relation, sum(rows)::bigint as n from row_counts
      where relation in ('webhook_deliveries', 'webhook_attempts') and scope = old.id group by relation
    union all select 'events', last from event_sequences where organization_id = old.id
  loop
    perform add_to_row_count(part.relation, old.partner_id, -part.n), add_to_row_count(part.relation, ${NIL}, -part.n);
  end loop;
  delete from row_counts where relation in ('webhook_deliveries', 'webhook_attempts') and scope = old.id;
  delete from events where organization_id = old.id;
  return old;
end $$;
create trigger organizations_forget_log before delete on organizations for each row execute function forget_log();
`;

/** Events, the endpoints that get them, and the log of what was sent. */
export class Events1764500000000 implements MigrationInterface {
  name = 'Events1764500000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query([SEQUENCES, EVENTS, ENDPOINTS, DELIVERIES, FUNCTIONS].join('\n'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger organizations_forget_log on organizations;
      drop table webhook_attempts, webhook_deliveries, webhook_secrets, webhook_endpoints, events, event_sequences;
      drop function forget_log, count_log_rows, record_change, record_events, event_previous, json_time_ms, json_time, new_id;
      delete from row_counts where relation in ('events', 'webhook_deliveries', 'webhook_attempts');
    `);
  }
}
