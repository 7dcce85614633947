import { createOrganization, createUser, document, link, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch, roleLinks } from '../crew';
import { expectError } from '../documents';

/** Nobody grants what he lacks (INV-13): roles given by people and narrow keys, by each of the ways there are. */

const ROLES = '/data/relationships/roles/data';

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

const give = (asker: Parameters<typeof patch>[0], self: string, ...codes: string[]) =>
  patch(asker, 'members', self, {}, { roles: crews.linkage(...codes) });
const at = (place: number) => ({ source: { pointer: `${ROLES}/${place}` } });

test('an admin gives what he can do himself, and not billing, which can do more', async () => {
  for (const code of ['admin', 'auditor', 'member']) {
    expect((await give(crew.admin, crew.member.self, code)).status).toBe(200);
    expect(await crews.rolesOf(crew.member.self)).toEqual([code]);
    await give(app.platform, crew.member.self, 'member');
  }
  expectError(await give(crew.admin, crew.member.self, 'member', 'billing'), 403, 'cannot_grant', at(1));
  expect(await crews.rolesOf(crew.member.self)).toEqual(['member']);
});

test('only an owner makes an owner: 403 for an admin, and for a role that can do as much', async () => {
  const all = (await app.platform.get(`${S}/roles/${crews.roles.owner}`)).body.data.attributes.permissions;
  const almighty = await crews.join(crew.id, [await crews.role(crew.id, all, 100)]);
  for (const asker of [crew.admin, almighty]) {
    expectError(await give(asker, crew.member.self, 'member', 'owner'), 403, 'owner_required', at(1));
    expectError(
      await asker.post(`${crew.member.self}/relationships/roles`, crews.linkage('owner')),
      403,
      'owner_required',
      { source: { pointer: '/data/0' } },
    );
  }
  expect((await give(crew.owner, crew.member.self, 'owner')).status).toBe(200);
});

test('nobody hands the organization over but an owner', async () => {
  const herald = await crews.join(crew.id, [await crews.role(crew.id, ['organizations:transfer'], 50)]);
  const to = (user: string) => ({ data: { type: 'users', id: user } });
  const owner = `${crew.self}/relationships/owner`;
  expectError(await herald.patch(owner, to(herald.id)), 403, 'owner_required', { source: { pointer: '/data' } });
  const { status, body } = await crew.admin.patch(owner, to(crew.admin.id));
  expect([status, body.errors[0].code]).toEqual([403, 'permission_denied']);
  expect((await crew.owner.patch(owner, to(crew.admin.id))).status).toBe(200);
  expect(await crews.rolesOf(crew.owner.self)).toEqual(['admin']);
  // Now he is no owner any more, from the next request on.
  expect((await crew.owner.patch(owner, to(crew.owner.id))).status).toBe(403);
});

test('a role that ranks above one’s own is not given, however little it can do', async () => {
  const rights = ['members:read', 'members:update'];
  const lead = await crews.join(crew.id, [await crews.role(crew.id, rights, 30)]);
  const [equal, above] = [await crews.role(crew.id, rights, 30), await crews.role(crew.id, ['members:read'], 31)];
  expectError(await give(lead, crew.member.self, 'member', above), 403, 'cannot_grant', at(1));
  // He has `roles:read` of it already, which the lead lacks; the new one is within his rights.
  expect((await give(lead, crew.member.self, 'member', equal)).status).toBe(200);
  expectError(await give(lead, crew.member.self, 'member'), 403, 'rank_too_low');
});

test('judged by what the member was before: roles and attributes change in one [INV-14]', async () => {
  const rights = ['members:read', 'members:update'];
  const equal = await crews.role(crew.id, rights, 30);
  const lead = await crews.join(crew.id, [await crews.role(crew.id, rights, 30)]);
  const answer = await patch(
    lead,
    'members',
    crew.member.self,
    { externalId: 'promoted' },
    { roles: roleLinks(equal) },
  );
  expect([answer.status, answer.body.data.attributes.externalId]).toEqual([200, 'promoted']);
});

test('nobody raises himself; he may lower himself', async () => {
  expectError(await give(crew.admin, crew.admin.self, 'admin', 'owner'), 403, 'owner_required', at(1));
  expectError(await give(crew.admin, crew.admin.self, 'admin', 'billing'), 403, 'cannot_grant', at(1));
  const rights = ['members:read', 'members:update'];
  const [low, high] = [await crews.role(crew.id, rights, 30), await crews.role(crew.id, rights, 31)];
  const lead = await crews.join(crew.id, [low]);
  expectError(await give(lead, lead.self, low, high), 403, 'cannot_grant', at(1));
  expectError(await give(lead, lead.self, low, 'member'), 403, 'cannot_grant', at(1));
  const answer = await patch(
    crew.admin,
    'members',
    crew.admin.self,
    { externalId: 'x' },
    { roles: crews.linkage('member') },
  );
  expect([answer.status, answer.body.data.attributes.externalId]).toEqual([200, 'x']);
  expect((await give(crew.admin, crew.admin.self, 'admin')).status).toBe(403);
});

