import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What has been told of the end of a key: once before it and once when it is there, whoever looks and how often. And an index
 * of the roles that do not let their holders read the organization, for the totals of people in very many.
 */
export class EventNotes1764500000002 implements MigrationInterface {
  name = 'EventNotes1764500000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table api_keys add column expiry_announced_for timestamptz, add column expiry_told_at timestamptz;
      create index api_keys_expired_idx on api_keys (expires_at) where expires_at is not null and organization_id is not null
        and revoked_at is null and grace_until is null and expiry_told_at is null;
      create index roles_without_reading_idx on roles (organization_id) where not permissions @> '{organizations:read}';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop index roles_without_reading_idx;
      drop index api_keys_expired_idx;
      alter table api_keys drop column expiry_announced_for, drop column expiry_told_at;
    `);
  }
}
