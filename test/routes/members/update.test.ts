import { type Body, type Client, document, link, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectAttributeError, expectDenied, expectError, member, single } from '../documents';
import { type Team, type Teammate, Teams } from '../team';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let teams: Teams;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  teams = await Teams.of(app, partner);
});
afterAll(() => app.close());

const ROLES = '/data/relationships/roles/data';
const patch = (
  { id, self }: Teammate,
  attributes: object = {},
  more: object = {},
  asker: Client = app.platform,
  headers = {},
) => asker.patch(self, document('members', attributes, { id, ...more }), headers);
const withRoles = (...codes: string[]) => ({ relationships: { roles: teams.linkage(...codes) } });
const read = async ({ self }: Teammate): Promise<Body> => (await app.platform.get(self)).body.data;
const keyOf = async (team: Team, scopes: string[]): Promise<Client> => {
  const relationships = { organization: link('organizations', team.id) };
  const { body } = await partner.post(`${S}/apiKeys`, document('apiKeys', { name: 'Key', scopes }, { relationships }));
  return app.as(body.data.attributes.secret);
};

describe('attributes', () => {
  test('the answer is 200 with the whole resource, and what was not named stays [UPD-2, UPD-3, UPD-6]', async () => {
    const team = await teams.make(['member']);
    const [one] = team.members as [Teammate];
    const answer = await patch(one, { externalId: 'm-1', metadata: { team: 'a' } });
    const roles = teams.linkage('member').data;
    const shown = member(
      one.id,
      { organization: team.id, user: one.user, roles: roles.map(({ id }) => id) },
      { externalId: 'm-1', metadata: { team: 'a' } },
    );
    expect([answer.status, answer.body]).toEqual([200, single(shown)]);
    expect(await read(one)).toEqual(answer.body.data);
    expect((await patch(one, { externalId: 'm-2' })).body.data.attributes).toMatchObject({
      externalId: 'm-2',
      metadata: { team: 'a' },
    });
    expect((await read(one)).relationships.roles.data).toEqual(teams.linkage('member').data);
  });

  test.each([
    ['externalId', [null, 'x', 'é'.repeat(255)]],
    ['metadata', [{}, { a: { b: [1, 'x', null, true] } }]],
  ])('%s takes each of its values, and is left alone when absent [UPD-2]', async (name, values) => {
    const [one] = (await teams.make(['member'])).members as [Teammate];
    for (const value of values) {
      expect((await patch(one, { [name]: value })).status).toBe(200);
      expect((await read(one)).attributes[name]).toEqual(value);
      await patch(one, {});
      expect((await read(one)).attributes[name]).toEqual(value);
    }
  });

  test.each([
    ['externalId', '', 'too_short'],
    ['externalId', 'x'.repeat(256), 'too_long'],
    ['externalId', 5, 'invalid_format'],
    ['metadata', null, 'invalid_format'],
    ['nope', 1, 'unknown_attribute'],
  ])('%s: %j is 422, and nothing is written [UPD-15]', async (name, value, code) => {
    const [one] = (await teams.make(['member'])).members as [Teammate];
    const before = await read(one);
    const other = name === 'externalId' ? { metadata: { never: 1 } } : { externalId: 'never' };
    expectAttributeError(await patch(one, { ...other, [name]: value }, withRoles('admin')), code, name);
    expect(await read(one)).toEqual(before);
  });

  test('those that only we write are ignored, as the rest of what was read [UPD-18]', async () => {
    const [one] = (await teams.make(['owner'])).members as [Teammate];
    const before = await read(one);
    const attributes = {
      ...before.attributes,
      isPrimaryOwner: false,
      number: 9,
      joinMethod: 'import',
    };
    const answer = await app.platform.patch(one.self, { data: { ...before, attributes } });
    expect(answer.status).toBe(200);
    expect((await read(one)).attributes).toEqual({ ...before.attributes, updatedAt: expect.any(String) });
  });
});

