import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Client as PgClient } from 'pg';
import { dataSource } from '../../ormconfig';
import { migrate } from '../../src/db/migrate';
import { headSealer } from '../../src/services/auditCheckpoints';
import { endAuditRetention } from '../../src/services/auditRetention';
import { createOrganization, createUser, document, link, M, S, startApp, type TestApp } from '../support/app';

/** Migrations run as one role, and another one serves: it lacks the privilege to change what is only added (INV-52). */

const server = JSON.parse(process.env.GUILDHALL_TEST_DATABASE ?? '{}');
const suffix = randomBytes(4).toString('hex');
const [owner, service, database] = [`owner_${suffix}`, `Service ${suffix}`, `roles_${suffix}`];

async function asSuperuser(...statements: string[]): Promise<void> {
  const client = new PgClient({ ...server, user: server.username, database: 'postgres' });
  await client.connect();
  for (const sql of statements) await client.query(sql);
  await client.end();
}

async function migrateAs(username: string, serviceRole: string | null): Promise<void> {
  const source = await dataSource({ ...server, username, database }, { logging: false }).initialize();
  try {
    await migrate(source, 'USD', serviceRole);
  } finally {
    await source.destroy();
  }
}

let app: TestApp;
beforeAll(async () => {
  await asSuperuser(
    `create role ${owner} login`,
    `create role "${service}" login`,
    `create database ${database} owner ${owner}`,
  );
  await migrateAs(owner, service);
  const beside = {
    connection: { ...server, username: service, database },
    services: { config: { dataDir: tmpdir() } },
  };
  app = await startApp({}, undefined, beside as unknown as TestApp);
}, 60_000);
afterAll(async () => {
  await app?.close();
  await asSuperuser(`drop database ${database} with (force)`, `drop role "${service}"`, `drop role ${owner}`);
});

test('the service works as the other role: creates, changes, charges, erases, exports, signs, and ends what is over', async () => {
  const person = await app.user({ name: 'Ada' });
  const made = await createOrganization(app.platform, {}, { owner: link('users', person.id) });
  const { id } = made;
  const settings = { settings: { auditRetentionDays: 1 } };
  expect((await person.patch(`${M}/organizations/${id}`, document('organizations', settings, { id }))).status).toBe(
    200,
  );
  const topUp = document(
    'walletTransactions',
    { kind: 'topup', amount: 500, asset: 'USD' },
    { relationships: { organization: link('organizations', id) } },
  );
  expect((await app.platform.post(`${S}/walletTransactions`, topUp, { 'Idempotency-Key': 'a' })).status).toBe(201);
  const other = await createUser(app.platform);
  expect((await app.platform.post(`${S}/users/${other.id}/erase`)).status).toBe(200);
  await asSuperuserIn(
    'set session_replication_role = replica',
    `update audit_events a set occurred_at = occurred_at - interval '2 days' where organization_id = '${id}' and sequence < 4`,
  );
  await headSealer(app.services)();
  await endAuditRetention(app.services);
  expect(await app.db.query('select min(sequence) from audit_events where organization_id = $1', [id])).toEqual([[4]]);
  expect((await app.platform.get(`${S}/auditEvents/export?filter[organizationId]=${id}`)).status).toBe(200);
  expect((await app.platform.delete(`${M}/organizations/${id}?purgeNow=true`)).status).toBe(204);
});

async function asSuperuserIn(...statements: string[]): Promise<void> {
  const client = new PgClient({ ...server, user: server.username, database });
  await client.connect();
  for (const sql of statements) await client.query(sql);
  await client.end();
}

test.each(['audit_events', 'audit_checkpoints', 'ledger_entries', 'wallet_transactions'])(
  '%s are not changed and not removed, whatever the triggers would let pass (INV-52)',
  async (table) => {
    const [column] = await app.db.query(
      `select attname from pg_attribute where attrelid = $1::regclass and attnum = 1`,
      [table],
    );
    for (const sql of [
      `update ${table} set ${column?.[0]} = ${column?.[0]}`,
      `delete from ${table}`,
      `truncate ${table}`,
    ]) {
      const attempt = app.db.transaction(async (db) => {
        await db.query("select set_config('guildhall.audit_change', 'allowed', true)");
        await db.query(sql);
      });
      await expect(attempt).rejects.toMatchObject({ code: '42501', message: `permission denied for table ${table}` });
    }
  },
);

test('the other role makes, drops and disables nothing', async () => {
  for (const sql of [
    'drop table audit_events',
    'alter table audit_events disable trigger all',
    'set session_replication_role = replica',
    "create or replace function refuse_audit_change() returns trigger language plpgsql as 'begin return new; end'",
    'create table own (x integer)',
  ]) {
    await expect(app.db.query(sql)).rejects.toMatchObject({ code: '42501' });
  }
});

test('migrating again grants again; a role that could change the trail all the same is refused', async () => {
  await migrateAs(owner, service);
  await migrateAs(service, null);
  await expect(migrateAs(owner, owner)).rejects.toThrow(
    `The role ${owner} of DATABASE_URL can change audit_events, audit_checkpoints, wallet_transactions, ledger_entries`,
  );
  await migrateAs(owner, service);
});
