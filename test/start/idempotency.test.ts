import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded';
import { freshKey } from '../http/keyed';
import { cleanUp, freePort, type Started, serve, stop, temporaryFolder, until } from '../support/process';

const ORGANIZATIONS = '/public/v2/management/organizations';
const PLATFORM_KEY = 'operator-chosen-key-of-more-than-32-characters';

let postgres: EmbeddedPostgres;
let folder: string;
let env: NodeJS.ProcessEnv;
let database: Client;
/** Lives through all of it, and removes nothing. */
let survivor: Started;
beforeAll(async () => {
  folder = temporaryFolder('guildhall-idempotency-');
  const port = String(await freePort());
  postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'server'),
    noSync: true,
    settings: { listen_addresses: '127.0.0.1', port, fsync: 'off' },
  });
  const url = `postgres://${postgres.user}@127.0.0.1:${port}/guildhall`;
  env = {
    DATABASE_URL: url,
    SECRET_KEY: randomBytes(32).toString('base64'),
    DATA_DIR: join(folder, 'data'),
    // On a busy machine a first connection takes its time.
    DATABASE_TIMEOUT_MS: '20000',
    RATE_LIMIT: 'off',
    PLATFORM_KEY,
  };
  survivor = await serve({ ...env, ROLE: 'api' });
  database = new Client(url);
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await stop(survivor);
  await postgres.stop();
  await cleanUp(folder);
});

interface Keyed {
  key: string;
  body: string;
}

const organization = (name: string): Keyed => ({
  key: freshKey(),
  body: JSON.stringify({ data: { type: 'organizations', attributes: { name } } }),
});

/** Sends a creation; undefined when the connection ended without an answer. */
async function create({ url }: Started, { key, body }: Keyed, signal?: AbortSignal) {
  const headers = {
    Authorization: PLATFORM_KEY,
    'Content-Type': 'application/vnd.api+json',
    'Idempotency-Key': key,
  };
  try {
    const answer = await fetch(url + ORGANIZATIONS, { method: 'POST', headers, body, signal });
    const { data } = (await answer.json()) as { data?: { id: string } };
    return { status: answer.status, id: data?.id, replayed: answer.headers.get('idempotent-replayed') === 'true' };
  } catch {
    return undefined;
  }
}

/** Asks again, as a client does, while the request is said to be running. */
const retry = (one: Started, keyed: Keyed) =>
  until(async () => {
    const answer = await create(one, keyed);
    return answer?.status === 409 ? undefined : answer;
  }, 'an answer that is not 409');

const rows = async (name: string): Promise<number> =>
  (await database.query('select 1 from organizations where name = $1', [name])).rows.length;

/** Runs `work` with a request stuck at the table; the lock goes when `work` is done. */
async function stuckAt(table: string, request: () => Promise<unknown>, work: () => Promise<unknown>): Promise<void> {
  await database.query('begin');
  try {
    await database.query(`lock table ${table} in share mode`);
    const asked = request();
    await until(async () => {
      const { rows: waiting } = await database.query('select 1 from pg_locks where not granted');
      return waiting.length > 0;
    }, 'the request waits');
    await work();
    await database.query('rollback');
    await asked;
  } finally {
    await database.query('rollback');
  }
}

/** The tables that the request writes to, in this order: its effect, then the answer. */
const PLACES = [
  ['before its effect', 'organizations'],
  ['between effect and answer', 'idempotency_records'],
] as const;

test.each(PLACES)('a process is killed %s: the same key then has one effect [INV-56, INV-58]', async (title, table) => {
  const victim = await serve(env);
  const keyed = organization(`Killed ${title}`);
  await stuckAt(
    table,
    () => create(victim, keyed),
    async () => {
      victim.child.kill('SIGKILL');
      await victim.ended;
    },
  );
  expect(await retry(survivor, keyed)).toEqual({ status: 201, id: expect.any(String), replayed: false });
  expect(await rows(`Killed ${title}`)).toBe(1);
  expect(await create(survivor, keyed)).toMatchObject({ status: 201, replayed: true });
});

test.each(PLACES)('the client goes away %s: the request ends, and is told again [INV-56]', async (title, table) => {
  const keyed = organization(`Cut ${title}`);
  const cut = new AbortController();
  await stuckAt(
    table,
    () => create(survivor, keyed, cut.signal),
    async () => cut.abort(),
  );
  expect(await retry(survivor, keyed)).toMatchObject({ status: 201, replayed: true });
  expect(await rows(`Cut ${title}`)).toBe(1);
});

test.each(PLACES)(
  'the database ends the connection %s: nothing is kept, and the same key works [INV-57]',
  async (title, table) => {
    const keyed = organization(`Ended ${title}`);
    const answers: unknown[] = [];
    await stuckAt(
      table,
      async () => answers.push((await create(survivor, keyed))?.status),
      () => database.query('select pg_terminate_backend(pid) from pg_locks where not granted'),
    );
    expect(answers).toEqual([503]);
    expect(await rows(`Ended ${title}`)).toBe(0);
    expect(await retry(survivor, keyed)).toMatchObject({ status: 201, replayed: false });
    expect(await rows(`Ended ${title}`)).toBe(1);
  },
);

test('while it runs, the other process says so at once [INV-56]', async () => {
  const other = await serve(env);
  const keyed = organization('Running');
  await stuckAt(
    'organizations',
    () => create(other, keyed),
    async () => {
      const begin = Date.now();
      expect((await create(survivor, keyed))?.status).toBe(409);
      expect(Date.now() - begin).toBeLessThan(1_000);
    },
  );
  expect(await retry(survivor, keyed)).toMatchObject({ status: 201, replayed: true });
  expect(await stop(other)).toBe(0);
});

test('fifty at once with one key, over two processes: one effect, and no failure [INV-58]', async () => {
  const other = await serve({ ...env, DATABASE_POOL_SIZE: '3' });
  const keyed = organization('Over two processes');
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => create(i % 2 === 0 ? survivor : other, keyed)),
  );
  expect(answers.filter((answer) => answer?.status === 201 && !answer.replayed)).toHaveLength(1);
  for (const answer of answers) expect([201, 409]).toContain(answer?.status);
  expect(await rows('Over two processes')).toBe(1);
  const [one, two] = [await retry(survivor, keyed), await retry(other, keyed)];
  expect([one.replayed, two.replayed, one.id]).toEqual([true, true, two.id]);
  expect(await stop(other)).toBe(0);
});

describe('answers that are no longer kept', () => {
  const expired = async () =>
    (await database.query("select 1 from idempotency_records where key = 'expired'")).rows.length;

  // Stopping waits for what was begun at the start.
  test.each([
    ['stay', 'api', 1],
    ['are removed', 'worker', 0],
  ])('%s when a process with ROLE=%s starts', async (_title, role, left) => {
    await database.query(
      `insert into idempotency_records (credential_id, method, path, key, fingerprint, status, headers, expires_at)
       values ('00000000-0000-7000-8000-000000000000', 'POST', '/', 'expired', '', 200, '{}', now()) on conflict do nothing`,
    );
    expect(await stop(await serve({ ...env, ROLE: role }))).toBe(0);
    expect(await expired()).toBe(left);
  });
});
