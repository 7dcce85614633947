import {
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  MEDIA_TYPE,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { isFullyLinked } from '../support/document';
import { buildWorld, errorsOf, masked, membership, pathOf, RELATIONSHIPS, sampleOf, type World } from './world';

let app: TestApp;
let world: World;
/** The partner's other organization, which Acme's key can't see. */
let second: Body;
/** Uwe's memberships in Acme, in the second organization and in the platform's. */
let memberships: Body[];
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  second = await createOrganization(world.partner, { name: 'Second' });
  memberships = [world.members[1]];
  for (const { id } of [second, world.other])
    memberships.push((await app.platform.post(`${S}/members`, membership(id, world.user.id))).body.data);
});
afterAll(() => app.close());

const keysOf = (resources: Body[]): string[] => resources.map(({ type, id }) => `${type} ${id}`).sort();
const REFUSED = [['400', 'invalid_parameter', 'include']];
const narrow = async (...scopes: string[]): Promise<Client> => {
  const relationships = { organization: link('organizations', world.organization.id) };
  const made = await world.partner.post(
    `${S}/apiKeys`,
    document('apiKeys', { name: 'Narrow', scopes }, { relationships }),
  );
  return app.as(made.body.data.attributes.secret);
};

describe('what the caller can’t see', () => {
  test('is neither linked nor counted nor included: each sees the memberships of those whom he sees [CMP-6]', async () => {
    const uwe = `${S}/users/${world.user.id}?include=members.organization,organizations`;
    for (const [client, count] of [
      [app.platform, 3],
      [world.partner, 2],
      [world.key, 1],
    ] as const) {
      const { status, body } = await client.get(uwe);
      const { members, organizations } = body.data.relationships;
      const seen = [world.organization, second, world.other].slice(0, count);
      expect(status).toBe(200);
      expect(keysOf(organizations.data)).toEqual(keysOf(seen));
      expect(keysOf(members.data)).toEqual(keysOf(memberships.slice(0, count)));
      expect([organizations.meta, members.meta]).toEqual(Array(2).fill({ page: { total: count } }));
      expect(keysOf(body.included)).toEqual(keysOf([...seen, ...memberships.slice(0, count)]));
      expect(isFullyLinked(body)).toBe(true);
    }
  });

  test.each([
    ['partner', () => world.partner, () => [world.other.id, memberships[2].id]],
    ['organization', () => world.key, () => [world.other.id, second.id, memberships[1].id, memberships[2].id]],
  ] as const)('is not in any include of a %s, one step or three [CMP-6]', async (_level, client, hidden) => {
    const paths = RELATIONSHIPS.flatMap(([type, name, { type: other }]) =>
      [
        '',
        '.organization',
        '.organizations',
        '.members',
        '.user',
        '.organization.users',
        '.user.organizations',
        '.members.user',
      ].map((more) => [type, `${name}${more}`, other] as const),
    );
    let answered = 0;
    for (const [type, path] of paths) {
      const { status, text } = await client().get(`${pathOf(type)}?include=${path}&page[size]=2`);
      if (status !== 200) continue;
      answered++;
      for (const id of hidden()) expect([type, path, text.includes(id)]).toEqual([type, path, false]);
    }
    expect(answered).toBeGreaterThan(30);
  });

  test('what is behind an include is what its own link shows the same caller [CMP-6]', async () => {
    for (const client of [world.partner, world.key]) {
      const { body } = await client.get(`${S}/users?include=organizations.members.user,members.roles&page[size]=4`);
      expect(isFullyLinked(body)).toBe(true);
      for (const each of body.included as Body[]) expect((await client.get(each.links.self)).status).toBe(200);
      for (const { relationships } of [...body.data, ...body.included] as Body[]) {
        for (const { data, links } of Object.values<Body>(relationships ?? {})) {
          if (Array.isArray(data)) expect((await client.get(links.self)).body.data).toEqual(data);
        }
      }
    }
  });

  test('an organization that is being deleted is left out of includes', async () => {
    const { id } = await createOrganization(world.partner);
    const user = await createUser(world.partner);
    await world.partner.post(`${S}/members`, membership(id, user.id));
    const read = async () =>
      (await world.partner.get(`${S}/users/${user.id}?include=members.organization,organizations`)).body;
    expect((await read()).included).toHaveLength(2);
    await world.partner.delete(`${M}/organizations/${id}`);
    const { data, included } = await read();
    expect([data.relationships.members.data, data.relationships.organizations.meta.page.total, included]).toEqual([
      [],
      0,
      [],
    ]);
  });

  test('a key that was revoked is left out of includes, and not counted', async () => {
    const acme = `${M}/organizations/${world.organization.id}?include=apiKeys`;
    const relationships = { organization: link('organizations', world.organization.id) };
    const made = await world.partner.post(`${S}/apiKeys`, document('apiKeys', { name: 'Short' }, { relationships }));
    const before = (await world.partner.get(acme)).body.data.relationships.apiKeys;
    expect(before.data).toContainEqual({ type: 'apiKeys', id: made.body.data.id });
    await world.partner.delete(made.body.data.links.self);
    const after = (await world.partner.get(acme)).body.data.relationships.apiKeys;
    expect([after.data.length, after.meta.page.total]).toEqual([before.data.length - 1, before.meta.page.total - 1]);
  });

  test('a relationship to a type of other levels can’t be included [CMP-6]', async () => {
    for (const client of [world.partner, world.key]) {
      for (const path of [
        'apiKeys?include=partner',
        'apiKeys?include=organization.partner',
        'members?include=organization.partner.organizations',
      ])
        expect(errorsOf(await client.get(`${S}/${path}`))).toEqual(REFUSED);
      expect(errorsOf(await client.get(`${M}/organizations?include=partner`))).toEqual(REFUSED);
    }
  });

  test('a type that the key has no scope for is 403, not left out, however far down', async () => {
    const reader = await narrow('apiKeys:read', 'organizations:read');
    expect((await reader.get(`${S}/apiKeys?include=organization.apiKeys`)).status).toBe(200);
    for (const [path, required] of [
      ['organization.members', 'members:read'],
      ['organization.apiKeys.organization,organization.users', 'members:read'],
      ['organization.roles', 'roles:read'],
    ]) {
      const { status, body } = await reader.get(`${S}/apiKeys?include=${path}`);
      expect([path, status, body.errors[0].meta]).toEqual([path, 403, { required }]);
    }
  });

  test('secrets stay hidden in what is included [FLD-6]', async () => {
    const made = document('organizations', { webhookUrl: 'https://example.com/in' }, { id: world.organization.id });
    await world.partner.patch(`${M}/organizations/${world.organization.id}`, made);
    const { body } = await world.partner.get(`${S}/members?include=organization.apiKeys&page[size]=4`);
    const values = (body.included as Body[]).flatMap(({ attributes }) =>
      ['token', 'webhookSecret', 'secret'].map((name) => attributes[name]),
    );
    expect(values.filter((value) => value !== null && value !== undefined)).toEqual([]);
    expect(keysOf(body.included).some((key) => key.startsWith('apiKeys'))).toBe(true);
  });
});

