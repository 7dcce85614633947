import { type Client, createUser, S, startApp, type TestApp } from '../support/app';
import { add, at, errorOf, local, perform, resultsOf } from './operations';
import { buildWorld, pointed, rowCounts, type World } from './world';

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const role = (...codes: string[]) => ({ data: codes.map((code) => ({ type: 'roles', id: world.roles[code].id })) });
const email = () => `${Math.random().toString(36).slice(2)}@example.com`;
const organization = (lid: string, more: object = {}) => add('organizations', { name: 'Local' }, { lid, ...more });
const user = (lid: string) => add('users', { email: email() }, { lid });
const member = (lid: string, relationships: object) => add('members', {}, { lid, relationships });
const reference = (type: string, lid: string, relationship?: string) => ({ type, lid, relationship });

async function refusal(...operations: unknown[]) {
  const before = await rowCounts(app);
  const answer = await perform(platform, ...operations);
  expect(await rowCounts(app)).toEqual(before);
  return errorOf(answer);
}

test.each(['platform', 'partner'])(
  'an organization, a user and his membership are made in one request, by a %s credential [ATO-22, ATO-12]',
  async (level) => {
    const client = level === 'platform' ? app.platform : world.partner;
    const [o, u, m] = resultsOf(
      await perform(
        client,
        organization('o'),
        user('u'),
        member('m', {
          organization: local('organizations', 'o'),
          user: local('users', 'u'),
          roles: role('owner', 'admin'),
        }),
      ),
    ).map(({ data }) => data);
    expect(m.relationships).toMatchObject({
      organization: { data: { type: 'organizations', id: o.id } },
      user: { data: { type: 'users', id: u.id } },
      roles: role('owner', 'admin'),
    });
    expect((await client.get(m.links.self)).body.data).toEqual(m);
    const owner = await client.get(`${o.links.self}/relationships/owner`);
    expect(owner.body.data).toEqual({ type: 'users', id: u.id });
    for (const each of [o, u, m]) expect(each).not.toHaveProperty('lid');
  },
);

test('what was made is updated, its relationships changed and removed by its lid [ATO-10, ATO-20, ATO-22]', async () => {
  const ref = (relationship?: string) => reference('members', 'm', relationship);
  const results = resultsOf(
    await perform(
      platform,
      organization('o'),
      user('u'),
      member('m', { organization: local('organizations', 'o'), user: local('users', 'u'), roles: role('owner') }),
      {
        op: 'update',
        ref: reference('organizations', 'o'),
        data: { type: 'organizations', attributes: { kind: 'a' } },
      },
      { op: 'update', data: { type: 'organizations', lid: 'o', attributes: { countryCode: 'CH' } } },
      { op: 'update', ref: ref(), data: { type: 'members', lid: 'm', attributes: { externalId: 'by lid' } } },
      { op: 'add', ref: ref('roles'), data: role('admin', 'member').data },
      { op: 'remove', ref: ref('roles'), data: role('member').data },
      user('gone'),
      member('gone', { organization: local('organizations', 'o'), user: local('users', 'gone') }),
      { op: 'remove', ref: reference('members', 'gone') },
    ),
  );
  expect(results.map(({ data }) => data?.type ?? null)).toEqual([
    ...['organizations', 'users', 'members', 'organizations', 'organizations', 'members'],
    ...[null, null, 'users', 'members', null],
  ]);
  const o = await platform.get(results[0].data.links.self);
  expect(o.body.data.attributes).toMatchObject({ kind: 'a', countryCode: 'CH' });
  const m = await platform.get(results[2].data.links.self);
  expect(m.body.data.attributes.externalId).toBe('by lid');
  expect(m.body.data.relationships.roles.data).toEqual(role('owner', 'admin').data);
  expect((await platform.get(results[9].data.links.self)).status).toBe(404);
});

test('a lid stands in the data of a relationship operation: a new user becomes owner [ATO-19, ATO-22]', async () => {
  const [o, u] = resultsOf(
    await perform(
      platform,
      organization('o'),
      user('first'),
      member('m1', { organization: local('organizations', 'o'), user: local('users', 'first'), roles: role('owner') }),
      user('second'),
      member('m2', { organization: local('organizations', 'o'), user: local('users', 'second') }),
      { op: 'update', ref: reference('organizations', 'o', 'owner'), data: { type: 'users', lid: 'second' } },
    ),
  ).flatMap(({ data }, i) => (i === 0 || i === 3 ? [data] : []));
  expect((await platform.get(`${o.links.self}/owner`)).body.data.id).toBe(u.id);
});

