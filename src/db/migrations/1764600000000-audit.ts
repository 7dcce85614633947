import type { MigrationInterface, QueryRunner } from 'typeorm';
import { RECORDING } from './1764500000000-events';

const NIL = "'00000000-0000-0000-0000-000000000000'::uuid";

/* Of what belongs to no organization there is a chain too: that of the installation, under the nil UUID.
 * `audit_from` is the first number that is still kept, `audit_hash` the hash of the last row. */
const HEADS = `
alter table event_sequences
  add column audit_last bigint not null default 0,
  add column audit_from bigint not null default 1,
  add column audit_hash bytea;
`;

/* What tells of a person is beside what is hashed, and stands there as a digest with its salt (INV-53). */
const ROWS = `
create table audit_events (
  id uuid not null,
  organization_id uuid not null,
  sequence bigint not null,
  occurred_at timestamptz not null,
  action text not null,
  outcome text not null,
  actor_type text not null,
  actor_id uuid,
  credential_id uuid,
  method text,
  path text,
  request_id text,
  target_type text,
  target_id uuid,
  person_id uuid,
  targets jsonb not null,
  changes jsonb not null,
  metadata jsonb not null,
  actor_digest bytea,
  actor_salt bytea,
  actor_personal text,
  subject_digest bytea,
  subject_salt bytea,
  subject_personal text,
  prev_hash bytea not null,
  hash bytea not null,
  constraint audit_events_pkey primary key (id),
  constraint audit_events_organization_id_sequence_key unique (organization_id, sequence),
  constraint audit_events_outcome_check check (outcome in ('success', 'denied', 'failed')),
  constraint audit_events_actor_type_check check (actor_type in ('user', 'apiKey', 'invitee', 'system')),
  constraint audit_events_occurred_at_check check (occurred_at = date_trunc('milliseconds', occurred_at))
);
create index audit_events_occurred_at_idx on audit_events (occurred_at, id);
create index audit_events_sequence_idx on audit_events (sequence, id);
create index audit_events_outcome_idx on audit_events (outcome, organization_id, sequence) where outcome <> 'success';
create index audit_events_target_type_idx on audit_events (target_type, organization_id, sequence) where target_type is not null;
create index audit_events_action_idx on audit_events (action, organization_id, sequence);
create index audit_events_actor_id_idx on audit_events (actor_id, sequence) where actor_id is not null;
create index audit_events_target_id_idx on audit_events (target_id, sequence) where target_id is not null;
create index audit_events_request_id_idx on audit_events (request_id) where request_id is not null;
create index audit_events_person_id_idx on audit_events (person_id) where person_id is not null;
create index audit_events_invited_idx on audit_events (lower(subject_personal::json->>'email'))
  where target_type = 'invitations' and subject_personal is not null;

-- What is signed of a row: that it was the newest one, or, with is_start, that those up to it were removed in their time.
create table audit_checkpoints (
  id uuid not null,
  organization_id uuid not null,
  sequence bigint not null,
  is_start boolean not null default false,
  hash bytea not null,
  signed_at timestamptz not null,
  key_id text not null,
  signature bytea not null,
  constraint audit_checkpoints_pkey primary key (id),
  constraint audit_checkpoints_organization_id_sequence_key unique (organization_id, sequence, is_start),
  constraint audit_checkpoints_signed_at_check check (signed_at = date_trunc('milliseconds', signed_at))
);
create index organizations_audit_retention_idx on organizations (id) where settings->>'auditRetentionDays' is not null;

-- Rows of the chain of the installation whose transaction goes on: nobody else ever sees one.
create table audit_pending (
  id bigint generated always as identity,
  action text not null,
  outcome text not null,
  subject jsonb,
  previous jsonb,
  actor_type text not null,
  actor_id uuid,
  request_id text,
  origin jsonb,
  metadata jsonb,
  constraint audit_pending_pkey primary key (id)
);
`;

