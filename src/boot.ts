import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { createApp } from './app';
import { type Config, ConfigError, urlHost } from './config';
import type { Services } from './context';
import { type Connection, connect } from './db/connect';
import { Database } from './db/database';
import { startEmbeddedPostgres } from './db/embedded';
import { isMigrated, migrate } from './db/migrate';
import { Egress } from './egress/egress';
import { Lifecycle } from './http/lifecycle';
import { Metrics } from './http/metrics';
import { createServer } from './http/server';
import { jobs } from './jobs';
import { Worker, type WorkerContext } from './jobs/worker';
import { createMailer } from './mail/mailer';
import { Pictures } from './media/pictures';
import { openStore } from './media/store';
import { Passwords } from './passwords';
import { shapes } from './resources';
import { openSecrets } from './secretKey';
import { endGraces } from './services/apiKeyRotation';
import { createPlatformKey, hasPlatformKey } from './services/apiKeys';
import { headSealer } from './services/auditCheckpoints';
import { endAuditRetention } from './services/auditRetention';
import { CallerCache } from './services/callers';
import { forgetOldBodies, removeOldDeliveries } from './services/eventRetention';
import { expireHolds } from './services/holds';
import { removeExpiredAnswers } from './services/idempotency';
import { expireInvitations } from './services/invitationExpiry';
import { tellExpiredKeys } from './services/keyExpiry';
import { removeUnusedImages } from './services/media';
import { RateLimiter, removeEndedWindows } from './services/rateLimits';
import { removeEndedSignIns } from './services/signIn';
import { Sweeper } from './services/sweeper';
import { removeExpiredSecrets } from './services/webhookSecrets';
import { Signal } from './signal';
import { Sender, type SenderContext } from './webhooks/sender';

/** Milliseconds that running requests and jobs get to end when the process stops. */
const DRAIN_MS = 10_000;

/** Closers in the order of opening; they are called in reverse. */
class Closers {
  private readonly list: (() => Promise<unknown>)[] = [];

  add(close: () => Promise<unknown>): void {
    this.list.push(close);
  }

  async closeAll(): Promise<void> {
    for (const close of this.list.splice(0).reverse()) await close();
  }
}

/** What must be there before anything is served, once for all processes of one start. */
export interface Foundation {
  readonly connection: Connection;
  /** Key that was made in this start: to be printed, now or never. */
  readonly newPlatformKey: string | undefined;
  stop(): Promise<void>;
}

/**
 * The database: started when it is the embedded one, migrated, with a platform key.
 * @throws Error in one sentence for the operator
 */
export async function layFoundation(config: Config, log: Logger): Promise<Foundation> {
  const closers = new Closers();
  try {
    const connection = await openConnection(config, log, closers);
    const newPlatformKey = await prepareDatabase(config, connection);
    return { connection, newPlatformKey, stop: () => closers.closeAll() };
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

async function openConnection(config: Config, log: Logger, closers: Closers): Promise<Connection> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl };
  const postgres = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    restart: true,
    log: (message) => log.info({ from: 'postgres' }, message),
    onExit: (reason) => log.error({ from: 'postgres', reason }, 'the embedded PostgreSQL has ended'),
  });
  closers.add(() => postgres.stop());
  const { host, port, user: username, password, database } = postgres;
  return { host, port, username, password, database };
}

async function prepareDatabase(config: Config, connection: Connection): Promise<string | undefined> {
  const source = await connect(connection, config, 0);
  try {
    await migrateWith(config, source);
    const db = Database.over(source, false);
    await openSecrets(config, db);
    if (config.platformKey !== undefined) await createPlatformKey({ db, shapes }, 'PLATFORM_KEY', config.platformKey);
    return await db.transaction(async (inside) => {
      // Two first starts on one database must not print two keys.
      await inside.query('lock table installation in share row exclusive mode');
      return (await hasPlatformKey({ db: inside }))
        ? undefined
        : createPlatformKey({ db: inside, shapes }, 'First key');
    });
  } finally {
    await source.destroy();
  }
}

