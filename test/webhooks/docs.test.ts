import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { Pool } from 'pg';
import { readConfig } from '../../src/config';
import type { Connection } from '../../src/db/connect';
import { EVENT_TYPES } from '../../src/eventTypes';
import { makeWebhookSecret } from '../../src/secrets';
import { thinBody } from '../../src/webhooks/body';
import { legacySignature, makeSigningKey, publicKeyOf, signatureOf } from '../../src/webhooks/sign';
import { createOrganization, M, startApp, type TestApp } from '../support/app';
import { cleanUp, freePort, run, type Started, temporaryFolder, until } from '../support/process';

const ROOT = join(__dirname, '..', '..');
const TEXT = readFileSync(join(ROOT, 'docs', 'WEBHOOKS.md'), 'utf8');
/** Language and content of each fenced block. */
const BLOCKS = [...TEXT.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, code = '']) => ({
  language,
  code,
}));
const PROGRAMS = BLOCKS.filter(({ language }) => language === 'ts');
/** Every example says in its first line what file it is. */
const named = (name: string): string => {
  const { code } = BLOCKS.find((each) => /^(?:\/\/|--) (.*)/.exec(each.code)?.[1] === name) ?? {};
  if (code === undefined) throw new Error(`There is no example ${name}.`);
  return code;
};
const folder = temporaryFolder('guildhall-webhook-docs-');

const compiled = (code: string, type: 'es6' | 'commonjs'): string =>
  transformSync(code, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type } }).code;

/** As a receiver has them: files of a project of its own, with the packages that they import. */
function writeExamples(): void {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  mkdirSync(join(folder, 'plain'));
  writeFileSync(join(folder, 'plain', 'package.json'), '{"type":"commonjs"}');
  for (const { code } of PROGRAMS) {
    const [, name = ''] = /^\/\/ (\w+)\.ts\n/.exec(code) ?? [];
    writeFileSync(join(folder, `${name}.ts`), code);
    writeFileSync(join(folder, `${name}.js`), compiled(code, 'es6'));
    // For the tests to call what the example exports.
    writeFileSync(join(folder, 'plain', `${name}.js`), compiled(code, 'commonjs'));
  }
}

const load = <Module>(name: string): Module => require(join(folder, 'plain', `${name}.js`));

let app: TestApp;
/** What the service would send: events of changes that were made over its API. */
let bodies: string[];
let organizationId: string;

beforeAll(async () => {
  writeExamples();
  app = await startApp();
  const { id } = await createOrganization(app.platform, { name: 'Zoë & 😀' });
  const renamed = { data: { type: 'organizations', id, attributes: { name: 'Orbit' } } };
  expect((await app.platform.patch(`${M}/organizations/${id}`, renamed)).status).toBe(200);
  organizationId = id;
  const rows = await app.db.query('select body from events where organization_id = $1 order by sequence', [id]);
  bodies = rows.map(([body]) => body as string);
  expect(bodies.length).toBeGreaterThan(1);
});

afterAll(async () => {
  await app.close();
  await cleanUp(folder);
});

/** The header fields of an attempt. */
function headersFor(secrets: readonly string[], body: string, ageSeconds = 0): Record<string, string> {
  const { id } = JSON.parse(body);
  const timestamp = Math.floor(Date.now() / 1000) - ageSeconds;
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatureOf(secrets, id, timestamp, body),
  };
}

test('every example is a program that a strict compiler takes', () => {
  expect(PROGRAMS.length).toBeGreaterThanOrEqual(6);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2023'],
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
    skipLibCheck: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([0, '']);
});

describe('the receiver with the library', () => {
  const secret = makeWebhookSecret();
  let receiver: Started;

  beforeAll(async () => {
    const env = { WEBHOOK_SECRET: secret, PORT: String(await freePort()) };
    receiver = run([join(folder, 'receiver.js')], env);
    await until(() => receiver.output().includes('Listening.'), 'the receiver of the example');
  });

  const post = async (headers: Record<string, string>, body: string) =>
    (await fetch(`${receiver.url}/webhooks`, { method: 'POST', headers, body })).status;

  test('takes what is signed with its secret, full and thin', async () => {
    for (const body of bodies.flatMap((full) => [full, thinBody(full)])) {
      expect(await post(headersFor([secret], body), body)).toBe(204);
    }
    const { sequence, type, data } = JSON.parse(bodies.at(-1) as string);
    expect(type).toBe('organization.updated');
    await until(() => receiver.output().includes(`${sequence} ${type} ${data.id}`), 'the line of the last event');
  });

  test('takes both secrets of a rotation, whichever it has (INV-33)', async () => {
    const [body = ''] = bodies;
    expect(await post(headersFor([makeWebhookSecret(), secret], body), body)).toBe(204);
    expect(await post(headersFor([secret, makeWebhookSecret()], body), body)).toBe(204);
  });

  test('refuses what is not, what was changed and what is old', async () => {
    const [body = ''] = bodies;
    const headers = headersFor([secret], body);
    expect(await post(headersFor([makeWebhookSecret()], body), body)).toBe(400);
    expect(await post(headers, `${body} `)).toBe(400);
    expect(await post({ ...headers, 'webhook-id': organizationId }, body)).toBe(400);
    expect(await post(headersFor([secret], body, 301), body)).toBe(400);
    expect(await post({ 'content-type': 'application/json' }, body)).toBe(400);
  });
});

