import {
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { created, expectAttributeError, expectDenied, expectError, ID, member, single } from '../documents';

const PATH = `${S}/members`;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let roles: Record<string, string>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  const { body } = await app.platform.get(`${S}/roles`);
  roles = Object.fromEntries(
    body.data.map((each: never) => [
      (each as { attributes: { code: string } }).attributes.code,
      (each as { id: string }).id,
    ]),
  );
});
afterAll(() => app.close());

const role = (...codes: string[]) => ({ data: codes.map((code) => ({ type: 'roles', id: roles[code] ?? code })) });
const create = (organization: string, user: string, more: object = {}, asker: Client = app.platform, attributes = {}) =>
  asker.post(
    PATH,
    document('members', attributes, {
      relationships: { organization: link('organizations', organization), user: link('users', user), ...more },
    }),
  );
const both = async (asker: Client = app.platform) => ({
  organization: (await createOrganization(asker)).id as string,
  user: (await createUser(asker)).id as string,
});
const ownerOf = async (organization: string) =>
  (await app.platform.get(`${M}/organizations/${organization}`)).body.data.relationships.owner.data;

test('the answer is 201 with Location and the whole resource; the role is member when none is named', async () => {
  const { organization, user } = await both();
  const attributes = { externalId: 'm-1', metadata: { team: 'a' } };
  const answer = await create(organization, user, {}, app.platform, attributes);
  expect(answer.status).toBe(201);
  const { id } = answer.body.data;
  expect(id).toEqual(ID);
  expect(answer.headers.location).toBe(`${PATH}/${id}`);
  const shown = member(id, { organization, user, roles: [roles.member as string] }, attributes);
  expect(answer.body).toEqual(created(shown));
  expect((await app.platform.get(`${PATH}/${id}`)).body).toEqual(single(shown));
  expect((await app.platform.get(`${PATH}?filter[organizationId]=${organization}`)).body.data).toEqual([shown]);
});

test.each([
  [['admin'], ['admin']],
  [
    ['member', 'admin'],
    ['admin', 'member'],
  ],
  [['member', 'member'], ['member']],
  [[], ['member']],
])('the roles %j are given as %j, the most powerful first', async (asked, given) => {
  const { organization, user } = await both();
  const { status, body } = await create(organization, user, { roles: role(...asked) });
  expect(status).toBe(201);
  expect(body.data.relationships.roles).toMatchObject(role(...given));
  expect((await app.platform.get(`${PATH}/${body.data.id}`)).body.data).toEqual(body.data);
});

test('include brings user, organization and roles', async () => {
  const { organization, user } = await both();
  const { id } = (await create(organization, user)).body.data;
  const { body } = await app.platform.get(`${PATH}/${id}?include=user,organization,roles`);
  const found = body.included.map((each: { type: string; id: string }) => `${each.type} ${each.id}`);
  expect(found.sort()).toEqual([`organizations ${organization}`, `roles ${roles.member}`, `users ${user}`]);
});

describe('owners', () => {
  test('the first is the primary one, and the organization’s owner; the second is not [INV-1] [INV-4]', async () => {
    const { organization, user } = await both();
    const { id: second } = await createUser(app.platform);
    expect(await ownerOf(organization)).toBeNull();
    const before = (await app.platform.get(`${M}/organizations/${organization}`)).headers.etag;
    const first = await create(organization, user, { roles: role('owner') });
    expect(first.body.data.attributes.isPrimaryOwner).toBe(true);
    expect(await ownerOf(organization)).toEqual({ type: 'users', id: user });
    expect((await app.platform.get(`${M}/organizations/${organization}`)).headers.etag).not.toBe(before);
    const next = await create(organization, second, { roles: role('owner', 'admin') });
    expect(next.body.data.attributes.isPrimaryOwner).toBe(false);
    expect(await ownerOf(organization)).toEqual({ type: 'users', id: user });
    const { body } = await app.platform.get(
      `${PATH}?filter[organizationId]=${organization}&filter[isPrimaryOwner]=true`,
    );
    expect(body.data).toEqual([first.body.data]);
  });

  test('an admin is none', async () => {
    const { organization, user } = await both();
    const { body } = await create(organization, user, { roles: role('admin') });
    expect(body.data.attributes.isPrimaryOwner).toBe(false);
    expect(await ownerOf(organization)).toBeNull();
  });

  test('of 10 made at the same time one is the primary one [INV-4]', async () => {
    const { id } = await createOrganization(app.platform);
    const users = await Promise.all(Array.from({ length: 10 }, () => createUser(app.platform)));
    const answers = await Promise.all(users.map((user) => create(id, user.id, { roles: role('owner') })));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201));
    const primary = answers.filter(({ body }) => body.data.attributes.isPrimaryOwner);
    expect(primary.map(({ body }) => body.data.relationships.user.data)).toEqual([await ownerOf(id)]);
  });
});