/** With a role of its own for migrations, the one that serves owns no table. */
async function migrateWith(config: Config, source: DataSource): Promise<void> {
  if (config.migrationDatabaseUrl === undefined) {
    await migrate(source, config.walletAsset);
    return;
  }
  const owner = await connect({ url: config.migrationDatabaseUrl }, config, 0);
  try {
    const [{ role }] = await source.query('select current_user as role');
    await migrate(owner, config.walletAsset, role);
  } finally {
    await owner.destroy();
  }
}

/** A process that answers requests. */
export interface Running {
  /** The port that was taken, also when PORT is 0. */
  readonly port: number;
  /** Lets running requests and jobs end, for 10 s at the most, then closes everything in reverse order. */
  stop(): Promise<void>;
}

/**
 * Opens the pool and serves.
 * @throws ConfigError when the port is taken
 */
export async function serveRequests(config: Config, connection: Connection, log: Logger): Promise<Running> {
  const closers = new Closers();
  try {
    const source = await connect(connection, config);
    closers.add(() => source.destroy());
    // With PORT=0 the port is not known before it was taken.
    const taken = { port: config.port };
    const services = await openServices(config, source, closers, taken);
    if (config.role !== 'api') {
      const removals = [removeExpiredAnswers, removeEndedWindows, removeEndedSignIns, removeExpiredSecrets];
      const log = [forgetOldBodies, removeOldDeliveries];
      const sweeps = [
        ...removals,
        ...log,
        endGraces,
        tellExpiredKeys,
        expireInvitations,
        expireHolds,
        removeUnusedImages,
        endAuditRetention,
        headSealer(services),
      ];
      const sweeper = new Sweeper(sweeps.map((sweep) => () => sweep(services)));
      closers.add(() => sweeper.close());
    }
    const lifecycle = new Lifecycle();
    const metrics = new Metrics(services.db);
    const app = createApp({
      services,
      log,
      metrics,
      lifecycle,
      checkReadiness: readinessOf(source),
    });
    const server = createServer(app, log);
    await listen(server, config);
    closers.add(() => close(server));
    taken.port = (server.address() as AddressInfo).port;
    const workers = config.role === 'api' ? [] : startWorkers({ ...services, log, metrics });
    return {
      port: taken.port,
      stop: async () => {
        const ended = Promise.all([lifecycle.drain(), ...workers.map((worker) => worker.stop())]);
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref())]);
        await closers.closeAll();
      },
    };
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

/** What a process does beside answering requests. */
function startWorkers(ctx: WorkerContext & SenderContext): { stop(): Promise<void> }[] {
  return [new Worker(ctx, jobs), new Sender(ctx)];
}

async function openServices(
  config: Config,
  source: DataSource,
  closers: Closers,
  taken: { port: number },
): Promise<Services> {
  const now = () => new Date();
  const db = Database.over(source, config.preparedStatements);
  const callers = new CallerCache(db, now);
  closers.add(() => callers.drain());
  const limiter = config.rateLimit === null ? null : new RateLimiter(db, config.rateLimit, config.workers);
  const mailer = createMailer(config);
  closers.add(async () => mailer?.close());
  const egress = new Egress(config);
  closers.add(async () => egress.close());
  const storeEgress = Egress.ofOperator();
  closers.add(async () => storeEgress.close());
  const media = openStore(config, storeEgress);
  const secrets = await openSecrets(config, db);
  const publicUrl = () => config.publicUrl ?? `http://${urlHost(config.host)}:${taken.port}`;
  const passwords = new Passwords();
  const pictures = new Pictures();
  const signals = { jobs: new Signal(), deliveries: new Signal() };
  return {
    config,
    db,
    callers,
    limiter,
    mailer,
    egress,
    ...signals,
    shapes,
    passwords,
    pictures,
    media,
    publicUrl,
    now,
    secrets,
  };
}

/** The migrations of this version are checked until they were all there once; then the database has only to answer. */
function readinessOf(source: DataSource): () => Promise<void> {
  let migrated = false;
  return async () => {
    await source.query('select 1');
    migrated ||= await isMigrated(source);
    if (!migrated) throw new Error('migrations are missing');
  };
}

function listen(server: Server, { host, port }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: Error & { code?: string }) => {
      const reason =
        error.code === 'EADDRINUSE' ? 'another process listens there; set PORT to a free port' : error.message;
      reject(new ConfigError(`Can't listen on ${urlHost(host)}:${port}: ${reason}.`));
    });
    server.listen(port, host, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
