import { PERMISSIONS } from '../../../src/permissions';
import { createOrganization, document, link, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError, role as roleDocument, single } from '../documents';

const PATH = `${S}/roles`;
const MANAGEMENT = ['organizations:suspend', 'platform:admin'];
const without = (...lacks: string[]) => PERMISSIONS.filter((each) => ![...MANAGEMENT, ...lacks].includes(each));

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const all = async () => (await app.platform.get(PATH)).body.data;

/** Domain sheet 4.5. */
test.each<[code: string, rank: number, permissions: readonly string[]]>([
  ['owner', 100, without()],
  [
    'admin',
    80,
    without('organizations:delete', 'organizations:transfer', 'overages:update', 'wallets:adjust', 'data:erase'),
  ],
  [
    'billing',
    50,
    [
      'organizations:read',
      'members:read',
      'wallets:read',
      'wallets:charge',
      'wallets:topup',
      'wallets:hold',
      'overages:read',
      'overages:update',
    ],
  ],
  ['auditor', 40, PERMISSIONS.filter((each) => each.endsWith(':read') || each === 'audit:export')],
  ['member', 10, ['organizations:read', 'members:read', 'roles:read', 'workspaces:read']],
])('the system role %s has rank %i and its permissions', async (code, rank, permissions) => {
  const path = `${PATH}?filter[code]=${code}`;
  const { body } = await app.platform.get(path);
  const [role] = body.data;
  const attributes = {
    name: code.charAt(0).toUpperCase() + code.slice(1),
    description: expect.any(String),
    kind: 'system',
  };
  expect(role).toEqual(
    roleDocument(role.id, { ...attributes, code, rank, permissions: expect.any(Array) }, null, null),
  );
  expect([...role.attributes.permissions].sort()).toEqual([...permissions].sort());
  expect((await app.platform.get(`${PATH}/${role.id}`)).body).toEqual(single(role));
});

test('the list begins with the highest rank, and everybody sees the same', async () => {
  const partner = await app.partner();
  const { attributes } = await createOrganization(partner);
  const roles = await all();
  const ranks = roles.map((each: { attributes: { rank: number } }) => each.attributes.rank);
  expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
  for (const asker of [partner, app.as(attributes.token)]) expect((await asker.get(PATH)).body.data).toEqual(roles);
});

test('every organization that the caller sees has the system roles; one that he does not see has none', async () => {
  const partner = await app.partner();
  const { id, attributes } = await createOrganization(partner);
  const foreign = await createOrganization(app.platform);
  const roles = await all();
  for (const asker of [app.platform, partner, app.as(attributes.token)]) {
    const { body } = await asker.get(`${PATH}?filter[organizationId]=${id}`);
    expect(body.data).toEqual(roles);
    expect(body.meta).toMatchObject({ total: roles.length, totalUnfiltered: roles.length });
  }
  for (const asker of [partner, app.as(attributes.token)]) {
    for (const unseen of [foreign.id, NIL]) {
      const { body } = await asker.get(`${PATH}?filter[organizationId]=${unseen}`);
      expect([body.data, body.meta.total]).toEqual([[], 0]);
    }
  }
});

test('a missing one is 404; a key without roles:read is told so', async () => {
  expectError(await app.platform.get(`${PATH}/${NIL}`), 404, 'not_found');
  const { id } = await createOrganization(app.platform);
  const relationships = { organization: link('organizations', id) };
  const narrow = document('apiKeys', { name: 'N', scopes: ['members:read'] }, { relationships });
  const key = app.as((await app.platform.post(`${S}/apiKeys`, narrow)).body.data.attributes.secret);
  const [role] = await all();
  expectDenied(await key.get(PATH), 'roles:read');
  expectDenied(await key.get(`${PATH}/${role.id}`), 'roles:read');
});

test('of an organization: its own and the system’s, by either name of the filter; nothing else is taken [FLT-2]', async () => {
  const { id } = await createOrganization(app.platform);
  const relationships = { organization: link('organizations', id) };
  const attributes = { code: 'own', name: 'Own', permissions: ['members:read'] };
  await app.platform.post(PATH, document('roles', attributes, { relationships }));
  for (const name of ['organization', 'organizationId']) {
    const { body } = await app.platform.get(`${PATH}?filter[${name}]=${id}&filter[kind]=custom`);
    expect(body.data.map((each: { attributes: { code: string } }) => each.attributes.code)).toEqual(['own']);
    expect((await app.platform.get(`${PATH}?filter[${name}]=${id}`)).body.meta.total).toBe(6);
    for (const operator of ['null', 'ne']) {
      const parameter = `filter[${name}][${operator}]`;
      const answer = await app.platform.get(`${PATH}?${parameter}=${operator === 'null' ? true : id}`);
      expectError(answer, 400, 'invalid_parameter', { source: { parameter } });
    }
  }
});
