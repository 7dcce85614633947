import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Config, ConfigError, readConfig, urlHost } from '../../src/config';
import { makeKey } from '../../src/secrets';
import { SETTINGS } from '../../src/settings';

const SECRET_KEY = Buffer.alloc(32, 1).toString('base64');
const URL = 'postgres://user:pass@db.example:5432/guildhall';

/** The message of the refusal. */
function refusal(env: NodeJS.ProcessEnv): string {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error(`taken: ${JSON.stringify(env)}`);
}

test('without any setting: local mode with the defaults of the contract', () => {
  expect(readConfig({})).toEqual({
    host: '127.0.0.1',
    port: 3000,
    publicUrl: 'http://127.0.0.1:3000',
    databaseUrl: undefined,
    migrationDatabaseUrl: undefined,
    databasePoolSize: 10,
    databaseTimeoutMs: 2000,
    preparedStatements: true,
    dataDir: resolve('.data'),
    mediaLocation: undefined,
    localMode: true,
    secretKey: undefined,
    platformKey: undefined,
    role: 'all',
    workers: 1,
    rateLimit: { limit: 600, windowSeconds: 60 },
    quotas: { webhookEndpoints: 50 },
    trustProxy: 0,
    webhookAllowHttp: 'loopback',
    webhookAllowCidrs: ['127.0.0.0/8', '::1/128'],
    webhookTimeoutSeconds: 15,
    webhookRetrySchedule: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
    smtpUrl: undefined,
    mailFrom: undefined,
    invitationRedirectOrigins: [],
    passwordResetUrl: undefined,
    walletAsset: 'USD',
    walletServices: new Map([['sms', 'SMS_POINT']]),
    logLevel: 'info',
  } satisfies Config);
});

test('an empty value counts as none, and names that are not ours are nothing to us', () => {
  const empty = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, '']));
  expect(readConfig({ ...empty, NODE_ENV: 'x', PORTS: 'x', port: 'x' })).toEqual(readConfig({}));
});

