import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { isAddressRange } from './addresses';
import type { S3Location } from './media/s3';
import { isCredential } from './secrets';
import { QUOTA_NAMES, type QuotaName, SETTINGS, USUAL_QUOTAS } from './settings';

/** What webhooks may call in local mode. */
const LOOPBACK = '127.0.0.0/8,::1/128';
/** Seconds: a day. */
const LONGEST_STEP = 86_400;

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Without a slash at the end; undefined until the port is known when neither it nor a fixed PORT is given. */
  readonly publicUrl: string | undefined;
  readonly databaseUrl: string | undefined;
  /** The same database as another role, which owns the schema; undefined: the one that serves does. */
  readonly migrationDatabaseUrl: string | undefined;
  readonly databasePoolSize: number;
  readonly databaseTimeoutMs: number;
  readonly preparedStatements: boolean;
  /** Absolute. */
  readonly dataDir: string;
  /** undefined: a folder in `dataDir`. */
  readonly mediaLocation: S3Location | undefined;
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
  /** Addresses and CIDR ranges that are called although they are not public. */
  readonly webhookAllowCidrs: readonly string[];
  /** For one attempt, where the endpoint says nothing else: 1–30. */
  readonly webhookTimeoutSeconds: number;
  /** Seconds from a failed attempt to the next one: 1–15 steps of 1–86,400. */
  readonly webhookRetrySchedule: readonly number[];
  /** undefined: no mail leaves. */
  readonly smtpUrl: string | undefined;
  /** Always there when `smtpUrl` is. */
  readonly mailFrom: string | undefined;
  /** As `URL.origin` writes them. */
  readonly invitationRedirectOrigins: readonly string[];
  /** undefined: mails tell the token of a password reset itself. */
  readonly passwordResetUrl: string | undefined;
  /** Of the wallet that comes with an organization. */
  readonly walletAsset: string;
  /** What organizations are charged for → the unit that a charge buys, or null. */
  readonly walletServices: ReadonlyMap<string, string | null>;
  readonly logLevel: string;
}

/** The settings as their schemas leave them; those without a default may be missing. */
interface Values {
  HOST: string;
  PORT: number;
  PUBLIC_URL?: string;
  DATABASE_URL?: string;
  MIGRATION_DATABASE_URL?: string;
  DATABASE_POOL_SIZE: number;
  DATABASE_TIMEOUT_MS: number;
  DATABASE_PREPARED_STATEMENTS: boolean;
  DATA_DIR: string;
  MEDIA_URL?: string;
  SECRET_KEY?: string;
  PLATFORM_KEY?: string;
  ROLE: Config['role'];
  WORKERS: number;
  RATE_LIMIT: string;
  QUOTAS?: string;
  TRUST_PROXY: number;
  WEBHOOK_ALLOW_HTTP?: boolean;
  WEBHOOK_ALLOW_CIDRS?: string;
  WEBHOOK_TIMEOUT: number;
  WEBHOOK_RETRY_SCHEDULE: string;
  SMTP_URL?: string;
  MAIL_FROM?: string;
  INVITATION_REDIRECT_ORIGINS?: string;
  PASSWORD_RESET_URL?: string;
  WALLET_ASSET: string;
  WALLET_SERVICES?: string;
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
  if (localMode && values.MIGRATION_DATABASE_URL !== undefined) {
    throw new ConfigError('DATABASE_URL is required with MIGRATION_DATABASE_URL: the role that serves.');
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
    migrationDatabaseUrl: values.MIGRATION_DATABASE_URL,
    databasePoolSize: values.DATABASE_POOL_SIZE,
    databaseTimeoutMs: values.DATABASE_TIMEOUT_MS,
    preparedStatements: values.DATABASE_PREPARED_STATEMENTS,
    dataDir: resolve(values.DATA_DIR),
    mediaLocation: values.MEDIA_URL === undefined ? undefined : readMediaUrl(values.MEDIA_URL),
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
    webhookAllowCidrs: readRanges(values.WEBHOOK_ALLOW_CIDRS ?? (localMode ? LOOPBACK : '')),
    webhookTimeoutSeconds: values.WEBHOOK_TIMEOUT,
    webhookRetrySchedule: readSchedule(values.WEBHOOK_RETRY_SCHEDULE),
    smtpUrl: values.SMTP_URL,
    mailFrom: values.MAIL_FROM,
    invitationRedirectOrigins: readOrigins(values.INVITATION_REDIRECT_ORIGINS),
    passwordResetUrl: values.PASSWORD_RESET_URL,
    walletAsset: values.WALLET_ASSET,
    walletServices: readServices(values.WALLET_SERVICES),
    logLevel: values.LOG_LEVEL,
  };
}

