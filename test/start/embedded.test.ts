import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { transformFileSync } from '@swc/core';
import { Client } from 'pg';
import { type EmbeddedOptions, type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded';
import { isRunning } from '../../src/processes';

const ROOT = join(__dirname, '..', '..');
const FAST = { noSync: true, settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } };

interface Started {
  readonly node: ChildProcess;
  readonly nodePid: number;
  readonly pid: number;
  readonly host: string;
}

let work: string;
let dataDir: string;
let [running, children]: [EmbeddedPostgres[], ChildProcess[]] = [[], []];

beforeAll(() => {
  // The blank is the test of paths with blanks. Processes of their own need JavaScript.
  work = realpathSync(mkdtempSync(join(tmpdir(), 'embedded test ')));
  const sources = readdirSync(join(ROOT, 'src', 'db')).filter((name) => name.startsWith('embedded'));
  for (const source of ['processes.ts', ...sources.map((name) => join('db', name))]) transpile(join('src', source));
  symlinkSync(join(ROOT, 'node_modules'), join(work, 'node_modules'));
  writeFileSync(
    join(work, 'start.js'),
    `const { startEmbeddedPostgres } = require('./src/db/embedded.js');
     startEmbeddedPostgres({ dataDir: process.argv[2], ...${JSON.stringify(FAST)} }).then(
       ({ pid, host }) => { console.log(JSON.stringify({ pid, host })); setInterval(() => {}, 1000); },
       (error) => { console.log(error.message); process.exit(1); },
     );`,
  );
});

