import { type Body, createOrganization, document, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, ownedDocument, workspaceLinks } from '../crew';
import { created, expectAttributeError, expectDenied, expectError, ID, single, workspace } from '../documents';

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

const create = (asker = app.platform, attributes: object = {}, organization = crew.id) =>
  asker.post(PATH, ownedDocument('workspaces', organization, { name: 'North', ...attributes }));
const all = async (organization: string): Promise<Body[]> =>
  (await app.platform.get(`${PATH}?filter[organizationId]=${organization}&sort=createdAt,id`)).body.data;
const defaultsOf = async (organization: string) =>
  (await all(organization)).filter(({ attributes }) => attributes.isDefault).map(({ id }) => id);

test('an organization begins with one, its default [domain 6.1]', async () => {
  const { id } = await createOrganization(app.platform);
  const [first, ...others] = await all(id);
  expect(first).toEqual(workspace(first.id, { name: 'Default', slug: 'default', isDefault: true }, id));
  expect(others).toEqual([]);
});

test('the answer is 201 with Location and the whole resource', async () => {
  const given = { name: 'North', slug: 'the-north', description: 'Cold', externalId: 'w-1', metadata: { team: 'a' } };
  const answer = await create(crew.owner, given);
  expect(answer.status).toBe(201);
  const { id } = answer.body.data;
  expect(id).toEqual(ID);
  expect(answer.headers.location).toBe(`${PATH}/${id}`);
  const shown = workspace(id, given, crew.id);
  expect(answer.body).toEqual(created(shown));
  expect((await crew.owner.get(`${PATH}/${id}`)).body).toEqual(single(shown));
});

test.each([
  ['Nord & Süd', /^nord-sud$/],
  ['Nord & Süd', /^nord-sud-[a-z0-9]{6}$/],
  ['Settings', /^settings$/],
  ['東京', /^workspace-[a-z0-9]{6}$/],
  ['x', /^x-[a-z0-9]{6}$/],
])('the slug of %s is made from the name', async (name, slug) => {
  const { body } = await create(crew.owner, { name });
  expect(body.data.attributes.slug).toMatch(slug);
});

test('a slug is taken once per organization, also by one of 10 at the same time', async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => create(crew.owner, { slug: 'same' })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
  expectError(await create(crew.owner, { slug: 'same' }), 409, 'slug_taken', {
    source: { pointer: '/data/attributes/slug' },
  });
  const { id } = await createOrganization(app.platform);
  expect((await create(app.platform, { slug: 'same' }, id)).status).toBe(201);
});

test('10 of one name at the same time get a slug each', async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => create(crew.owner, { name: 'Twin' })));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201));
  expect(new Set(answers.map(({ body }) => body.data.attributes.slug)).size).toBe(10);
});

test.each<[string, unknown, string]>([
  ['name', '', 'too_short'],
  ['name', 'x'.repeat(121), 'too_long'],
  ['slug', 'a', 'too_short'],
  ['slug', 'x'.repeat(64), 'too_long'],
  ['slug', '-ab', 'invalid_format'],
  ['slug', null, 'invalid_format'],
  ['description', 'x'.repeat(256), 'too_long'],
  ['status', 'deleted', 'not_allowed'],
  ['isDefault', 'yes', 'invalid_format'],
  ['metadata', null, 'invalid_format'],
  ['nope', 1, 'unknown_attribute'],
])('%s: %j is 422', async (name, value, code) => {
  expectAttributeError(await create(app.platform, { [name]: value }), code, name);
});

test('one that is the default takes the place of the one before; an archived one can’t [INV-16]', async () => {
  const { id } = await createOrganization(app.platform);
  const { body } = await create(app.platform, { isDefault: true }, id);
  expect(await defaultsOf(id)).toEqual([body.data.id]);
  const refused = await create(app.platform, { isDefault: true, status: 'archived' }, id);
  expectError(refused, 409, 'invalid_transition', { source: { pointer: '/data/attributes/status' } });
  expect(await defaultsOf(id)).toEqual([body.data.id]);
  expect((await create(app.platform, { status: 'archived' }, id)).body.data.attributes.status).toBe('archived');
});

describe('who may', () => {
  test('owner, admin and the organization’s key; the others are told the permission that they lack', async () => {
    for (const asker of [crew.owner, crew.admin, app.as(crew.token)]) expect((await create(asker)).status).toBe(201);
    for (const asker of [crew.billing, crew.auditor, crew.member])
      expectDenied(await create(asker), 'workspaces:manage');
    expectDenied(await create(await crews.key(crew.id, ['workspaces:read'])), 'workspaces:manage');
    const custom = await crews.role(crew.id, ['workspaces:manage']);
    expect((await create(await crews.join(crew.id, [custom]))).status).toBe(201);
  });

  test('an organization’s key makes one of its own without naming it; others must name one', async () => {
    const { body } = await app.as(crew.token).post(PATH, document('workspaces', { name: 'Mine' }));
    expect(body.data.relationships.organization.data.id).toBe(crew.id);
    expectError(await crew.owner.post(PATH, document('workspaces', { name: 'Mine' })), 422, 'required', {
      source: { pointer: '/data' },
      meta: { attribute: 'organization' },
    });
  });

  test('an organization that the caller does not see is 404, like a missing one [INV-18]', async () => {
    const foreign = await crews.make();
    for (const asker of [foreign.owner, app.as(foreign.token), await app.partner(), await app.user()]) {
      for (const id of [crew.id, NIL]) {
        expectError(await create(asker, {}, id), 404, 'not_found', {
          source: { pointer: '/data/relationships/organization/data' },
        });
      }
    }
  });

  test('whoever is limited to workspaces is in the one that he makes', async () => {
    const role = await crews.role(crew.id, ['workspaces:manage', 'workspaces:read', 'members:read']);
    const limited = await crews.join(crew.id, [role], [await crews.workspace(crew.id)]);
    const { body } = await create(limited);
    expect((await limited.get(`${PATH}/${body.data.id}`)).body.data).toEqual(body.data);
    const { data } = (await limited.get(limited.self)).body;
    expect(data.relationships.workspaces.data).toHaveLength(2);
    expect(data.relationships.workspaces.data).toContainEqual(workspaceLinks(body.data.id).data[0]);
  });
});

test('over the quota of workspaces it is 409 with the numbers; the default one counts', async () => {
  const { id, owner } = await crews.make();
  const quotas = { workspaces: 2 };
  await app.platform.patch(`${M}/organizations/${id}`, document('organizations', { quotas }, { id }));
  expect((await create(owner, {}, id)).status).toBe(201);
  expectError(await create(owner, {}, id), 409, 'quota_exceeded', { meta: { limit: 2, used: 2 } });
});
