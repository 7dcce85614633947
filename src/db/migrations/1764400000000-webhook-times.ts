import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When the webhook of an organization was made and last changed. A trigger, so that no way to write it can forget. */
export class WebhookTimes1764400000000 implements MigrationInterface {
  name = 'WebhookTimes1764400000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table organizations add column webhook_created_at timestamptz, add column webhook_updated_at timestamptz;
      update organizations set webhook_created_at = created_at, webhook_updated_at = updated_at
        where webhook_url is not null;

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
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger organizations_note_webhook on organizations;
      drop trigger organizations_note_first_webhook on organizations;
      drop function organizations_note_webhook;
      alter table organizations drop column webhook_created_at, drop column webhook_updated_at;
    `);
  }
}
