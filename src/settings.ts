/** What an organization can be limited in (domain sheet 4.17), and of how many a user can be the owner. */
export const QUOTA_NAMES = [
  'organizationsPerUser',
  'members',
  'invitations',
  'workspaces',
  'roles',
  'apiKeys',
  'webhookEndpoints',
] as const;
export type QuotaName = (typeof QUOTA_NAMES)[number];
/** What holds unless QUOTAS says otherwise (domain sheet 11); what is not here has no limit. */
export const USUAL_QUOTAS: Readonly<Partial<Record<QuotaName, number>>> = { webhookEndpoints: 50 };

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
  MIGRATION_DATABASE_URL: {
    type: 'string',
    pattern: '^postgres(ql)?://',
    secret: true,
    description:
      'the same database as a role that owns the schema: migrations run with it, and the role of DATABASE_URL gets what it needs, without the right to change the audit trail; unset: DATABASE_URL does both',
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
  DATA_DIR: {
    type: 'string',
    default: './.data',
    description: 'embedded database, uploaded images and generated keys',
  },
  MEDIA_URL: {
    type: 'string',
    pattern: '^s3://\\S+$',
    secret: true,
    description:
      'bucket for uploaded images, s3://key:secret@host[:port]/bucket[/prefix] of any server that speaks the protocol of S3, key and secret percent-encoded, with ?region=… and ?tls=false where they are needed; unset: a folder in DATA_DIR, which several machines must share',
  },
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
    description: `most of each for an organization that has no limits of its own, such as members=1000,workspaces=50; names: ${QUOTA_NAMES.join(', ')} (${Object.entries(USUAL_QUOTAS).map(([name, most]) => `${name} is ${most} unless named`)})`,
  },
  TRUST_PROXY: { type: 'integer', minimum: 0, maximum: 10, default: 0, description: 'number of proxies in front' },
  WEBHOOK_ALLOW_HTTP: {
    type: 'boolean',
    description: 'true: webhook URLs may be plain http (default false; in local mode http to loopback is allowed)',
  },
  WEBHOOK_ALLOW_CIDRS: {
    type: 'string',
    maxLength: 4096,
    description:
      'addresses and ranges that webhooks may call although they are not public, as 10.1.0.0/16, separated by commas (default none; in local mode 127.0.0.0/8,::1/128)',
  },
  WEBHOOK_TIMEOUT: {
    type: 'integer',
    minimum: 1,
    maximum: 30,
    default: 15,
    description: 'seconds that one attempt of a webhook may take, where the endpoint says nothing else',
  },
  WEBHOOK_RETRY_SCHEDULE: {
    type: 'string',
    pattern: '^[1-9][0-9]{0,4}(\\s*,\\s*[1-9][0-9]{0,4}){0,14}$',
    default: '5,300,1800,7200,18000,36000,50400,72000,86400',
    description: 'seconds between the attempts of a webhook, up to 15 steps of 1 to 86400',
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
  WALLET_ASSET: {
    type: 'string',
    pattern: '^[A-Z][A-Z0-9_]{1,15}$',
    default: 'USD',
    description:
      'asset of the wallet that comes with an organization: a currency of ISO 4217, or a unit such as SMS_POINT',
  },
  WALLET_SERVICES: {
    type: 'string',
    maxLength: 4096,
    pattern: '^[a-z][a-z0-9_-]{0,39}(:[A-Z][A-Z0-9_]{1,15})?(\\s*,\\s*[a-z][a-z0-9_-]{0,39}(:[A-Z][A-Z0-9_]{1,15})?)*$',
    description:
      'what organizations are charged for beside sms, separated by commas, each with the unit that a charge buys, if any: voice:VOICE_MINUTE,storage',
  },
  LOG_LEVEL: {
    type: 'string',
    enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    default: 'info',
    description: 'least severe level that is logged',
  },
} as const;
