import { randomUUID } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import supertest from 'supertest';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { createApp } from '../../src/app';
import { type Config, readConfig } from '../../src/config';
import type { Services } from '../../src/context';
import { type Connection, connect } from '../../src/db/connect';
import { Database } from '../../src/db/database';
import { Egress } from '../../src/egress/egress';
import { Lifecycle } from '../../src/http/lifecycle';
import { Metrics } from '../../src/http/metrics';
import { createServer } from '../../src/http/server';
import { jobs } from '../../src/jobs';
import { runDueJobs } from '../../src/jobs/worker';
import { surfaces } from '../../src/legacy';
import { JSON_TYPE, surfaceOf } from '../../src/legacy/surface';
import { logOptions } from '../../src/log';
import { createMailer } from '../../src/mail/mailer';
import { Pictures } from '../../src/media/pictures';
import { openStore } from '../../src/media/store';
import { Passwords } from '../../src/passwords';
import { shapes } from '../../src/resources';
import { hashKey, makeKey, Secrets } from '../../src/secrets';
import { createPlatformKey } from '../../src/services/apiKeys';
import { CallerCache } from '../../src/services/callers';
import { RateLimiter } from '../../src/services/rateLimits';
import { Signal } from '../../src/signal';
import { sendDueDeliveries } from '../../src/webhooks/sender';
import type { Exchange } from './contract';
import { cloneDatabase } from './database';
import { faultsOf, isJson } from './document';

export const MEDIA_TYPE = 'application/vnd.api+json';
export const S = '/public/v2';
export const M = '/public/v2/management';
/** A well-formed id that no row has. */
export const NIL = '00000000-0000-7000-8000-000000000000';

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into freely, and compared whole
export type Body = any;

