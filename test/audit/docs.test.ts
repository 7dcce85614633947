import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUDIT_ACTIONS, REFUSED_ACTIONS } from '../../src/auditActions';
import { EVENT_TYPES, type EventType } from '../../src/eventTypes';
import { createOrganization, document, S, startApp, type TestApp } from '../support/app';
import { temporaryFolder } from '../support/process';

const TEXT = readFileSync(join(__dirname, '..', '..', 'docs', 'AUDIT.md'), 'utf8');
const folder = temporaryFolder('guildhall-audit-docs-');

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test('the program of docs/AUDIT.md finds an export good, and names the row that was changed in it', async () => {
  const { id } = await createOrganization(app.platform, { name: 'Zoë' });
  const self = `/public/v2/management/organizations/${id}`;
  await app.platform.patch(self, document('organizations', { metadata: { n: 1.0, é: '😀' } }, { id }));
  const { text } = await app.platform.get(`${S}/auditEvents/export?filter[organizationId]=${id}`);
  const [, program = ''] = /```js\n(\/\/ chain\.mjs\n[\s\S]*?)```/.exec(TEXT) ?? [];
  const run = (name: string, lines: string) => {
    writeFileSync(join(folder, 'chain.mjs'), program);
    writeFileSync(join(folder, name), lines);
    return spawnSync(process.execPath, ['chain.mjs', name], { cwd: folder, encoding: 'utf8' });
  };
  const last = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .findLast(({ type }) => type === 'auditEvents');
  expect(run('good.ndjson', text).stdout).toBe(`good up to ${last.hash}\n`);
  const bad = run('bad.ndjson', text.replace('\\"outcome\\":\\"success\\"', '\\"outcome\\":\\"failed\\"'));
  expect([bad.status, bad.stderr]).toEqual([1, expect.stringContaining('row 1 is not what it was')]);
});

test('docs/AUDIT.md names each action that is no type of event', () => {
  const named = [...TEXT.matchAll(/`([a-z_]+\.[a-z_]+)`/g)]
    .map(([, action]) => action as string)
    .filter((action) => !REFUSED_ACTIONS.includes(action));
  expect(named.sort()).toEqual(AUDIT_ACTIONS.filter((each) => !EVENT_TYPES.includes(each as EventType)).sort());
});
