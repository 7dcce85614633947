import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { isCredential } from './secrets';

/** What an organization can be limited in (domain sheet 4.17), and of how many a user can be the owner. */
export const QUOTA_NAMES = [
  'organizationsPerUser',
  'members',
  'invitations',
  'workspaces',
  'roles',
  'apiKeys',
] as const;
export type QuotaName = (typeof QUOTA_NAMES)[number];

/**
 * Every setting: its JSON schema, its default and what it means. `.env.example` and the table in the README are checked
 * against this list. Values arrive as text; ajv turns them into the type of their schema.
 */
export const SETTINGS = {
  HOST: { type: 'string', default: '127.0.0.1', description: 'address to listen on' },
  PORT: {
    type: 'integer',
    minimum: 0,
    maximum: 65535,
    default: 3000,
    description: 'port to listen on; 0 takes a free one',
  },
  PUBLIC_URL: {
    type: 'string',
    format: 'uri',
    pattern: '^https?://',
    description: 'how others reach the service, prefix of absolute URLs (default http://HOST:PORT)',
  },
  DATABASE_URL: {
    type: 'string',
    pattern: '^postgres(ql)?://',
    secret: true,
    description: 'an external PostgreSQL 14 or later; unset: an embedded one in DATA_DIR (local mode)',
  },
  DATABASE_POOL_SIZE: {
    type: 'integer',
    minimum: 1,
    maximum: 200,
    default: 10,
    description: 'connections per process',
  },
  DATABASE_TIMEOUT_MS: {
    type: 'integer',
    minimum: 100,
    maximum: 60000,
    default: 2000,
    description: 'milliseconds that a request may wait for a connection before it gets 503',
  },
  DATABASE_PREPARED_STATEMENTS: {
    type: 'boolean',
    default: true,
    description: 'false behind PgBouncer before 1.21 in transaction mode',
  },
  DATA_DIR: { type: 'string', default: './.data', description: 'embedded database and generated keys' },
  SECRET_KEY: {
    type: 'string',
    pattern: '^[A-Za-z0-9+/]{43}=$',
    secret: true,
    description: '32 bytes in base64 that encrypt secrets at rest; local mode makes one in DATA_DIR, else required',
  },
  PLATFORM_KEY: {
    type: 'string',
    minLength: 32,
    maxLength: 255,
    pattern: '^[\\x21-\\x7e]+$',
    secret: true,
    description: 'the first platform key; unset: made on the first start and printed once',
  },
  ROLE: {
    type: 'string',
    enum: ['all', 'api', 'worker'],
    default: 'all',
    description: 'all, api (no background jobs) or worker (no API, health only)',
  },
  WORKERS: { type: 'integer', minimum: 1, maximum: 64, default: 1, description: 'API processes that share the port' },
  RATE_LIMIT: {
    type: 'string',
    pattern: '^(off|[1-9][0-9]{0,8}/[1-9][0-9]{0,4})$',
    default: '600/60',
    description: 'requests per seconds that each credential may send, or off',
  },
  QUOTAS: {
    type: 'string',
    pattern: '^[A-Za-z]+=[0-9]{1,9}(,[A-Za-z]+=[0-9]{1,9})*$',
    description: `most of each for an organization that has no limits of its own, such as members=1000,workspaces=50; names: ${QUOTA_NAMES.join(', ')}`,
  },
  TRUST_PROXY: { type: 'integer', minimum: 0, maximum: 10, default: 0, description: 'number of proxies in front' },
  WEBHOOK_ALLOW_HTTP: {
    type: 'boolean',
    description: 'true: webhook URLs may be plain http (default false; in local mode http to loopback is allowed)',
  },
  SMTP_URL: {
    type: 'string',
    pattern: '^smtps?://[^\\s/]+',
    secret: true,
    description: 'the mail server, smtp://user:password@host:587 or smtps://…; unset: no mail leaves',
  },
  MAIL_FROM: {
    type: 'string',
    maxLength: 320,
    pattern: '^([^<>@,;:\\p{Cc}]+ <[^\\s<>@,;:]+@[^\\s<>@,;:]+>|[^\\s<>@,;:]+@[^\\s<>@,;:]+)$',
    description: 'sender of the mails, an address or a name with the address in angle brackets; required with SMTP_URL',
  },
  INVITATION_REDIRECT_ORIGINS: {
    type: 'string',
    maxLength: 4096,
    pattern: '^https?://[^\\s/,?#@]+(\\s*,\\s*https?://[^\\s/,?#@]+)*$',
    description:
      'origins that the redirectUrl of an invitation may have beside that of PUBLIC_URL, as https://app.example.com, separated by commas',
  },
  PASSWORD_RESET_URL: {
    type: 'string',
    format: 'uri',
    pattern: '^https?://',
    description:
      'page where people set a new password; mails link to it with the token as ?token=, unset: they tell the token',
  },
  LOG_LEVEL: {
    type: 'string',
    enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    default: 'info',
    description: 'least severe level that is logged',
  },
} as const;

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Without a slash at the end; undefined until the port is known when neither it nor a fixed PORT is given. */
  readonly publicUrl: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly databasePoolSize: number;
  readonly databaseTimeoutMs: number;
  readonly preparedStatements: boolean;
  /** Absolute. */
  readonly dataDir: string;
  /** No DATABASE_URL: the embedded PostgreSQL, made keys, http webhooks to loopback. */
  readonly localMode: boolean;
  readonly secretKey: string | undefined;
  readonly platformKey: string | undefined;
  readonly role: 'all' | 'api' | 'worker';
  readonly workers: number;
  /** What each credential may send; null: as much as it likes. */
  readonly rateLimit: { readonly limit: number; readonly windowSeconds: number } | null;
  /** Limits that hold where an organization has none of its own; what is not here has none. */
  readonly quotas: Readonly<Partial<Record<QuotaName, number>>>;
  readonly trustProxy: number;
  readonly webhookAllowHttp: 'no' | 'loopback' | 'yes';
  /** undefined: no mail leaves. */
  readonly smtpUrl: string | undefined;
  /** Always there when `smtpUrl` is. */
  readonly mailFrom: string | undefined;
  /** As `URL.origin` writes them. */
  readonly invitationRedirectOrigins: readonly string[];
  /** undefined: mails tell the token of a password reset itself. */
  readonly passwordResetUrl: string | undefined;
  readonly logLevel: string;
}