test('what an owner may no more he can’t give in the next request [INV-34]', async () => {
  const other = await crews.join(crew.id, ['owner']);
  expect((await give(other, crew.owner.self, 'member')).status).toBe(200);
  expect((await give(crew.owner, crew.member.self, 'admin')).status).toBe(403);
  expect(await crews.rolesOf(crew.member.self)).toEqual(['member']);
});

describe('by each of the ways', () => {
  test.each(['PATCH of the member', 'PATCH of the linkage', 'POST to the linkage', 'an atomic operation'])(
    'in a %s',
    async (way) => {
      const { self, member: id } = crew.member;
      const linkage = crews.linkage('member', 'owner');
      const url = `${self}/relationships/roles`;
      const { admin } = crew;
      const operation = { op: 'update', ref: { type: 'members', id, relationship: 'roles' }, ...linkage };
      const [answer, pointer] =
        way === 'PATCH of the member'
          ? [await give(admin, self, 'member', 'owner'), `${ROLES}/1`]
          : way === 'PATCH of the linkage'
            ? [await admin.patch(url, linkage), '/data/1']
            : way === 'POST to the linkage'
              ? [await admin.post(url, linkage), '/data/1']
              : [
                  await admin.post(`${S}/operations`, { 'atomic:operations': [operation] }, ATOMIC),
                  '/atomic:operations/0/data/1',
                ];
      const [error] = answer.body.errors;
      expect([answer.status, error.code, error.source]).toEqual([403, 'owner_required', { pointer }]);
      expect(await crews.rolesOf(self)).toEqual(['member']);
    },
  );
});

const ATOMIC = {
  'Content-Type': 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"',
  Accept: 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"',
};

test('roles of another organization are 404, like missing ones, in every way [INV-18]', async () => {
  const foreign = await crews.make();
  const role = await crews.role(foreign.id, ['members:read']);
  const both = await crews.join(crew.id, ['owner']);
  // Even for somebody who sees both.
  await app.platform.post(
    `${S}/members`,
    document(
      'members',
      {},
      {
        relationships: {
          organization: link('organizations', foreign.id),
          user: link('users', both.id),
          roles: crews.linkage('owner'),
        },
      },
    ),
  );
  for (const asker of [crew.owner, both, app.platform, app.as(crew.token)]) {
    for (const id of [role, NIL]) {
      expectError(await give(asker, crew.member.self, 'member', id), 404, 'not_found', at(1));
      expectError(await asker.post(`${crew.member.self}/relationships/roles`, roleLinks(id)), 404, 'not_found', {
        source: { pointer: '/data/0' },
      });
    }
  }
  expect(await crews.rolesOf(crew.member.self)).toEqual(['member']);
});

describe('when a member is made', () => {
  const create = async (organization: string, relationships: object, attributes: object = {}) => {
    const user = link('users', (await createUser(app.platform)).id);
    const all = { organization: link('organizations', organization), user, ...relationships };
    return app.platform.post(`${S}/members`, document('members', attributes, { relationships: all }));
  };

  test('roles and workspaces are those of the organization [INV-12, INV-18]', async () => {
    const foreign = await crews.make();
    const [role, workspace] = [await crews.role(foreign.id, ['members:read']), await crews.workspace(foreign.id)];
    for (const id of [role, NIL]) expectError(await create(crew.id, { roles: roleLinks(id) }), 404, 'not_found', at(0));
    for (const id of [workspace, NIL]) {
      const workspaces = { data: [{ type: 'workspaces', id }] };
      expectError(await create(crew.id, { workspaces }), 404, 'not_found', {
        source: { pointer: '/data/relationships/workspaces/data/0' },
      });
    }
  });

  test('the default role of the organization is his who is given none; where it is gone, member', async () => {
    const id = await crews.role(crew.id, ['members:read']);
    const { code } = (await app.platform.get(`${S}/roles/${id}`)).body.data.attributes;
    await app.source.query(
      "update organizations set settings = jsonb_build_object('defaultRole', $2::text) where id = $1",
      [crew.id, code],
    );
    const roles = async () => (await create(crew.id, {})).body.data.relationships.roles.data;
    expect(await roles()).toEqual(roleLinks(id).data.length === 1 ? [{ type: 'roles', id }] : []);
    for (const { links } of (await app.platform.get(`${S}/members?filter[roleId]=${id}`)).body.data) {
      await app.platform.delete(links.self);
    }
    expect((await app.platform.delete(`${S}/roles/${id}`)).status).toBe(204);
    expect(await roles()).toEqual(crews.linkage('member').data);
  });

  test('over the quota of members it is 409', async () => {
    const { id } = await createOrganization(app.platform, { quotas: { members: 1 } });
    expect((await create(id, {})).status).toBe(201);
    expectError(await create(id, {}), 409, 'quota_exceeded', { meta: { limit: 1, used: 1 } });
  });
});
