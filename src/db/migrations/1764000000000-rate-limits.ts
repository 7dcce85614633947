import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rate limits that all processes share. */
export class RateLimits1764000000000 implements MigrationInterface {
  name = 'RateLimits1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    // Unlogged: what a crash forgets is a minute of counting. Half-empty pages, since a row is updated in place all the time.
    await runner.query(`
      create unlogged table rate_limits (
        key text not null,
        window_ends_at timestamptz not null,
        used integer not null,
        constraint rate_limits_pkey primary key (key)
      ) with (fillfactor = 50);
      create index rate_limits_window_ends_at_idx on rate_limits (window_ends_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table rate_limits');
  }
}