/** The settings as their schemas leave them; those without a default may be missing. */
interface Values {
  HOST: string;
  PORT: number;
  PUBLIC_URL?: string;
  DATABASE_URL?: string;
  DATABASE_POOL_SIZE: number;
  DATABASE_TIMEOUT_MS: number;
  DATABASE_PREPARED_STATEMENTS: boolean;
  DATA_DIR: string;
  SECRET_KEY?: string;
  PLATFORM_KEY?: string;
  ROLE: Config['role'];
  WORKERS: number;
  RATE_LIMIT: string;
  QUOTAS?: string;
  TRUST_PROXY: number;
  WEBHOOK_ALLOW_HTTP?: boolean;
  SMTP_URL?: string;
  MAIL_FROM?: string;
  INVITATION_REDIRECT_ORIGINS?: string;
  PASSWORD_RESET_URL?: string;
  LOG_LEVEL: string;
}

/** A setting that can't be used; the message is one line that names it. */
export class ConfigError extends Error {}

/** The settings that are given, from `NAME` or the file that `NAME_FILE` names; an empty text counts as not given. */
function givenSettings(env: NodeJS.ProcessEnv): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of Object.keys(SETTINGS)) {
    const direct = env[name];
    const file = 'secret' in SETTINGS[name as keyof typeof SETTINGS] ? env[`${name}_FILE`] : undefined;
    if (direct && file) throw new ConfigError(`${name} and ${name}_FILE are both set: give one of them.`);
    if (direct) values[name] = direct;
    else if (file) values[name] = readSecretFile(name, file);
  }
  return values;
}

function readSecretFile(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new ConfigError(`${name}_FILE: ${file} can't be read.`);
  }
}

