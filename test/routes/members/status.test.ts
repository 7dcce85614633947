import { M, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch, workspaceLinks } from '../crew';
import { expectAttributeError, expectDenied, expectError } from '../documents';

/** Members are suspended, reactivated and removed by people (INV-2, INV-14, INV-17, INV-34). */

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
});
beforeEach(async () => {
  crew = await crews.make();
});
afterAll(() => app.close());

const set = (asker: Parameters<typeof patch>[0], self: string, status: string) =>
  patch(asker, 'members', self, { status });
const statusOf = async (self: string) => (await app.platform.get(self)).body.data?.attributes.status;

test('a suspended member sees nothing of the organization from the next request on; reactivated, all of it [INV-34]', async () => {
  const { member, admin } = crew;
  const paths = [crew.self, `${S}/members/${member.member}`, `${S}/roles?filter[organizationId]=${crew.id}`];
  const statuses = async () => [
    ...new Set((await Promise.all(paths.map((path) => member.get(path)))).map((each) => each.status)),
  ];
  expect(await statuses()).toEqual([200]);
  expect((await set(admin, member.self, 'suspended')).body.data.attributes.status).toBe('suspended');
  expect(await statusOf(member.self)).toBe('suspended');
  for (const path of paths.slice(0, 2)) expectError(await member.get(path), 404, 'not_found');
  expect((await member.get(paths[2] as string)).body.data).toEqual([]);
  for (const type of ['members', 'workspaces']) expect((await member.get(`${S}/${type}`)).body.data).toEqual([]);
  expect((await member.get(`${M}/organizations`)).body.data).toEqual([]);
  expect((await set(admin, member.self, 'active')).status).toBe(200);
  expect(await statuses()).toEqual([200]);
});

test('a removed one too, with every token that he has [INV-17]', async () => {
  const { member, owner } = crew;
  const another = await app.services.db.query('select 1 from access_tokens where user_id = $1', [member.id]);
  expect(another).toHaveLength(1);
  expect((await member.get(crew.self)).status).toBe(200);
  expect((await owner.delete(member.self)).status).toBe(204);
  expectError(await member.get(crew.self), 404, 'not_found');
  expectError(await member.get(member.self), 404, 'not_found');
  expect((await member.get(`${M}/organizations`)).body.data).toEqual([]);
  // He is still who he is.
  expect((await member.get(`${S}/users/${member.id}`)).status).toBe(200);
});

test('the list of members is filtered by status', async () => {
  await set(crew.admin, crew.member.self, 'suspended');
  const { body } = await crew.owner.get(`${S}/members?filter[organizationId]=${crew.id}&filter[status]=suspended`);
  expect(body.data.map(({ id }: { id: string }) => id)).toEqual([crew.member.member]);
});

test.each(['gone', null, true])('%j is no status: 422', async (status) => {
  const answer = await patch(crew.owner, 'members', crew.member.self, { status });
  expect([answer.status, answer.body.errors[0].source]).toEqual([422, { pointer: '/data/attributes/status' }]);
  expect(await statusOf(crew.member.self)).toBe('active');
});

test('joinMethod, joinedAt and number are the server’s; what is unknown is 422', async () => {
  const answer = await patch(crew.owner, 'members', crew.member.self, { joinMethod: 'import', number: 1 });
  expect([answer.status, answer.body.data.attributes.joinMethod]).toEqual([200, 'admin']);
  expectAttributeError(
    await patch(crew.owner, 'members', crew.member.self, { role: 'x' }),
    'unknown_attribute',
    'role',
  );
});