const ACCEPTED: [name: string, value: string, property: keyof Config, read: unknown][] = [
  ['HOST', '0.0.0.0', 'host', '0.0.0.0'],
  ['PORT', '0', 'port', 0],
  ['PORT', '65535', 'port', 65_535],
  ['PUBLIC_URL', 'https://api.example.com/base/', 'publicUrl', 'https://api.example.com/base'],
  ['DATABASE_POOL_SIZE', '1', 'databasePoolSize', 1],
  ['DATABASE_POOL_SIZE', '200', 'databasePoolSize', 200],
  ['DATABASE_TIMEOUT_MS', '100', 'databaseTimeoutMs', 100],
  ['DATABASE_TIMEOUT_MS', '60000', 'databaseTimeoutMs', 60_000],
  ['DATABASE_PREPARED_STATEMENTS', 'false', 'preparedStatements', false],
  ['DATA_DIR', '/var/lib/guildhall', 'dataDir', '/var/lib/guildhall'],
  ['DATA_DIR', 'relative dir', 'dataDir', resolve('relative dir')],
  [
    'MEDIA_URL',
    's3://AKID:a%2Fb%2B%40c@s3.eu-north-1.amazonaws.com/bucket',
    'mediaLocation',
    {
      endpoint: 'https://s3.eu-north-1.amazonaws.com',
      bucket: 'bucket',
      prefix: '',
      region: undefined,
      accessKeyId: 'AKID',
      secretAccessKey: 'a/b+@c',
    },
  ],
  [
    'MEDIA_URL',
    's3://key:secret@[::1]:9000/my.bucket/orgs/avatars/?region=eu-1&tls=false',
    'mediaLocation',
    {
      endpoint: 'http://[::1]:9000',
      bucket: 'my.bucket',
      prefix: 'orgs/avatars',
      region: 'eu-1',
      accessKeyId: 'key',
      secretAccessKey: 'secret',
    },
  ],
  ['SECRET_KEY', SECRET_KEY, 'secretKey', SECRET_KEY],
  ['PLATFORM_KEY', 'x'.repeat(32), 'platformKey', 'x'.repeat(32)],
  ['PLATFORM_KEY', 'x'.repeat(255), 'platformKey', 'x'.repeat(255)],
  ['ROLE', 'api', 'role', 'api'],
  ['ROLE', 'worker', 'role', 'worker'],
  ['WORKERS', '64', 'workers', 64],
  ['RATE_LIMIT', 'off', 'rateLimit', null],
  ['RATE_LIMIT', '1/1', 'rateLimit', { limit: 1, windowSeconds: 1 }],
  ['RATE_LIMIT', '999999999/99999', 'rateLimit', { limit: 999_999_999, windowSeconds: 99_999 }],
  ['QUOTAS', 'members=0', 'quotas', { webhookEndpoints: 50, members: 0 }],
  [
    'QUOTAS',
    'workspaces=50,organizationsPerUser=3',
    'quotas',
    { webhookEndpoints: 50, workspaces: 50, organizationsPerUser: 3 },
  ],
  ['TRUST_PROXY', '10', 'trustProxy', 10],
  ['WEBHOOK_ALLOW_HTTP', 'true', 'webhookAllowHttp', 'yes'],
  ['WEBHOOK_ALLOW_HTTP', 'false', 'webhookAllowHttp', 'no'],
  [
    'WEBHOOK_ALLOW_CIDRS',
    '10.1.0.0/16 , fd00::/8,192.168.0.7',
    'webhookAllowCidrs',
    ['10.1.0.0/16', 'fd00::/8', '192.168.0.7'],
  ],
  ['WEBHOOK_TIMEOUT', '1', 'webhookTimeoutSeconds', 1],
  ['WEBHOOK_TIMEOUT', '30', 'webhookTimeoutSeconds', 30],
  ['WEBHOOK_RETRY_SCHEDULE', '1', 'webhookRetrySchedule', [1]],
  ['WEBHOOK_RETRY_SCHEDULE', '1, 2 ,86400', 'webhookRetrySchedule', [1, 2, 86_400]],
  ['WEBHOOK_RETRY_SCHEDULE', Array(15).fill(7).join(), 'webhookRetrySchedule', Array(15).fill(7)],
  ['MAIL_FROM', 'no-reply@example.com', 'mailFrom', 'no-reply@example.com'],
  ['MAIL_FROM', 'Gilde Süd <no-reply@example.com>', 'mailFrom', 'Gilde Süd <no-reply@example.com>'],
  [
    'INVITATION_REDIRECT_ORIGINS',
    'https://App.Example.com:443 , http://localhost:8080',
    'invitationRedirectOrigins',
    ['https://app.example.com', 'http://localhost:8080'],
  ],
  ['PASSWORD_RESET_URL', 'https://example.com/reset?a=1', 'passwordResetUrl', 'https://example.com/reset?a=1'],
  ['WALLET_ASSET', 'EUR', 'walletAsset', 'EUR'],
  [
    'WALLET_SERVICES',
    'voice:VOICE_MINUTE , storage',
    'walletServices',
    new Map([
      ['sms', 'SMS_POINT'],
      ['voice', 'VOICE_MINUTE'],
      ['storage', null],
    ]),
  ],
  ['LOG_LEVEL', 'silent', 'logLevel', 'silent'],
  ['LOG_LEVEL', 'trace', 'logLevel', 'trace'],
];
test.each(ACCEPTED)('%s may be %.40s', (name, value, property, read) => {
  expect(readConfig({ [name]: value })[property]).toEqual(read);
});

