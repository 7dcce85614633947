import type { MigrationInterface, QueryRunner } from 'typeorm';
import { scaleOf } from '../../assets';
import { COUNTED, statusCounter } from './1764500000001-default-endpoint';

const NIL = "'00000000-0000-0000-0000-000000000000'::uuid";
const NOW = "timestamptz not null default date_trunc('second', now())";
/** What a number holds exactly; every amount and balance stays within (INV-51). */
const MOST = '9007199254740991';
/** What goes with its organization. */
const OWNED = ['overage_limits', 'wallet_alerts'];

/*
 * The ledger names organizations and does not hang on them: it outlives a purge (INV-47). What is set for an organization,
 * its limits and alerts, goes with it.
 */
const TABLES = `
create table wallets (
  id uuid not null,
  organization_id uuid not null,
  asset text not null,
  scale integer not null,
  balance bigint not null default 0,
  held bigint not null default 0,
  status text not null default 'active',
  transactions bigint not null default 0,
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint wallets_pkey primary key (id),
  constraint wallets_organization_id_asset_key unique (organization_id, asset),
  constraint wallets_asset_check check (asset ~ '^[A-Z][A-Z0-9_]{1,15}$'),
  constraint wallets_scale_check check (scale between 0 and 8),
  constraint wallets_balance_check check (balance between -${MOST} and ${MOST}),
  constraint wallets_held_check check (held between 0 and ${MOST}),
  constraint wallets_status_check check (status in ('active', 'frozen', 'closed')),
  constraint wallets_closed_check check (status <> 'closed' or (balance = 0 and held = 0))
) with (fillfactor = 70);

create table ledger_accounts (
  id uuid not null,
  organization_id uuid not null,
  wallet_id uuid not null,
  name text not null,
  asset text not null,
  balance bigint not null,
  last_sequence bigint not null,
  constraint ledger_accounts_pkey primary key (id),
  constraint ledger_accounts_wallet_id_name_key unique (wallet_id, name),
  constraint ledger_accounts_wallet_id_fkey foreign key (wallet_id) references wallets (id) on delete restrict,
  constraint ledger_accounts_balance_check check (balance between -${MOST} and ${MOST})
) with (fillfactor = 70);
create index ledger_accounts_organization_id_idx on ledger_accounts (organization_id);

create table holds (
  id uuid not null,
  organization_id uuid not null,
  wallet_id uuid not null,
  asset text not null,
  amount bigint not null,
  captured bigint not null default 0,
  released bigint not null default 0,
  status text not null default 'open',
  service text,
  reason text,
  expires_at timestamptz not null,
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint holds_pkey primary key (id),
  constraint holds_wallet_id_fkey foreign key (wallet_id) references wallets (id) on delete restrict,
  constraint holds_amount_check check (amount between 1 and ${MOST}),
  constraint holds_status_check check (status in ('open', 'captured', 'voided', 'expired')),
  constraint holds_ended_check check (captured >= 0 and released >= 0
    and captured + released = case when status = 'open' then 0 else amount end and (captured > 0) = (status = 'captured'))
);
create index holds_organization_id_created_at_idx on holds (organization_id, created_at, id);
create index holds_wallet_id_created_at_idx on holds (wallet_id, created_at, id);
create index holds_created_at_idx on holds (created_at, id);
create index holds_expires_at_idx on holds (expires_at, id);
create index holds_service_idx on holds (service, created_at, id) where service is not null;
create index holds_open_idx on holds (expires_at) where status = 'open';

create table wallet_transactions (
  id uuid not null,
  organization_id uuid not null,
  wallet_id uuid not null,
  kind text not null,
  amount bigint not null,
  asset text not null,
  direction text,
  service text,
  quantity bigint,
  quantity_asset text,
  reason text,
  reference text,
  metadata jsonb not null default '{}',
  balance_after bigint not null,
  hold_id uuid,
  reverses_id uuid,
  actor_type text not null,
  actor_id uuid,
  occurred_at timestamptz not null,
  constraint wallet_transactions_pkey primary key (id),
  constraint wallet_transactions_wallet_id_fkey foreign key (wallet_id) references wallets (id) on delete restrict,
  constraint wallet_transactions_hold_id_fkey foreign key (hold_id) references holds (id) on delete restrict,
  constraint wallet_transactions_reverses_id_fkey foreign key (reverses_id) references wallet_transactions (id) on delete restrict,
  constraint wallet_transactions_kind_check check (
    kind in ('topup', 'charge', 'hold', 'capture', 'release', 'adjustment', 'reversal', 'transfer')),
  constraint wallet_transactions_amount_check check (amount between 1 and ${MOST}),
  constraint wallet_transactions_quantity_check check (
    (quantity is null) = (quantity_asset is null) and quantity between 1 and ${MOST}),
  constraint wallet_transactions_direction_check check (
    (direction is not null) = (kind = 'adjustment') and direction in ('credit', 'debit')),
  constraint wallet_transactions_hold_check check ((hold_id is not null) = (kind in ('hold', 'capture', 'release'))),
  constraint wallet_transactions_reverses_check check ((reverses_id is not null) = (kind = 'reversal')),
  constraint wallet_transactions_reason_check check (reason is not null or kind not in ('adjustment', 'reversal')),
  constraint wallet_transactions_actor_type_check check (actor_type in ('user', 'apiKey', 'invitee', 'system'))
);
create unique index wallet_transactions_reverses_id_key on wallet_transactions (reverses_id) where reverses_id is not null;
create index wallet_transactions_hold_id_idx on wallet_transactions (hold_id, occurred_at, id) where hold_id is not null;
create index wallet_transactions_wallet_id_occurred_at_idx on wallet_transactions (wallet_id, occurred_at, id);
create index wallet_transactions_organization_id_occurred_at_idx on wallet_transactions (organization_id, occurred_at, id);
create index wallet_transactions_occurred_at_idx on wallet_transactions (occurred_at, id);
create index wallet_transactions_kind_idx on wallet_transactions (kind, occurred_at, id);
create index wallet_transactions_service_idx on wallet_transactions (service, occurred_at, id) where service is not null;
create index wallet_transactions_metadata_idx on wallet_transactions using gin (metadata jsonb_path_ops) with (fastupdate = off)
  where metadata <> '{}';
create index wallet_transactions_reference_idx on wallet_transactions (reference, id) where reference is not null;

create table ledger_entries (
  id uuid not null,
  organization_id uuid not null,
  wallet_id uuid not null,
  transaction_id uuid not null,
  account_id uuid not null,
  account text not null,
  direction text not null,
  amount bigint not null,
  asset text not null,
  balance_after bigint not null,
  sequence bigint not null,
  occurred_at timestamptz not null,
  constraint ledger_entries_pkey primary key (id),
  constraint ledger_entries_account_id_sequence_key unique (account_id, sequence),
  constraint ledger_entries_transaction_id_fkey foreign key (transaction_id) references wallet_transactions (id) on delete restrict,
  constraint ledger_entries_account_id_fkey foreign key (account_id) references ledger_accounts (id) on delete restrict,
  constraint ledger_entries_direction_check check (direction in ('debit', 'credit')),
  constraint ledger_entries_amount_check check (amount between 1 and ${MOST}),
  constraint ledger_entries_sequence_check check (sequence >= 1)
);
create index ledger_entries_transaction_id_idx on ledger_entries (transaction_id);
create index ledger_entries_wallet_id_occurred_at_idx on ledger_entries (wallet_id, occurred_at, id);
create index ledger_entries_organization_id_occurred_at_idx on ledger_entries (organization_id, occurred_at, id);
create index ledger_entries_occurred_at_idx on ledger_entries (occurred_at, id);

create table overage_limits (
  id uuid not null,
  organization_id uuid not null,
  asset text not null,
  service text,
  max_overage bigint,
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint overage_limits_pkey primary key (id),
  constraint overage_limits_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade,
  constraint overage_limits_asset_check check (asset ~ '^[A-Z][A-Z0-9_]{1,15}$'),
  constraint overage_limits_max_overage_check check (max_overage between 0 and ${MOST})
);
create unique index overage_limits_asset_key on overage_limits (organization_id, asset) where service is null;
create unique index overage_limits_service_key on overage_limits (organization_id, asset, service) where service is not null;
create index overage_limits_created_at_idx on overage_limits (created_at, id);
create index overage_limits_asset_idx on overage_limits (asset, created_at, id);

create table wallet_alerts (
  id uuid not null,
  organization_id uuid not null,
  wallet_id uuid not null,
  direction text not null,
  value bigint,
  percent_of_limit integer,
  recurring_step bigint,
  notify_on_resolved boolean not null default false,
  last_side text not null,
  last_value bigint,
  last_threshold bigint,
  created_at ${NOW},
  updated_at ${NOW},
  version integer not null default 1,
  constraint wallet_alerts_pkey primary key (id),
  constraint wallet_alerts_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade,
  constraint wallet_alerts_wallet_id_fkey foreign key (wallet_id) references wallets (id) on delete restrict,
  constraint wallet_alerts_direction_check check (direction in ('below', 'above')),
  constraint wallet_alerts_last_side_check check (last_side in ('below', 'above')),
  constraint wallet_alerts_value_check check (value between -${MOST} and ${MOST}),
  constraint wallet_alerts_percent_of_limit_check check (percent_of_limit between 1 and 100),
  constraint wallet_alerts_threshold_check check ((value is null) <> (percent_of_limit is null)),
  constraint wallet_alerts_recurring_step_check check (recurring_step between 1 and ${MOST})
);
create index wallet_alerts_wallet_id_created_at_idx on wallet_alerts (wallet_id, created_at, id);
create index wallet_alerts_organization_id_created_at_idx on wallet_alerts (organization_id, created_at, id);
create index wallet_alerts_created_at_idx on wallet_alerts (created_at, id);
`;