describe('rank [INV-14]', () => {
  test('an admin neither suspends, changes nor removes an owner', async () => {
    const { admin, owner } = crew;
    const before = (await app.platform.get(owner.self)).body;
    for (const answer of [
      await set(admin, owner.self, 'suspended'),
      await patch(admin, 'members', owner.self, { externalId: 'x' }),
      await patch(admin, 'members', owner.self, {}, { roles: crews.linkage('member') }),
      await admin.post(`${owner.self}/relationships/roles`, crews.linkage('member')),
      await admin.delete(`${owner.self}/relationships/roles`, {}, crews.linkage('owner')),
      await admin.patch(`${owner.self}/relationships/workspaces`, workspaceLinks()),
      await admin.delete(owner.self),
    ]) {
      expectError(answer, 403, 'rank_too_low');
    }
    expect((await app.platform.get(owner.self)).body).toEqual(before);
  });

  test('owners among themselves and admins among themselves may', async () => {
    const [owner, admin] = [await crews.join(crew.id, ['owner']), await crews.join(crew.id, ['admin', 'member'])];
    expect((await set(crew.owner, owner.self, 'suspended')).status).toBe(200);
    expect((await set(crew.owner, owner.self, 'active')).status).toBe(200);
    expect((await owner.delete(crew.owner.self)).status).toBe(204);
    expect((await set(crew.admin, admin.self, 'suspended')).status).toBe(200);
    expect((await set(crew.admin, admin.self, 'active')).status).toBe(200);
    expect((await admin.delete(crew.admin.self)).status).toBe(204);
  });

  test('others of equal rank may not, whatever their roles are called', async () => {
    const rights = ['members:read', 'members:update', 'members:remove'];
    const [leads, alike] = [await crews.role(crew.id, rights, 80), await crews.role(crew.id, rights, 80)];
    const [lead, peer] = [await crews.join(crew.id, [leads]), await crews.join(crew.id, [alike])];
    for (const target of [peer, crew.admin]) {
      expectError(await set(lead, target.self, 'suspended'), 403, 'rank_too_low');
      expectError(await lead.delete(target.self), 403, 'rank_too_low');
    }
    expectError(await set(crew.admin, lead.self, 'suspended'), 403, 'rank_too_low');
    expect((await set(lead, crew.member.self, 'suspended')).status).toBe(200);
    expect((await lead.delete(crew.billing.self)).status).toBe(204);
  });

  test('the highest of several ranks counts', async () => {
    const lead = await crews.join(crew.id, [await crews.role(crew.id, ['members:update', 'members:remove'], 60)]);
    const both = await crews.join(crew.id, ['member', await crews.role(crew.id, ['members:read'], 61)]);
    expectError(await lead.delete(both.self), 403, 'rank_too_low');
    await patch(app.platform, 'members', both.self, {}, { roles: crews.linkage('member') });
    expect((await lead.delete(both.self)).status).toBe(204);
  });

  test('a key ranks as its maker did; the platform and partners rank above everybody', async () => {
    const token = app.as(crew.token);
    expect((await set(token, crew.admin.self, 'suspended')).status).toBe(200);
    expect((await set(app.platform, crew.admin.self, 'active')).status).toBe(200);
    // What an admin made: its ceiling is his.
    await app.source.query(
      "update api_keys set ceiling = (select permissions from roles where code = 'admin') where organization_id = $1",
      [crew.id],
    );
    app.services.callers.forget();
    expectError(await set(token, crew.owner.self, 'suspended'), 403, 'rank_too_low');
    expect((await set(token, crew.admin.self, 'suspended')).status).toBe(200);
  });
});

describe('who may', () => {
  test('billing, auditor and member are told the permission that they lack', async () => {
    const other = await crews.join(crew.id, ['member']);
    for (const asker of [crew.billing, crew.auditor, crew.member]) {
      expectDenied(await set(asker, other.self, 'suspended'), 'members:update');
      expectDenied(await asker.patch(`${other.self}/relationships/roles`, crews.linkage('member')), 'members:update');
      expectDenied(await asker.patch(`${other.self}/relationships/workspaces`, workspaceLinks()), 'members:update');
      expectDenied(await asker.delete(other.self), 'members:remove');
    }
    const narrow = await crews.key(crew.id, ['members:read', 'members:update']);
    expectDenied(await narrow.delete(other.self), 'members:remove');
    expect((await set(narrow, other.self, 'suspended')).status).toBe(200);
  });

  test('whoever is a member may leave; the last owner may not [INV-2]', async () => {
    for (const mate of [crew.admin, crew.billing, crew.auditor, crew.member]) {
      expect((await mate.delete(mate.self)).status).toBe(204);
      expectError(await mate.get(crew.self), 404, 'not_found');
    }
    expectError(await crew.owner.delete(crew.owner.self), 409, 'last_owner');
    expect((await crew.owner.get(crew.self)).status).toBe(200);
  });

  test('whoever suspends himself is told so, and is out', async () => {
    const { status, body } = await set(crew.admin, crew.admin.self, 'suspended');
    expect([status, body.data.attributes.status]).toEqual([200, 'suspended']);
    expectError(await crew.admin.get(crew.admin.self), 404, 'not_found');
    expectError(await set(crew.owner, crew.owner.self, 'suspended'), 409, 'last_owner');
  });

  test('whoever does not see the organization finds nothing [INV-18]', async () => {
    const foreign = await crews.make();
    for (const asker of [foreign.owner, app.as(foreign.token), await app.partner(), await app.user()]) {
      expectError(await set(asker, crew.member.self, 'suspended'), 404, 'not_found');
      expectError(await asker.delete(crew.member.self), 404, 'not_found');
    }
    expect(await statusOf(crew.member.self)).toBe('active');
  });
});

describe('owners', () => {
  test('the last active one is not suspended: 409, whoever asks [INV-2]', async () => {
    const other = await crews.join(crew.id, ['owner']);
    expect((await set(crew.owner, other.self, 'suspended')).status).toBe(200);
    for (const asker of [crew.owner, app.platform, app.as(crew.token)]) {
      expectError(await set(asker, crew.owner.self, 'suspended'), 409, 'last_owner');
      expectError(
        await patch(asker, 'members', crew.owner.self, {}, { roles: crews.linkage('admin') }),
        409,
        'last_owner',
      );
      expectError(await asker.delete(crew.owner.self), 409, 'last_owner');
    }
    expect(await statusOf(crew.owner.self)).toBe('active');
  });

  test('when the primary one is suspended another one takes his place, and keeps it [INV-4]', async () => {
    const other = await crews.join(crew.id, ['owner']);
    const primary = async () => (await app.platform.get(`${crew.self}/owner`)).body.data.id;
    expect((await set(other, crew.owner.self, 'suspended')).body.data.attributes.isPrimaryOwner).toBe(false);
    expect(await primary()).toBe(other.id);
    expect((await set(other, crew.owner.self, 'active')).status).toBe(200);
    expect(await primary()).toBe(other.id);
  });
});
