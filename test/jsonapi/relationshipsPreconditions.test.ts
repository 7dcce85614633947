import {
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  M,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { buildWorld, errorsOf, membership, pointed, type World } from './world';

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const STALE = [['412', 'version_mismatch', 'If-Match']];
const roles = (...codes: string[]) => ({ data: codes.map((code) => ({ type: 'roles', id: world.roles[code].id })) });
const tagOf = async (path: string): Promise<string> => (await app.platform.get(path)).headers.etag ?? '';

/** Something to change by PATCH of its linkage: where, and two values that differ from what is there. */
interface Target {
  self: string;
  path: string;
  values: Body[];
}

async function member(): Promise<Target> {
  const { id } = await createUser(world.partner);
  const { body } = await app.platform.post(`${S}/members`, membership(world.organization.id, id));
  const { self } = body.data.links;
  return { self, path: `${self}/relationships/roles`, values: [roles('admin'), roles('admin', 'member')] };
}

async function organization(): Promise<Target> {
  const { id, links } = await createOrganization(app.platform);
  const values: Body[] = [];
  for (let i = 0; i < 2; i++) {
    const user = await createUser(app.platform);
    await app.platform.post(`${S}/members`, membership(id, user.id));
    values.push({ data: { type: 'users', id: user.id } });
  }
  return { self: links.self, path: `${links.self}/relationships/owner`, values };
}

describe.each([
  ['members.roles', member],
  ['organizations.owner', organization],
])('If-Match on %s', (_name, make) => {
  test.each([
    ['the tag of the linkage', ({ path }: Target) => tagOf(path)],
    ['the tag of the resource', ({ self }: Target) => tagOf(self)],
    ['a star', async () => '*'],
    ['a list with the tag', async ({ path }: Target) => `"0.x", ${await tagOf(path)}`],
  ])('%s lets the change through, and the answer’s own tag the next one [INV-59]', async (_title, header) => {
    const target = await make();
    const first = await platform.patch(target.path, target.values[0], { 'If-Match': await header(target) });
    expect([first.status, first.body.data]).toEqual([200, target.values[0].data]);
    const second = await platform.patch(target.path, target.values[1], { 'If-Match': first.headers.etag as string });
    expect([second.status, second.body.data]).toEqual([200, target.values[1].data]);
  });

  test('a tag from before is 412, and nothing is written [UPD-16, INV-59]', async () => {
    const target = await make();
    const tags = [await tagOf(target.path), await tagOf(target.self)];
    await platform.patch(target.path, target.values[0]);
    const before = await app.platform.get(target.path);
    for (const tag of [...tags, `W/${await tagOf(target.path)}`, '"abc"', '"999.x"']) {
      const answer = await platform.patch(target.path, target.values[1], { 'If-Match': tag });
      expect([tag, errorsOf(answer)]).toEqual([tag, STALE]);
    }
    const after = await app.platform.get(target.path);
    expect([after.text, after.headers.etag]).toEqual([before.text, before.headers.etag]);
  });

  test('it is judged although nothing would change', async () => {
    const { path, values } = await make();
    await platform.patch(path, values[0]);
    expect(errorsOf(await platform.patch(path, values[0], { 'If-Match': '"999.x"' }))).toEqual(STALE);
  });

  test('a change of the linkage ends the tags of the resource [INV-59]', async () => {
    const { path, self, values } = await make();
    const tag = await tagOf(self);
    await platform.patch(path, values[0]);
    const [, type] = /(members|organizations)\//.exec(self) ?? [];
    const id = self.split('/').at(-1);
    const patch = document(type as string, { externalId: 'stale' }, { id });
    expect(errorsOf(await platform.patch(self, patch, { 'If-Match': tag }))).toEqual(STALE);
    expect((await app.platform.get(self, { 'If-None-Match': tag })).status).toBe(200);
  });

  test('of two writers with one tag exactly one wins, twenty times', async () => {
    for (let round = 0; round < 20; round++) {
      const { path, values } = await make();
      const headers = { 'If-Match': await tagOf(path) };
      const answers = await Promise.all(values.map((value) => platform.patch(path, value, headers)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
      const won = answers.findIndex(({ status }) => status === 200);
      expect((await platform.get(path)).body.data).toEqual(values[won].data);
    }
  });
});

test('POST and DELETE heed If-Match as well', async () => {
  const { path } = await member();
  const tag = await tagOf(path);
  const added = await platform.post(path, roles('admin'), { 'If-Match': tag });
  expect(added.status).toBe(200);
  expect(errorsOf(await platform.post(path, roles('member'), { 'If-Match': tag }))).toEqual(STALE);
  expect(errorsOf(await platform.delete(path, { 'If-Match': tag }, roles('admin')))).toEqual(STALE);
  const removed = await platform.delete(path, { 'If-Match': added.headers.etag as string }, roles('admin'));
  expect([removed.status, removed.body.data]).toEqual([200, roles('member').data]);
});

test('of 10 who add and remove with one tag one wins', async () => {
  const { path } = await member();
  const headers = { 'If-Match': await tagOf(path) };
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      i % 2 === 0 ? platform.post(path, roles('admin'), headers) : platform.patch(path, roles('admin'), headers),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
});

describe('If-None-Match on linkage', () => {
  test('a list has another tag when it gets another entry, though its row stays as it was [FET-14]', async () => {
    const path = `${M}/organizations/${world.organization.id}/relationships/members`;
    const tag = await tagOf(path);
    expect((await app.platform.get(path, { 'If-None-Match': tag })).status).toBe(304);
    await member();
    const { status, headers } = await app.platform.get(path, { 'If-None-Match': tag });
    expect([status, headers.etag === tag]).toEqual([200, false]);
  });

  test('each page and each representation has its own', async () => {
    const path = `${M}/organizations/${world.organization.id}/relationships/members`;
    const queries = ['', '?page[size]=1', '?page[size]=1&page[number]=2', '?include=members', '?sort=id'];
    const tags = await Promise.all(queries.map((query) => tagOf(`${path}${query}`)));
    expect(new Set(tags).size).toBe(5);
  });
});
