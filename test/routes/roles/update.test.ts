import { type Body, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, type Mate, patch, roleLinks } from '../crew';
import { expectAttributeError, expectDenied, expectError, role, single } from '../documents';

const PATH = `${S}/roles`;

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
});
afterAll(() => app.close());

const change = (asker: Parameters<typeof patch>[0], id: string, attributes: object) =>
  patch(asker, 'roles', `${PATH}/${id}`, attributes);
const read = async (id: string): Promise<Body> => (await app.platform.get(`${PATH}/${id}`)).body.data;

test('the answer is 200 with the whole resource, and what was not named stays', async () => {
  const id = await crews.role(crew.id, ['members:read'], 5);
  const { code } = (await read(id)).attributes;
  const answer = await change(crew.owner, id, { name: 'Clerk', description: 'New' });
  const shown = role(
    id,
    { code, name: 'Clerk', description: 'New', rank: 5, permissions: ['members:read'] },
    crew.id,
    0,
  );
  expect([answer.status, answer.body]).toEqual([200, single(shown)]);
  const all = { code: 'other', name: 'O', description: null, rank: 7, permissions: ['roles:read'], externalId: 'x' };
  expect((await change(crew.owner, id, all)).body.data.attributes).toMatchObject(all);
  expect((await read(id)).attributes).toMatchObject(all);
});

test('what was read may be sent back, meta included [round trip]', async () => {
  const id = await crews.role(crew.id, ['members:read'], 5);
  const before = await read(id);
  const answer = await crew.admin.patch(`${PATH}/${id}`, { data: before });
  expect(answer.status).toBe(200);
  expect((await read(id)).attributes).toEqual({ ...before.attributes, updatedAt: expect.any(String) });
});

test.each<[string, unknown, string]>([
  ['code', 'UPPER', 'invalid_format'],
  ['name', null, 'invalid_format'],
  ['rank', 101, 'not_allowed'],
  ['permissions', [], 'too_short'],
])('%s: %j is 422', async (name, value, code) => {
  const id = await crews.role(crew.id, ['members:read']);
  const before = await read(id);
  expectAttributeError(await change(crew.owner, id, { [name]: value }), code, name);
  expect(await read(id)).toEqual(before);
});

test('a code that another role has, or a system role, is 409', async () => {
  const [id, other] = [await crews.role(crew.id, ['members:read']), await crews.role(crew.id, ['members:read'])];
  const source = { pointer: '/data/attributes/code' };
  for (const code of [(await read(other)).attributes.code, 'owner']) {
    expectError(await change(crew.owner, id, { code }), 409, 'code_taken', { source });
  }
});

test('system roles are as they are: 403 for everybody [INV-15]', async () => {
  for (const id of Object.values(crews.roles)) {
    for (const asker of [app.platform, app.as(crew.token), await app.partner()]) {
      expectError(await change(asker, id, { name: 'Mine' }), 403, 'update_not_offered');
    }
    for (const asker of [crew.owner, crew.admin]) expect((await change(asker, id, { name: 'Mine' })).status).toBe(403);
    expect((await read(id)).attributes.name).not.toBe('Mine');
  }
});

test('withCapabilities says so beforehand', async () => {
  const custom = await crews.role(crew.id, ['members:read']);
  const can = async (id: string) => (await app.platform.get(`${PATH}/${id}?withCapabilities=true`)).body.data.meta.can;
  expect(await can(crews.roles.member as string)).toEqual({ update: false, delete: false });
  expect(await can(custom)).toEqual({ update: true, delete: true });
});

