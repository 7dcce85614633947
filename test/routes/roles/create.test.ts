import { type Body, createOrganization, document, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, ownedDocument } from '../crew';
import { created, expectAttributeError, expectDenied, expectError, ID, role, single } from '../documents';

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

let made = 0;
const attributes = (more: object = {}) => ({
  code: `code_${made++}`,
  name: 'Support',
  permissions: ['members:read'],
  ...more,
});
const create = (asker = app.platform, more: object = {}, organization = crew.id) =>
  asker.post(PATH, ownedDocument('roles', organization, attributes(more)));
const codes = async (): Promise<string[]> => {
  const { body } = await app.platform.get(
    `${PATH}?filter[organizationId]=${crew.id}&filter[kind]=custom&page[size]=100`,
  );
  return body.data.map((each: Body) => each.attributes.code);
};

test('the answer is 201 with Location and the whole resource, which nobody has yet', async () => {
  const given = {
    code: 'support_lead',
    name: 'Support lead',
    description: 'First line',
    rank: 30,
    permissions: ['members:read', 'invitations:create'],
    externalId: 'r-1',
  };
  const answer = await create(crew.owner, given);
  expect(answer.status).toBe(201);
  const { id } = answer.body.data;
  expect(id).toEqual(ID);
  expect(answer.headers.location).toBe(`${PATH}/${id}`);
  const shown = role(id, given, crew.id, 0);
  expect(answer.body).toEqual(created(shown));
  expect((await crew.owner.get(`${PATH}/${id}`)).body).toEqual(single(shown));
});

test('rank is 0 and description null when they are left out', async () => {
  const { body } = await create();
  expect(body.data.attributes).toMatchObject({ rank: 0, description: null, externalId: null, kind: 'custom' });
});

test('an organization’s key makes one of its own without naming it; others must name one', async () => {
  const answer = await app.as(crew.token).post(PATH, document('roles', attributes()));
  expect([answer.status, answer.body.data.relationships.organization.data.id]).toEqual([201, crew.id]);
  for (const asker of [app.platform, crew.owner]) {
    expectError(await asker.post(PATH, document('roles', attributes())), 422, 'required', {
      source: { pointer: '/data' },
      meta: { attribute: 'organization' },
    });
  }
});

test.each<[string, unknown, string, string?]>([
  ['code', '', 'too_short'],
  ['code', 'x'.repeat(61), 'too_long'],
  ['code', 'Support', 'invalid_format'],
  ['code', 'a-b', 'invalid_format'],
  ['name', '', 'too_short'],
  ['name', 'x'.repeat(101), 'too_long'],
  ['description', 'x'.repeat(256), 'too_long'],
  ['rank', -1, 'not_allowed'],
  ['rank', 101, 'not_allowed'],
  ['rank', 1.5, 'invalid_format'],
  ['permissions', [], 'too_short'],
  ['permissions', ['members:read', 'members:read'], 'invalid_format'],
  ['permissions', ['members:read', 'nope'], 'not_allowed', 'permissions/1'],
  // Those of the operator and of partners are for no role of an organization.
  ['permissions', ['platform:admin'], 'not_allowed', 'permissions/0'],
  ['permissions', ['organizations:suspend'], 'not_allowed', 'permissions/0'],
  ['nope', 1, 'unknown_attribute'],
])('%s: %j is 422', async (name, value, code, pointer = name) => {
  const before = await codes();
  expectAttributeError(await create(app.platform, { [name]: value }), code, pointer);
  expect(await codes()).toEqual(before);
});

test('code, name and permissions are required', async () => {
  const { status, body } = await app.platform.post(PATH, ownedDocument('roles', crew.id, {}));
  expect(status).toBe(422);
  expect(body.errors.map(({ code, meta }: Body) => [code, meta.attribute])).toEqual([
    ['required', 'code'],
    ['required', 'name'],
    ['required', 'permissions'],
  ]);
});

test('kind and number are the server’s [round trip]', async () => {
  const { status, body } = await create(app.platform, { kind: 'system', number: 1 });
  expect([status, body.data.attributes.kind]).toEqual([201, 'custom']);
  expect(body.data.attributes.number).toBeGreaterThan(1);
});