/** Behind the rows that there are, which need no look-up each. */
const WALLET_INDEXES = `
create index wallets_created_at_idx on wallets (created_at, id);
create index wallets_asset_idx on wallets (asset, created_at, id);
create index wallets_status_idx on wallets (status, created_at, id);
`;

/* The last line: whoever writes past the service, or the service with a fault, is refused by the tables themselves. */
const LAST_LINE = `
create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
  raise exception 'Rows of % are never changed or removed: a mistake is undone by a reversal.', tg_table_name
    using errcode = 'restrict_violation';
end $$;
create trigger wallet_transactions_keep before update or delete or truncate on wallet_transactions
  for each statement execute function refuse_ledger_change();
create trigger ledger_entries_keep before update or delete or truncate on ledger_entries
  for each statement execute function refuse_ledger_change();

-- INV-44. The entries of a transaction are written by one statement, so that those that were there need no look: one that
-- adds as much on both sides leaves them balanced. Nor would a plan for a table that was empty serve one that has grown.
create function check_ledger_balance() returns trigger language plpgsql as $$
begin
  if exists (select 1 from added a group by a.transaction_id, a.asset
      having sum(case a.direction when 'credit' then a.amount else -a.amount end) <> 0) then
    raise exception 'The debits of a transaction are not its credits.' using errcode = 'check_violation',
      constraint = 'ledger_entries_balance_check';
  end if;
  return null;
end $$;
create trigger ledger_entries_balance after insert on ledger_entries
  referencing new table as added for each statement execute function check_ledger_balance();

-- INV-46, as far as a wallet alone can know: by the most generous limit of its asset.
create function check_wallet_overage() returns trigger language plpgsql as $$
declare
  is_unlimited boolean;
  most bigint;
begin
  select bool_or(l.max_overage is null), max(l.max_overage) into is_unlimited, most from overage_limits l
    where l.organization_id = new.organization_id and l.asset = new.asset;
  if is_unlimited is not true and new.balance - new.held < -coalesce(most, 0) then
    raise exception 'A wallet must not fall below its limit.' using errcode = 'check_violation',
      constraint = 'wallets_overage_check';
  end if;
  return new;
end $$;
create trigger wallets_overage before update of balance, held on wallets for each row
  when (new.balance - new.held < least(old.balance - old.held, 0)) execute function check_wallet_overage();
create trigger wallets_first_overage before insert on wallets for each row
  when (new.balance - new.held < 0) execute function check_wallet_overage();

-- What is available in a wallet follows from the limit of its asset: it is another version with another one. Thresholds that
-- are a part of the limit move with it: that crosses none of them.
create function touch_wallet_of_limit() returns trigger language plpgsql as $$
declare changed overage_limits := coalesce(new, old);
begin
  if tg_op = 'UPDATE' and new.max_overage is not distinct from old.max_overage then return null; end if;
  update wallets set version = version + 1, updated_at = date_trunc('second', now())
    where organization_id = changed.organization_id and asset = changed.asset;
  update wallet_alerts a set last_side = alert_side(a), version = a.version + 1, updated_at = date_trunc('second', now())
    from wallets w where w.organization_id = changed.organization_id and w.asset = changed.asset and a.wallet_id = w.id
      and a.percent_of_limit is not null and a.last_side <> alert_side(a);
  return null;
end $$;
create trigger overage_limits_touch_wallet after insert or update of max_overage or delete on overage_limits
  for each row execute function touch_wallet_of_limit();
`;

