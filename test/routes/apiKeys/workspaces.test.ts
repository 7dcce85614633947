import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  NIL,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectError } from '../documents';
import { type Key, Keys } from './keys';

/** Keys that are limited to workspaces of their organization. */

let app: TestApp;
let keys: Keys;
let owner: Person;
/** An admin who is limited to the workspace `a`. */
let limited: Person;
let organization: string;
let a: string;
let b: string;
let archived: string;
let foreign: string;
beforeAll(async () => {
  app = await startApp();
  keys = new Keys(app);
  [owner, limited] = [await app.user(), await app.user()];
  organization = (await createOrganization(owner)).id;
  [a, b, archived] = [await workspace('A'), await workspace('B'), await workspace('C')];
  await owner.patch(`${S}/workspaces/${archived}`, document('workspaces', { status: 'archived' }, { id: archived }));
  const other = await createOrganization(app.platform);
  foreign = (await app.platform.get(`${S}/workspaces?filter[organizationId]=${other.id}`)).body.data[0].id;
  const membership = await keys.join(organization, limited, 'admin');
  const answer = await owner.patch(`${S}/members/${membership}/relationships/workspaces`, identifiers(a));
  expect(answer.status).toBe(200);
});
afterAll(() => app.close());

const workspace = async (name: string): Promise<string> => {
  const relationships = { organization: link('organizations', organization) };
  return (await owner.post(`${S}/workspaces`, document('workspaces', { name }, { relationships }))).body.data.id;
};
const identifiers = (...ids: string[]) => ({ data: ids.map((id) => ({ type: 'workspaces', id })) });
const make = (maker: Client, ...ids: string[]) =>
  keys.make(maker, {}, organization, ids.length > 0 ? { workspaces: identifiers(...ids) } : {});
const ask = (maker: Client, attributes: object, ...ids: string[]) =>
  maker.post(
    `${S}/apiKeys`,
    document(
      'apiKeys',
      { name: 'K', ...attributes },
      { relationships: { organization: link('organizations', organization), workspaces: identifiers(...ids) } },
    ),
  );
const linkage = ({ self }: Key) => `${self}/relationships/workspaces`;
/** `allWorkspaces`, and the names of those that it is limited to. */
const reach = async (key: Pick<Key, 'id'>) => {
  const { attributes, relationships } = await keys.shown(key);
  const names = new Map([
    [a, 'a'],
    [b, 'b'],
  ]);
  return [attributes.allWorkspaces, ...relationships.workspaces.data.map(({ id }: Body) => names.get(id)).sort()];
};
const at = (place: number, path = '/data/relationships/workspaces/data') => ({
  source: { pointer: `${path}/${place}` },
});

test('a key may be limited to some, and sees no others', async () => {
  const free = await make(owner);
  const key = await make(owner, a);
  expect([await reach(free), await reach(key)]).toEqual([[true], [false, 'a']]);
  const seen = async ({ client }: Key) =>
    (await client.get(`${S}/workspaces?sort=name`)).body.data.map(({ attributes }: Body) => attributes.name);
  expect(await seen(free)).toEqual(['A', 'B', 'C', 'Default']);
  expect(await seen(key)).toEqual(['A']);
});

test.each<[string, () => string, number, string]>([
  ['missing', () => NIL, 404, 'not_found'],
  ['of another organization', () => foreign, 404, 'not_found'],
  ['archived', () => archived, 422, 'not_allowed'],
])('one that is %s can’t be named, neither at first nor later', async (_title, id, status, code) => {
  expectError(await ask(owner, {}, a, id()), status, code, at(1));
  const key = await make(owner, a);
  expectError(await owner.post(linkage(key), identifiers(id())), status, code, at(0, '/data'));
  expectError(await owner.patch(linkage(key), identifiers(a, id())), status, code, at(1, '/data'));
  expect(await reach(key)).toEqual([false, 'a']);
});

test('allWorkspaces and a list contradict each other; false alone is access to none', async () => {
  const source = { source: { pointer: '/data/attributes/allWorkspaces' } };
  expectError(await ask(owner, { allWorkspaces: true }, a), 422, 'not_allowed', source);
  const none = await keys.make(owner, { allWorkspaces: false }, organization);
  expect(await reach(none)).toEqual([false]);
  expect((await none.client.get(`${S}/workspaces`)).body.meta.total).toBe(0);
});

test('the list is replaced, added to and cut; allWorkspaces empties it', async () => {
  const key = await make(owner);
  expect((await owner.patch(linkage(key), identifiers(a, b))).status).toBe(200);
  expect(await reach(key)).toEqual([false, 'a', 'b']);
  expect((await owner.delete(linkage(key), {}, identifiers(b))).status).toBe(200);
  expect((await owner.post(linkage(key), identifiers(a))).status).toBe(200);
  expect(await reach(key)).toEqual([false, 'a']);
  const both = await keys.change(owner, key, { name: 'B' }, { relationships: { workspaces: identifiers(b) } });
  expect([both.body.data.attributes.name, await reach(key)]).toEqual(['B', [false, 'b']]);
  await owner.delete(linkage(key), {}, identifiers(b));
  expect(await reach(key)).toEqual([false]);
  await keys.change(owner, key, { allWorkspaces: true });
  expect(await reach(key)).toEqual([true]);
  // Nothing is named, and nothing was to lose.
  await owner.patch(linkage(key), identifiers());
  expect(await reach(key)).toEqual([true]);
  expect((await key.client.get(`${S}/workspaces`)).body.meta.total).toBe(4);
});

describe('who is limited himself', () => {
  test('makes keys that are limited like him, and gives none that he lacks: 403 cannot_grant', async () => {
    expect(await reach(await make(limited))).toEqual([false, 'a']);
    expect(await reach(await make(limited, a))).toEqual([false, 'a']);
    expectError(await ask(limited, {}, a, b), 403, 'cannot_grant', at(1));
    const source = { source: { pointer: '/data/attributes/allWorkspaces' } };
    expectError(await ask(limited, { allWorkspaces: true }), 403, 'cannot_grant', source);
    const key = await make(limited);
    expect(await reach(await make(key.client))).toEqual([false, 'a']);
    expectError(await ask(key.client, {}, b), 403, 'cannot_grant', at(0));
  });

  test('does not widen a key, and may narrow one', async () => {
    const key = await make(owner, a);
    const source = { source: { pointer: '/data/attributes/allWorkspaces' } };
    expectError(await keys.change(limited, key, { allWorkspaces: true }), 403, 'cannot_grant', source);
    expectError(await limited.post(linkage(key), identifiers(b)), 403, 'cannot_grant', at(0, '/data'));
    expect(await reach(key)).toEqual([false, 'a']);
    const free = await make(owner);
    expect((await limited.patch(linkage(free), identifiers(a))).status).toBe(200);
    expect(await reach(free)).toEqual([false, 'a']);
  });

  test('gets no secret of a key that reaches further', async () => {
    const scopes = ['members:read'];
    const wide = await keys.make(owner, { scopes }, organization);
    const other = await keys.make(owner, { scopes }, organization, { workspaces: identifiers(a, b) });
    const same = await keys.make(owner, { scopes }, organization, { workspaces: identifiers(a) });
    for (const key of [wide, other]) expectError(await keys.rotate(limited, key), 403, 'cannot_grant');
    expect((await keys.rotate(limited, same)).status).toBe(201);
  });
});

test('keys that are not of an organization are not limited: 422', async () => {
  const key = await keys.make(app.platform);
  const answer = await app.platform.post(linkage(key), identifiers(a));
  expectError(answer, 422, 'not_allowed', { source: { pointer: '/data' } });
});