test('a code is taken once per organization, also by one of 10 at the same time, and system codes are taken everywhere', async () => {
  const other = await createOrganization(app.platform);
  const answers = await Promise.all(Array.from({ length: 10 }, () => create(crew.owner, { code: 'twice' })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
  const source = { pointer: '/data/attributes/code' };
  expectError(await create(crew.owner, { code: 'twice' }), 409, 'code_taken', { source });
  expect((await create(app.platform, { code: 'twice' }, other.id)).status).toBe(201);
  for (const code of Object.keys(crews.roles)) {
    expectError(await create(crew.owner, { code }), 409, 'code_taken', { source });
  }
});

describe('who may', () => {
  test('owner and admin; billing, auditor and member are told the permission that they lack', async () => {
    for (const asker of [crew.owner, crew.admin, app.as(crew.token)]) expect((await create(asker)).status).toBe(201);
    for (const asker of [crew.billing, crew.auditor, crew.member]) {
      expectDenied(await create(asker), 'roles:manage');
    }
    expectDenied(await create(await crews.key(crew.id, ['roles:read'])), 'roles:manage');
  });

  test('a custom role with roles:manage makes what it can do itself, of its own rank at the most [INV-13]', async () => {
    const id = await crews.role(crew.id, ['roles:manage', 'members:read'], 20);
    const clerk = await crews.join(crew.id, [id]);
    expect((await create(clerk, { permissions: ['members:read', 'roles:manage'], rank: 20 })).status).toBe(201);
    expectError(await create(clerk, { rank: 21 }), 403, 'rank_too_low', {
      source: { pointer: '/data/attributes/rank' },
    });
    const { status, body } = await create(clerk, { permissions: ['members:update', 'members:read', 'data:erase'] });
    expect(status).toBe(403);
    expect(body.errors.map(({ code, source }: Body) => [code, source.pointer])).toEqual([
      ['cannot_grant', '/data/attributes/permissions/0'],
      ['cannot_grant', '/data/attributes/permissions/2'],
    ]);
  });

  test('an admin does not write what only an owner has [INV-13]', async () => {
    const permissions = ['organizations:delete'];
    const source = { pointer: '/data/attributes/permissions/0' };
    expectError(await create(crew.admin, { permissions }), 403, 'cannot_grant', { source });
    expectError(await create(crew.admin, { rank: 81 }), 403, 'rank_too_low', {
      source: { pointer: '/data/attributes/rank' },
    });
    expect((await create(crew.owner, { permissions, rank: 100 })).status).toBe(201);
  });

  test('a key gives what its scopes are [INV-13]', async () => {
    const key = await crews.key(crew.id, ['roles:manage', 'members:read']);
    expect((await create(key)).status).toBe(201);
    expectError(await create(key, { permissions: ['members:update'] }), 403, 'cannot_grant', {
      source: { pointer: '/data/attributes/permissions/0' },
    });
  });

  test('an organization that the caller does not see is 404, like a missing one [INV-18]', async () => {
    const stranger = await app.user();
    const foreign = await crews.make();
    for (const asker of [stranger, foreign.owner, app.as(foreign.token), await app.partner()]) {
      for (const id of [crew.id, NIL]) {
        expectError(await create(asker, {}, id), 404, 'not_found', {
          source: { pointer: '/data/relationships/organization/data' },
        });
      }
    }
  });

  test('nobody in a suspended organization', async () => {
    const { id, owner } = await crews.make();
    const suspended = { status: 'suspended', statusReason: 'unpaid' };
    await app.platform.patch(`/public/v2/management/organizations/${id}`, document('organizations', suspended, { id }));
    expectError(await create(owner, {}, id), 403, 'organization_suspended');
  });
});

test('over the quota of roles it is 409 with the numbers', async () => {
  const { id, owner } = await crews.make();
  const quotas = { roles: 1 };
  await app.platform.patch(`/public/v2/management/organizations/${id}`, document('organizations', { quotas }, { id }));
  expect((await create(owner, {}, id)).status).toBe(201);
  expectError(await create(owner, {}, id), 409, 'quota_exceeded', { meta: { limit: 1, used: 1 } });
});