const WRITING = `
-- The text that is hashed, behind the hash of the row before: members in alphabetical order, nothing personal (INV-53).
create function audit_record(a audit_events) returns text language sql stable as $$
  select '{"action":' || to_json(a.action) || ',"actor":{"id":' || coalesce('"' || a.actor_id || '"', 'null')
    || ',"type":"' || a.actor_type || '"},"actorDigest":' || coalesce('"' || encode(a.actor_digest, 'hex') || '"', 'null')
    || ',"changes":' || a.changes || ',"context":{"credentialId":' || coalesce('"' || a.credential_id || '"', 'null')
    || ',"method":' || coalesce(to_json(a.method)::text, 'null') || ',"path":' || coalesce(to_json(a.path)::text, 'null')
    || ',"requestId":' || coalesce(to_json(a.request_id)::text, 'null') || '},"id":"' || a.id || '","metadata":' || a.metadata
    || ',"occurredAt":"' || json_time_ms(a.occurred_at) || '","organizationId":"' || a.organization_id
    || '","outcome":"' || a.outcome || '","sequence":' || a.sequence
    || ',"subjectDigest":' || coalesce('"' || encode(a.subject_digest, 'hex') || '"', 'null') || ',"targets":' || a.targets || '}'
$$;
create function audit_hash(prev bytea, record text) returns bytea language sql immutable as $$
  select sha256(convert_to(encode(prev, 'hex') || record, 'UTF8'))
$$;

-- Attributes that tell who somebody is, where a resource is about a person.
create function is_personal(field text) returns boolean language sql immutable as $$
  select field in ('name', 'email', 'avatarUrl', 'locale', 'externalId', 'metadata', 'message', 'redirectUrl', 'ipAllowList',
    'revokedReason', 'lastUsedIp', 'userAgent')
$$;

-- The user whom a resource is about. An invitation is about nobody until it is accepted; of a link each acceptance has its own.
create function audited_person(kind text, subject jsonb) returns uuid language plpgsql stable as $$
declare links jsonb := subject->'relationships';
begin
  case subject->>'type'
    when 'users' then return subject->>'id';
    when 'members' then return links#>>'{user,data,id}';
    when 'invitations' then return case when kind = 'invitation.accepted' then links#>>'{acceptedBy,data,id}' end;
    when 'apiKeys' then return case when subject#>>'{attributes,level}' = 'user' then links#>>'{createdBy,data,id}' end;
    when 'accessTokens' then return coalesce((links#>>'{user,data,id}')::uuid,
      (select k.user_id from api_keys k where k.id = (links#>>'{apiKey,data,id}')::uuid));
    else return null;
  end case;
end $$;

-- What a row says of a change, field by field: from what is told of it, from nothing, or to nothing. Secrets that have
-- changed are in \`secrets\` of what was before: name and what stood there, null or '***'. Several small statements: one
-- with all of it in it is planned anew each time.
create function audit_changes(kind text, subject jsonb, old jsonb) returns jsonb language plpgsql immutable as $$
declare
  attributes jsonb := subject->'attributes';
  links jsonb := subject->'relationships';
  is_end boolean;
  result jsonb;
  more jsonb;
  made text[] := case
    when kind in ('api_key.created', 'api_key.rotated', 'webhook_endpoint.created', 'webhook_endpoint.secret_rotated') then '{secret}'
    when kind in ('invitation.created', 'invitation.resent') then '{token}'
    when kind in ('access_token.issued', 'access_token.refreshed') then '{accessToken,refreshToken}' end;
begin
  if old ?| '{attributes,relationships}' then
    select jsonb_agg(jsonb_build_object('field', key, 'from', value, 'to', attributes->key)) into result
      from jsonb_each(old->'attributes');
    if old ? 'relationships' then
      select jsonb_agg(jsonb_build_object('field', key, 'from', value, 'to', links->key->'data')) into more
        from jsonb_each(old->'relationships');
    end if;
  else
    is_end := kind ~ '[.](deleted|removed|left)$';
    if is_end or kind ~ '[.](created|added|topped_up|charged|adjusted|transaction_reversed|hold_placed|issued|refreshed|rotated)$' then
      select jsonb_agg(jsonb_build_object('field', f.key, 'from', case when is_end then f.value end, 'to', case when not is_end then f.value end))
        into result from (
          select key, value from jsonb_each(attributes) where key not in ('createdAt', 'updatedAt')
          union all select key, value->'data' from jsonb_each(links) where key <> 'organization') f
        where f.value not in ('null', '{}', '[]');
    end if;
  end if;
  result := coalesce(result, '[]') || coalesce(more, '[]');
  if made is not null then
    result := result || (select jsonb_agg(jsonb_build_object('field', name, 'from', case when kind !~ '[.](created|issued)$' then '***' end,
      'to', '***')) from unnest(made) name);
  end if;
  if old ? 'secrets' then
    result := result || coalesce((select jsonb_agg(jsonb_build_object('field', key, 'from', value, 'to', '***'))
      from jsonb_each(old->'secrets') where (old->'attributes' ? key) is not true), '[]');
  end if;
  return result;
end $$;

-- Of whom nothing personal is written any more: what he has begun before he was erased may end behind it.
create function is_erased(person uuid) returns boolean language sql stable as $$
  select exists (select 1 from users u where u.id = person and u.status = 'erased')
$$;

-- Writes the row with this number behind the one with the hash before it; the head of the chain is the caller's to lock
-- and to move. Gives back the hash. \`origin\`: address, user agent, method, path, credential, level, and name of the actor.
create function write_audit(organization uuid, number bigint, before bytea, at timestamptz, kind text, result text, subject jsonb,
  old jsonb, actor_kind text, actor uuid, request text, origin jsonb, more jsonb) returns bytea language plpgsql as $$
declare
  a audit_events;
  attributes jsonb := subject->'attributes';
  about_person boolean := subject->>'type' in ('users', 'members', 'invitations', 'accessTokens')
    or (subject->>'type' = 'apiKeys' and attributes->>'level' = 'user');
  label text := coalesce(attributes->>'name', attributes->>'email', attributes->>'code', attributes->>'url', attributes->>'asset');
  private_changes jsonb;
begin
  a.id := new_id();
  a.organization_id := organization;
  a.sequence := number;
  a.occurred_at := at;
  a.action := kind;
  a.outcome := result;
  a.actor_type := actor_kind;
  a.actor_id := actor;
  a.credential_id := origin->>'credentialId';
  a.method := origin->>'method';
  a.path := origin->>'path';
  a.request_id := request;
  a.metadata := case when origin->>'level' is null then '{}' else jsonb_build_object('level', origin->'level') end || coalesce(more, '{}');
  a.targets := '[]';
  a.changes := '[]';
  if subject is not null then
    a.target_type := subject->>'type';
    a.target_id := subject->>'id';
    a.targets := jsonb_build_array(jsonb_build_object('type', a.target_type, 'id', a.target_id)
      || case when label is null or about_person then '{}' else jsonb_build_object('name', label) end);
    a.person_id := case when about_person then audited_person(kind, subject) end;
    if a.person_id <> a.target_id then a.targets := a.targets || jsonb_build_object('type', 'users', 'id', a.person_id); end if;
    a.changes := audit_changes(kind, subject, old);
    if about_person then
      select coalesce(jsonb_agg(c) filter (where not is_personal(c->>'field')), '[]'), jsonb_agg(c) filter (where is_personal(c->>'field'))
        into a.changes, private_changes from jsonb_array_elements(a.changes) c;
    end if;
    if about_person and (label is not null or private_changes is not null) and not is_erased(a.person_id) then
      a.subject_personal := json_build_object('name', label, 'email', attributes->'email', 'changes', coalesce(private_changes, '[]'));
      a.subject_salt := uuid_send(gen_random_uuid());
      a.subject_digest := sha256(a.subject_salt || convert_to(a.subject_personal, 'UTF8'));
    end if;
  end if;
  if coalesce(origin->>'name', origin->>'ip', origin->>'userAgent') is not null
      and not (actor_kind = 'user' and is_erased(actor)) then
    a.actor_personal := json_build_object('ip', origin->'ip', 'name', origin->'name', 'userAgent', origin->'userAgent');
    a.actor_salt := uuid_send(gen_random_uuid());
    a.actor_digest := sha256(a.actor_salt || convert_to(a.actor_personal, 'UTF8'));
  end if;
  a.prev_hash := coalesce(before, '\\x${'00'.repeat(32)}');
  a.hash := audit_hash(a.prev_hash, audit_record(a));
  insert into audit_events values (a.*);
  return a.hash;
end $$;

-- Takes the head of an organization's chain and numbers; whoever has it holds it until the commit, so that numbers have no
-- gap and are committed in their order.
create function lock_sequence(organization uuid) returns event_sequences language plpgsql as $$
declare head event_sequences;
begin
  loop
    select s.* into head from event_sequences s where s.organization_id = organization for update;
    if found then return head; end if;
    insert into event_sequences (organization_id, last) values (organization, 0) on conflict do nothing returning * into head;
    if found then return head; end if;
  end loop;
end $$;

-- Writes audit rows of what no event is told of: what is read, refused, or of no organization (null). 0. Planned as
-- \`record_events\`.
create function record_audit(kind text, organization uuid, result text, subjects jsonb[], old_values jsonb[], actor_kind text,
  actor uuid, request text, origin jsonb, more jsonb) returns integer language plpgsql set enable_seqscan to off as $$
declare
  head event_sequences;
  at timestamptz;
  many integer := greatest(cardinality(subjects), 1);
begin
  if organization is null then
    insert into audit_pending (action, outcome, subject, previous, actor_type, actor_id, request_id, origin, metadata)
      select kind, result, subjects[i], old_values[i], actor_kind, actor, request, record_audit.origin, more
      from generate_series(1, many) i;
    return 0;
  end if;
  head := lock_sequence(organization);
  at := date_trunc('milliseconds', clock_timestamp());
  for i in 1..many loop
    head.audit_last := head.audit_last + 1;
    head.audit_hash := write_audit(organization, head.audit_last, head.audit_hash, at, kind, result, subjects[i], old_values[i],
      actor_kind, actor, request, origin, more);
  end loop;
  update event_sequences set audit_last = head.audit_last, audit_hash = head.audit_hash where organization_id = organization;
  perform count_audit(organization, many);
  return 0;
end $$;

-- At the end of its transaction a row goes into the chain of the installation. That is everybody's: locked by one who still
-- wants something else, it would stop all others, and might be wanted by whom he waits for.
create function write_pending_audit() returns trigger language plpgsql set enable_seqscan to off as $$
declare head event_sequences := lock_sequence(${NIL});
begin
  update event_sequences set audit_last = head.audit_last + 1, audit_hash = write_audit(${NIL}, head.audit_last + 1, head.audit_hash,
      date_trunc('milliseconds', clock_timestamp()), new.action, new.outcome, new.subject, new.previous, new.actor_type, new.actor_id,
      new.request_id, new.origin, new.metadata)
    where organization_id = ${NIL};
  perform add_to_row_count('audit_events', ${NIL}, 1);
  delete from audit_pending where id = new.id;
  return null;
end $$;
create constraint trigger audit_pending_write after insert on audit_pending deferrable initially deferred
  for each row execute function write_pending_audit();

-- How many an organization has is what its numbers say. The totals of partners and of all are those of its events, which are
-- counted anyhow, and these: rows without an event, less events without a row.
create function count_audit(organization uuid, many bigint) returns void language sql as $$
  select add_to_row_count('audit_events', o.partner_id, many) from organizations o where o.id = organization;
  select add_to_row_count('audit_events', ${NIL}, many)
$$;
`;