function check(values: Record<string, unknown>): void {
  const ajv = new Ajv2020({ coerceTypes: true, useDefaults: true, strict: false });
  addFormats(ajv);
  const properties = Object.fromEntries(
    Object.entries(SETTINGS).map(([name, { description: _description, ...schema }]) => [name, schema]),
  );
  if (ajv.validate({ type: 'object', properties }, values)) return;
  const [error] = ajv.errors ?? [];
  const name = error?.instancePath.slice(1) ?? '';
  const choice = error?.keyword === 'enum' ? `: ${error.params.allowedValues.join(', ')}` : '';
  throw new ConfigError(`${name} ${error?.message}${choice}.`);
}

/**
 * Reads and checks the settings; the only reader of the environment.
 * @throws ConfigError with one line that names the bad setting
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const given = givenSettings(env);
  check(given);
  const values = given as unknown as Values;
  const localMode = values.DATABASE_URL === undefined;
  if (!localMode && values.SECRET_KEY === undefined) {
    throw new ConfigError(
      'SECRET_KEY is required with DATABASE_URL: 32 bytes in base64, as from "openssl rand -base64 32".',
    );
  }
  if (values.PLATFORM_KEY !== undefined && !isCredential(values.PLATFORM_KEY)) {
    throw new ConfigError('PLATFORM_KEY begins like a key of this service and its checksum is wrong.');
  }
  if (values.SMTP_URL !== undefined && values.MAIL_FROM === undefined) {
    throw new ConfigError('MAIL_FROM is required with SMTP_URL: the sender of the mails.');
  }
  const fixedUrl = values.PORT === 0 ? undefined : `http://${urlHost(values.HOST)}:${values.PORT}`;
  return {
    host: values.HOST,
    port: values.PORT,
    publicUrl: values.PUBLIC_URL === undefined ? fixedUrl : values.PUBLIC_URL.replace(/\/+$/, ''),
    databaseUrl: values.DATABASE_URL,
    databasePoolSize: values.DATABASE_POOL_SIZE,
    databaseTimeoutMs: values.DATABASE_TIMEOUT_MS,
    preparedStatements: values.DATABASE_PREPARED_STATEMENTS,
    dataDir: resolve(values.DATA_DIR),
    localMode,
    secretKey: values.SECRET_KEY,
    platformKey: values.PLATFORM_KEY,
    role: values.ROLE,
    workers: values.WORKERS,
    rateLimit: readRateLimit(values.RATE_LIMIT),
    quotas: readQuotas(values.QUOTAS ?? ''),
    trustProxy: values.TRUST_PROXY,
    webhookAllowHttp: values.WEBHOOK_ALLOW_HTTP
      ? 'yes'
      : values.WEBHOOK_ALLOW_HTTP === undefined && localMode
        ? 'loopback'
        : 'no',
    smtpUrl: values.SMTP_URL,
    mailFrom: values.MAIL_FROM,
    invitationRedirectOrigins: readOrigins(values.INVITATION_REDIRECT_ORIGINS),
    passwordResetUrl: values.PASSWORD_RESET_URL,
    logLevel: values.LOG_LEVEL,
  };
}

function readOrigins(text = ''): string[] {
  const list = text.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
  const bad = list.find((each) => !URL.canParse(each));
  if (bad !== undefined) throw new ConfigError(`INVITATION_REDIRECT_ORIGINS: ${bad} is no origin.`);
  return list.map((each) => new URL(each).origin);
}

function readRateLimit(text: string): Config['rateLimit'] {
  if (text === 'off') return null;
  const [limit, windowSeconds] = text.split('/').map(Number);
  return { limit: limit as number, windowSeconds: windowSeconds as number };
}

function readQuotas(text: string): Config['quotas'] {
  const quotas: Partial<Record<QuotaName, number>> = {};
  for (const each of text === '' ? [] : text.split(',')) {
    const [name, limit] = each.split('=') as [QuotaName, string];
    if (!QUOTA_NAMES.includes(name)) {
      throw new ConfigError(`QUOTAS: there is no quota ${name}: ${QUOTA_NAMES.join(', ')}.`);
    }
    if (name in quotas) throw new ConfigError(`QUOTAS names ${name} twice.`);
    quotas[name] = Number(limit);
  }
  return quotas;
}

/** The host as it stands in a URL: IPv6 addresses in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