test('a member of the organization already is 409, also for one of 10 at the same time [INV-12]', async () => {
  const { organization, user } = await both();
  const answers = await Promise.all(Array.from({ length: 10 }, () => create(organization, user)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
  const source = { pointer: '/data/relationships/user/data' };
  expectError(await create(organization, user, { roles: role('owner') }), 409, 'already_member', { source });
  expect(await ownerOf(organization)).toBeNull();
  const { body } = await app.platform.get(`${PATH}?filter[organizationId]=${organization}`);
  expect([body.data.length, body.meta.total]).toEqual([1, 1]);
});

test('organization and user are required, each with its pointer', async () => {
  const answer = await app.platform.post(PATH, document('members'));
  expect(answer.status).toBe(422);
  const told = answer.body.errors.map(({ code, source, meta }: never) => [
    code,
    source,
    (meta as { attribute: string }).attribute,
  ]);
  expect(told).toEqual([
    ['required', { pointer: '/data' }, 'organization'],
    ['required', { pointer: '/data' }, 'user'],
  ]);
  const { organization } = await both();
  const empty = { relationships: { organization: link('organizations', organization), user: { data: null } } };
  const { body } = await app.platform.post(PATH, document('members', {}, empty));
  expect(body.errors).toMatchObject([{ code: 'required', source: { pointer: '/data/relationships/user/data' } }]);
});

describe('what the caller can’t see is 404 with its pointer [INV-18]', () => {
  const foreign = async () => both(await app.partner());
  const source = (name: string) => ({ source: { pointer: `/data/relationships/${name}/data` } });

  test.each(['missing', 'foreign', 'deleted'])('a %s organization', async (kind) => {
    const { organization, user } = await both(partner);
    let other: string = NIL;
    if (kind === 'foreign') other = (await foreign()).organization;
    if (kind === 'deleted') {
      other = organization;
      await partner.delete(`${M}/organizations/${other}`);
    }
    expectError(await create(other, user, {}, partner), 404, 'not_found', source('organization'));
  });

  test.each(['missing', 'foreign'])('a %s user', async (kind) => {
    const { organization } = await both(partner);
    const other = kind === 'foreign' ? (await foreign()).user : NIL;
    expectError(await create(organization, other, {}, partner), 404, 'not_found', source('user'));
    expect((await partner.get(`${PATH}?filter[organizationId]=${organization}`)).body.data).toEqual([]);
  });

  test('a missing role, at its place in the list; nothing is written', async () => {
    const { organization, user } = await both(partner);
    const answer = await create(organization, user, { roles: role('admin', NIL) }, partner);
    expectError(answer, 404, 'not_found', { source: { pointer: '/data/relationships/roles/data/1' } });
    expect((await partner.get(`${PATH}?filter[organizationId]=${organization}`)).body.data).toEqual([]);
  });
});

test.each<[string, string, unknown, string, string?]>([
  ['externalId', 'empty', '', 'too_short'],
  ['externalId', 'of 256 characters', 'x'.repeat(256), 'too_long'],
  ['metadata', 'null', null, 'invalid_format'],
  ['metadata', 'with a key that is no member name', { 'a.b': 1 }, 'invalid_format', 'metadata/a.b'],
  ['role', 'given as an attribute', 'owner', 'unknown_attribute'],
])('%s may not be %s: 422', async (attribute, _about, given, code, pointer = attribute) => {
  const { organization, user } = await both();
  expectAttributeError(await create(organization, user, {}, app.platform, { [attribute]: given }), code, pointer);
});

test('an organization key may not: everybody but platform and partner invites (rulings)', async () => {
  const made = await createOrganization(partner);
  const user = await createUser(partner);
  expectDenied(await create(made.id, user.id, {}, app.as(made.attributes.token)), 'members:update');
  expect((await create(made.id, user.id, {}, partner)).status).toBe(201);
});
