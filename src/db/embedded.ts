import { randomBytes } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { type Account, findBinaries } from './embeddedBinaries';
import { chooseAccount, clusterArgument, openDataDir, own, prepareCluster, SUPERUSER } from './embeddedCluster';
import { clearCluster, clearSocketDir, removeSocketDir, SOCKET_DIR_PREFIX } from './embeddedLeftovers';
import { lockDataDir } from './embeddedLock';
import { type Launch, launchServer, type Server } from './embeddedServer';

const DATABASE = 'guildhall';
const isWindows = process.platform === 'win32';

/** The longest path of a socket, in bytes: the kernel's field has 104 on macOS and 108 on Linux, with a final zero. */
const SOCKET_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;

/**
 * Before a server that died under a running node is started again. Its sessions need a moment to notice, and would
 * make the new server refuse; and a server that dies at every start shall not keep the machine busy.
 */
const RESTART_PAUSES_MS = [5_000, 10_000, 20_000, 30_000];

/** Sessions of a killed server that cannot be found from outside (no /proc) end by themselves, as a rule at once. */
const STILL_HELD = /pre-existing shared memory block|lock file ".*" already exists/;
const START_TRIES = 10;

/**
 * For 2 cores and little memory. Of its messages only those about the server as a whole are written: `log` leaves out
 * errors of statements, which the API reports itself and which may quote personal data.
 */
const SETTINGS: Record<string, string> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'log',
  log_checkpoints: 'off',
  jit: 'off',
};

export interface EmbeddedPostgres {
  /** The directory of the Unix socket, which `pg` takes as a host; 127.0.0.1 on Windows. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Windows only. Elsewhere only the owner of the socket directory, and root, can come in. */
  readonly password?: string;
  readonly database: string;
  /** Of the running server; undefined while there is none. */
  readonly pid: number | undefined;
  /** Stops PostgreSQL and any attempt to restart it. Settles when no process is left. May be called again. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** DATA_DIR; the cluster is its subdirectory `postgres`. */
  readonly dataDir: string;
  /** More settings of the server, which win over ours. */
  readonly settings?: Record<string, string>;
  /** Makes a new cluster without waiting for the disk: for tests. */
  readonly noSync?: boolean;
  /** Called each time the server ends without `stop`, with the reason in words. */
  readonly onExit?: (reason: string) => void;
  readonly log?: (message: string) => void;
  /** Starts a server that ended without `stop` again, on the same host and port, until that works or `stop` is called. */
  readonly restart?: boolean;
}

/**
 * Starts the PostgreSQL from npm on the cluster in `dataDir`, which is made on the first start, and creates the database
 * `guildhall` in it. Whatever was killed in whatever state before is cleared up first: a server whose node has died is
 * stopped. The server ends with this process, also when that is killed. It does not keep this process alive.
 * Throws errors of one sentence, made for the operator, when the data directory is in use or cannot be used, and when
 * the system has no PostgreSQL to run.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataDir = await openDataDir(options.dataDir);
  const unlock = await lockDataDir(dataDir);
  let postgres: Embedded | undefined;
  try {
    postgres = new Embedded(await preparePlace(dataDir, options), options, unlock);
    await postgres.start();
    return postgres;
  } catch (error) {
    await postgres?.stop();
    unlock();
    throw error;
  }
}

interface Place extends Launch {
  readonly host: string;
  readonly port: number;
  readonly password?: string;
}

/** Everything that stays the same while servers come and go: cluster, binaries, address. */
async function preparePlace(dataDir: string, options: EmbeddedOptions): Promise<Place> {
  const cluster = join(dataDir, 'postgres');
  const account = await chooseAccount(dataDir, cluster);
  const binaries = await findBinaries(account);
  const { noSync = false, log = () => {} } = options;
  const passwordFile = isWindows ? join(dataDir, 'postgres.password') : undefined;
  await prepareCluster(cluster, { binaries, account, noSync, passwordFile, log });
  const socketDir = isWindows ? '' : nameSocketDir(account);
  const host = isWindows ? '127.0.0.1' : socketDir;
  const port = isWindows ? await findFreePort() : Number(options.settings?.port ?? 5432);
  const password = passwordFile && (await readFile(passwordFile, 'utf8'));
  const address = isWindows ? { listen_addresses: host } : { unix_socket_directories: `"${socketDir}"` };
  const settings = { ...SETTINGS, ...address, port: String(port), ...options.settings };
  const args = ['-D', clusterArgument(cluster, account)];
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
  return { binaries, account, cluster, args, socketDir, host, port, password };
}

/** A short path, as a data directory's may be too long, and under /tmp for another account: root's may be its own. */
function nameSocketDir(account: Account | undefined): string {
  const name = SOCKET_DIR_PREFIX + randomBytes(6).toString('hex');
  const isUsable = !account && Buffer.byteLength(join(tmpdir(), name, '.s.PGSQL.5432')) <= SOCKET_PATH_BYTES;
  return join(isUsable ? tmpdir() : '/tmp', name);
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

class Embedded implements EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  readonly user = SUPERUSER;
  readonly password?: string;
  readonly database = DATABASE;
  private server: Server | undefined;
  private restarting: Promise<void> | undefined;
  private stopped: Promise<void> | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly place: Place,
    private readonly options: EmbeddedOptions,
    private readonly unlock: () => void,
  ) {
    this.host = place.host;
    this.port = place.port;
    this.password = place.password;
  }

  get pid(): number | undefined {
    return this.server?.pid;
  }

  async start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.launch();
        break;
      } catch (error) {
        if (tries === START_TRIES || !STILL_HELD.test((error as Error).message)) throw error;
        await pause(1_000);
      }
    }
    await createDatabase(this);
  }

  stop(): Promise<void> {
    this.stopped ??= this.close();
    return this.stopped;
  }

  private async close(): Promise<void> {
    this.stopping.abort();
    await this.server?.stop();
    await this.restarting;
    if (this.place.socketDir) await removeSocketDir(this.place.socketDir);
    this.unlock();
  }

  private async launch(): Promise<void> {
    const { cluster, account, socketDir } = this.place;
    await access(join(cluster, 'PG_VERSION')).catch(() => {
      throw new Error(`The database in ${cluster} is gone: stop, and put it back or start anew.`);
    });
    await clearCluster(cluster, account);
    if (socketDir) {
      await mkdir(socketDir, { recursive: true, mode: 0o700 });
      await own(socketDir, account);
      await clearSocketDir(socketDir);
    }
    if (this.stopping.signal.aborted) return;
    this.server = launchServer(this.place);
    await this.server.ready;
    this.server.ended.then((how) => this.onEnd(how));
  }

  private onEnd(how: string): void {
    this.server = undefined;
    if (this.stopping.signal.aborted) return;
    this.options.onExit?.(`The embedded PostgreSQL ended (${how})`);
    if (this.options.restart) this.restarting = this.restart();
  }

  private async restart(): Promise<void> {
    const { signal } = this.stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const pauseMs = RESTART_PAUSES_MS[attempt] ?? RESTART_PAUSES_MS.at(-1);
      await pause(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.launch();
        if (!signal.aborted) this.options.log?.('The embedded PostgreSQL runs again');
        return;
      } catch (error) {
        this.server = undefined;
        if (!signal.aborted) this.options.log?.((error as Error).message);
      }
    }
  }
}

async function createDatabase(postgres: EmbeddedPostgres): Promise<void> {
  const { host, port, user, password } = postgres;
  const client = new Client({ host, port, user, password, database: 'postgres' });
  // Without a listener, a server that is killed at this moment would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    const found = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (!found.rowCount) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