const REFUSED: [name: string, value: string][] = [
  ['PORT', '-1'],
  ['PORT', '65536'],
  ['PORT', '80.5'],
  ['PORT', 'http'],
  ['PUBLIC_URL', 'api.example.com'],
  ['PUBLIC_URL', 'ftp://api.example.com'],
  ['DATABASE_URL', 'mysql://db.example/guildhall'],
  ['MIGRATION_DATABASE_URL', 'mysql://db.example/guildhall'],
  ['DATABASE_POOL_SIZE', '0'],
  ['DATABASE_POOL_SIZE', '201'],
  ['DATABASE_TIMEOUT_MS', '99'],
  ['DATABASE_TIMEOUT_MS', '60001'],
  ['DATABASE_PREPARED_STATEMENTS', 'yes'],
  ['MEDIA_URL', 'https://key:secret@host/bucket'],
  ['MEDIA_URL', 's3://host/bucket'],
  ['MEDIA_URL', 's3://key@host/bucket'],
  ['MEDIA_URL', 's3://key:sec/ret@host/bucket'],
  ['MEDIA_URL', 's3://key:100%@host/bucket'],
  ['MEDIA_URL', 's3://AKID:s3cret@host'],
  ['MEDIA_URL', 's3://key:secret@/bucket'],
  ['MEDIA_URL', 's3://key:secret@host/b'],
  ['MEDIA_URL', 's3://key:secret@host/bucket/a b'],
  ['MEDIA_URL', 's3://key:secret@host/bucket/%2e%2e/x'],
  ['MEDIA_URL', 's3://key:secret@host/bucket/a//b'],
  ['MEDIA_URL', 's3://key:secret@host/bucket?tls=no'],
  ['MEDIA_URL', 's3://key:secret@host/bucket?region='],
  ['MEDIA_URL', 's3://key:secret@host/bucket?acl=public'],
  ['MEDIA_URL', 's3://key:secret@host/bucket#x'],
  ['SECRET_KEY', Buffer.alloc(31, 1).toString('base64')],
  ['SECRET_KEY', Buffer.alloc(33, 1).toString('base64')],
  ['SECRET_KEY', 'not base64, but as long as it should be !!!!'],
  ['PLATFORM_KEY', 'x'.repeat(31)],
  ['PLATFORM_KEY', 'x'.repeat(256)],
  ['PLATFORM_KEY', `${'x'.repeat(32)} x`],
  ['PLATFORM_KEY', `pk_live_${'0'.repeat(36)}`],
  ['ROLE', 'api,worker'],
  ['WORKERS', '0'],
  ['WORKERS', '65'],
  ['RATE_LIMIT', '600'],
  ['RATE_LIMIT', '600/'],
  ['RATE_LIMIT', '/60'],
  ['RATE_LIMIT', '0/60'],
  ['RATE_LIMIT', '600/0'],
  ['RATE_LIMIT', '-1/60'],
  ['RATE_LIMIT', '600/1.5'],
  ['RATE_LIMIT', '600/60/1'],
  ['RATE_LIMIT', '1000000000/60'],
  ['RATE_LIMIT', 'OFF'],
  ['QUOTAS', 'members'],
  ['QUOTAS', 'members=-1'],
  ['QUOTAS', 'people=5'],
  ['QUOTAS', 'toString=5'],
  ['QUOTAS', 'members=5,members=6'],
  ['TRUST_PROXY', 'true'],
  ['TRUST_PROXY', '11'],
  ['WEBHOOK_ALLOW_HTTP', '1'],
  ['WEBHOOK_ALLOW_CIDRS', 'localhost'],
  ['WEBHOOK_ALLOW_CIDRS', '10.0.0.0/8,10.0.0.0/33'],
  ['WEBHOOK_ALLOW_CIDRS', '10.1'],
  ['WEBHOOK_ALLOW_CIDRS', '::ffff:127.0.0.1'],
  ['WEBHOOK_ALLOW_CIDRS', '10.0.0.0/8\n,x'],
  ['WEBHOOK_TIMEOUT', '0'],
  ['WEBHOOK_TIMEOUT', '31'],
  ['WEBHOOK_TIMEOUT', '1.5'],
  ['WEBHOOK_RETRY_SCHEDULE', '0'],
  ['WEBHOOK_RETRY_SCHEDULE', '5,'],
  ['WEBHOOK_RETRY_SCHEDULE', '5;10'],
  ['WEBHOOK_RETRY_SCHEDULE', '-5'],
  ['WEBHOOK_RETRY_SCHEDULE', '1.5'],
  ['WEBHOOK_RETRY_SCHEDULE', '86401'],
  ['WEBHOOK_RETRY_SCHEDULE', '1,99999,5'],
  ['WEBHOOK_RETRY_SCHEDULE', Array(16).fill(7).join()],
  ['SMTP_URL', 'mail.example.com:587'],
  ['SMTP_URL', 'http://mail.example.com'],
  ['SMTP_URL', 'smtp://'],
  ['MAIL_FROM', 'Guildhall'],
  ['MAIL_FROM', 'a@example.com, b@example.com'],
  ['MAIL_FROM', 'a@example.com\r\nBcc: b@example.com'],
  ['MAIL_FROM', 'Name\nBcc: <a@example.com>'],
  ['INVITATION_REDIRECT_ORIGINS', 'app.example.com'],
  ['INVITATION_REDIRECT_ORIGINS', 'https://app.example.com/path'],
  ['INVITATION_REDIRECT_ORIGINS', 'https://app.example.com,'],
  ['INVITATION_REDIRECT_ORIGINS', 'https://*.example.com:x'],
  ['PASSWORD_RESET_URL', 'example.com/reset'],
  ['PASSWORD_RESET_URL', 'javascript:alert(1)'],
  ['WALLET_ASSET', 'usd'],
  ['WALLET_SERVICES', 'Voice'],
  ['WALLET_SERVICES', 'voice,voice:VOICE_MINUTE'],
  ['WALLET_SERVICES', 'sms:TEXT'],
  ['LOG_LEVEL', 'verbose'],
];
test.each(REFUSED)('%s may not be %.50s: one line that names it, and quotes no secret', (name, value) => {
  const message = refusal({ [name]: value });
  expect(message).toMatch(new RegExp(`^${name}\\b.*\\.$`));
  expect(message).not.toContain('\n');
  if ('secret' in SETTINGS[name as keyof typeof SETTINGS]) expect(message).not.toContain(value);
});