describe('who may change what [INV-13]', () => {
  let clerk: Mate;
  beforeAll(async () => {
    clerk = await crews.join(crew.id, [await crews.role(crew.id, ['roles:manage', 'members:read'], 20)]);
  });

  test('permissions that come or go are among one’s own; those that stay are nobody’s business', async () => {
    const id = await crews.role(crew.id, ['members:update', 'members:read'], 20);
    const pointer = '/data/attributes/permissions';
    const refused = async (permissions: string[], place: string) =>
      expectError(await change(clerk, id, { permissions }), 403, 'cannot_grant', {
        source: { pointer: pointer + place },
      });
    await refused(['members:read'], '');
    await refused(['members:update', 'members:read', 'data:erase'], '/2');
    expect((await read(id)).attributes.permissions).toEqual(['members:update', 'members:read']);
    expect((await change(clerk, id, { permissions: ['members:update', 'roles:manage'] })).status).toBe(200);
    expect((await change(clerk, id, { name: 'Renamed' })).status).toBe(200);
  });

  test('a rank above one’s own is neither given nor changed', async () => {
    const low = await crews.role(crew.id, ['members:read'], 20);
    const high = await crews.role(crew.id, ['members:read'], 21);
    const source = { pointer: '/data/attributes/rank' };
    expectError(await change(clerk, low, { rank: 21 }), 403, 'rank_too_low', { source });
    expectError(await change(clerk, high, { rank: 1 }), 403, 'rank_too_low');
    expectError(await change(clerk, high, { name: 'Renamed' }), 403, 'rank_too_low');
    expect((await change(clerk, low, { rank: 3 })).status).toBe(200);
  });

  test('nobody raises himself by his own role', async () => {
    const id = await crews.role(crew.id, ['roles:manage'], 30);
    const mate = await crews.join(crew.id, [id]);
    expectError(await change(mate, id, { rank: 31 }), 403, 'rank_too_low', {
      source: { pointer: '/data/attributes/rank' },
    });
    expect((await change(mate, id, { permissions: ['roles:manage', 'members:remove'] })).body.errors[0].code).toBe(
      'cannot_grant',
    );
  });

  test('billing, auditor and member are told the permission that they lack; a narrow key too', async () => {
    const id = await crews.role(crew.id, ['members:read']);
    for (const asker of [crew.auditor, crew.member]) expectDenied(await change(asker, id, {}), 'roles:manage');
    expectDenied(await change(crew.billing, id, {}), 'roles:manage');
    expectDenied(await change(await crews.key(crew.id, ['roles:read']), id, {}), 'roles:manage');
  });

  test('whoever does not see the organization finds nothing [INV-18]', async () => {
    const id = await crews.role(crew.id, ['members:read']);
    const foreign = await crews.make();
    for (const asker of [foreign.owner, app.as(foreign.token), await app.partner(), await app.user()]) {
      for (const each of [id, NIL]) expectError(await change(asker, each, { name: 'X' }), 404, 'not_found');
      expectError(await asker.get(`${PATH}/${id}`), 404, 'not_found');
      expect((await asker.get(PATH)).body.data.map((each: Body) => each.id)).not.toContain(id);
    }
  });
});

test('whoever has the role can do from the next request on what it says [INV-34]', async () => {
  const id = await crews.role(crew.id, ['roles:read']);
  const mate = await crews.join(crew.id, [id]);
  const path = `${S}/members?filter[organizationId]=${crew.id}`;
  expectDenied(await mate.get(path), 'members:read');
  await change(crew.owner, id, { permissions: ['members:read'] });
  expect((await mate.get(path)).status).toBe(200);
  await change(crew.owner, id, { permissions: ['roles:read'] });
  expectDenied(await mate.get(path), 'members:read');
});

test('If-Match that does not fit is 412, and nothing is written [INV-59]', async () => {
  const id = await crews.role(crew.id, ['members:read']);
  const { etag = '' } = (await app.platform.get(`${PATH}/${id}`)).headers;
  await change(app.platform, id, { name: 'Newer' });
  const late = { data: { type: 'roles', id, attributes: { name: 'Late' } } };
  expectError(await app.platform.patch(`${PATH}/${id}`, late, { 'If-Match': etag }), 412, 'version_mismatch', {
    source: { header: 'If-Match' },
  });
  expect((await read(id)).attributes.name).toBe('Newer');
});

test('memberCount follows those who have it, suspended ones too; of a fieldset it is no part', async () => {
  const id = await crews.role(crew.id, ['members:read']);
  const count = async () => (await read(id)).meta.memberCount;
  const mates = [await crews.join(crew.id, [id]), await crews.join(crew.id, [id, 'member'])] as [Mate, Mate];
  expect(await count()).toBe(2);
  await patch(app.platform, 'members', mates[0].self, { status: 'suspended' });
  expect(await count()).toBe(2);
  await patch(app.platform, 'members', mates[1].self, {}, { roles: roleLinks(crews.roles.member as string) });
  expect(await count()).toBe(1);
  await app.platform.delete(mates[0].self);
  expect(await count()).toBe(0);
  const { body } = await app.platform.get(`${PATH}/${id}?fields[roles]=name`);
  expect(Object.keys(body.data).sort()).toEqual(['attributes', 'id', 'links', 'type']);
});