/** An answer, checked as a JSON:API document already when it says that it is one. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Body;
  text: string;
}

/** Somebody who asks; the variable that holds a client says who. */
export interface Client {
  readonly key: string | undefined;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  head(path: string, headers?: Record<string, string>): Promise<Answer>;
  options(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** `body` is sent as it is when it is text or bytes, else as JSON; the media type is that of the surface unless `headers` say otherwise. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  patch(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  put(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  delete(path: string, headers?: Record<string, string>, body?: unknown): Promise<Answer>;
}

/** Somebody with an access token. */
export interface Person extends Client {
  readonly id: string;
  readonly email: string;
}

/** Somebody who has signed in. */
export interface Session extends Client {
  /** Of the pair that was made. */
  readonly id: string;
  readonly familyId: string;
  readonly refreshToken: string;
}

export interface TestApp {
  readonly url: string;
  readonly port: number;
  readonly db: Database;
  readonly source: DataSource;
  readonly services: Services;
  readonly lifecycle: Lifecycle;
  readonly connection: Connection;
  /** Log lines since the start. */
  readonly logLines: Record<string, unknown>[];
  readonly anonymous: Client;
  readonly platform: Client;
  as(key: string | undefined): Client;
  /** A new person who has signed in. */
  user(attributes?: { email?: string; name?: string }): Promise<Person>;
  /** A new partner with a key of its own. */
  partner(name?: string): Promise<Client & { id: string }>;
  /** Runs the jobs that are due by the clock of the app, and those due by their doing; how many runs there were. */
  runPendingJobs(): Promise<number>;
  /** Sends the webhooks that are due by the clock of the app, and those due by that; how many attempts there were. */
  runPendingDeliveries(): Promise<number>;
  close(): Promise<void>;
}

type Method = 'get' | 'head' | 'options' | 'post' | 'patch' | 'put' | 'delete';

function client(server: Server, key: string | undefined): Client {
  const call = async (
    method: Method,
    path: string,
    headers: Record<string, string> = {},
    body?: unknown,
  ): Promise<Answer> => {
    const request = supertest(server)[method](path).buffer(true).parse(collect);
    if (key !== undefined) request.set('Authorization', `Bearer ${key}`);
    if (body !== undefined) request.set('Content-Type', surfaceOf(surfaces, path) ? JSON_TYPE : MEDIA_TYPE);
    request.set(headers);
    const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const sent = isRaw ? body : JSON.stringify(body);
    const {
      status,
      headers: received,
      body: text,
    } = await (sent === undefined ? request : request.serialize((each: unknown) => each as string).send(sent));
    const answer = { status, headers: received, text: typeof text === 'string' ? text : '', body: undefined };
    return check(answer, { method, path, contentType: request.get('Content-Type'), sent });
  };
  return {
    key,
    get: (path, headers) => call('get', path, headers),
    head: (path, headers) => call('head', path, headers),
    options: (path, headers) => call('options', path, headers),
    post: (path, body, headers) => call('post', path, headers, body),
    patch: (path, body, headers) => call('patch', path, headers, body),
    put: (path, body, headers) => call('put', path, headers, body),
    delete: (path, headers, body) => call('delete', path, headers, body),
  };
}

/**
 * Names of examples have a public address, whether or not there is a network; `private.example.com` has one that is not, and
 * of `silent.example.com` nobody ever hears.
 */
async function resolveName(hostname: string): Promise<LookupAddress[]> {
  if (!/(?:^|[.])example[.]com$/.test(hostname)) return lookup(hostname, { all: true, verbatim: true });
  if (hostname === 'silent.example.com') await new Promise(() => undefined);
  return [{ address: hostname === 'private.example.com' ? '10.0.0.7' : '93.184.215.14', family: 4 }];
}

/** Keeps the text: what superagent makes of a body is not what was sent. */
function collect(res: supertest.Response, done: (error: Error | null, text: string) => void): void {
  const stream = res as unknown as NodeJS.ReadableStream;
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
  });
  stream.on('end', () => done(null, text));
}

/** Every answer of every test, errors included, is a valid document, and is what the OpenAPI document describes. */
function check(answer: Answer, request: Pick<Exchange, 'method' | 'path' | 'contentType' | 'sent'>): Answer {
  const { status, headers, text } = answer;
  const type = headers['content-type'] ?? '';
  const body = text !== '' && isJson(type) ? JSON.parse(text) : undefined;
  const faults = [
    ...(type.startsWith(MEDIA_TYPE) && body !== undefined ? faultsOf(body, type) : []),
    ...contract({ ...request, ...answer, body }),
  ];
  if (faults.length === 0) return { ...answer, body };
  throw new Error(`${request.method} ${request.path} → ${status}: ${faults.join('; ')}\n${text}`);
}

/**
 * The whole service on a database and a port of its own; `close` it in `afterAll`. Without a rate limit, unless `env`
 * sets one.
 * @param beside whose database it shares instead: another process of the same installation, to be closed before that one
 */
export async function startApp(
  env: NodeJS.ProcessEnv = {},
  now: () => Date = () => new Date(),
  beside?: TestApp,
): Promise<TestApp> {
  const { connection, drop } =
    beside === undefined ? await cloneDatabase() : { connection: beside.connection, drop: async () => undefined };
  const dataDir = beside?.services.config.dataDir ?? join(tmpdir(), `guildhall-data-${randomUUID()}`);
  const config: Config = readConfig({
    DATABASE_POOL_SIZE: '5',
    LOG_LEVEL: 'info',
    RATE_LIMIT: 'off',
    DATA_DIR: dataDir,
    ...env,
  });
  const source = await connect(connection, config);
  const db = Database.over(source, config.preparedStatements);
  const callers = new CallerCache(db, now);
  const limiter = config.rateLimit === null ? null : new RateLimiter(db, config.rateLimit, config.workers);
  const mailer = createMailer(config);
  const egress = new Egress({ ...config, resolve: resolveName });
  const secrets = new Secrets(Buffer.alloc(32, 7));
  const passwords = new Passwords();
  const storeEgress = Egress.ofOperator();
  const media = openStore(config, storeEgress);
  const publicUrl = () => config.publicUrl ?? 'http://guildhall.test';
  const services: Services = {
    config,
    db,
    callers,
    limiter,
    mailer,
    egress,
    jobs: new Signal(),
    deliveries: new Signal(),
    shapes,
    passwords,
    pictures: new Pictures(),
    media,
    publicUrl,
    now,
    secrets,
  };
  const logLines: Record<string, unknown>[] = [];
  const log = pino(logOptions(config.logLevel), { write: (line: string) => void logLines.push(JSON.parse(line)) });
  const lifecycle = new Lifecycle();
  const checkReadiness = async () => void (await source.query('select 1'));
  const metrics = new Metrics(db);
  const app = createApp({ services, log, metrics, lifecycle, checkReadiness });
  const server = createServer(app, log);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const platform = client(server, await createPlatformKey({ db, shapes }, 'Test'));
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    db,
    source,
    services,
    lifecycle,
    connection,
    logLines,
    anonymous: client(server, undefined),
    platform,
    as: (key) => client(server, key),
    user: async (attributes = {}) => {
      const { id, attributes: made } = await createUser(platform, attributes);
      return { ...client(server, await signIn(db, id)), id, email: made.email };
    },
    partner: async (name = 'A partner') => {
      const { body } = await platform.post(`${M}/partners`, { data: { type: 'partners', attributes: { name } } });
      const { id } = body.data;
      const key = await platform.post(`${S}/apiKeys`, {
        data: {
          type: 'apiKeys',
          attributes: { name: 'Key' },
          relationships: { partner: { data: { type: 'partners', id } } },
        },
      });
      return { ...client(server, key.body.data.attributes.secret), id };
    },
    runPendingJobs: () => runDueJobs({ ...services, log }, jobs),
    runPendingDeliveries: () => sendDueDeliveries({ ...services, log, metrics }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await callers.drain();
      mailer?.close();
      egress.close();
      storeEgress.close();
      await source.destroy();
      await drop();
      if (beside === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * For tests that compare a list with the same list read again, of every type: in this database a read of the audit trail is
 * not told in it, so that it stands still.
 */
export async function stopTellingReads(app: TestApp): Promise<void> {
  const [row] = await app.source.query("select pg_get_functiondef('record_audit'::regproc) as text");
  await app.source.query(row.text.replace('\nbegin\n', "\nbegin\n if kind = 'audit.read' then return 0; end if;\n"));
}

/** An access token for a user, as signing in makes it, but without a password. */
export async function signIn(db: Database, userId: string): Promise<string> {
  const token = makeKey('at');
  await db.query(
    `insert into access_tokens (id, family_id, user_id, hash, refresh_hash, scopes, expires_at, refresh_expires_at, family_ends_at)
     values ($1, $1, $2, $3, $4, '{*}', now() + interval '1 hour', now() + interval '1 day', now() + interval '2 days')`,
    [uuidv7(), userId, hashKey(token), hashKey(makeKey('rt'))],
  );
  return token;
}

/**
 * Signs in over HTTP and gives back the session with its tokens.
 * @throws Error when that is refused
 */
export async function signInWith(app: TestApp, email: string, password: string): Promise<Session> {
  const answer = await app.anonymous.post(`${S}/accessTokens`, document('accessTokens', { email, password }));
  if (answer.status !== 201) throw new Error(`not signed in: ${answer.text}`);
  const { id, attributes } = answer.body.data;
  const { accessToken, refreshToken, familyId } = attributes;
  return { ...app.as(accessToken), id, familyId, refreshToken };
}

/** Gives a user a password, as setting one does. */
export async function setPassword(app: TestApp, userId: string, password: string): Promise<void> {
  const hash = await app.services.passwords.hash(password);
  await app.db.query('update users set password_hash = $2 where id = $1', [userId, hash]);
}

/** A request document; `type` and the rest of `data`. */
export const document = (type: string, attributes: object = {}, more: object = {}) => ({
  data: { type, attributes, ...more },
});

/** A request document with relationships: name → [type, id] or a list of those. */
export const link = (type: string, id: string) => ({ data: { type, id } });

/** Creates an organization and returns its resource object, `token` in its attributes. */
export async function createOrganization(
  asker: Client,
  attributes: object = {},
  relationships: object = {},
): Promise<Body> {
  const body = document('organizations', { name: 'Acme', ...attributes }, { relationships });
  const answer = await asker.post(`${M}/organizations`, body);
  if (answer.status !== 201) throw new Error(`organization not created: ${answer.text}`);
  return answer.body.data;
}

/** Creates a user with a fresh address. */
export async function createUser(asker: Client, attributes: object = {}): Promise<Body> {
  const email = `user-${Math.random().toString(36).slice(2)}@example.com`;
  const answer = await asker.post(`${S}/users`, document('users', { email, ...attributes }));
  if (answer.status !== 201) throw new Error(`user not created: ${answer.text}`);
  return answer.body.data;
}
