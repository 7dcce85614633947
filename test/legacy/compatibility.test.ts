import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { surfaces } from '../../src/legacy';
import { startApp } from '../support/app';

/** docs/SEEDS.md against the OpenAPI document and the titles of the tests: every call of the four documents is proven. */

const ROOT = join(__dirname, '..', '..');
const TEXT = readFileSync(join(ROOT, 'docs', 'SEEDS.md'), 'utf8');
const OPENAPI = JSON.parse(readFileSync(join(ROOT, 'docs', 'openapi.json'), 'utf8'));

/** What the documents describe, as they write it. */
const DOCUMENTED = [
  ...['GET /v1/orgs/', 'POST /v1/orgs/', 'GET /v1/orgs/{id}/', 'PATCH /v1/orgs/{id}/', 'DELETE /v1/orgs/{id}/'],
  ...['GET /v1/webhook', 'PUT /v1/webhook', 'PATCH /v1/webhook'],
  'POST /api/organizations',
  'GET /api/organizations/{organizationId}',
  'PATCH /api/organizations/{organizationId}',
  'POST /api/organizations/{organization}/upload-avatar',
  'GET /api/organizations/{organizationId}/members',
  'PUT /api/organizations/{organizationId}/members/{memberId}',
  'DELETE /api/organizations/{organizationId}/members/{memberId}',
  'POST /api/admin/organizations/{organization}/charge',
  'POST /api/organizations/{organizationId}/invite',
  'POST /api/organizations/invite/{inviteToken}/accept',
  ...['POST /organization', 'GET /organization/list', 'GET /organization/{organization_id}'],
  'PUT /organization/{organization_id}',
  'DELETE /organization/{organization_id}/member/{user_id}',
  'PATCH /organization/{organization_id}/max-overages',
  'GET /public/v2/management/organizations/',
  'POST /public/v2/management/organizations/',
  'PATCH /public/v2/management/organizations/{id}',
  'DELETE /public/v2/management/organizations/{id}',
  'GET /public/v2/users?filter[organizationId]={id}',
  'POST /public/v2/accessTokens/refresh',
];

const rows = TEXT.split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Call ') && !line.startsWith('| What '))
  .map((line) => line.slice(2, -2).split(' | '));
/** `METHOD /path` in the first cell of a row. */
const calls = rows.flatMap(([cell = '', ...others]) => {
  const call = /^`([A-Z]+ \/\S*)`$/.exec(cell)?.[1];
  return call === undefined ? [] : [{ call, others }];
});
/** What is the same call in OpenAPI: without the query, the slash at the end, and the names of parameters. */
const operationOf = (call: string): string =>
  call
    .replace(/\?.*$/, '')
    .replace(/\/$/, '')
    .replace(/\{\w+\}/g, '{}');

interface Proof {
  readonly file: string;
  readonly title: string;
}
const proofsOf = (cell: string): (Proof | string)[] =>
  cell.split('<br>').map((each) => {
    const [, file, title] = /^`([\w/]+)`: (.+)$/.exec(each) ?? [];
    return file === undefined || title === undefined ? each : { file, title };
  });

/** Titles of tests that a file has once, and all with that of their block in front: `block › title`. */
function titlesOf(file: string): Set<string> {
  const source = readFileSync(join(ROOT, 'test', `${file}.test.ts`), 'utf8');
  const found: string[] = [];
  let block = '';
  // Formatted code: a block of the file begins at the margin, and what is called with a title is a block or a test.
  for (const [, named, , title] of source.matchAll(/^describe\('(.+?)', |(['"`])((?:(?!\2).)+)\2,\s*(?:async )?\(/gm)) {
    if (named !== undefined) block = named;
    else found.push(title as string, `${block} › ${title}`);
  }
  return new Set(found.filter((title) => found.indexOf(title) === found.lastIndexOf(title)));
}

test('every call of the documents is there, once', () => {
  const listed = calls.map(({ call }) => call);
  expect(new Set(listed).size).toBe(listed.length);
  expect(DOCUMENTED.filter((call) => !listed.includes(call))).toEqual([]);
});

test('every operation of the three surfaces is there', () => {
  const served = surfaces.flatMap(({ routes }) => routes.map(({ method, path }) => `${method} ${path}`));
  const tags = new Set(surfaces.map(({ tag }) => tag));
  const described = Object.entries(OPENAPI.paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, { tags?: string[] }>)
      .filter(([, { tags: own = [] }]) => own.some((tag) => tags.has(tag)))
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.sort()).toEqual(served.sort());
  const listed = new Set(calls.map(({ call }) => operationOf(call)));
  expect(served.filter((operation) => !listed.has(operationOf(operation)))).toEqual([]);
});

test('nothing is there that is not served', async () => {
  const app = await startApp();
  try {
    for (const { call } of calls) {
      const [method = '', path = ''] = operationOf(call).split(' ');
      const { status, headers } = await app.anonymous.options(path.replaceAll('{}', '7'));
      expect([call, status, (headers.allow ?? '').split(', ')]).toEqual([call, 204, expect.arrayContaining([method])]);
    }
  } finally {
    await app.close();
  }
});

test('links to operations lead to one', () => {
  const links = [...TEXT.matchAll(/\[(\w+)\]\(openapi\.json#([^)]+)\)/g)];
  const found = links.map(([, name, pointer = '']) => {
    const names = pointer
      .slice(1)
      .split('/')
      .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
    const operation = names.reduce((value, part) => value?.[part], OPENAPI);
    return [name, operation?.operationId];
  });
  expect(found.filter(([name, operationId]) => name !== operationId)).toEqual([]);
  expect(new Set(found.map(([name]) => name)).size).toBeGreaterThan(15);
});

test('every row names tests, and there are such tests', () => {
  expect(rows.length).toBeGreaterThan(calls.length + 30);
  const known = new Map<string, Set<string>>();
  const wrong = rows.flatMap((cells) =>
    proofsOf(cells.at(-1) ?? '').filter((proof) => {
      if (typeof proof === 'string') return true;
      const { file, title } = proof;
      if (!known.has(file)) known.set(file, titlesOf(file));
      return known.get(file)?.has(title) !== true;
    }),
  );
  expect(wrong).toEqual([]);
});
