import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded';
import { cleanUp, freePort, get, MAIN, run, serve, stop, temporaryFolder } from '../support/process';

/** A PostgreSQL that listens on TCP stands for the operator's own. */
let postgres: EmbeddedPostgres;
let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = temporaryFolder('guildhall-external-');
  const port = String(await freePort());
  postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'server'),
    noSync: true,
    settings: { listen_addresses: '127.0.0.1', port, fsync: 'off' },
  });
  env = {
    DATABASE_URL: `postgres://${postgres.user}@127.0.0.1:${port}/guildhall`,
    SECRET_KEY: randomBytes(32).toString('base64'),
    DATA_DIR: join(folder, 'data'),
    RATE_LIMIT: 'off',
  };
});
afterAll(async () => {
  await postgres.stop();
  await cleanUp(folder);
});

test('six first starts at once on one database migrate once and print one key', async () => {
  const all = await Promise.all(Array.from({ length: 6 }, () => serve(env)));
  const keys = all.map((one) => one.key()).filter((key) => key !== undefined);
  expect(keys).toHaveLength(1);
  for (const { url } of all) expect((await get(`${url}/public/v2/me`, keys[0])).status).toBe(200);
  await Promise.all(all.map(stop));
});

test('another SECRET_KEY than the one the database was filled with is refused', async () => {
  const one = run([MAIN, 'serve'], { ...env, SECRET_KEY: randomBytes(32).toString('base64') });
  expect(await one.ended).toBe(1);
  expect(one.output()).toBe('guildhall: SECRET_KEY is not the key that this database was filled with.\n');
});

test('a revocation in one process is felt in the other within a second (INV-34)', async () => {
  const platform = run([MAIN, 'key'], env);
  await platform.ended;
  const [here, there] = await Promise.all([serve(env), serve(env)]);
  const headers = { Authorization: platform.key() as string, 'Content-Type': 'application/vnd.api+json' };
  const made = await fetch(`${here.url}/public/v2/apiKeys`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ data: { type: 'apiKeys', attributes: { name: 'Short-lived' } } }),
  });
  const { data } = (await made.json()) as { data: { id: string; attributes: { secret: string } } };
  expect((await get(`${there.url}/public/v2/me`, data.attributes.secret)).status).toBe(200);
  await fetch(`${here.url}/public/v2/apiKeys/${data.id}`, { method: 'DELETE', headers });
  const revokedAt = Date.now();
  expect((await get(`${here.url}/public/v2/me`, data.attributes.secret)).status).toBe(401);
  let last = 0;
  while (Date.now() - revokedAt < 2_000) {
    if ((await get(`${there.url}/public/v2/me`, data.attributes.secret)).status === 200) last = Date.now();
  }
  expect(last - revokedAt).toBeLessThan(1_000);
  await Promise.all([here, there].map(stop));
});