test('a lid of one type is free for another, and ids and lids are mixed [ATO-22]', async () => {
  const { id } = await createUser(platform);
  const results = resultsOf(
    await perform(
      platform,
      organization('x'),
      user('x'),
      member('x', { organization: local('organizations', 'x'), user: local('users', 'x') }),
      member('y', { organization: local('organizations', 'x'), user: { data: { type: 'users', id } } }),
      add('apiKeys', { name: 'Local' }, { relationships: { organization: local('organizations', 'x') } }),
    ),
  );
  const [o, u, first, second, key] = results.map(({ data }) => data);
  const userOf = (each: typeof first) => each.relationships.user.data.id;
  expect([userOf(first), userOf(second)]).toEqual([u.id, id]);
  expect(key.relationships.organization.data.id).toBe(o.id);
});

test('a lid lives as long as its request [ATO-23]', async () => {
  resultsOf(await perform(platform, organization('short-lived')));
  const operation = { op: 'remove', ref: reference('organizations', 'short-lived') };
  expect(await refusal(operation)).toEqual(['400', 'malformed_document', at(0, '/ref/lid')]);
});

test('a lid is no id: it may look like one, and is told apart [ATO-22]', async () => {
  const lid = world.other.id;
  const [{ data }] = resultsOf(
    await perform(platform, organization(lid), { op: 'remove', ref: reference('organizations', lid) }),
  );
  expect(data.id).not.toBe(lid);
  expect((await platform.get(data.links.self)).status).toBe(404);
  expect((await platform.get(world.other.links.self)).status).toBe(200);
});

test('plain requests take a lid on create, and none in linkage [RES-7, RID-1]', async () => {
  const body = { data: { type: 'organizations', lid: 'tmp-1', attributes: { name: 'Plain' } } };
  expect((await platform.post('/public/v2/management/organizations', body)).status).toBe(201);
  const linkage = member('m', { organization: local('organizations', 'tmp-1'), user: local('users', 'u') });
  const answer = await platform.post(`${S}/members`, { data: linkage.data });
  expect([answer.status, answer.body.errors.map(({ code }: { code: string }) => code)]).toEqual([
    400,
    ['malformed_document', 'malformed_document'],
  ]);
});

describe('a lid', () => {
  const owner = { type: 'users', lid: 'later' };
  test.each<[string, () => unknown[], string]>([
    [
      'that nothing has, in ref',
      () => [organization('o'), { op: 'remove', ref: reference('organizations', 'p') }],
      at(1, '/ref/lid'),
    ],
    [
      'that nothing has, in the data of an update',
      () => [organization('o'), { op: 'update', data: { type: 'organizations', lid: 'p' } }],
      at(1, '/data/lid'),
    ],
    [
      'that nothing has, in a relationship',
      () => [organization('o'), member('m', { user: local('users', 'u'), organization: local('organizations', 'o') })],
      at(1, '/data/relationships/user/data/lid'),
    ],
    [
      'that nothing has, in one of many',
      () => [member('m', { roles: { data: [role('admin').data[0], { type: 'roles', lid: 'r' }] } })],
      at(0, '/data/relationships/roles/data/1/lid'),
    ],
    [
      'that nothing has, in a relationship whose name needs escaping',
      () => [member('m', { 'a/b~c': local('users', 'u') })],
      at(0, '/data/relationships/a~1b~0c/data/lid'),
    ],
    [
      'of an operation behind this one',
      () => [
        organization('o'),
        { op: 'update', ref: reference('organizations', 'o', 'owner'), data: owner },
        user('later'),
      ],
      at(1, '/data/lid'),
    ],
    [
      'of the operation itself',
      () => [organization('o', { relationships: { partner: local('organizations', 'o') } })],
      at(0, '/data/relationships/partner/data/lid'),
    ],
    [
      'of another type',
      () => [user('o'), { op: 'update', ref: reference('organizations', 'o'), data: { type: 'organizations' } }],
      at(1, '/ref/lid'),
    ],
    ['that is taken', () => [organization('o'), user('o'), organization('o')], at(2, '/data/lid')],
    ['that is no text', () => [add('organizations', { name: 'x' }, { lid: 5 })], at(0, '/data/lid')],
    [
      'that is no text, in a relationship',
      () => [member('m', { organization: { data: { type: 'organizations', lid: 5 } }, user: local('users', 'u') })],
      at(0, '/data/relationships/user/data/lid'),
    ],
  ])('%s is 400 with its place, and nothing is done [ATO-23, ATO-26]', async (_title, operations, where) => {
    expect(await refusal(...operations())).toEqual(['400', 'malformed_document', where]);
  });

  test('and an id together are two names: the id counts, as in plain requests [ATO-10]', async () => {
    const { id } = await createUser(platform);
    const both = { data: { type: 'users', id, lid: 'nothing has it' } };
    const [, { data }] = resultsOf(
      await perform(
        platform,
        organization('o'),
        member('m', { organization: local('organizations', 'o'), user: both }),
      ),
    );
    expect(data.relationships.user.data.id).toBe(id);
  });
});