/* Beside each event its audit row, in the same statement (INV-36); a test is no change. */
const EVENTS = `
drop function record_change;
drop function record_events;
-- A connection plans it once, maybe when there are few rows yet: what is found by its key must not be read as a whole later.
create function record_events(kinds text[], organization uuid, subjects jsonb[], old_values jsonb[], actor_kind text, actor uuid,
  request text, origin jsonb, about uuid) returns integer language plpgsql set enable_seqscan to off as $$
declare
  many integer := cardinality(subjects);
  head event_sequences;
  at timestamptz;
  kind text;
  audited bigint;
  live boolean;
  partner uuid;
  is_heard boolean;
  due integer := 0;
begin
  if coalesce(many, 0) = 0 then return 0; end if;
  -- Nobody is told of what is of no organization.
  if organization is null then
    for i in 1..many loop
      perform record_audit(kinds[least(i, cardinality(kinds))], null, 'success', subjects[i:i], old_values[i:i], actor_kind, actor,
        request, origin, null);
    end loop;
    return 0;
  end if;
  -- As \`lock_sequence\` does: a call costs more than what it does.
  select s.* into head from event_sequences s where s.organization_id = organization for update;
  if not found then head := lock_sequence(organization); end if;
  audited := head.audit_last;
  -- Behind the lock: within an organization times follow the numbers. Not later than now by a clock that counts milliseconds.
  at := date_trunc('milliseconds', clock_timestamp());
  insert into events (id, organization_id, sequence, event_type, subject_type, subject_id, occurred_at, actor_type, actor_id,
      request_id, body)
    select e.id, organization, head.last + e.place, e.kind, e.subject->>'type', (e.subject->>'id')::uuid, at, actor_kind, actor,
      request, '{"type":"' || e.kind || '","timestamp":"' || json_time_ms(at) || '","id":"' || e.id || '","sequence":'
      || (head.last + e.place) || ',"apiVersion":"2","organizationId":"' || organization || '","actor":{"type":"' || actor_kind
      || '","id":' || coalesce('"' || actor || '"', 'null') || '},"requestId":' || coalesce(to_json(request)::text, 'null')
      || ',"data":' || e.subject || ',"previous":' || coalesce(nullif(e.old - 'secrets', '{}')::text, 'null') || '}'
    from (select new_id() as id, u.subject, u.old, u.place, kinds[least(u.place, cardinality(kinds))] as kind
      from unnest(subjects, old_values) with ordinality u (subject, old, place) offset 0) e;
  for i in 1..many loop
    kind := kinds[least(i, cardinality(kinds))];
    continue when kind = 'webhook.test';
    head.audit_last := head.audit_last + 1;
    head.audit_hash := write_audit(organization, head.audit_last, head.audit_hash, at, kind,
      case kind when 'wallet.charge_refused' then 'failed' else 'success' end, subjects[i], old_values[i], actor_kind, actor,
      request, origin, null);
  end loop;
  update event_sequences set last = head.last + many, audit_last = head.audit_last, audit_hash = head.audit_hash
    where organization_id = organization;
  select o.status <> 'pending_deletion', o.partner_id, exists (select 1 from webhook_endpoints e
      where e.organization_id = organization and e.deleted_at is null) into live, partner, is_heard
    from organizations o where o.id = organization;
  -- How many an organization has is what its last number says, as long as it is there.
  perform add_to_row_count('events', partner, many), add_to_row_count('events', ${NIL}, many),
    add_to_row_count('audit_events', partner, head.audit_last - audited - many),
    add_to_row_count('audit_events', ${NIL}, head.audit_last - audited - many);
  -- Most organizations have none, and the insert costs something without a row, too.
  if is_heard is not true then return 0; end if;
  with made as (
    insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, status, payload, next_attempt_at)
    select new_id(), organization, e.id, v.id, v.sequence, state.status, e.payload, case when state.status = 'pending' then at end
    from events v join webhook_endpoints e on e.organization_id = organization cross join lateral (select case
      when not e.disabled and (live is not false or v.event_type = 'organization.deletion_scheduled') then 'pending'
      else 'skipped' end as status) state
    where v.organization_id = organization and v.sequence > head.last and v.sequence <= head.last + many
      and e.deleted_at is null and e.id is distinct from about and v.event_type <> 'webhook.test'
      and (e.event_types = '{}' or e.event_types && array[v.event_type, split_part(v.event_type, '.', 1) || '.*'])
    order by v.sequence returning status)
  select count(*) into due from made where status = 'pending';
  return due;
end $$;

-- One change, which is told when it has changed something.
create function record_change(kind text, organization uuid, before jsonb, after jsonb, actor_kind text, actor uuid,
  request text, origin jsonb, about uuid) returns integer language plpgsql as $$
declare old_values jsonb := event_previous(before, after);
begin
  if old_values is null then return 0; end if;
  return record_events(array[kind], organization, array[after], array[old_values], actor_kind, actor, request, origin, about);
end $$;
`;