test('every setting has bounds, a choice or a form that is tested here, or is free text', () => {
  const tested = new Set([...ACCEPTED, ...REFUSED].map(([name]) => name));
  expect(Object.keys(SETTINGS).filter((name) => !tested.has(name))).toEqual([]);
});

test.each([
  ['ROLE', 'all, api, worker'],
  ['LOG_LEVEL', 'trace, debug, info, warn, error, fatal, silent'],
])('a bad %s is told what there is: %s', (name, choice) => {
  expect(refusal({ [name]: 'x' })).toContain(choice);
});

describe('with DATABASE_URL', () => {
  test('it is not local mode, and webhooks are https to public addresses only', () => {
    const config = readConfig({ DATABASE_URL: URL, SECRET_KEY });
    expect(config).toMatchObject({ databaseUrl: URL, localMode: false, secretKey: SECRET_KEY, webhookAllowHttp: 'no' });
    expect(config.webhookAllowCidrs).toEqual([]);
    expect(readConfig({ DATABASE_URL: 'postgresql://db/x', SECRET_KEY }).databaseUrl).toBe('postgresql://db/x');
  });

  test('MIGRATION_DATABASE_URL may name another role, and nothing without it', () => {
    const other = 'postgres://owner@db/guildhall';
    const config = readConfig({ DATABASE_URL: URL, MIGRATION_DATABASE_URL: other, SECRET_KEY });
    expect(config.migrationDatabaseUrl).toBe(other);
    expect(refusal({ MIGRATION_DATABASE_URL: other })).toBe(
      'DATABASE_URL is required with MIGRATION_DATABASE_URL: the role that serves.',
    );
  });

  test('SECRET_KEY is required', () => {
    const message = refusal({ DATABASE_URL: URL });
    expect(message).toMatch(/^SECRET_KEY is required with DATABASE_URL.*\.$/);
    expect(message).not.toContain(URL);
  });
});