/* A wallet is judged by what it holds beside its holds: what a limit is judged by. All within -2 * 2^53 … 2^53. */
const ALERTS = `
-- Where the threshold of an alert is, in the smallest unit; null: nowhere. That share of the limit is used: below zero by it.
create function alert_threshold(a wallet_alerts, most bigint) returns bigint language sql immutable as $$
  select case when a.value is not null then a.value when most > 0 then -((most * a.percent_of_limit + 99) / 100) end
$$;

-- How many of the thresholds of an alert, its own and one for each further step, a value is beyond. A value is beyond by
-- passing it, a share of the limit by reaching it: past all of it nobody gets.
create function alert_depth(a wallet_alerts, most bigint, what bigint) returns bigint language plpgsql immutable as $$
declare
  beyond bigint := case a.direction when 'below' then alert_threshold(a, most) - what + (a.value is null)::integer
    else what - alert_threshold(a, most) end;
begin
  if beyond is null or beyond <= 0 then return 0; end if;
  return case when a.recurring_step is null then 1 else (beyond - 1) / a.recurring_step + 1 end;
end $$;

create function opposite_side(side text) returns text language sql immutable as $$
  select case side when 'below' then 'above' else 'below' end
$$;

-- On which side of its threshold the wallet of an alert is now.
create function alert_side(a wallet_alerts) returns text language plpgsql volatile as $$
declare w wallets;
begin
  select * into w from wallets where id = a.wallet_id;
  return case when alert_depth(a, max_overage(w.organization_id, w.asset, null), w.balance - w.held) > 0
    then a.direction else opposite_side(a.direction) end;
end $$;

create function place_alert() returns trigger language plpgsql as $$
begin
  new.last_side := alert_side(new);
  return new;
end $$;
create trigger wallet_alerts_place before insert or update of direction, value, percent_of_limit on wallet_alerts
  for each row execute function place_alert();

-- Tells of the thresholds that a posting has crossed, one row for each event, with the alerts as they are then. Whoever
-- posts, and whoever changes alerts or limits, has locked the organization: nobody else is at them. What one posting tells has
-- an end: 200 in all, and of each alert the last.
create function cross_alerts(before wallets, after wallets, most bigint)
returns table (kind text, alert wallet_alerts) language plpgsql as $$
declare
  was bigint := before.balance - before.held;
  value_now bigint := after.balance - after.held;
  depth_before bigint;
  depth bigint;
  told bigint;
begin
  if was is not distinct from value_now then return; end if;
  for alert in select * from wallet_alerts w where w.wallet_id = after.id order by w.created_at, w.id loop
    depth_before := alert_depth(alert, most, was);
    depth := alert_depth(alert, most, value_now);
    continue when depth = depth_before or (depth < depth_before and depth > 0);
    alert.last_side := case when depth > 0 then alert.direction else opposite_side(alert.direction) end;
    alert.last_value := value_now;
    alert.version := alert.version + 1;
    alert.updated_at := date_trunc('second', now());
    kind := case when depth > 0 then 'wallet.alert_triggered' else 'wallet.alert_resolved' end;
    told := greatest(depth - depth_before, 1);
    if told > 10 then
      told := least(told, 200 / (select count(*) from wallet_alerts w where w.wallet_id = after.id));
    end if;
    for left_over in reverse told..1 loop
      alert.last_threshold := alert_threshold(alert, most) + greatest(depth - left_over, 0)
        * coalesce(alert.recurring_step, 0) * case alert.direction when 'below' then -1 else 1 end;
      if depth > 0 or alert.notify_on_resolved then return next; end if;
    end loop;
    update wallet_alerts w set last_side = alert.last_side, last_value = alert.last_value, version = alert.version,
        last_threshold = alert.last_threshold, updated_at = alert.updated_at
      where w.id = alert.id;
  end loop;
end $$;
`;