/* Rows are only ever added (INV-52). Whoever owns the tables lends two ways past that to whoever serves: forgetting a person,
 * which leaves all that is hashed, and what an organization has set the end of. */
const GUARDS = `
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  if current_setting('guildhall.audit_change', true) = 'allowed' and tg_op <> 'TRUNCATE' then return coalesce(new, old); end if;
  raise exception 'the audit log is never changed (%)', lower(tg_op) using errcode = 'insufficient_privilege';
end $$;
${['audit_events', 'audit_checkpoints']
  .map(
    (table) => `
create trigger ${table}_refuse_change before update or delete on ${table} for each row execute function refuse_audit_change();
create trigger ${table}_refuse_truncate before truncate on ${table} for each statement execute function refuse_audit_change();`,
  )
  .join('')}

-- Removes what tells of a person, and the salts, so that no digest can be found out by trying (INV-53): of what he did, of
-- what is about him, of invitations to his address or that he accepted; and of whoever acted for him before he was known, by
-- the request. Of each at the most so many rows: gives back how many; 0: there are no more.
create function forget_audited_person(person uuid, address text, most integer) returns integer language plpgsql security definer
  set search_path from current as $$
declare
  n integer;
  total integer := 0;
begin
  -- One after the other: rows of two who have dealt with each other are both theirs.
  perform pg_advisory_xact_lock(hashtextextended('forget_audited_person', 0));
  perform set_config('guildhall.audit_change', 'allowed', true);
  update audit_events set actor_personal = null, actor_salt = null where id = any(array(
    select id from audit_events where actor_id = person and actor_personal is not null limit most));
  get diagnostics n = row_count;
  total := total + n;
  with own as (
    select a.id, a.actor_type, a.actor_id, a.request_id from audit_events a where a.person_id = person
    union select a.id, a.actor_type, a.actor_id, a.request_id from audit_events a where a.target_type = 'invitations'
      and a.subject_personal is not null and lower(a.subject_personal::json->>'email') = lower(address)
  ), his as (
    select id from own where actor_type = 'invitee' or (actor_type = 'system' and request_id is not null)
    union select o.id from own join audit_events o on o.actor_id = own.actor_id and o.request_id = own.request_id
      where own.actor_type = 'invitee'
  )
  update audit_events set actor_personal = null, actor_salt = null where id = any(array(
    select a.id from his join audit_events a on a.id = his.id where a.actor_personal is not null limit most));
  get diagnostics n = row_count;
  total := total + n;
  if n < most then
    update audit_events set subject_personal = null, subject_salt = null where id = any(array(
      select a.id from audit_events a where a.person_id = person and a.subject_personal is not null
      union select a.id from audit_events own join audit_events a on a.target_id = own.target_id and a.subject_personal is not null
        where own.person_id = person and own.action = 'invitation.accepted' and own.target_type = 'invitations'
          and a.subject_personal::json->>'email' is not null
      union select a.id from audit_events a where a.target_type = 'invitations' and a.subject_personal is not null
        and lower(a.subject_personal::json->>'email') = lower(address)
      limit most));
    get diagnostics n = row_count;
    total := total + n;
  end if;
  perform set_config('guildhall.audit_change', '', true);
  return total;
end $$;

-- Until when the rows of an organization are over: as its settings say, and never under legal hold; null: none are.
create function audit_kept_from(organization uuid) returns timestamptz language sql stable as $$
  select now() - make_interval(days => (o.settings->>'auditRetentionDays')::integer) from organizations o
    where o.id = organization and not o.legal_hold
$$;

-- The last of the oldest rows that are over, \`most\` at the most; its number is null when there are none. The newest row of
-- the chain stays: without it there would be nothing to continue.
create function audit_row_to_end_with(organization uuid, most integer) returns audit_events language plpgsql as $$
declare
  head event_sequences := lock_sequence(organization);
  kept_from timestamptz := audit_kept_from(organization);
  a audit_events;
begin
  select (p.e).* into a from (select e, max(e.occurred_at) over (order by e.sequence) as latest from audit_events e
      where e.organization_id = organization and e.sequence < least(head.audit_last, head.audit_from + most)) p
    where p.latest < kept_from order by (p.e).sequence desc limit 1;
  return a;
end $$;

-- Removes the rows of an organization up to this one, whose time is over; gives back how many. The row that the chain begins
-- with from then on has the hash of the last one that is gone, of which a checkpoint must have been signed.
create function end_audit_retention(organization uuid, upto bigint) returns bigint language plpgsql security definer
  set search_path from current as $$
declare
  head event_sequences := lock_sequence(organization);
begin
  if upto >= head.audit_last or not exists (select 1 from audit_events a join audit_checkpoints c
        on c.organization_id = a.organization_id and c.sequence = a.sequence and c.is_start and c.hash = a.hash
      where a.organization_id = organization and a.sequence = upto)
    or (select max(occurred_at) from audit_events where organization_id = organization and sequence <= upto)
      < audit_kept_from(organization) is not true
  then raise exception 'row % is not over', upto using errcode = 'insufficient_privilege'; end if;
  perform set_config('guildhall.audit_change', 'allowed', true);
  delete from audit_events where organization_id = organization and sequence <= upto;
  delete from audit_checkpoints where organization_id = organization and sequence < upto;
  perform set_config('guildhall.audit_change', '', true);
  update event_sequences set audit_from = upto + 1 where organization_id = organization;
  perform count_audit(organization, head.audit_from - upto - 1);
  return upto - head.audit_from + 1;
end $$;

-- Before a purge: the rows stay, and are seen by the operator alone; the events are counted no more.
create function forget_audit_total() returns trigger language plpgsql as $$
begin
  perform add_to_row_count('audit_events', old.partner_id, last - (audit_last - audit_from + 1)),
      add_to_row_count('audit_events', ${NIL}, last)
    from event_sequences where organization_id = old.id;
  return old;
end $$;
create trigger organizations_forget_audit_total before delete on organizations for each row execute function forget_audit_total();
`;

