import { type Body, type Client, M, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, type Mate, patch } from '../crew';
import { expectDenied, expectError } from '../documents';

/** Who sees which workspaces (INV-16, INV-18): by themselves, in lists, as related resources, in includes. */

const PATH = `${S}/workspaces`;

let app: TestApp;
let crews: Crews;
let crew: Crew;
let first: string;
let [north, south, archived]: string[] = [];
let limited: Mate;
let reader: string;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
  const { body } = await app.platform.get(`${PATH}?filter[organizationId]=${crew.id}`);
  first = body.data[0].id;
  north = await crews.workspace(crew.id, 'North');
  south = await crews.workspace(crew.id, 'South');
  archived = await crews.workspace(crew.id, 'Old');
  reader = await crews.role(crew.id, ['workspaces:read', 'workspaces:manage', 'members:read', 'organizations:read']);
  limited = await crews.join(crew.id, [reader], [north, archived]);
  await patch(app.platform, 'workspaces', `${PATH}/${archived}`, { status: 'archived' });
});
afterAll(() => app.close());

const ids = ({ body }: { body: Body }): string[] => body.data.map(({ id }: Body) => id).sort();
const listed = async (asker: Client, path = PATH) => ids(await asker.get(path));
const everything = () => [first, north, south, archived].sort() as string[];

test('whoever is not limited sees them all, the archived ones too', async () => {
  for (const asker of [crew.owner, crew.admin, crew.auditor, crew.member, app.as(crew.token)]) {
    expect(await listed(asker)).toEqual(everything());
    expect((await asker.get(PATH)).body.meta).toMatchObject({ total: 4, totalUnfiltered: 4 });
  }
  expect(await listed(app.platform, `${PATH}?filter[organizationId]=${crew.id}`)).toEqual(everything());
});

test('a member who is limited sees his own, but for archived ones; the others are 404 [INV-16]', async () => {
  expect(await listed(limited)).toEqual([north]);
  expect(await listed(limited, `${PATH}?filter[status]=archived`)).toEqual([]);
  expect((await limited.get(PATH)).body.meta).toMatchObject({ total: 1, totalUnfiltered: 1 });
  expect(await listed(limited, `${M}/organizations/${crew.id}/workspaces`)).toEqual([north]);
  const { body } = await limited.get(`${M}/organizations/${crew.id}?include=workspaces`);
  expect(body.included.map(({ id }: Body) => id)).toEqual([north]);
  for (const id of [first, south, archived]) {
    expectError(await limited.get(`${PATH}/${id}`), 404, 'not_found');
    expectError(await patch(limited, 'workspaces', `${PATH}/${id}`, { name: 'Mine' }), 404, 'not_found');
    expectError(await limited.delete(`${PATH}/${id}`), 404, 'not_found');
  }
  expect((await patch(limited, 'workspaces', `${PATH}/${north}`, { name: 'North' })).status).toBe(200);
});

test('one that is taken back gives access again [INV-16]', async () => {
  await patch(app.platform, 'workspaces', `${PATH}/${archived}`, { status: 'active' });
  expect(await listed(limited)).toEqual([north, archived].sort());
  await patch(app.platform, 'workspaces', `${PATH}/${archived}`, { status: 'archived' });
  expect(await listed(limited)).toEqual([north]);
});

test('a member who is limited to none sees none; allWorkspaces shows them all', async () => {
  const none = await crews.join(crew.id, [reader], []);
  expect(await listed(none)).toEqual([]);
  await patch(app.platform, 'members', none.self, { allWorkspaces: true });
  expect(await listed(none)).toEqual(everything());
});

test('a limit in one organization is none in another', async () => {
  const other = await crews.make();
  const joined = { organization: { data: { type: 'organizations', id: other.id } } };
  await app.platform.post(`${S}/members`, {
    data: {
      type: 'members',
      relationships: { ...joined, user: { data: { type: 'users', id: limited.id } } },
    },
  });
  const [own] = await listed(app.platform, `${PATH}?filter[organizationId]=${other.id}`);
  expect(await listed(limited)).toEqual([north, own].sort());
});

test('a key that is limited sees its own, but for archived ones [INV-16]', async () => {
  const key = await crews.key(crew.id, ['workspaces:read', 'organizations:read']);
  expect(await listed(key)).toEqual(everything());
  const { body } = await app.platform.get(`${S}/apiKeys?filter[organizationId]=${crew.id}&sort=-createdAt`);
  const keyId = body.data.find(({ attributes }: Body) => attributes.scopes.includes('workspaces:read')).id;
  await app.source.query('update api_keys set all_workspaces = false where id = $1', [keyId]);
  await app.source.query('insert into api_key_workspaces select $1, unnest($2::uuid[])', [keyId, [south, archived]]);
  app.services.callers.forget();
  expect(await listed(key)).toEqual([south]);
  expectError(await key.get(`${PATH}/${north}`), 404, 'not_found');
});

test('whoever lacks workspaces:read is told so; his organization’s are in none of his lists', async () => {
  const blind = await crews.join(crew.id, [await crews.role(crew.id, ['members:read'])]);
  expect(await listed(blind)).toEqual([]);
  for (const asker of [blind, crew.billing]) {
    expectDenied(await asker.get(`${PATH}/${north}`), 'workspaces:read');
    expectDenied(await asker.get(`${PATH}?filter[organizationId]=${crew.id}`), 'workspaces:read');
  }
});

test('whoever does not see the organization finds nothing [INV-18]', async () => {
  const foreign = await crews.make();
  for (const asker of [foreign.owner, app.as(foreign.token), await app.partner(), await app.user()]) {
    expectError(await asker.get(`${PATH}/${north}`), 404, 'not_found');
    expect(await listed(asker, `${PATH}?filter[organizationId]=${crew.id}`)).toEqual([]);
  }
});

test('of a member: his workspaces, as far as the reader sees them; members of a workspace by filter', async () => {
  expect(await listed(crew.owner, `${limited.self}/workspaces`)).toEqual([north, archived].sort());
  expect(await listed(limited, `${limited.self}/workspaces`)).toEqual([north]);
  expect(await listed(crew.owner, `${S}/members?filter[workspaceId]=${north}`)).toEqual([limited.member]);
  expect(await listed(crew.owner, `${S}/members?filter[roleId]=${crews.roles.admin}`)).toEqual([crew.admin.member]);
  expect(await listed(crew.owner, `${S}/members?filter[allWorkspaces]=false&filter[workspaceId]=${south}`)).toEqual([]);
});