/* Totals: of one organization they follow from its few wallets and accounts; these are of a partner's, and of all. */
const TOTALS = `
create function count_wallets() returns trigger language plpgsql as $$
declare part record;
begin
  for part in select o.partner_id, count(*) as n from added a left join organizations o on o.id = a.organization_id group by 1 loop
    perform add_to_row_count('wallets', ${NIL}, part.n), add_to_row_count('wallets', part.partner_id, part.n);
  end loop;
  return null;
end $$;
create trigger wallets_count_insert after insert on wallets
  referencing new table as added for each statement execute function count_wallets();
create trigger holds_count_insert after insert on holds
  referencing new table as changed for each statement execute function count_log_rows('1');
${OWNED.map(
  (table) => `create trigger ${table}_count_insert after insert on ${table}
  referencing new table as changed for each statement execute function count_owned_rows('1');
create trigger ${table}_count_delete after delete on ${table}
  referencing old table as changed for each statement execute function count_owned_rows('-1');
`,
).join('')}
-- A purge: nobody but the operator sees the ledger any more. Wallets in which nothing has ever moved go.
create function leave_ledger() returns trigger language plpgsql as $$
declare
  wallets_of bigint;
  transactions_of bigint;
begin
  with gone as (
    delete from wallets w where w.organization_id = old.id
      and not exists (select 1 from ledger_accounts a where a.wallet_id = w.id)
      and not exists (select 1 from wallet_alerts l where l.wallet_id = w.id) returning 1
  ) select count(*) into wallets_of from gone;
  perform add_to_row_count('wallets', ${NIL}, -wallets_of), add_to_row_count('wallets', old.partner_id, -wallets_of);
  if old.partner_id is null then return old; end if;
  select count(*), sum(w.transactions) into wallets_of, transactions_of from wallets w where w.organization_id = old.id;
  perform add_to_row_count('wallets', old.partner_id, -wallets_of),
    add_to_row_count('wallet_transactions', old.partner_id, -coalesce(transactions_of, 0)),
    add_to_row_count('wallet_entries', old.partner_id, -coalesce((select sum(a.last_sequence) from ledger_accounts a
      where a.organization_id = old.id and a.name in ('wallet', 'held')), 0)::bigint),
    add_to_row_count('holds', old.partner_id, -coalesce((select sum(c.rows) from row_counts c
      where c.relation = 'holds' and c.scope = old.id), 0)::bigint);
  return old;
end $$;
create trigger organizations_leave_ledger before delete on organizations for each row execute function leave_ledger();
`;