function readList(text: string): string[] {
  return text.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
}

function readRanges(text: string): string[] {
  const list = readList(text);
  const bad = list.find((each) => !isAddressRange(each));
  if (bad === undefined) return list;
  throw new ConfigError(`WEBHOOK_ALLOW_CIDRS: ${JSON.stringify(bad)} is no address or range such as 10.1.0.0/16.`);
}

function readSchedule(text: string): number[] {
  const steps = text.split(',').map(Number);
  const bad = steps.find((each) => each > LONGEST_STEP);
  if (bad === undefined) return steps;
  throw new ConfigError(`WEBHOOK_RETRY_SCHEDULE: ${bad} is more than ${LONGEST_STEP} seconds.`);
}

function readOrigins(text = ''): string[] {
  const list = readList(text);
  const bad = list.find((each) => !URL.canParse(each));
  if (bad !== undefined) throw new ConfigError(`INVITATION_REDIRECT_ORIGINS: ${bad} is no origin.`);
  return list.map((each) => new URL(each).origin);
}

/** What is wrong is said without the value, which holds a secret. */
function readMediaUrl(text: string): S3Location {
  const fault = (words: string) => new ConfigError(`MEDIA_URL ${words}: s3://key:secret@host[:port]/bucket[/prefix].`);
  if (!URL.canParse(text)) throw fault('is no URL, with key and secret percent-encoded');
  const { username, password, host, pathname, searchParams, hash } = new URL(text);
  if (username === '' || password === '') throw fault('has no key and secret');
  const [bucket = '', ...prefix] = pathname.replace(/^\/|\/$/g, '').split('/');
  if (host === '' || !/^[\w.-]{3,63}$/.test(bucket)) throw fault('names no host and bucket');
  if (hash !== '' || !prefix.every((each) => /^[\w-][\w.-]*$/.test(each))) throw fault('has a strange prefix');
  const unknown = [...searchParams.keys()].find((name) => name !== 'region' && name !== 'tls');
  if (unknown !== undefined) throw fault(`has the parameter ${unknown}, and may have region and tls`);
  const [region, tls = 'true'] = [searchParams.get('region') ?? undefined, searchParams.get('tls') ?? undefined];
  if (region !== undefined && !/^[\w-]{1,63}$/.test(region)) throw fault('has a strange region');
  if (tls !== 'true' && tls !== 'false') throw fault('has tls, which is true or false');
  return {
    endpoint: `${tls === 'true' ? 'https' : 'http'}://${host}`,
    bucket,
    prefix: prefix.join('/'),
    region,
    accessKeyId: decodePart(username, fault),
    secretAccessKey: decodePart(password, fault),
  };
}

function decodePart(text: string, fault: (words: string) => ConfigError): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw fault('has a key or secret that is not percent-encoded');
  }
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
  return { ...USUAL_QUOTAS, ...quotas };
}

/** Built in: its charges buy `SMS_POINT` (rulings, "Events, delivery, money"). */
const SMS = 'sms:SMS_POINT';

function readServices(text = ''): Config['walletServices'] {
  const services = new Map<string, string | null>();
  for (const each of [SMS, ...readList(text)]) {
    const [name = '', unit = null] = each.split(':');
    if (services.has(name) && each !== SMS) {
      throw new ConfigError(
        `WALLET_SERVICES: ${name} is ${name === 'sms' ? `there by itself, as ${SMS}` : 'named twice'}.`,
      );
    }
    services.set(name, unit);
  }
  return services;
}

/** The host as it stands in a URL: IPv6 addresses in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