type IsGenuine = (secret: string, headers: Record<string, string>, body: Buffer) => boolean;

/** The same questions to each way of verifying. */
function judge(isGenuine: IsGenuine, known: string, secrets: readonly string[], others: readonly string[]): void {
  for (const text of bodies) {
    const body = Buffer.from(text);
    const headers = headersFor(secrets, text);
    expect(isGenuine(known, headers, body)).toBe(true);
    expect(isGenuine(known, headersFor(secrets, text, 290), body)).toBe(true);
    expect(isGenuine(known, headersFor(secrets, text, 302), body)).toBe(false);
    expect(isGenuine(known, headersFor(secrets, text, -302), body)).toBe(false);
    expect(isGenuine(known, headersFor(others, text), body)).toBe(false);
    expect(isGenuine(known, headers, Buffer.concat([body, Buffer.from(' ')]))).toBe(false);
    expect(isGenuine(known, { ...headers, 'webhook-id': organizationId }, body)).toBe(false);
    expect(isGenuine(known, { ...headers, 'webhook-signature': 'v1,AAAA v1a,AAAA v1 v1a' }, body)).toBe(false);
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
      const { [name]: _left, ...rest } = headers;
      expect(isGenuine(known, rest, body)).toBe(false);
    }
  }
}

test('node:crypto verifies as the library does', () => {
  const { isGenuine } = load<{ isGenuine: IsGenuine }>('verify');
  const secret = makeWebhookSecret();
  judge(isGenuine, secret, [secret], [makeWebhookSecret()]);
  judge(isGenuine, secret, [makeWebhookSecret(), secret], [makeWebhookSecret(), makeSigningKey()]);
  judge(isGenuine, 'Gehëimnis mit Ümläuten 😀', ['Gehëimnis mit Ümläuten 😀'], ['Geheimnis mit Umlauten 😀']);
});

test('node:crypto verifies with a public key', () => {
  const { isGenuine } = load<{ isGenuine: IsGenuine }>('verifyPublicKey');
  const key = makeSigningKey();
  judge(isGenuine, publicKeyOf(key), [key], [makeSigningKey()]);
  judge(isGenuine, publicKeyOf(key), [makeSigningKey(), key, makeWebhookSecret()], [makeWebhookSecret()]);
});

test('node:crypto verifies the header of /v1/webhook', () => {
  const { isGenuine } = load<{ isGenuine(secret: string, signature: string, body: Buffer): boolean }>('verifyLegacy');
  const secret = makeWebhookSecret();
  for (const text of bodies) {
    const signature = legacySignature(secret, text);
    expect(isGenuine(secret, signature, Buffer.from(text))).toBe(true);
    expect(isGenuine(secret, signature, Buffer.from(`${text} `))).toBe(false);
    expect(isGenuine(makeWebhookSecret(), signature, Buffer.from(text))).toBe(false);
    expect(isGenuine(secret, signature.slice(1), Buffer.from(text))).toBe(false);
  }
});

describe('taking events once', () => {
  let pool: Pool;

  beforeAll(async () => {
    const { host, port, username, password, database } = app.connection as Exclude<Connection, { url: string }>;
    pool = new Pool({ host, port, user: username, password, database, max: 4 });
    await pool.query(named('tables.sql'));
  });
  afterAll(() => pool.end());

  const take = (event: object): Promise<'new' | 'seen'> =>
    load<{ take(pool: Pool, event: object): Promise<'new' | 'seen'> }>('take').take(pool, event);
  const copyOf = async (id: string) =>
    (await pool.query('select sequence, resource from copies where id = $1', [id])).rows;

  test('does the work for the first of several deliveries, at the same time too', async () => {
    const [event] = bodies.map((body) => JSON.parse(body));
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => take(event)));
    expect(outcomes.sort()).toEqual(['new', 'seen', 'seen', 'seen']);
    expect(await take(event)).toBe('seen');
  });

  test('keeps the newer of two that come in the wrong order', async () => {
    const events = bodies.map((body) => JSON.parse(body)).filter(({ data }) => data.id === organizationId);
    const last = events.at(-1);
    expect(last.data.attributes.name).toBe('Orbit');
    for (const event of events.reverse()) await take(event);
    expect(await copyOf(organizationId)).toEqual([{ sequence: String(last.sequence), resource: last.data }]);
  });

  test('lets nothing come back that is gone', async () => {
    const gone = { id: organizationId, type: 'members', attributes: {} };
    const before = { ...gone, id: JSON.parse(bodies[0] as string).id };
    const event = (id: string, type: string, sequence: number) => ({
      id,
      type,
      sequence,
      organizationId,
      data: before,
    });
    await take(event('019b7c9b-2f9e-7a44-8e2b-000000000001', 'member.removed', 9));
    await take(event('019b7c9b-2f9e-7a44-8e2b-000000000002', 'member.updated', 8));
    expect(await copyOf(before.id)).toEqual([{ sequence: '9', resource: null }]);
  });

  test('leaves the event for the next attempt when the work fails', async () => {
    const event = {
      id: '019b7c9b-2f9e-7a44-8e2b-000000000003',
      type: 'member.added',
      organizationId,
      sequence: 'none',
      data: { id: organizationId },
    };
    await expect(take(event)).rejects.toThrow('bigint');
    expect(await take({ ...event, sequence: 99 })).toBe('new');
  });
});