const POSTING = `
-- How far below zero an organization may go in an asset: the limit of the service, else that of the asset, else 0; null: as
-- far as it likes. Volatile, so that it sees what was committed while its caller waited for a lock.
create function max_overage(organization uuid, of_asset text, of_service text) returns bigint language plpgsql volatile as $$
declare found_limit bigint;
begin
  select l.max_overage into found_limit from overage_limits l
    where l.organization_id = organization and l.asset = of_asset and (l.service is null or l.service = of_service)
    order by l.service nulls last limit 1;
  if not found then return 0; end if;
  return found_limit;
end $$;

-- What can be spent of balance - held down to the limit; null without one.
create function available(left_over bigint, most bigint) returns bigint language sql immutable strict as $$
  select least(left_over + most, ${MOST})
$$;

-- Writes a transaction and its entries: changes[i] to the account names[i] of the wallet purses[i], credits above zero and
-- debits below; each account once. Accounts come with their first entry.
create function write_transaction(made wallet_transactions, purses wallets[], names text[], changes bigint[]) returns void
language plpgsql as $$
begin
  insert into wallet_transactions select made.*;
  with legs as (
    select p.id as purse, p.asset as of, u.name as account_name, u.change, u.place
      from unnest(names, changes) with ordinality u (name, change, place)
      cross join lateral (select (purses[u.place]).*) p
  ), moved as (
    insert into ledger_accounts as a (id, organization_id, wallet_id, name, asset, balance, last_sequence)
      select new_id(), made.organization_id, l.purse, l.account_name, l.of, l.change, 1 from legs l order by l.place
      on conflict (wallet_id, name) do update set balance = a.balance + excluded.balance, last_sequence = a.last_sequence + 1
      returning a.*
  )
  insert into ledger_entries (id, organization_id, wallet_id, transaction_id, account_id, account, direction, amount, asset,
      balance_after, sequence, occurred_at)
    select new_id(), m.organization_id, m.wallet_id, made.id, m.id, m.name,
      case when l.change > 0 then 'credit' else 'debit' end, abs(l.change), m.asset, m.balance, m.last_sequence, made.occurred_at
    from legs l join moved m on m.wallet_id = l.purse and m.name = l.account_name order by l.place;
end $$;

-- What a posting has set off at a wallet, as types of events: judged on what it was before and is now, so that each crossing
-- is told once and armed again when the value goes back.
create function wallet_crossings(before wallets, after wallets, most bigint) returns text[] language sql immutable as $$
  select array_remove(array[
    case when before.balance >= 0 and after.balance < 0 then 'wallet.overage_started' end,
    case when most > 0 and before.balance - before.held + most > 0 and after.balance - after.held + most <= 0
      then 'wallet.overage_limit_reached' end,
    case when before.balance < 0 and after.balance >= 0 then 'wallet.overage_cleared' end], null)
$$;
`;

