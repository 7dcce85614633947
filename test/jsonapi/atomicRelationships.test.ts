import { type Body, type Client, createUser, NIL, S, startApp, type TestApp } from '../support/app';
import { add, at, errorOf, perform, remove, resultsOf } from './operations';
import { buildWorld, membership, pathOf, pointed, type World } from './world';

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const identifiers = (...codes: string[]) => codes.map((code) => ({ type: 'roles', id: world.roles[code]?.id ?? code }));

/** A member of its own for each test. */
async function newMember(...codes: string[]): Promise<Body> {
  const { id } = await createUser(platform);
  const roles = codes.map((code) => world.roles[code].id);
  const answer = await platform.post(`${S}/members`, membership(world.organization.id, id, roles));
  return answer.body.data;
}

/** Both ways to name a relationship. */
const targets: [string, (type: string, id: string, relationship: string) => object][] = [
  ['ref', (type, id, relationship) => ({ ref: { type, id, relationship } })],
  ['href', (type, id, name) => ({ href: `${pathOf(type)}/${id}/relationships/${name}` })],
];

async function rolesOf(member: Body): Promise<string[]> {
  const { body } = await platform.get(`${member.links.self}/roles`);
  return body.data.map(({ attributes }: Body) => attributes.code);
}

describe.each(targets)('members.roles by %s', (_title, target) => {
  const operation = (op: string, member: Body, ...codes: string[]) => ({
    op,
    ...target('members', member.id, 'roles'),
    data: identifiers(...codes),
  });

  test('add adds, update replaces, remove removes; results have no data [ATO-20, ATO-21]', async () => {
    const member = await newMember('member');
    const steps: [string, string[], string[]][] = [
      ['add', ['admin'], ['admin', 'member']],
      ['update', ['owner', 'member'], ['owner', 'member']],
      ['remove', ['member'], ['owner']],
    ];
    for (const [op, codes, left] of steps) {
      // Somebody else stays owner, so that the last step takes nothing from the organization.
      expect(resultsOf(await perform(platform, operation(op, member, ...codes)))).toEqual([{}]);
      expect(await rolesOf(member)).toEqual(left);
    }
  });

  test('what is there already, or gone already, is no fault [ATO-27, RUP-5, RUP-6, RUP-7]', async () => {
    const member = await newMember('member');
    const twice = [operation('add', member, 'admin', 'admin'), operation('add', member, 'admin')];
    expect(resultsOf(await perform(platform, ...twice))).toEqual([{}, {}]);
    expect(await rolesOf(member)).toEqual(['admin', 'member']);
    const gone = [operation('remove', member, 'admin'), operation('remove', member, 'admin', NIL)];
    expect(resultsOf(await perform(platform, ...gone))).toEqual([{}, {}]);
    expect(await rolesOf(member)).toEqual(['member']);
  });

  test('an empty list adds and removes nothing [ATO-20, RUP-3]', async () => {
    const member = await newMember('admin');
    expect(resultsOf(await perform(platform, operation('add', member), operation('remove', member)))).toEqual([{}, {}]);
    expect(await rolesOf(member)).toEqual(['admin']);
  });

  test('several in one request work on what those before have left [ATO-12, ATO-20]', async () => {
    const member = await newMember('member');
    const list = [
      operation('add', member, 'admin'),
      operation('remove', member, 'member'),
      operation('add', member, 'owner'),
      operation('remove', member, 'admin'),
    ];
    resultsOf(await perform(platform, ...list));
    expect(await rolesOf(member)).toEqual(['owner']);
  });

  test.each<[string, string, () => unknown, [string, string, string]]>([
    ['no role left', 'update', () => [], ['422', 'too_short', '/data']],
    ['no data', 'remove', () => undefined, ['400', 'malformed_document', '']],
    ['an object', 'add', () => identifiers('admin')[0], ['400', 'malformed_document', '/data']],
    ['null', 'update', () => null, ['400', 'malformed_document', '/data']],
    ['an identifier without id', 'add', () => [{ type: 'roles' }], ['400', 'malformed_document', '/data/0']],
    ['another type', 'add', () => [{ type: 'users', id: NIL }], ['409', 'type_mismatch', '/data/0/type']],
    ['a missing role', 'add', () => identifiers(NIL), ['404', 'not_found', '/data/0']],
    ['a role with an id that is no UUID', 'add', () => identifiers('x'), ['404', 'not_found', '/data/0']],
  ])('%s: %s is refused, and all before it undone [ATO-13, ATO-26, ATO-27]', async (_case, op, dataOf, fault) => {
    const data = dataOf();
    const member = await newMember('member');
    const bad = { op, ...target('members', member.id, 'roles'), data };
    const [status, code, where] = fault;
    const answer = await perform(platform, operation('add', member, 'admin'), bad);
    expect(errorOf(answer)).toEqual([status, code, at(1, where)]);
    expect(await rolesOf(member)).toEqual(['member']);
  });

  test('one bad role among good ones changes nothing [ATO-13, RUP-16]', async () => {
    const member = await newMember('member');
    const answer = await perform(platform, operation('add', member, 'admin', NIL, 'owner'));
    expect(errorOf(answer)).toEqual(['404', 'not_found', at(0, '/data/1')]);
    expect(await rolesOf(member)).toEqual(['member']);
  });
});

