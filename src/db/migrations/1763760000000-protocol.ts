import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Names are searched by any part of them: three letters are enough for these indexes to find it. Without the list of
 * pending entries, which every search would have to read.
 */
const SEARCH = `
create extension if not exists pg_trgm;
create index organizations_search_idx on organizations using gin
  ((name || E'\\n' || slug || E'\\n' || coalesce(external_id, '') || E'\\n' || coalesce(primary_domain, '')) gin_trgm_ops) with (fastupdate = off);
create index users_search_idx on users using gin ((email || E'\\n' || coalesce(name, '')) gin_trgm_ops) with (fastupdate = off);
`;

/** Values inside metadata, for rows that have some: most have none, and cost nothing here. */
const METADATA = `
create index organizations_metadata_idx on organizations using gin (metadata jsonb_path_ops) with (fastupdate = off) where metadata <> '{}';
create index members_metadata_idx on members using gin (metadata jsonb_path_ops) with (fastupdate = off) where metadata <> '{}';
create index api_keys_metadata_idx on api_keys using gin (metadata jsonb_path_ops) with (fastupdate = off) where metadata <> '{}';
`;

/** What clients synchronise, look up and sort by. Nulls are in these indexes too: a sorted list ends or begins with them. */
const FILTERS = `
create index organizations_updated_at_idx on organizations (updated_at, id);
create index organizations_external_id_idx on organizations (external_id, id);
create index organizations_country_code_idx on organizations (country_code, id);
create index organizations_primary_domain_idx on organizations (primary_domain, id);
create index organizations_owner_id_idx on organizations (owner_id) where owner_id is not null;
create index users_updated_at_idx on users (updated_at, id);
create index users_name_idx on users (name, id);
create index users_external_id_idx on users (external_id, id) where external_id is not null;
create index members_updated_at_idx on members (updated_at, id);
create index members_external_id_idx on members (external_id, id) where external_id is not null;
create index members_user_id_created_at_idx on members (user_id, created_at, id);
drop index members_user_id_idx;
`;

const IDEMPOTENCY = `
create table idempotency_records (
  credential_id uuid not null,
  method text not null,
  path text not null,
  key text not null,
  fingerprint bytea not null,
  status integer not null,
  headers jsonb not null,
  body text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint idempotency_records_pkey primary key (credential_id, method, path, key)
);
create index idempotency_records_expires_at_idx on idempotency_records (expires_at);
`;

/** Stored answers of requests with an Idempotency-Key, and the indexes behind filters and search. */
export class Protocol1763760000000 implements MigrationInterface {
  name = 'Protocol1763760000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [SEARCH, METADATA, FILTERS, IDEMPOTENCY]) await runner.query(sql);
  }

  /** PostgreSQL refuses to drop the extension when somebody else has come to use it. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table idempotency_records;
      drop index organizations_search_idx, users_search_idx, organizations_metadata_idx, members_metadata_idx,
        api_keys_metadata_idx, organizations_updated_at_idx, organizations_external_id_idx,
        organizations_country_code_idx, organizations_primary_domain_idx, organizations_owner_id_idx,
        users_updated_at_idx, users_name_idx, users_external_id_idx, members_updated_at_idx, members_external_id_idx,
        members_user_id_created_at_idx;
      create index members_user_id_idx on members (user_id);
      drop extension pg_trgm;
    `);
  }
}
