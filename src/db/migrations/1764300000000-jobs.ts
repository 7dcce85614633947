import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Work that is done after the transaction that caused it. */
export class Jobs1764300000000 implements MigrationInterface {
  name = 'Jobs1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table jobs (
        id uuid not null,
        kind text not null,
        payload bytea not null,
        organization_id uuid,
        key text,
        run_at timestamptz not null,
        attempts integer not null default 0,
        lease_until timestamptz,
        failed_at timestamptz,
        last_error text,
        created_at timestamptz not null default now(),
        constraint jobs_pkey primary key (id),
        constraint jobs_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade
      );
      create unique index jobs_key_key on jobs (key) where key is not null;
      create index jobs_run_at_idx on jobs (run_at) where failed_at is null;
      create index jobs_failed_at_idx on jobs (failed_at) where failed_at is not null;
      create index jobs_organization_id_idx on jobs (organization_id) where organization_id is not null;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table jobs');
  }
}