describe.each(targets)('organizations.owner by %s', (_title, target) => {
  const operation = (op: string, data: unknown) => ({
    op,
    ...target('organizations', world.organization.id, 'owner'),
    data,
  });
  const ownerNow = async () => (await platform.get(`${world.organization.links.self}/relationships/owner`)).body.data;
  const user = (id: string) => ({ type: 'users', id });

  test('update hands the organization over, and back; results have no data [ATO-19, ATO-21, INV-4]', async () => {
    for (const id of [world.user.id, world.owner.id]) {
      expect(resultsOf(await perform(platform, operation('update', user(id))))).toEqual([{}]);
      expect(await ownerNow()).toEqual(user(id));
    }
  });

  test.each<[string, string, () => unknown, [string, string, string]]>([
    ['null', 'update', () => null, ['409', 'last_owner', '']],
    ['a list', 'update', () => [user(world.user.id)], ['400', 'malformed_document', '/data']],
    ['a stranger', 'update', () => user(NIL), ['404', 'not_found', '/data']],
    ['another type', 'update', () => ({ type: 'members', id: NIL }), ['409', 'type_mismatch', '/data/type']],
    ['add', 'add', () => user(world.user.id), ['403', 'update_not_offered', '']],
    ['remove', 'remove', () => user(world.owner.id), ['403', 'update_not_offered', '']],
  ])('%s: %s is refused [ATO-19, ATO-26, ATO-27, RUP-12]', async (_case, op, data, [status, code, where]) => {
    const before = await ownerNow();
    expect(errorOf(await perform(platform, operation(op, data())))).toEqual([status, code, at(0, where)]);
    expect(await ownerNow()).toEqual(before);
  });
});

test('null clears an owner that is not there: it stays so [ATO-19, RUP-1]', async () => {
  const target = { ref: { type: 'organizations', id: world.other.id, relationship: 'owner' } };
  expect(resultsOf(await perform(platform, { op: 'update', ...target, data: null }))).toEqual([{}]);
  expect((await platform.get(`${world.other.links.self}/owner`)).body.data).toBeNull();
});

test('a resource and its relationships in one update: the result shows both [ATO-17]', async () => {
  const member = await newMember('member');
  const data = { type: 'members', id: member.id, attributes: { externalId: 'both' } };
  const roles = { data: identifiers('admin') };
  const [result] = resultsOf(await perform(platform, { op: 'update', data: { ...data, relationships: { roles } } }));
  expect(result.data.attributes.externalId).toBe('both');
  expect(result.data.relationships.roles.data).toEqual(roles.data);
  expect((await platform.get(member.links.self)).body.data).toEqual(result.data);
});

test('the last owner is kept over all operations of a request together [ATO-13, INV-2]', async () => {
  const [{ data: made }] = resultsOf(await perform(platform, add('organizations', { name: 'Owned' })));
  const [a, b] = [await createUser(platform), await createUser(platform)];
  const owners: Body[] = [];
  for (const { id } of [a, b]) {
    const answer = await platform.post(`${S}/members`, membership(made.id, id, [world.roles.owner.id]));
    owners.push(answer.body.data);
  }
  const [one, other] = owners.map(({ id }) => remove('members', id));
  expect(errorOf(await perform(platform, one, other))).toEqual(['409', 'last_owner', at(1)]);
  const demoted = { op: 'update', ref: { ...(other as Body).ref, relationship: 'roles' }, data: identifiers('admin') };
  expect(errorOf(await perform(platform, one, demoted))).toEqual(['409', 'last_owner', at(1)]);
  const left = await platform.get(`${made.links.self}/relationships/members`);
  expect(left.body.meta.total).toBe(2);
});