const POST = `
/*
 * The one way to move money. asked: kind, amount; scale of a wallet that is made; direction of an adjustment; service;
 * quantity, unit, unitScale of units that come with a charge; holdId of a capture or a release, versions of
 * which it must have one, and as what it ends (holdStatus); expiresAt of a hold; reversesId; reason, reference, metadata; actor {type, id}.
 * Locks: the organization, its wallets by asset, the hold. Not shared: whoever posts would pass those who wait to change the
 * organization, and of one that is busy nothing could be changed. A refusal has written nothing. Planned as \`record_events\`, the
 * checks of its keys too.
 */
create function post_transaction(organization uuid, of_asset text, asked jsonb)
returns table (refusal text, facts jsonb, posted wallet_transactions, rest wallet_transactions, now_wallet wallets,
  now_hold holds, told_kinds text[], told_wallets wallets[], alert_kinds text[], told_alerts wallet_alerts[])
language plpgsql set enable_seqscan to off as $$
declare
  its_kind text := asked->>'kind';
  its_amount bigint := (asked->>'amount')::bigint;
  its_service text := asked->>'service';
  its_quantity bigint := (asked->>'quantity')::bigint;
  unit text := asked->>'unit';
  org record;
  was wallet_transactions;
  before_wallet wallets;
  before_unit wallets;
  now_unit wallets;
  purse wallets;
  most bigint;
  unit_most bigint;
  -- What changes at the wallet and the held account, and at the wallet account of the unit.
  change bigint := 0;
  held_change bigint := 0;
  unit_change bigint := 0;
  other text;
  left_over bigint := 0;
  made integer;
  missing integer;
  at timestamptz;
begin
  select o.status, o.partner_id into org from organizations o where o.id = organization for no key update;
  if not found or (org.status = 'pending_deletion' and its_kind <> 'release') then
    refusal := 'not_found'; return next; return;
  end if;
  if org.status = 'suspended' and its_kind in ('charge', 'hold', 'capture') then
    refusal := 'organization_suspended'; return next; return;
  end if;
  if its_kind = 'reversal' then
    select * into was from wallet_transactions w where w.id = (asked->>'reversesId')::uuid and w.organization_id = organization;
    if not found then refusal := 'not_found'; return next; return; end if;
    its_amount := was.amount; its_service := was.service; its_quantity := was.quantity; unit := was.quantity_asset;
  end if;

  loop
    before_wallet := null; before_unit := null;
    for purse in select * from wallets w where w.organization_id = organization and w.asset in (of_asset, unit)
        order by w.asset for no key update loop
      if purse.asset = of_asset then before_wallet := purse; else before_unit := purse; end if;
    end loop;
    facts := jsonb_build_object('asset', of_asset, 'walletId', before_wallet.id);

    if before_wallet.status = 'closed' or before_unit.status = 'closed' then
      refusal := 'wallet_closed'; return next; return;
    end if;
    if before_wallet.status = 'frozen' and its_kind in ('charge', 'hold', 'capture') then
      refusal := 'wallet_frozen'; return next; return;
    end if;

    if its_kind in ('capture', 'release') then
      select * into now_hold from holds h where h.id = (asked->>'holdId')::uuid and h.organization_id = organization
        for no key update;
      if not found then refusal := 'not_found'; return next; return; end if;
      if not (asked->'versions') @> to_jsonb(now_hold.version) then refusal := 'version_mismatch'; return next; return; end if;
      -- By the clock of now, behind the locks. The service itself ends one at any time.
      if now_hold.status <> 'open' or (asked#>>'{actor,type}' <> 'system' and now_hold.expires_at <= clock_timestamp()) then
        refusal := 'hold_closed';
        facts := facts || jsonb_build_object('status', case now_hold.status when 'open' then 'expired' else now_hold.status end);
        return next; return;
      end if;
      its_service := now_hold.service;
      its_amount := coalesce(its_amount, now_hold.amount);
      left_over := now_hold.amount - its_amount;
      if left_over < 0 then
        refusal := 'more_than_held'; facts := facts || jsonb_build_object('held', now_hold.amount); return next; return;
      end if;
    elsif its_kind = 'reversal' then
      if was.kind not in ('topup', 'charge', 'capture', 'adjustment') then
        refusal := 'not_reversible'; facts := facts || jsonb_build_object('kind', was.kind); return next; return;
      end if;
      if (asked->>'amount')::bigint <> was.amount then
        refusal := 'not_whole'; facts := facts || jsonb_build_object('whole', was.amount); return next; return;
      end if;
      if exists (select 1 from wallet_transactions w where w.reverses_id = was.id) then
        refusal := 'already_reversed'; return next; return;
      end if;
    end if;

    -- balance - held is what the wallet account holds: nothing else can be too low (INV-46).
    change := case its_kind when 'topup' then its_amount when 'charge' then -its_amount when 'hold' then -its_amount
      when 'capture' then left_over when 'release' then its_amount
      when 'adjustment' then case asked->>'direction' when 'credit' then its_amount else -its_amount end
      when 'reversal' then case when was.kind = 'topup' or was.direction = 'credit' then -its_amount else its_amount end end;
    held_change := case its_kind when 'hold' then its_amount when 'capture' then -its_amount - left_over
      when 'release' then -its_amount else 0 end;
    unit_change := case when its_quantity is null then 0 when its_kind = 'reversal' then -its_quantity else its_quantity end;
    most := max_overage(organization, of_asset, case when its_kind in ('charge', 'hold') then its_service end);
    if change < 0 and coalesce(before_wallet.balance - before_wallet.held, 0) + change < -most then
      refusal := case most when 0 then 'insufficient_funds' else 'overage_limit_exceeded' end;
      facts := facts || jsonb_build_object('amount', -change,
        'available', available(coalesce(before_wallet.balance - before_wallet.held, 0), most));
      return next; return;
    end if;
    if unit_change < 0 then
      unit_most := max_overage(organization, unit, null);
      if before_unit.balance - before_unit.held + unit_change < -unit_most then
        refusal := case unit_most when 0 then 'insufficient_funds' else 'overage_limit_exceeded' end;
        facts := jsonb_build_object('asset', unit, 'walletId', before_unit.id, 'amount', -unit_change,
          'available', available(before_unit.balance - before_unit.held, unit_most));
        return next; return;
      end if;
    end if;

    -- Wallets come with their first posting. Where somebody else has just made one, all is judged anew.
    missing := (before_wallet.id is null)::integer + (unit is not null and before_unit.id is null)::integer;
    exit when missing = 0;
    insert into wallets (id, organization_id, asset, scale)
      select new_id(), organization, n.asset, n.scale from (
        select of_asset as asset, (asked->>'scale')::integer as scale where before_wallet.id is null
        union all select unit, (asked->>'unitScale')::integer where unit is not null and before_unit.id is null) n
      order by n.asset on conflict (organization_id, asset) do nothing;
  end loop;

  -- Behind the locks: the times of a wallet's transactions follow one another.
  at := date_trunc('second', clock_timestamp());
  update wallets w set balance = w.balance + change + held_change, held = w.held + held_change,
      transactions = w.transactions + 1 + (its_kind = 'capture' and left_over > 0)::integer,
      version = w.version + 1, updated_at = date_trunc('second', now())
    where w.id = before_wallet.id returning w.* into now_wallet;
  if unit_change <> 0 then
    update wallets w set balance = w.balance + unit_change, version = w.version + 1, updated_at = date_trunc('second', now())
      where w.id = before_unit.id returning w.* into now_unit;
  end if;

  if its_kind = 'hold' then
    insert into holds (id, organization_id, wallet_id, asset, amount, service, reason, expires_at)
      values (new_id(), organization, now_wallet.id, of_asset, its_amount, its_service, asked->>'reason',
        (asked->>'expiresAt')::timestamptz)
      returning * into now_hold;
  elsif its_kind in ('capture', 'release') then
    update holds h set status = coalesce(asked->>'holdStatus', 'captured'),
        captured = case its_kind when 'capture' then its_amount else 0 end,
        released = case its_kind when 'capture' then left_over else its_amount end,
        version = h.version + 1, updated_at = date_trunc('second', now())
      where h.id = now_hold.id returning h.* into now_hold;
  end if;

  posted.id := new_id();
  posted.organization_id := organization;
  posted.wallet_id := now_wallet.id;
  posted.kind := its_kind;
  posted.amount := its_amount;
  posted.asset := of_asset;
  posted.direction := asked->>'direction';
  posted.service := its_service;
  posted.quantity := its_quantity;
  posted.quantity_asset := unit;
  posted.reason := asked->>'reason';
  posted.reference := asked->>'reference';
  posted.metadata := coalesce(asked->'metadata', '{}');
  posted.balance_after := now_wallet.balance;
  posted.hold_id := now_hold.id;
  posted.reverses_id := was.id;
  posted.actor_type := asked#>>'{actor,type}';
  posted.actor_id := (asked#>>'{actor,id}')::uuid;
  posted.occurred_at := at;
  other := case coalesce(was.kind, its_kind) when 'topup' then 'funding' when 'adjustment' then 'adjustments'
    when 'hold' then 'held' when 'release' then 'held' else coalesce('revenue:' || its_service, 'revenue') end;
  if its_kind = 'capture' then
    perform write_transaction(posted, array[now_wallet, now_wallet], array['held', other], array[-its_amount, its_amount]);
    if left_over > 0 then
      rest := posted;
      rest.id := new_id();
      rest.kind := 'release';
      rest.amount := left_over;
      perform write_transaction(rest, array[now_wallet, now_wallet], array['held', 'wallet'], array[-left_over, left_over]);
    end if;
  elsif unit_change = 0 then
    perform write_transaction(posted, array[now_wallet, now_wallet], array['wallet', other], array[change, -change]);
  else
    perform write_transaction(posted, array[now_wallet, now_wallet, now_unit, now_unit],
      array['wallet', other, 'wallet', 'issued:' || unit], array[change, -change, unit_change, -unit_change]);
  end if;

  -- What it has set off. Limits of services say nothing about the wallet as a whole.
  most := max_overage(organization, of_asset, null);
  told_kinds := wallet_crossings(before_wallet, now_wallet, most);
  told_wallets := array_fill(now_wallet, array[cardinality(told_kinds)]);
  select array_agg(c.kind), array_agg(c.alert) into alert_kinds, told_alerts from cross_alerts(before_wallet, now_wallet, most) c;
  if unit_change <> 0 then
    unit_most := max_overage(organization, unit, null);
    told_wallets := told_wallets || array_fill(now_unit,
      array[cardinality(wallet_crossings(before_unit, now_unit, unit_most))]);
    told_kinds := told_kinds || wallet_crossings(before_unit, now_unit, unit_most);
    select alert_kinds || array_agg(c.kind), told_alerts || array_agg(c.alert) into alert_kinds, told_alerts
      from cross_alerts(before_unit, now_unit, unit_most) c;
  end if;
  made := 1 + (rest.id is not null)::integer;
  perform add_to_row_count('wallet_transactions', ${NIL}, made), add_to_row_count('wallet_transactions', org.partner_id, made),
    add_to_row_count('ledger_entries', ${NIL}, made * 2 + case when unit_change <> 0 then 2 else 0 end),
    add_to_row_count('wallet_entries', org.partner_id, 1 + (held_change <> 0 and its_kind <> 'capture')::integer
      + 2 * (rest.id is not null)::integer + (unit_change <> 0)::integer);
  facts := jsonb_build_object('balance', now_wallet.balance, 'held', now_wallet.held,
    'available', available(now_wallet.balance - now_wallet.held, most), 'overageUsed', greatest(0, -now_wallet.balance));
  return next;
end $$;
`;

