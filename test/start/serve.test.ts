import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { cleanUp, freePort, get, isAlive, MAIN, run, serve, stop, temporaryFolder, until } from '../support/process';

let folder: string;
const dataDir = (name: string) => join(folder, name);
beforeAll(() => {
  folder = temporaryFolder('guildhall start ');
});
afterAll(() => cleanUp(folder));

const ROLES = '/public/v2/roles';
const postmaster = (dir: string) =>
  Number(readFileSync(join(dir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);

describe('on one data directory', () => {
  let key: string;

  test('the first start prints the platform key, and the key works', async () => {
    const first = await serve({ DATA_DIR: dataDir('main') });
    key = first.key() as string;
    expect(key).toMatch(/^pk_live_\w{36}$/);
    expect(first.output()).toContain(`${first.url}/public/v2/management/organizations`);
    expect(first.output()).toContain(`${first.url}/docs`);
    expect((await get(first.url + ROLES, key)).status).toBe(200);
    expect(statSync(join(dataDir('main'), 'secret.key')).mode & 0o777).toBe(0o600);
    const database = postmaster(dataDir('main'));
    expect(await stop(first)).toBe(0);
    expect(isAlive(database)).toBe(false);
  });

  test('the second start takes less than 5 s, prints no key, and the first key still works', async () => {
    const begin = Date.now();
    const second = await serve({ DATA_DIR: dataDir('main') });
    expect(Date.now() - begin).toBeLessThan(5_000);
    expect(second.output()).not.toMatch(/pk_live_/);
    expect((await get(second.url + ROLES, key)).status).toBe(200);
    await stop(second);
  });

  test('kill -9 of node, of PostgreSQL and of both needs no manual step at the next start', async () => {
    for (const victims of [['node'], ['postgres'], ['node', 'postgres']]) {
      const one = await serve({ DATA_DIR: dataDir('main') });
      const database = postmaster(dataDir('main'));
      if (victims.includes('postgres')) process.kill(database, 'SIGKILL');
      if (victims.includes('node')) one.child.kill('SIGKILL');
      else await stop(one);
      await one.ended;
      const next = await serve({ DATA_DIR: dataDir('main') });
      expect((await get(next.url + ROLES, key)).status).toBe(200);
      expect(await stop(next)).toBe(0);
    }
  });

  test('a PostgreSQL that dies under the server gives 503 in under 3 s, then comes back', async () => {
    const one = await serve({ DATA_DIR: dataDir('main') });
    expect((await get(one.url + ROLES, key)).status).toBe(200);
    process.kill(postmaster(dataDir('main')), 'SIGKILL');
    const dead = await until(async () => {
      const answer = await get(one.url + ROLES, key);
      expect([200, 503]).toContain(answer.status);
      return answer.status === 503 && answer;
    }, '503');
    expect(dead.ms).toBeLessThan(3_000);
    expect(dead.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(JSON.parse(dead.text).errors[0]).toMatchObject({ status: '503', code: 'unavailable' });
    expect((await get(`${one.url}/readyz`)).status).toBe(503);
    expect((await get(`${one.url}/livez`)).status).toBe(200);
    await until(async () => (await get(one.url + ROLES, key)).status === 200, 'the database back');
    expect(await stop(one)).toBe(0);
  });

  test('another server on the same data directory is refused with one line', async () => {
    const one = await serve({ DATA_DIR: dataDir('main') });
    const other = run([MAIN, 'serve'], { DATA_DIR: dataDir('main'), PORT: '0' });
    expect(await other.ended).toBe(1);
    expect(other.output().trim().split('\n').at(-1)).toMatch(/^guildhall: .*main/);
    await stop(one);
  });

  test('a taken port is named in one line and leaves no PostgreSQL behind', async () => {
    const one = await serve({ DATA_DIR: dataDir('main') });
    const other = run([MAIN, 'serve'], { DATA_DIR: dataDir('second'), PORT: String(one.port) });
    expect(await other.ended).toBe(1);
    expect(other.output()).toContain(`guildhall: Can't listen on 127.0.0.1:${one.port}: another process listens there`);
    expect(() => postmaster(dataDir('second'))).toThrow();
    // The key of this first start is stored: it must have been shown, or nobody would ever know it.
    expect(other.key()).toBeDefined();
    await stop(one);
  });

  test('SIGTERM: readiness fails at once, the running request ends, its connection is told to close, exit code 0', async () => {
    const one = await serve({ DATA_DIR: dataDir('main') });
    const document = JSON.stringify({ data: { type: 'organizations', attributes: { name: 'Drained' } } });
    const socket = connect(one.port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(
      `POST /public/v2/management/organizations HTTP/1.1\r\nHost: x\r\nAuthorization: ${key}\r\n` +
        `Content-Type: application/vnd.api+json\r\nContent-Length: ${document.length}\r\n\r\n${document.slice(0, 10)}`,
    );
    await until(async () => /busy"\} [1-9]|waiting|idle/.test((await get(`${one.url}/metrics`)).text), 'the request');
    one.child.kill('SIGTERM');
    const ready = await until(async () => {
      const { status, text } = await get(`${one.url}/readyz`);
      return status !== 200 && { status, text };
    }, 'not ready');
    expect(ready).toEqual({ status: 503, text: '{"status":"draining"}' });
    socket.write(document.slice(10));
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
    expect(await one.ended).toBe(0);
  });

  test('two API processes share the port, and one that dies is replaced', async () => {
    const one = await serve({ DATA_DIR: dataDir('main'), WORKERS: '2' });
    expect((await get(one.url + ROLES, key)).status).toBe(200);
    const workers = children(one.child.pid as number);
    expect(workers).toHaveLength(2);
    process.kill(workers[0] as number, 'SIGKILL');
    await until(() => {
      const now = children(one.child.pid as number);
      return now.length === 2 && !now.includes(workers[0] as number);
    }, 'a new worker');
    expect((await get(one.url + ROLES, key)).status).toBe(200);
    expect(await stop(one)).toBe(0);
    expect(workers.some(isAlive)).toBe(false);
  });

  test('a rate limit holds for all API processes together', async () => {
    const limit = 200;
    // One that has not sent anything this minute.
    const made = run([MAIN, 'key'], { DATA_DIR: dataDir('main') });
    expect(await made.ended).toBe(0);
    const one = await serve({ DATA_DIR: dataDir('main'), WORKERS: '2', RATE_LIMIT: `${limit}/60` });
    const answers = await Promise.all(Array.from({ length: 2 * limit }, () => get(one.url + ROLES, made.key())));
    const served = answers.filter(({ status }) => status === 200).length;
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(answers.length - served);
    expect(served).toBeGreaterThanOrEqual(0.9 * limit);
    expect(served).toBeLessThanOrEqual(limit);
    expect(await stop(one)).toBe(0);
  });

  test('ROLE=worker answers health and nothing else', async () => {
    const one = await serve({ DATA_DIR: dataDir('main'), ROLE: 'worker' });
    expect((await get(`${one.url}/readyz`)).status).toBe(200);
    expect((await get(one.url + ROLES, key)).status).toBe(404);
    await stop(one);
  });

  test('the commands: key makes another platform key, health asks the running server', async () => {
    const made = run([MAIN, 'key', '--name', 'Spare'], { DATA_DIR: dataDir('main') });
    expect(await made.ended).toBe(0);
    const one = await serve({ DATA_DIR: dataDir('main') });
    expect((await get(`${one.url}/public/v2/me`, made.key())).text).toContain('"name":"Spare"');
    const asked = run([MAIN, 'health'], { PORT: String(one.port) });
    expect(await asked.ended).toBe(0);
    await stop(one);
    const again = run([MAIN, 'health'], { PORT: String(one.port) });
    expect(await again.ended).toBe(1);
  });
});

/** Node processes that a process has started; its PostgreSQL and watchdog are not counted. */
function children(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const all = text === '' ? [] : text.split(' ').map(Number);
  return all.filter((each) => readFileSync(`/proc/${each}/cmdline`, 'utf8').includes('main.js'));
}

test.each([
  [{ PORT: 'many' }, 'PORT must be integer'],
  [{ ROLE: 'boss' }, 'ROLE must be equal to one of the allowed values: all, api, worker'],
  [{ RATE_LIMIT: 'many' }, 'RATE_LIMIT must match pattern'],
  [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL must match pattern'],
  [{ DATABASE_URL: 'postgres://x/y' }, 'SECRET_KEY is required'],
  [{ PLATFORM_KEY_FILE: '/nowhere' }, "PLATFORM_KEY_FILE: /nowhere can't be read"],
])('a bad setting stops the start with one line that names it: %j', async (env, message) => {
  const one = run([MAIN, 'serve'], { DATA_DIR: dataDir('none'), ...env });
  expect(await one.ended).toBe(1);
  expect(one.output()).toMatch(/^guildhall: [^\n]+\n$/);
  expect(one.output()).toContain(message);
});

test('PLATFORM_KEY is the first key, and none is printed', async () => {
  const key = 'operator-chosen-key-of-more-than-32-characters';
  const one = await serve({ DATA_DIR: dataDir('given'), PLATFORM_KEY: key });
  expect(one.output()).not.toContain('Platform key');
  expect((await get(one.url + ROLES, key)).status).toBe(200);
  await stop(one);
});

test('ending npm ends the server that npm start began', async () => {
  const port = await freePort();
  const env = { DATA_DIR: dataDir('npm'), PORT: String(port) };
  const npm = run(['start'], env, 'npm');
  await until(() => npm.output().includes('Guildhall is ready.'), 'start');
  const database = postmaster(dataDir('npm'));
  npm.child.kill('SIGTERM');
  await until(() => !isAlive(database), 'PostgreSQL stopped');
  await until(async () => (await get(`http://127.0.0.1:${port}/livez`)).status === 0, 'the server stopped');
});
