import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { chapters } from '../conformance/chapters';
import type { Result } from '../conformance/core/check';
import type { Description } from '../conformance/core/description';
import { main } from '../conformance/main';
import { hasBroken, print } from '../conformance/print';
import { conform, type Options, type Report } from '../conformance/run';
import { FAULTS, FaultyProxy } from './faults';
import { buildWorld } from './jsonapi/world';
import { createOrganization, M, S, startApp, type TestApp } from './support/app';

/** The conformance suite against this service, and against this service with one thing spoiled at a time. */

/** Links that a run follows: enough to see every shape of link. */
const CRAWL_LIMIT = 46;

/** What a run against this service does not reach: not offered, or not to be seen from outside. */
const SKIPPED = [
  'CN-34',
  'DOC-13',
  'JA-5',
  'RES-6',
  'REL-9',
  'LNK-5',
  'INC-1',
  'SRT-6',
  'CRE-6',
  'CRE-7',
  'CRE-9',
  'CRE-16',
  'UPD-8',
  'UPD-17',
  'RUP-11',
  'DEL-2',
  'ERR-6',
  'ERR-12',
  'CUR-23',
  'CUR-24',
  'RCM-5',
];

let app: TestApp;
let proxy: FaultyProxy;
let headers: Record<string, string>;
let description: Description;

beforeAll(async () => {
  app = await startApp();
  proxy = await FaultyProxy.start(app.port);
  const world = await buildWorld(app);
  for (let i = 0; i < 3; i++)
    await createOrganization(app.platform, { name: `Rose Garden ${i}`, metadata: { plan: 'a' } });
  headers = { authorization: `Bearer ${app.platform.key}` };
  const role = (code: string) => ({ type: 'roles', id: world.roles[code].id });
  description = {
    url: `${M}/organizations`,
    create: {
      data: {
        type: 'organizations',
        attributes: { name: 'Conformance {unique}', slug: 'c-{unique}', countryCode: 'DE' },
      },
    },
    update: { attribute: 'name', value: 'Changed {unique}' },
    invalid: { attribute: 'countryCode', value: 'nowhere' },
    unique: 'slug',
    reference: { name: 'partner', type: 'partners' },
    readOnly: { name: 'users', data: [{ type: 'users', id: world.user.id }] },
    toOne: {
      on: `${M}/organizations/${world.organization.id}`,
      name: 'owner',
      target: { type: 'users', id: world.user.id },
    },
    toMany: { on: `${S}/members/${world.members[1].id}`, name: 'roles', targets: [role('admin'), role('member')] },
    clientIds: true,
    idempotencyKey: true,
    operations: `${S}/operations`,
  };
});
afterAll(async () => {
  await proxy.close();
  await app.close();
});

const run = (origin: string, options: Partial<Options> = {}): Promise<Report> =>
  conform({ urls: [`${origin}${M}/organizations`], headers, crawlLimit: CRAWL_LIMIT, ...options });

const results = (report: Report): Result[] => report.chapters.flatMap((chapter) => chapter.results);
const idsOf = (report: Report, outcome: Result['outcome']): string[] =>
  results(report).flatMap((result) => (result.outcome === outcome ? result.id : []));

test('the service breaks no rule, and what is skipped is known', async () => {
  const urls = ['organizations', 'partners'].map((type) => `${app.url}${M}/${type}`);
  const more = ['members', 'users', 'apiKeys'].map((type) => `${app.url}${S}/${type}`);
  const report = await run(app.url, { urls: [...urls, ...more], description, ours: true, crawlLimit: 90 });
  expect(idsOf(report, 'fail').map((id) => `${id}\n${print(report, 'text', [])}`)).toEqual([]);
  expect(idsOf(report, 'note')).toEqual([]);
  expect(report.left).toEqual([]);
  expect(idsOf(report, 'skipped')).toEqual(SKIPPED);
});

test('without a description nothing is written, and no rule about writing is a pass', async () => {
  const before = await app.platform.get(`${M}/organizations`);
  const report = await run(app.url, { only: ['CRE', 'UPD', 'RUP', 'DEL', 'ATO'] });
  expect(idsOf(report, 'pass')).toEqual([]);
  expect(idsOf(report, 'fail')).toEqual([]);
  expect((await app.platform.get(`${M}/organizations`)).body.meta.total).toBe(before.body.meta.total);
});