/* The end of keys of no organization is told to the audit trail, too. */
const EXPIRED = `
drop index api_keys_expired_idx;
create index api_keys_expired_idx on api_keys (expires_at) where expires_at is not null and revoked_at is null
  and grace_until is null and expiry_told_at is null;
`;

/* Of what happened before there are no rows. */
const TOTALS = `
insert into row_counts (relation, scope, rows)
  select 'audit_events', scope, -sum(rows) from row_counts where relation = 'events' group by scope;
`;

/** Who did what: a chain of rows for each organization, written beside each event. */
export class Audit1764600000000 implements MigrationInterface {
  name = 'Audit1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query([HEADS, ROWS, WRITING, EVENTS, GUARDS, EXPIRED, TOTALS].join('\n'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop index api_keys_expired_idx;
      create index api_keys_expired_idx on api_keys (expires_at) where expires_at is not null and organization_id is not null
        and revoked_at is null and grace_until is null and expiry_told_at is null;
      drop table audit_pending;
      drop trigger organizations_forget_audit_total on organizations;
      drop index organizations_audit_retention_idx;
      drop function audit_row_to_end_with(uuid, integer);
      drop function forget_audit_total, end_audit_retention, audit_kept_from, forget_audited_person, record_change, record_events, write_pending_audit, record_audit,
        count_audit, write_audit, audit_changes, audited_person, is_personal, is_erased, audit_hash;
      drop function lock_sequence, audit_record(audit_events);
      drop table audit_checkpoints, audit_events;
      drop function refuse_audit_change;
      alter table event_sequences drop column audit_last, drop column audit_from, drop column audit_hash;
      delete from row_counts where relation = 'audit_events';
      ${RECORDING}
    `);
  }
}