beforeEach(() => {
  dataDir = join(mkdtempSync(join(work, 'case ')), 'data dir');
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(running.map((postgres) => postgres.stop()));
  [running, children] = [[], []];
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

function transpile(path: string): void {
  const { code } = transformFileSync(join(ROOT, path), {
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  const output = join(work, path.replace(/ts$/, 'js'));
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, code);
}

async function start(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, ...FAST, ...options });
  running.push(postgres);
  return postgres;
}

function spawnNode(): ChildProcess {
  const node = spawn(process.execPath, [join(work, 'start.js'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(node);
  return node;
}

async function startInChild(): Promise<Started> {
  const node = spawnNode();
  const [line] = await once(node.stdout!, 'data');
  return { node, nodePid: node.pid!, ...JSON.parse(String(line)) };
}

async function query(postgres: Pick<EmbeddedPostgres, 'host'>, sql: string): Promise<unknown[]> {
  const client = new Client({ host: postgres.host, user: 'postgres', database: 'guildhall' });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function eventually(what: string, limitMs: number, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(20);
  }
}

/** The postmaster, its sessions and the watchdog: they are one session of the system. */
function processesOf(postmaster: number): number[] {
  if (process.platform !== 'linux') return isRunning(postmaster) ? [postmaster] : [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && sessionOf(name) === postmaster)
    .map(Number)
    .filter(isRunning);
}

function sessionOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
  } catch {
    return undefined;
  }
}

function isWatchdog(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('guildhall-watchdog');
}

async function killAll(pids: number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await eventually('the killed processes end', 5_000, () => !pids.some(isRunning));
}

/** Without /proc the watchdog and the sessions cannot be told apart from outside. */
const testOnLinux = process.platform === 'linux' ? test : test.skip;

const cluster = () => join(dataDir, 'postgres');
const postmasterFile = () => join(cluster(), 'postmaster.pid');

describe('start and stop', () => {
  test('a first start makes the database; stop leaves neither a process nor a file outside the cluster', async () => {
    const postgres = await start();
    expect(await query(postgres, 'select current_database() as name')).toEqual([{ name: 'guildhall' }]);
    const pid = postgres.pid!;
    await postgres.stop();
    await eventually('all processes end', 1_000, () => !processesOf(pid).length);
    expect(existsSync(postgres.host)).toBe(false);
    expect(readdirSync(dataDir)).toEqual(['postgres']);
    await expect(postgres.stop()).resolves.toBeUndefined();
  });

  test('the data is there after a restart', async () => {
    const first = await start();
    await query(first, 'create table kept as select 42 as answer');
    await first.stop();
    expect(await query(await start(), 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  test('settings of the caller win', async () => {
    const postgres = await start({ settings: { ...FAST.settings, max_connections: '7' } });
    const settings = await query(
      postgres,
      `select current_setting('max_connections') as connections,
      current_setting('timezone') as zone, current_setting('listen_addresses') as addresses`,
    );
    expect(settings).toEqual([{ connections: '7', zone: 'UTC', addresses: '' }]);
  });
});

describe('what is refused', () => {
  test('a second start in this process and in another one, naming the holder', async () => {
    const postgres = await start();
    const sentence = `The data directory ${dataDir} is in use by process ${process.pid}`;
    await expect(start()).rejects.toThrow(sentence);
    const node = spawnNode();
    const [line] = await once(node.stdout!, 'data');
    expect(String(line)).toContain(sentence);
    await once(node, 'exit');
    expect(await query(postgres, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres.lock'))).toHaveLength(1);
  });

  test('of two that start at once, one wins', async () => {
    const results = await Promise.allSettled([startInChild(), startInChild()]);
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('a cluster of another major version', async () => {
    mkdirSync(cluster(), { recursive: true });
    writeFileSync(join(cluster(), 'PG_VERSION'), '9\n');
    await expect(start()).rejects.toThrow(`The database in ${cluster()} was made by PostgreSQL 9, but`);
    expect(readdirSync(dataDir)).toEqual(['postgres']);
  });

  test('a directory that holds something else', async () => {
    mkdirSync(cluster(), { recursive: true });
    writeFileSync(join(cluster(), 'letter.txt'), 'not a database');
    await expect(start()).rejects.toThrow(`${cluster()} is not a PostgreSQL cluster`);
  });
});

describe('after kill -9', () => {
  test('of node: PostgreSQL ends by itself, and the next start works', async () => {
    const { node, pid, host } = await startInChild();
    await query({ host }, 'create table kept as select 42 as answer');
    node.kill('SIGKILL');
    await eventually('all processes end', 10_000, () => !processesOf(pid).length);
    expect(existsSync(host)).toBe(false);
    expect(await query(await start(), 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  testOnLinux('of node and its watchdog: the next start ends the server that was left', async () => {
    const { nodePid, pid, host } = await startInChild();
    // The watchdog first: it would stop the server as soon as node is gone.
    await killAll([...processesOf(pid).filter(isWatchdog), nodePid]);
    expect(isRunning(pid)).toBe(true);
    const postgres = await start();
    // The server has ended when the next one starts; the system may take a moment to bury the last of its children.
    await eventually('nothing is left of the former server', 5_000, () => processesOf(pid).length === 0);
    expect(existsSync(host)).toBe(false);
    expect(await query(postgres, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  testOnLinux('of the postmaster and node while a session works: the next start ends the session', async () => {
    const { nodePid, pid, host } = await startInChild();
    const busy = query({ host }, 'select count(*) from generate_series(1, 1e12)').catch(() => undefined);
    await eventually('the session works', 5_000, async () => {
      const rows = await query({ host }, `select from pg_stat_activity where query like '%1e12%' and state = 'active'`);
      return rows.length > 1;
    });
    const servers = processesOf(pid).filter((other) => !isWatchdog(other));
    await killAll([nodePid, pid]);
    const postgres = await start();
    expect(servers.filter(isRunning)).toEqual([]);
    await busy;
    expect(await query(postgres, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('of everything: the next start works, also when the number of the server is that of another process', async () => {
    const { nodePid, pid } = await startInChild();
    await killAll([nodePid, ...processesOf(pid)]);
    const account = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const other = spawn('sleep', ['60'], { ...account, cwd: '/', stdio: 'ignore' });
    children.push(other);
    writeFileSync(postmasterFile(), readFileSync(postmasterFile(), 'utf8').replace(/^\d+/, String(other.pid)));
    expect(await query(await start(), 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(isRunning(other.pid!)).toBe(true);
  });

  test('just when the server made its lock file: the next start works', async () => {
    await (await start()).stop();
    writeFileSync(postmasterFile(), '');
    expect(await query(await start(), 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('in the middle of initdb: the next start makes the cluster', async () => {
    const node = spawnNode();
    const isDraft = (name: string) => name.startsWith('postgres.new-');
    await eventually('initdb has begun', 10_000, () => {
      const draft = existsSync(dataDir) ? readdirSync(dataDir).find(isDraft) : undefined;
      return draft !== undefined && existsSync(join(dataDir, draft, 'base', '1'));
    });
    node.kill('SIGKILL');
    await once(node, 'exit');
    expect(existsSync(cluster())).toBe(false);
    expect(await query(await start(), 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(readdirSync(dataDir).filter(isDraft)).toEqual([]);
  });
});

describe('a server that dies under a running node', () => {
  test('is reported, and comes back at the same address', async () => {
    const reasons: string[] = [];
    const settings = { ...FAST.settings, synchronous_commit: 'on' };
    const postgres = await start({ settings, restart: true, onExit: (reason) => reasons.push(reason) });
    const first = postgres.pid!;
    await query(postgres, 'create table kept as select 42 as answer');
    process.kill(first, 'SIGKILL');
    await eventually('the end is reported', 2_000, () => reasons.length === 1);
    expect(reasons[0]).toMatch(/^The embedded PostgreSQL ended \(SIGKILL/);
    expect(postgres.pid).toBeUndefined();
    const read = () => query(postgres, 'select answer from kept').catch(() => []);
    await eventually('a new server runs', 10_000, async () => (await read()).length === 1);
    expect(postgres.pid).not.toBe(first);
    expect(reasons).toHaveLength(1);
  });

  test('stays away when stop comes during the pause, and a new start works', async () => {
    const reasons: string[] = [];
    const postgres = await start({ restart: true, onExit: (reason) => reasons.push(reason) });
    process.kill(postgres.pid!, 'SIGKILL');
    await eventually('the end is reported', 2_000, () => reasons.length === 1);
    await postgres.stop();
    expect(await query(await start(), 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});