/** Wallets, the ledger, holds, limits and alerts; each organization that there is gets the wallet that comes with one. */
export class Wallets1764600000001 implements MigrationInterface {
  name = 'Wallets1764600000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
    const [{ asset }] = await runner.query(
      `select coalesce(nullif(current_setting('guildhall.wallet_asset', true), ''), 'USD') as asset`,
    );
    // First what there is: the triggers would count it row by row.
    await runner.query(
      'insert into wallets (id, organization_id, asset, scale) select new_id(), id, $1, $2 from organizations',
      [asset, scaleOf(asset)],
    );
    await runner.query(`insert into row_counts (relation, scope, rows)
      select 'wallets', part.scope, count(*) from organizations o cross join lateral (values (${NIL}), (o.partner_id)) part (scope)
      where part.scope is not null group by part.scope`);
    await runner.query(
      [WALLET_INDEXES, LAST_LINE, ALERTS, TOTALS, statusCounter([...COUNTED, ...OWNED]), POSTING, POST].join('\n'),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger organizations_leave_ledger on organizations;
      drop trigger wallet_alerts_place on wallet_alerts;
      drop trigger overage_limits_touch_wallet on overage_limits;
      drop function post_transaction, cross_alerts, wallet_crossings, write_transaction, available, max_overage, touch_wallet_of_limit,
        place_alert, alert_side, opposite_side, alert_depth, alert_threshold;
      drop table wallet_alerts, overage_limits, ledger_entries, wallet_transactions, holds, ledger_accounts, wallets;
      drop function leave_ledger, count_wallets, check_wallet_overage, check_ledger_balance,
        refuse_ledger_change;
      ${statusCounter(COUNTED)}
      delete from row_counts where relation in ('wallets', 'wallet_transactions', 'ledger_entries', 'wallet_entries', 'holds',
        'overage_limits', 'wallet_alerts');
    `);
  }
}
