import { type Client, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch } from '../crew';
import { expectDenied, expectError } from '../documents';

const PATH = `${S}/workspaces`;

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
});
afterAll(() => app.close());

const remove = (asker: Client, id: string, headers = {}) => asker.delete(`${PATH}/${id}`, headers);

test('the answer is 204; then it is 404', async () => {
  const id = await crews.workspace(crew.id);
  const answer = await remove(crew.admin, id);
  expect([answer.status, answer.text]).toEqual([204, '']);
  expectError(await crew.owner.get(`${PATH}/${id}`), 404, 'not_found');
  expectError(await remove(crew.owner, id), 404, 'not_found');
});

test('the default one stays: 409, until another one is it', async () => {
  const { body } = await app.platform.get(`${PATH}?filter[organizationId]=${crew.id}&filter[isDefault]=true`);
  const [{ id: first }] = body.data;
  for (const asker of [crew.owner, app.platform]) expectError(await remove(asker, first), 409, 'invalid_transition');
  const { can } = (await crew.owner.get(`${PATH}/${first}?withCapabilities=true`)).body.data.meta;
  expect(can).toEqual({ update: true, delete: false });
  const id = await crews.workspace(crew.id);
  await patch(crew.owner, 'workspaces', `${PATH}/${id}`, { isDefault: true });
  expect((await remove(crew.owner, first)).status).toBe(204);
});

test('made the default while it is deleted, one of the two wins and there is a default', async () => {
  for (let i = 0; i < 10; i++) {
    const id = await crews.workspace(crew.id);
    const [made, removed] = await Promise.all([
      patch(crew.owner, 'workspaces', `${PATH}/${id}`, { isDefault: true }),
      remove(crew.admin, id),
    ]);
    expect([
      [200, 409],
      [404, 204],
    ]).toContainEqual([made.status, removed.status]);
    const { body } = await app.platform.get(`${PATH}?filter[organizationId]=${crew.id}&filter[isDefault]=true`);
    expect(body.data).toHaveLength(1);
  }
});

test('a member who was limited to it alone has access to none', async () => {
  const id = await crews.workspace(crew.id);
  const mate = await crews.join(crew.id, ['member'], [id]);
  expect((await mate.get(PATH)).body.data).toHaveLength(1);
  const { etag = '' } = (await crew.owner.get(mate.self)).headers;
  await remove(crew.owner, id);
  expect((await mate.get(PATH)).body.data).toEqual([]);
  // He is limited to others than before: an older version of him is out of date (INV-59).
  expect((await crew.owner.delete(mate.self, { 'If-Match': etag })).status).toBe(412);
  const { data } = (await crew.owner.get(mate.self)).body;
  expect([data.attributes.allWorkspaces, data.relationships.workspaces.data]).toEqual([false, []]);
});

test('billing, auditor and member are told the permission that they lack; a narrow key too', async () => {
  const id = await crews.workspace(crew.id);
  const narrow = await crews.key(crew.id, ['workspaces:read']);
  for (const asker of [crew.billing, crew.auditor, crew.member, narrow]) {
    expectDenied(await remove(asker, id), 'workspaces:manage');
  }
  expect((await remove(app.as(crew.token), id)).status).toBe(204);
});

test('whoever does not see the organization finds nothing [INV-18]', async () => {
  const id = await crews.workspace(crew.id);
  const foreign = await crews.make();
  for (const asker of [foreign.owner, app.as(foreign.token), await app.partner(), await app.user()]) {
    for (const each of [id, NIL]) expectError(await remove(asker, each), 404, 'not_found');
  }
});

test('If-Match that does not fit is 412 [INV-59]', async () => {
  const id = await crews.workspace(crew.id);
  const { etag = '' } = (await app.platform.get(`${PATH}/${id}`)).headers;
  await patch(app.platform, 'workspaces', `${PATH}/${id}`, { name: 'Newer' });
  expect((await remove(app.platform, id, { 'If-Match': etag })).status).toBe(412);
  expect((await app.platform.get(`${PATH}/${id}`)).status).toBe(200);
});

test('a purge takes them all', async () => {
  const { id } = await crews.make();
  const workspace = await crews.workspace(id);
  await crews.join(id, ['member'], [workspace]);
  expect((await app.platform.delete(`${M}/organizations/${id}?purgeNow=true`)).status).toBe(204);
  expect(await app.source.query('select 1 from workspaces where organization_id = $1', [id])).toEqual([]);
});