test.each(FAULTS.map((fault) => [fault.title, fault] as const))('%s', async (_title, fault) => {
  const { spoiler, red, may = [], only = [...new Set(red.map((id) => id.split('-')[0] as string))] } = fault;
  proxy.spoiler = spoiler;
  const isAboutWriting = red.some((id) => /^(?:CN-8|CRE|UPD|RUP|DEL|ATO|QRY|ERR)/.test(id));
  const report = await run(proxy.url, { only, description: isAboutWriting ? description : undefined });
  const failed = idsOf(report, 'fail');
  expect(failed.filter((id) => !may.includes(id)).sort()).toEqual([...red].sort());
  expect(hasBroken(report)).toBe(red.some((id) => ['MUST', 'NOT'].includes(levelOf(id))));
});

test('it imports nothing but itself and Node', () => {
  const folder = join(__dirname, '..', 'conformance');
  const files = readdirSync(folder, { recursive: true }).map(String);
  const imports = files
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      return [...text.matchAll(/ from '([^']+)'/g)].map(([, from = '']) => [name, from] as const);
    });
  const isOwn = (name: string, from: string) => !relative(folder, join(folder, dirname(name), from)).startsWith('..');
  expect(imports.length).toBeGreaterThan(0);
  expect(
    imports.filter(([name, from]) => !from.startsWith('node:') && !(from.startsWith('.') && isOwn(name, from))),
  ).toEqual([]);
});

describe('the command', () => {
  const printed: string[] = [];
  const command = async (...args: string[]) => {
    printed.length = 0;
    const keep = (text: string | Uint8Array) => printed.push(String(text)) > 0;
    const spies = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation(keep),
    );
    try {
      return { code: await main(args), text: printed.join('') };
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  };
  const at = (origin: string, ...more: string[]) =>
    command('--url', `${origin}${M}/organizations`, '--key', String(app.platform.key), '--only', 'CN-3,CN-14', ...more);
  const spoil = () => {
    proxy.spoiler = FAULTS[0]?.spoiler ?? {};
  };

  test('ends with 0 when every MUST holds, and shows no credential', async () => {
    const { code, text } = await at(app.url);
    expect(code).toBe(0);
    expect(text).toMatch(/^MUST: \d+ pass, 0 fail, \d+ skipped$/m);
  });

  test('ends with 1 when one is broken, and shows the request and the answer, but no credential', async () => {
    spoil();
    const { code, text } = await at(proxy.url);
    expect(code).toBe(1);
    expect(text).toMatch(/^ {2}fail {4}NOT {4}CN-3 /m);
    expect(text).toContain(`curl -gi '${proxy.url}${M}/organizations' -H 'accept: `);
    expect(text).toContain('content-type: application/vnd.api+json; charset=utf-8');
    expect(text).not.toContain(app.platform.key);
  });

  test('gives JSON and JUnit XML', async () => {
    spoil();
    const json = JSON.parse((await at(proxy.url, '--format', 'json')).text);
    const cn3 = json.chapters[0].results.find(({ id }: Result) => id === 'CN-3');
    expect(cn3).toMatchObject({
      level: 'NOT',
      outcome: 'fail',
      failures: [{ wanted: 'only ext and profile' }, {}, {}],
    });
    const { text } = await at(proxy.url, '--format', 'junit');
    expect(text).toMatch(/<testsuite name="CN Content negotiation" tests="2" failures="1" errors="0" skipped="0">/);
    expect(isWellFormed(text)).toBe(true);
  });

  test.each([
    ['no URL', [], '--url is missing.'],
    ['an unknown rule', ['--url', 'http://127.0.0.1:9/a', '--only', 'XX'], '--only names no chapter and no rule: XX'],
    ['no server', ['--url', 'http://127.0.0.1:9/a'], 'GET http://127.0.0.1:9/a: connect ECONNREFUSED'],
  ])('ends with 2 for %s', async (_title, args, message) => {
    const { code, text } = await command(...args);
    expect(code).toBe(2);
    expect(text).toContain(message);
  });

  test('ends with 2 for what is no collection', async () => {
    expect(await command('--url', `${app.url}${S}/roles`)).toMatchObject({ code: 2 });
  });
});

/** Whether tags are closed in their order and attributes are in quotes. */
function isWellFormed(xml: string): boolean {
  const open: string[] = [];
  const rest = xml.replace(/^<\?xml[^>]*\?>/, '').replace(/<(\/?)(\w+)((?:\s+\w+="[^"<]*")*)\s*(\/?)>/g, (...match) => {
    const [, end, name, , empty] = match as string[];
    if (end === '/') return open.pop() === name ? '' : '<';
    if (empty !== '/') open.push(String(name));
    return '';
  });
  return open.length === 0 && !/[<>]|&(?!(?:amp|lt|gt|quot);)/.test(rest);
}

const levelOf = (id: string): string =>
  chapters.flatMap(({ rules }) => rules).find((rule) => rule.id === id)?.level ?? 'none';