describe('other methods', () => {
  test('POST answers with what was asked for, lists too [INC-10]', async () => {
    const { id } = await createUser(app.platform);
    const request = membership(world.other.id, id, [world.roles.member.id]);
    const { status, body } = await app.platform.post(`${S}/members?include=user.members,roles,organization`, request);
    expect(status).toBe(201);
    expect(Object.keys(body)).toEqual(['data', 'included', 'meta', 'jsonapi']);
    const expected = [`organizations ${world.other.id}`, `roles ${world.roles.member.id}`, `users ${id}`];
    expect(keysOf(body.included)).toEqual(expected.sort());
    const user = body.included.find(({ type }: Body) => type === 'users');
    expect(user.relationships.members.data).toEqual([{ type: 'members', id: body.data.id }]);
  });

  test('POST of an organization shows its lists as they begin: no members, a token [INC-10]', async () => {
    const request = document('organizations', { name: 'Made' });
    const { status, body } = await world.partner.post(`${M}/organizations?include=members,apiKeys`, request);
    expect(status).toBe(201);
    const { members, apiKeys } = body.data.relationships;
    expect([members.data, members.meta.page.total, apiKeys.meta.page.total]).toEqual([[], 0, 1]);
    expect(body.included[0]).toMatchObject({
      id: apiKeys.data[0].id,
      attributes: { isOrganizationToken: true, secret: null },
    });
  });

  test('PATCH answers with what was asked for, as GET does [INC-10]', async () => {
    const { id } = world.organization;
    const url = `${M}/organizations/${id}?include=owner,partner,members.user`;
    const { status, body, headers } = await app.platform.patch(
      url,
      document('organizations', { kind: 'club' }, { id }),
    );
    const again = await app.platform.get(url);
    expect([status, body, headers.etag]).toEqual([200, again.body, again.headers.etag]);
    expect(body.included).toHaveLength(1 + 3 + 3);
  });

  test('PATCH shows the linkage that it made [INC-10]', async () => {
    const id = sampleOf(world, 'members');
    const roles = { data: [{ type: 'roles', id: world.roles.admin.id }] };
    const request = document('members', {}, { id, relationships: { roles } });
    const { body } = await app.platform.patch(`${S}/members/${id}?include=roles`, request);
    expect(body.included.map(({ attributes }: Body) => attributes.code)).toEqual(['admin']);
  });

  test('an action answers with what was asked for [INC-10]', async () => {
    const { id } = await createOrganization(world.partner);
    await world.partner.delete(`${M}/organizations/${id}`);
    const { status, body } = await world.partner.post(`${M}/organizations/${id}/restore?include=apiKeys,owner`);
    expect([status, masked(body.included.map(({ type }: Body) => type))]).toEqual([200, ['apiKeys']]);
  });

  test('under an Idempotency-Key it is answered alike, and again [INC-10, CRE-20]', async () => {
    const { id } = await createUser(app.platform);
    const url = `${S}/members?include=user,roles,organization.members`;
    const once = () => app.platform.post(url, membership(second.id, id), { 'Idempotency-Key': 'include-lists' });
    const [first, again] = [await once(), await once()];
    expect([first.status, again.headers['idempotent-replayed'], again.text]).toEqual([201, 'true', first.text]);
    expect(first.body.included.length).toBeGreaterThan(3);
  });

  test('a bad path stops a write before it is done [INC-6, QRY-12]', async () => {
    const request = document('organizations', { name: 'Never' });
    for (const path of ['nope', 'members.nope', 'users.organizations.users.members'])
      expect(errorsOf(await app.platform.post(`${M}/organizations?include=${path}`, request))).toEqual(REFUSED);
    expect((await app.platform.get(`${M}/organizations?filter[name]=Never`)).body.data).toEqual([]);
  });

  test('a type that the key may not read stops a write before it is done', async () => {
    const made = document('apiKeys', { name: 'Narrow', scopes: ['organizations:update', 'organizations:restore'] });
    const secret = (await app.platform.post(`${S}/apiKeys`, made)).body.data.attributes.secret;
    const writer = app.as(secret);
    const { id } = await createOrganization(app.platform, { name: 'Being deleted' });
    await app.platform.delete(`${M}/organizations/${id}`);
    const acme = `${M}/organizations/${world.organization.id}`;
    const change = document('organizations', { name: 'Never' }, { id: world.organization.id });
    for (const answer of [
      await writer.post(`${M}/organizations?include=members`, document('organizations', { name: 'Never' })),
      await writer.patch(`${acme}?include=members`, change),
      await writer.patch(`${acme}?include=owner.organizations`, change),
    ]) {
      expect([answer.status, answer.body.errors[0].meta]).toEqual([403, { required: 'members:read' }]);
    }
    expect((await app.platform.get(`${M}/organizations?filter[name]=Never`)).body.data).toEqual([]);
    // What he can't see is 404 whatever he may include of it, and so is by its id what is being deleted.
    const missing = document('organizations', { name: 'Never' }, { id: NIL });
    expect((await writer.patch(`${M}/organizations/${NIL}?include=members`, missing)).status).toBe(404);
    expect((await writer.post(`${M}/organizations/${id}/restore?include=members`)).status).toBe(404);
    expect((await app.platform.get(`${M}/organizations/${id}`)).status).toBe(404);
    expect((await writer.post(`${M}/organizations/${id}/restore`)).status).toBe(200);
  });

  test('DELETE, writes of linkage, operations and the caller’s page have nothing to include with [INC-1]', async () => {
    const [, { id }] = memberships;
    const roles = { data: [{ type: 'roles', id: world.roles.owner.id }] };
    const atomic = { 'Content-Type': `${MEDIA_TYPE};ext="https://jsonapi.org/ext/atomic"` };
    const remove = { 'atomic:operations': [{ op: 'remove', ref: { type: 'members', id } }] };
    for (const value of ['user', 'roles', '']) {
      for (const answer of [
        await app.platform.delete(`${S}/members/${id}?include=${value}`),
        await app.platform.patch(`${S}/members/${id}/relationships/roles?include=${value}`, roles),
        await app.platform.post(`${S}/members/${id}/relationships/roles?include=${value}`, roles),
        await app.platform.delete(`${S}/members/${id}/relationships/roles?include=${value}`, {}, roles),
        await app.platform.post(`${S}/operations?include=${value}`, remove, atomic),
        await app.platform.get(`${S}/me?include=${value}`),
      ])
        expect(errorsOf(answer)).toEqual(REFUSED);
    }
    const { body } = await app.platform.get(`${S}/members/${id}`);
    expect(body.data.relationships.roles.data).toEqual([{ type: 'roles', id: world.roles.member.id }]);
  });
});
