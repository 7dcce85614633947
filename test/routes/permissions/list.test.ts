import { PERMISSIONS, SENSITIVE } from '../../../src/permissions';
import { type Body, createOrganization, document, link, S, startApp, type TestApp } from '../../support/app';
import { expectError } from '../documents';

const PATH = `${S}/permissions`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const all = async (query = ''): Promise<Body[]> => (await app.platform.get(`${PATH}?page[size]=100${query}`)).body.data;
const codes = (rows: Body[]): string[] => rows.map(({ id }) => id);

/** Domain sheet 4.5. */
test('every permission there is is in the list, by its code, and no other', async () => {
  const rows = await all();
  expect(codes(rows)).toEqual([...PERMISSIONS].sort());
  for (const { id, ...row } of rows) {
    expect(row).toEqual({
      type: 'permissions',
      attributes: { description: expect.stringMatching(/^[A-Z].{5,}[^.]$/), sensitive: expect.any(Boolean) },
      links: { self: `${PATH}/${id}` },
    });
  }
});

test('those are sensitive that move money, grant rights, reveal or destroy', async () => {
  const sensitive = [
    'organizations:delete',
    'organizations:suspend',
    'organizations:transfer',
    'members:update',
    'members:remove',
    'roles:manage',
    'apiKeys:create',
    'apiKeys:rotate',
    'apiKeys:revoke',
    'tokens:issue',
    'webhooks:rotate',
    ...PERMISSIONS.filter((each) => each.startsWith('wallets:')),
    'overages:update',
    'audit:export',
    'data:export',
    'data:import',
    'data:erase',
    'platform:admin',
  ];
  expect(codes(await all('&filter[sensitive]=true'))).toEqual(sensitive.sort());
  expect([...SENSITIVE].sort()).toEqual(sensitive);
  expect(codes(await all('&filter[sensitive]=false'))).toHaveLength(PERMISSIONS.length - sensitive.length);
});

test('is filtered by code and by text', async () => {
  expect(codes(await all('&filter[id]=members:read,roles:read,nonsense'))).toEqual(['members:read', 'roles:read']);
  expect(codes(await all('&filter[id][ne]=members:read'))).not.toContain('members:read');
  expect(codes(await all('&filter[id]=Members:read'))).toEqual([]);
  expect(codes(await all('&filter[description][contains]=AUDIT'))).toEqual(['audit:export', 'audit:read']);
});

test('is walked through with cursors, both ways', async () => {
  const walked: string[] = [];
  const { body } = await app.platform.get(`${PATH}?page[size]=7`, {
    Accept: 'application/vnd.api+json;profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"',
  });
  let next: string | null = body.links.first;
  let last: Body = body;
  while (next !== null) {
    last = (await app.platform.get(next)).body;
    walked.push(...codes(last.data));
    next = last.links.next;
  }
  expect(walked).toEqual([...PERMISSIONS].sort());
  expect(codes((await app.platform.get(last.links.prev)).body.data)).toEqual(
    walked.slice(-last.data.length - 7, -last.data.length),
  );
});

test('everybody who has a credential sees all of it, whatever his scopes are', async () => {
  const partner = await app.partner();
  const { id, attributes } = await createOrganization(partner);
  const relationships = { organization: link('organizations', id) };
  const narrow = document('apiKeys', { name: 'N', scopes: ['members:read'] }, { relationships });
  const { secret } = (await partner.post(`${S}/apiKeys`, narrow)).body.data.attributes;
  const rows = await all();
  for (const key of [partner.key, attributes.token, secret]) {
    expect((await app.as(key).get(`${PATH}?page[size]=100`)).body.data).toEqual(rows);
  }
  const source = { header: 'Authorization' };
  expectError(await app.anonymous.get(PATH), 401, 'missing_credential', { source });
});
