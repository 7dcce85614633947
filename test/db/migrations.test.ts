import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { dataSource } from '../../ormconfig';
import { isMigrated, migrate } from '../../src/db/migrate';
import { migrations } from '../../src/db/migrations';
import { DefaultEndpoint1764500000001 } from '../../src/db/migrations/1764500000001-default-endpoint';
import { Wallets1764600000001 } from '../../src/db/migrations/1764600000001-wallets';
import { Secrets } from '../../src/secrets';

const server = JSON.parse(process.env.GUILDHALL_TEST_DATABASE ?? '{}');
const database = `migrations_${randomBytes(6).toString('hex')}`;
const sources: DataSource[] = [];

async function asSuperuser(sql: string): Promise<void> {
  const client = new Client({ ...server, user: server.username, database: 'postgres' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function open(): Promise<DataSource> {
  const source = await dataSource({ ...server, database }, { logging: false }).initialize();
  sources.push(source);
  return source;
}

beforeEach(() => asSuperuser(`create database ${database}`));
afterEach(async () => {
  for (const source of sources.splice(0)) await source.destroy();
  await asSuperuser(`drop database ${database} with (force)`);
});

/** All that the migrations make: tables with their columns, constraints, indexes, triggers, functions, rows. */
async function schemaOf(source: DataSource): Promise<Record<string, unknown[]>> {
  const parts: Record<string, string> = {
    columns: `select table_name, column_name, data_type, is_nullable, column_default, is_identity
      from information_schema.columns where table_schema = 'public' and table_name <> 'migrations' order by 1, ordinal_position`,
    constraints: `select conrelid::regclass::text as "table", conname, pg_get_constraintdef(oid) as definition from pg_constraint
      where connamespace = 'public'::regnamespace and conrelid::regclass::text not in ('migrations', '-') order by 1, 2`,
    indexes: `select indexname, indexdef from pg_indexes where schemaname = 'public' and tablename <> 'migrations' order by 1`,
    triggers: 'select tgname, pg_get_triggerdef(oid) as definition from pg_trigger where not tgisinternal order by 1',
    functions: `select proname, pg_get_functiondef(oid) as definition from pg_proc where pronamespace = 'public'::regnamespace order by 1`,
    options: `select relname, reloptions from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
      and relname <> 'migrations' order by 1`,
  };
  const entries = await Promise.all(Object.entries(parts).map(async ([name, sql]) => [name, await source.query(sql)]));
  return Object.fromEntries(entries);
}

const rolesOf = (source: DataSource) =>
  source.query('select number, code, name, description, kind, rank, permissions from roles order by number');

test('up, down and up again leaves what the first up left, and down leaves nothing', async () => {
  const source = await open();
  expect(await isMigrated(source)).toBe(false);
  expect(await migrate(source)).toHaveLength(migrations.length);
  expect(await isMigrated(source)).toBe(true);
  const first = await schemaOf(source);
  const roles = await rolesOf(source);
  expect(first.columns?.length).toBeGreaterThan(50);
  expect(roles.length).toBeGreaterThan(0);
  for (const _each of migrations) await source.undoLastMigration();
  expect(await schemaOf(source)).toEqual({
    columns: [],
    constraints: [],
    indexes: [],
    triggers: [],
    functions: [],
    options: [],
  });
  expect(await isMigrated(source)).toBe(false);
  await migrate(source);
  expect(await schemaOf(source)).toEqual(first);
  expect(await rolesOf(source)).toEqual(roles);
});

test('a second start finds nothing to do', async () => {
  const source = await open();
  await migrate(source);
  const before = await schemaOf(source);
  expect(await migrate(source)).toEqual([]);
  expect(await schemaOf(source)).toEqual(before);
});

test('ten starts at once migrate once', async () => {
  const starts = await Promise.all(Array.from({ length: 10 }, open));
  const ran = await Promise.all(starts.map((each) => migrate(each)));
  expect(ran.flat().sort()).toEqual(migrations.map(({ name }) => name).sort());
  for (const source of starts) expect(await isMigrated(source)).toBe(true);
  const [row] = await (starts[0] as DataSource).query('select count(*)::int as n from migrations');
  expect(row.n).toBe(migrations.length);
});

test('a migration that fails leaves the schema as it was, and the lock free', async () => {
  const source = await open();
  // A table of the last statement of the first migration is in the way.
  await source.query('create table row_counts (x integer)');
  // TypeORM prints it, whatever its logging is set to.
  const print = jest.spyOn(console, 'log').mockImplementation();
  await expect(migrate(source)).rejects.toThrow('row_counts');
  print.mockRestore();
  const [row] = await source.query(
    "select count(*)::int as n from pg_tables where schemaname = 'public' and tablename <> 'migrations'",
  );
  expect(row.n).toBe(1);
  await source.query('drop table row_counts');
  expect(await migrate(await open())).toHaveLength(migrations.length);
});

test('organizations of before have a wallet in the asset of the installation, and are counted', async () => {
  const source = await open();
  await migrate(source);
  for (const _each of migrations.slice(migrations.indexOf(Wallets1764600000001))) await source.undoLastMigration();
  const partner = uuidv7();
  await source.query("insert into partners (id, name) values ($1, 'P')", [partner]);
  for (const owner of [null, partner, partner]) {
    await source.query(
      "insert into organizations (id, name, slug, partner_id) values ($1::uuid, 'Acme', $1::text, $2)",
      [uuidv7(), owner],
    );
  }
  await migrate(source, 'KWD');
  expect(
    await source.query('select asset, scale, balance, status, count(*)::int from wallets group by 1, 2, 3, 4'),
  ).toEqual([{ asset: 'KWD', scale: 3, balance: '0', status: 'active', count: 3 }]);
  const totals = await source.query(
    "select scope, sum(rows)::int as rows from row_counts where relation = 'wallets' group by 1 order by 2",
  );
  expect(totals).toEqual([
    { scope: partner, rows: 2 },
    { scope: '00000000-0000-0000-0000-000000000000', rows: 3 },
  ]);
});

test('a webhook of before is the default endpoint of its organization, and goes back', async () => {
  const source = await open();
  await migrate(source);
  const undo = async () => {
    for (const _each of migrations.slice(migrations.indexOf(DefaultEndpoint1764500000001)))
      await source.undoLastMigration();
  };
  await undo();
  const secrets = new Secrets(Buffer.alloc(32, 7));
  const ids = ['hooked', 'deleted', 'pending', 'bare'].map(() => uuidv7());
  const [hooked, deleted, pending, bare] = ids;
  const cipher = (id = '') => secrets.encrypt('a secret of the client', `organizations/${id}/webhookSecret`);
  for (const [id, url, secret] of [
    [hooked, 'https://example.com/in', cipher(hooked)],
    [deleted, 'https://example.com/out', cipher(deleted)],
    [pending, null, cipher(pending)],
    [bare, null, null],
  ]) {
    await source.query(
      "insert into organizations (id, name, slug, webhook_url, webhook_secret_cipher) values ($1, 'Acme', 'acme-' || gen_random_uuid(), $2, $3)",
      [id, url, secret],
    );
  }
  await source.query("update organizations set status = 'pending_deletion' where id = $1", [deleted]);
  await source.query(
    "update organizations set webhook_created_at = '2026-01-02', webhook_updated_at = '2026-01-03' where id = $1",
    [hooked],
  );
  const OLD =
    'select id, webhook_url, webhook_secret_cipher, webhook_created_at, webhook_updated_at from organizations order by id';
  const before = await source.query(OLD);

  await migrate(source);
  const endpoints = await source.query(
    `select e.organization_id, e.url, e.is_default, e.created_at, e.updated_at, s.cipher, s.start, s.expires_at
     from webhook_endpoints e join webhook_secrets s on s.endpoint_id = e.id order by e.organization_id`,
  );
  expect(endpoints).toMatchObject([
    { organization_id: hooked, url: 'https://example.com/in', is_default: true, start: 'whsec_', expires_at: null },
    { organization_id: deleted, url: 'https://example.com/out', is_default: true },
  ]);
  expect([endpoints[0].created_at, endpoints[0].updated_at]).toEqual([
    before[0].webhook_created_at,
    before[0].webhook_updated_at,
  ]);
  for (const { organization_id: id, cipher: bytes } of endpoints) {
    expect(secrets.decrypt(bytes, `organizations/${id}/webhookSecret`)).toBe('a secret of the client');
  }
  const kept = await source.query('select id from organizations where webhook_secret_cipher is not null');
  expect(kept).toEqual([{ id: pending }]);
  const [totals] = await source.query(
    "select sum(rows)::int as n from row_counts where relation = 'webhook_endpoints'",
  );
  expect(totals.n).toBe(1);

  await undo();
  expect(await source.query(OLD)).toEqual(before);
});

describe('the migrated schema', () => {
  let source: DataSource;
  beforeEach(async () => {
    source = await open();
    await migrate(source);
  });

  test('is what the entities say: TypeORM would change nothing', async () => {
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  test('says for every foreign key what a delete does', async () => {
    const keys = await source.query(
      "select conname, confdeltype from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace",
    );
    expect(keys.length).toBeGreaterThan(5);
    // a: nothing was said; but for roles, which a cascade removes before those who have them: "no action" is judged later.
    const unsaid = keys.filter(({ confdeltype }: { confdeltype: string }) => confdeltype === 'a');
    expect(unsaid.map(({ conname }: { conname: string }) => conname)).toEqual(['member_roles_role_id_fkey']);
  });

  test('keeps texts as text, times with their zone, and numbers as identity', async () => {
    const types = await source.query(
      `select distinct data_type from information_schema.columns where table_schema = 'public' and table_name <> 'migrations'`,
    );
    const allowed = [
      'ARRAY',
      'bigint',
      'boolean',
      'bytea',
      'inet',
      'integer',
      'jsonb',
      'text',
      'timestamp with time zone',
      'uuid',
    ];
    expect(
      types.map((each: { data_type: string }) => each.data_type).filter((type: string) => !allowed.includes(type)),
    ).toEqual([]);
    const [row] = await source.query(
      "select count(*)::int as n from information_schema.columns where table_schema = 'public' and column_default like 'nextval%' and table_name <> 'migrations'",
    );
    expect(row.n).toBe(0);
  });

  test('names every constraint and index itself', async () => {
    const names = await source.query(
      `select conname as name from pg_constraint where connamespace = 'public'::regnamespace
         and contype not in ('n', 't') and conrelid <> 'migrations'::regclass
       union select indexname from pg_indexes where schemaname = 'public' and tablename <> 'migrations'`,
    );
    for (const { name } of names) expect(name).toMatch(/_(pkey|key|fkey|check|idx)$/);
  });

  test('keeps one installation and refuses a second row', async () => {
    const insert = (id: boolean) =>
      source.query("insert into installation (id, secret_key_check) values ($1, '')", [id]);
    await insert(true);
    await expect(insert(true)).rejects.toMatchObject({ constraint: 'installation_pkey' });
    await expect(insert(false)).rejects.toMatchObject({ constraint: 'installation_single_row_check' });
  });
});