describe('SMTP_URL', () => {
  const url = 'smtps://user:p%40ss@mail.example.com:465';

  test('comes with MAIL_FROM', () => {
    const config = readConfig({ SMTP_URL: url, MAIL_FROM: 'no-reply@example.com' });
    expect(config).toMatchObject({ smtpUrl: url, mailFrom: 'no-reply@example.com' });
  });

  test('requires MAIL_FROM', () => {
    expect(refusal({ SMTP_URL: url })).toBe('MAIL_FROM is required with SMTP_URL: the sender of the mails.');
  });
});

test('a key of ours may be PLATFORM_KEY', () => {
  const key = makeKey('pk');
  expect(readConfig({ PLATFORM_KEY: key }).platformKey).toBe(key);
});

describe('PUBLIC_URL', () => {
  test('is made from HOST and PORT when it is not given, unless the port is still unknown', () => {
    expect(readConfig({ HOST: '0.0.0.0', PORT: '80' }).publicUrl).toBe('http://0.0.0.0:80');
    expect(readConfig({ HOST: '::1' }).publicUrl).toBe('http://[::1]:3000');
    expect(readConfig({ PORT: '0' }).publicUrl).toBeUndefined();
    expect(readConfig({ PORT: '0', PUBLIC_URL: 'https://x.example///' }).publicUrl).toBe('https://x.example');
  });

  test('puts IPv6 addresses in brackets', () => {
    expect([urlHost('::1'), urlHost('localhost')]).toEqual(['[::1]', 'localhost']);
  });
});

describe('NAME_FILE', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guildhall-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (content: string): string => {
    const path = join(folder, `${Math.random()}`);
    writeFileSync(path, content);
    return path;
  };
  const platformKey = 'a platform key'.replaceAll(' ', '-').repeat(3);

  test.each([
    ['SECRET_KEY', SECRET_KEY, 'secretKey'],
    ['PLATFORM_KEY', platformKey, 'platformKey'],
    ['DATABASE_URL', URL, 'databaseUrl'],
    ['SMTP_URL', 'smtp://user:pass@mail.example.com', 'smtpUrl'],
  ] as const)('%s may be in a file, with blanks and line breaks around it', (name, value, property) => {
    const others = { MAIL_FROM: 'no-reply@example.com', ...(name === 'SECRET_KEY' ? {} : { SECRET_KEY }) };
    const config = readConfig({ ...others, [`${name}_FILE`]: file(` ${value}\r\n`) });
    expect(config[property]).toBe(value);
  });

  test('and the setting itself, both given, are refused', () => {
    const message = refusal({ SECRET_KEY, SECRET_KEY_FILE: file(SECRET_KEY) });
    expect(message).toBe('SECRET_KEY and SECRET_KEY_FILE are both set: give one of them.');
  });

  test('that can’t be read is refused, by its name', () => {
    expect(refusal({ SECRET_KEY_FILE: join(folder, 'missing') })).toMatch(
      /^SECRET_KEY_FILE: .*missing can't be read\.$/,
    );
    expect(refusal({ PLATFORM_KEY_FILE: folder })).toMatch(/^PLATFORM_KEY_FILE: /);
  });

  test('is judged like the setting', () => {
    expect(refusal({ SECRET_KEY_FILE: file('short') })).toMatch(/^SECRET_KEY /);
    expect(refusal({ SECRET_KEY_FILE: file('') })).toMatch(/^SECRET_KEY /);
    expect(refusal({ DATABASE_URL_FILE: file(URL) })).toMatch(/^SECRET_KEY is required/);
  });

  test('is for secrets alone', () => {
    expect(readConfig({ HOST_FILE: file('0.0.0.0') }).host).toBe('127.0.0.1');
  });
});