describe('roles', () => {
  test.each([[['admin']], [['admin', 'member']], [['owner', 'admin', 'member']], [['member', 'member']]])(
    '%j replace all that he had [UPD-4, UPD-5]',
    async (codes) => {
      const team = await teams.make(['owner'], ['member']);
      const one = team.members[1] as Teammate;
      const answer = await patch(one, { externalId: 'both' }, withRoles(...codes));
      expect([answer.status, answer.body.data.attributes.externalId]).toEqual([200, 'both']);
      expect(await teams.state(team)).toEqual(['*owner', [...new Set(codes)].join()]);
      expect(await read(one)).toEqual(answer.body.data);
    },
  );

  test('the whole resource as it was read goes back, also with what was included [round trip]', async () => {
    const team = await teams.make(['owner'], ['admin', 'member']);
    const one = team.members[1] as Teammate;
    const { body } = await app.platform.get(`${one.self}?include=roles,user,organization`);
    const answer = await app.platform.patch(one.self, body);
    expect([answer.status, answer.body.data.relationships]).toEqual([200, body.data.relationships]);
    expect(await teams.state(team)).toEqual(['*owner', 'admin,member']);
  });

  test('links or meta without data change nothing; neither of them is a fault [UPD-18]', async () => {
    const [one] = (await teams.make(['admin'])).members as [Teammate];
    for (const roles of [{ links: { self: '/x' } }, { meta: {} }])
      expect((await patch(one, {}, { relationships: { roles } })).body.data.relationships.roles.data).toEqual(
        teams.linkage('admin').data,
      );
    const answer = await patch(one, {}, { relationships: { roles: {} } });
    expectError(answer, 400, 'malformed_document', { source: { pointer: '/data/relationships/roles' } });
  });

  test('none at all is 422 [INV-12]', async () => {
    const [one] = (await teams.make(['member'])).members as [Teammate];
    expectError(await patch(one, { externalId: 'never' }, withRoles()), 422, 'too_short', {
      source: { pointer: ROLES },
    });
    expect((await read(one)).attributes.externalId).toBeNull();
  });

  test.each([
    ['a missing one', () => teams.linkage('admin', NIL), 404, 'not_found', '/1'],
    ['a malformed id', () => teams.linkage('x'), 404, 'not_found', '/0'],
    ['another type', () => ({ data: [{ type: 'users', id: NIL }] }), 409, 'type_mismatch', '/0/type'],
    ['null', () => ({ data: null }), 400, 'malformed_document', ''],
  ])(
    '%s is refused at its place, with all that came along [UPD-11, UPD-15]',
    async (_title, roles, status, code, place) => {
      const team = await teams.make(['member']);
      const [one] = team.members as [Teammate];
      const answer = await patch(one, { externalId: 'never' }, { relationships: { roles: roles() } });
      expectError(answer, status, code, { source: { pointer: `${ROLES}${place}` } });
      expect([await teams.state(team), (await read(one)).attributes.externalId]).toEqual([['member'], null]);
    },
  );

  test('one that can do more than the caller is 403, unless he has it already [INV-13]', async () => {
    const team = await teams.make(['owner'], ['admin']);
    const one = team.members[1] as Teammate;
    const of = ['organizations:read', 'members:read', 'roles:read', 'workspaces:read'];
    const clerk = await keyOf(team, [...of, 'members:update']);
    const answer = await patch(one, { externalId: 'never' }, withRoles('admin', 'member', 'owner'), clerk);
    expectError(answer, 403, 'cannot_grant', { source: { pointer: `${ROLES}/2` } });
    expect(await teams.state(team)).toEqual(['*owner', 'admin']);
    expect((await patch(one, {}, withRoles('admin', 'member'), clerk)).status).toBe(200);
    expect(await teams.state(team)).toEqual(['*owner', 'admin,member']);
    // What he took away he can't give back.
    expect((await patch(one, {}, withRoles('member'), clerk)).status).toBe(200);
    expect((await patch(one, {}, withRoles('admin'), clerk)).status).toBe(403);
  });

  test('the last owner keeps his [INV-2]; with another one the heir takes over [INV-4]', async () => {
    const team = await teams.make(['owner'], ['member'], ['owner']);
    const [first, , third] = team.members as [Teammate, Teammate, Teammate];
    expect((await patch(first, {}, withRoles('admin'))).body.data.attributes.isPrimaryOwner).toBe(false);
    expect(await teams.state(team)).toEqual(['admin', 'member', '*owner']);
    await teams.expectOwned(team);
    expectError(await patch(third, { externalId: 'never' }, withRoles('admin')), 409, 'last_owner');
    expect(await teams.state(team)).toEqual(['admin', 'member', '*owner']);
    expect((await read(third)).attributes.externalId).toBeNull();
  });
});

test.each(['organization', 'user'])('%s is for ever: 403, and nothing is written [UPD-9, INV-18]', async (name) => {
  const team = await teams.make(['member']);
  const other = await teams.make(['member']);
  const [one] = team.members as [Teammate];
  const { data } = (await read(other.members[0] as Teammate)).relationships[name];
  for (const to of [data, null]) {
    const answer = await patch(one, { externalId: 'never' }, { relationships: { [name]: { data: to } } });
    expectError(answer, 403, 'update_not_offered', { source: { pointer: `/data/relationships/${name}` } });
  }
  expect((await read(one)).attributes.externalId).toBeNull();
});

describe('who may', () => {
  test('the organization’s own key, and with members:update only', async () => {
    const team = await teams.make(['member']);
    const [one] = team.members as [Teammate];
    expect((await patch(one, { externalId: 'own' }, {}, app.as(team.token))).status).toBe(200);
    expectDenied(await patch(one, { externalId: 'x' }, {}, await keyOf(team, ['members:read'])), 'members:update');
    expect((await read(one)).attributes.externalId).toBe('own');
  });

  test('a stranger finds nothing', async () => {
    const team = await teams.make(['member']);
    const [one] = team.members as [Teammate];
    const other = await teams.make();
    for (const stranger of [await app.partner(), app.as(other.token)]) {
      expectError(await patch(one, { externalId: 'x' }, {}, stranger), 404, 'not_found');
      expectError(await patch(one, {}, withRoles('admin'), stranger), 404, 'not_found');
    }
    expect(await teams.state(team)).toEqual(['member']);
  });
});

test('If-Match holds for both parts of a change, and is used up by neither alone [INV-59]', async () => {
  const team = await teams.make(['member']);
  const [one] = team.members as [Teammate];
  const { etag = '' } = (await app.platform.get(one.self)).headers;
  const change = (roles: string) =>
    patch(one, { externalId: roles }, withRoles(roles), app.platform, { 'If-Match': etag });
  expect((await change('admin')).status).toBe(200);
  expectError(await change('member'), 412, 'version_mismatch', { source: { header: 'If-Match' } });
  expect([await teams.state(team), (await read(one)).attributes.externalId]).toEqual([['admin'], 'admin']);
});
