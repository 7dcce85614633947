import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Uploaded images, and which of them organizations show. */
export class Media1764600000003 implements MigrationInterface {
  name = 'Media1764600000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table media (
        name text constraint media_pkey primary key,
        size integer not null,
        created_at timestamptz not null default date_trunc('second', now()),
        unused_since timestamptz default now(),
        constraint media_name_check check (name ~ '^[0-9a-f]{64}[.](png|jpg|webp|gif)$'),
        constraint media_size_check check (size > 0)
      );
      create index media_unused_since_idx on media (unused_since) where unused_since is not null;

      alter table organizations add column avatar_media text
        constraint organizations_avatar_media_fkey references media (name) on delete restrict;
      create index organizations_avatar_media_idx on organizations (avatar_media) where avatar_media is not null;

      -- Others may show it, too: that is looked at before it is removed.
      create function release_avatar() returns trigger language plpgsql as $$
      begin
        update media set unused_since = now() where name = old.avatar_media;
        return null;
      end $$;
      create trigger organizations_release_avatar after update of avatar_media on organizations
        for each row when (old.avatar_media is not null and old.avatar_media is distinct from new.avatar_media)
        execute function release_avatar();
      create trigger organizations_release_avatar_of_deleted after delete on organizations
        for each row when (old.avatar_media is not null) execute function release_avatar();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger organizations_release_avatar on organizations;
      drop trigger organizations_release_avatar_of_deleted on organizations;
      drop function release_avatar;
      alter table organizations drop column avatar_media;
      drop table media;
    `);
  }
}