test('reading the feed goes on behind a cursor, over many pages', async () => {
  type Read = AsyncIterable<{ event: { id: string; attributes: { sequence: number } }; cursor: string }>;
  type Pull = (origin: string, key: string, organizationId: string, after: string | null) => Read;
  const { pull } = load<{ pull: Pull }>('pull');
  const read = async (after: string | null) => {
    const all: { sequence: number; cursor: string }[] = [];
    for await (const { event, cursor } of pull(app.url, app.platform.key as string, organizationId, after)) {
      all.push({ sequence: event.attributes.sequence, cursor });
    }
    return all;
  };
  const before = await read(null);
  const count = before.length;
  await app.db.query(
    `select record_events(array['role.created'], $1::uuid, array(select jsonb_build_object('type', 'roles', 'id', new_id())
       from generate_series(1, 250)), null, 'system', null, null, null, null)`,
    [organizationId],
  );
  const numbersFrom = (first: number) => Array.from({ length: count + 250 - first + 1 }, (_, i) => first + i);
  const all = await read(null);
  expect(all.map(({ sequence }) => sequence)).toEqual(numbersFrom(1));
  expect((await read(before.at(-1)?.cursor ?? '')).map(({ sequence }) => sequence)).toEqual(numbersFrom(count + 1));
  expect((await read(all[119]?.cursor ?? '')).map(({ sequence }) => sequence)).toEqual(numbersFrom(121));
  expect(await read(all.at(-1)?.cursor ?? '')).toEqual([]);
  const stranger = pull(app.url, 'sk_live_none', organizationId, null);
  await expect(stranger[Symbol.asyncIterator]().next()).rejects.toThrow('401');
});

describe('what the page says', () => {
  const [full = '', thin = ''] = BLOCKS.filter(({ language }) => language === 'json').map(({ code }) => code);

  test('of a request can be verified', () => {
    const [, head = '', body = ''] =
      /([\s\S]*?)\n\n(.*)\n/.exec(BLOCKS.find(({ language }) => language === 'http')?.code ?? '') ?? [];
    const headers = Object.fromEntries(
      [...head.matchAll(/^([\w-]+): (.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    const [secret = ''] = /whsec_[\w+/=]+/.exec(TEXT.slice(TEXT.indexOf(body))) ?? [];
    const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
    expect(signature).toBe(signatureOf([secret], String(id), Number(timestamp), body));
    expect(JSON.parse(body)).toEqual(JSON.parse(thin));
  });

  test('of the thin body is what is made of the full one', () => {
    expect(JSON.parse(thinBody(full))).toEqual(JSON.parse(thin));
  });

  test('of the members is what is sent, and in their order', () => {
    for (const body of bodies) expect(Object.keys(JSON.parse(body))).toEqual(Object.keys(JSON.parse(full)));
    expect(Object.keys(JSON.parse(thinBody(bodies[0] as string)))).toEqual(Object.keys(JSON.parse(thin)));
  });

  test('of the types is the list of them', () => {
    const [, table = ''] = /<!-- event types -->([\s\S]*?)<!-- \/event types -->/.exec(TEXT) ?? [];
    const told = table.split('\n').flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([a-z_.]+)`/g)]);
    expect(told.map(([, type]) => type)).toEqual(EVENT_TYPES);
  });

  test('of the waits adds up', () => {
    const rows = [...TEXT.matchAll(/^\| (\d+) \| ([^|]*?) \| ([^|]*?) ?\|$/gm)];
    expect(rows.map(([, attempt]) => attempt)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
    const seconds = (text: string) =>
      [...text.matchAll(/(\d+) (h|min|s)/g)].reduce(
        (sum, [, count, unit]) => sum + Number(count) * { h: 3600, min: 60, s: 1 }[unit as 's'],
        0,
      );
    const steps = rows.slice(1).map(([, , step = '']) => seconds(step));
    expect(steps).toEqual(readConfig({}).webhookRetrySchedule);
    let whole = 0;
    expect(rows.slice(1).map(([, , , sum = '']) => seconds(sum))).toEqual(steps.map((step) => (whole += step)));
  });
});
