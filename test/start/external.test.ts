import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readConfig } from '../../src/config';
import { connect } from '../../src/db/connect';
import { Database } from '../../src/db/database';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded';
import { createMailer } from '../../src/mail/mailer';
import { Secrets } from '../../src/secrets';
import { queueMail } from '../../src/services/mail';
import { Signal } from '../../src/signal';
import { startMailSink } from '../support/mailSink';
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

test('ROLE=api leaves jobs alone; ROLE=worker runs them and serves no API', async () => {
  const sink = await startMailSink();
  const settings = { ...env, SMTP_URL: sink.url, MAIL_FROM: 'no-reply@example.com' };
  const config = readConfig(settings);
  const api = await serve({ ...settings, ROLE: 'api' });
  const source = await connect({ url: env.DATABASE_URL as string }, config);
  const db = Database.over(source, false);
  const secrets = new Secrets(Buffer.from(env.SECRET_KEY as string, 'base64'));
  const services = { db, secrets, jobs: new Signal(), mailer: createMailer(config), now: () => new Date() };
  const [url, confirmUrl] = ['https://guildhall.example.com/reset', 'https://guildhall.example.com/confirm'];
  const data = { url, confirmUrl, token: 'pwr_1', minutes: 30 };
  await queueMail(services, { to: 'user@example.com', template: 'passwordReset', data });
  const second = await serve({ ...settings, ROLE: 'api' });
  expect(await db.query('select attempts from jobs')).toEqual([[0]]);
  const worker = await serve({ ...settings, ROLE: 'worker' });
  expect(await sink.next()).toMatchObject({ to: 'user@example.com', subject: 'Set a new password' });
  expect((await get(`${worker.url}/public/v2/me`)).status).toBe(404);
  expect((await get(`${worker.url}/readyz`)).status).toBe(200);
  expect(await Promise.all([api, second, worker].map(stop))).toEqual([0, 0, 0]);
  expect(await db.query('select count(*)::int from jobs')).toEqual([[0]]);
  await source.destroy();
  await sink.close();
});
