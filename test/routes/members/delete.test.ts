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
import { expectDenied, expectError, page } from '../documents';

const PATH = `${S}/members`;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let owner: string;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  owner = (await app.platform.get(`${S}/roles?filter[code]=owner`)).body.data[0].id;
});
afterAll(() => app.close());

const remove = (id: string, asker: Client = app.platform, headers = {}) => asker.delete(`${PATH}/${id}`, headers);
async function add(organization: string, asOwner = false): Promise<{ id: string; user: string }> {
  const { id: user } = await createUser(partner);
  const relationships = {
    organization: link('organizations', organization),
    user: link('users', user),
    ...(asOwner ? { roles: { data: [{ type: 'roles', id: owner }] } } : {}),
  };
  const { body } = await app.platform.post(PATH, document('members', {}, { relationships }));
  return { id: body.data.id, user };
}
const ownerOf = async (organization: string) =>
  (await app.platform.get(`${M}/organizations/${organization}`)).body.data.relationships.owner.data?.id ?? null;
const membersOf = async (organization: string) =>
  (await app.platform.get(`${PATH}?filter[organizationId]=${organization}&sort=id`)).body.data;
const primaryOf = async (organization: string) =>
  (await membersOf(organization)).filter(
    (each: { attributes: object }) => (each.attributes as { isPrimaryOwner: boolean }).isPrimaryOwner,
  );

test('the answer is 204; then the member is 404 and in no list, the user stays', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id, user } = await add(organization);
  const answer = await remove(id);
  expect([answer.status, answer.text]).toEqual([204, '']);
  expectError(await app.platform.get(`${PATH}/${id}`), 404, 'not_found');
  expectError(await remove(id), 404, 'not_found');
  const path = `${PATH}?filter[organizationId]=${organization}`;
  const { total } = (await partner.get(PATH)).body.meta;
  expect((await partner.get(path)).body).toEqual(page(path, [], total));
  expect((await app.platform.get(`${S}/users/${user}`)).status).toBe(200);
  expect((await app.platform.get(`${PATH}?filter[userId]=${user}`)).body.data).toEqual([]);
});

test('he can be made a member again', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id, user } = await add(organization);
  await remove(id);
  const relationships = { organization: link('organizations', organization), user: link('users', user) };
  const again = await partner.post(PATH, document('members', {}, { relationships }));
  expect(again.status).toBe(201);
  expect(again.body.data.id).not.toBe(id);
});

describe('owners', () => {
  test('the last one can’t be removed, whoever else is a member: 409 [INV-2]', async () => {
    const { id: organization, attributes } = await createOrganization(partner);
    const { id, user } = await add(organization, true);
    await add(organization);
    const before = await membersOf(organization);
    for (const asker of [app.platform, partner, app.as(attributes.token)]) {
      expectError(await remove(id, asker), 409, 'last_owner');
    }
    expect(await membersOf(organization)).toEqual(before);
    expect(await ownerOf(organization)).toBe(user);
  });

  test('one who is not the primary one goes without a trace', async () => {
    const { id: organization } = await createOrganization(partner);
    const first = await add(organization, true);
    const second = await add(organization, true);
    expect((await remove(second.id)).status).toBe(204);
    expect(await ownerOf(organization)).toBe(first.user);
    expect(await primaryOf(organization)).toMatchObject([{ id: first.id }]);
  });

  test('when the primary one goes, the owner who joined next takes his place [INV-4]', async () => {
    const { id: organization } = await createOrganization(partner);
    const first = await add(organization, true);
    await add(organization);
    const second = await add(organization, true);
    const third = await add(organization, true);
    await app.db.query("update members set created_at = '2020-01-01', updated_at = '2020-01-01' where id = $1", [
      second.id,
    ]);
    const tags = async () => [
      (await app.platform.get(`${PATH}/${second.id}`)).headers.etag,
      (await app.platform.get(`${M}/organizations/${organization}`)).headers.etag,
    ];
    const [memberTag, organizationTag] = await tags();
    expect((await remove(first.id)).status).toBe(204);
    expect(await ownerOf(organization)).toBe(second.user);
    const [heir, ...others] = await primaryOf(organization);
    expect([heir.id, others]).toEqual([second.id, []]);
    expect(heir.attributes.updatedAt).not.toMatch(/^2020/);
    const [memberTagNow, organizationTagNow] = await tags();
    expect(memberTagNow).not.toBe(memberTag);
    expect(organizationTagNow).not.toBe(organizationTag);
    expect((await remove(second.id)).status).toBe(204);
    expect(await ownerOf(organization)).toBe(third.user);
    expectError(await remove(third.id), 409, 'last_owner');
  });

  test('the one who joined first is next, not the one with the smallest id', async () => {
    const { id: organization } = await createOrganization(partner);
    const first = await add(organization, true);
    await add(organization, true);
    const earlier = await add(organization, true);
    await app.db.query("update members set joined_at = '2020-01-01' where id = $1", [earlier.id]);
    await remove(first.id);
    expect(await ownerOf(organization)).toBe(earlier.user);
  });

  test('50 removals of two owners at the same time leave one, who is the primary one [INV-2]', async () => {
    const { id: organization } = await createOrganization(partner);
    const owners = [await add(organization, true), await add(organization, true)];
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => remove((owners[i % 2] as { id: string }).id)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(statuses.filter((status) => ![204, 404, 409].includes(status))).toEqual([]);
    const left = await primaryOf(organization);
    expect(left).toHaveLength(1);
    expect(await membersOf(organization)).toEqual(left);
    expect(await ownerOf(organization)).toBe(left[0].relationships.user.data.id);
  });

  test('in 25 organizations, two owners removed at the same time: one is left in each [INV-2]', async () => {
    const organizations = await Promise.all(
      Array.from({ length: 25 }, async () => {
        const { id } = await createOrganization(partner);
        return { id: id as string, owners: [await add(id, true), await add(id, true)] };
      }),
    );
    await Promise.all(
      organizations.map(async ({ owners }) => {
        const answers = await Promise.all(owners.map(({ id }) => remove(id)));
        expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
      }),
    );
    for (const { id } of organizations) {
      const left = await primaryOf(id);
      expect(left).toHaveLength(1);
      expect(await ownerOf(id)).toBe(left[0].relationships.user.data.id);
    }
  });
});

test('an organization key removes members of its organization, with members:remove only', async () => {
  const { id: organization, attributes } = await createOrganization(partner);
  const { id } = await add(organization);
  const relationships = { organization: link('organizations', organization) };
  const narrow = document('apiKeys', { name: 'N', scopes: ['members:read'] }, { relationships });
  const reader = app.as((await app.platform.post(`${S}/apiKeys`, narrow)).body.data.attributes.secret);
  expectDenied(await remove(id, reader), 'members:remove');
  expectError(await remove(NIL, reader), 404, 'not_found');
  expect((await remove(id, app.as(attributes.token))).status).toBe(204);
});

test('a foreign one, a missing one and one of a deleted organization are 404, and stay', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id } = await add(organization);
  const other = await createOrganization(partner);
  for (const stranger of [await app.partner(), app.as(other.attributes.token)]) {
    expectError(await remove(id, stranger), 404, 'not_found');
    expectError(await remove(NIL, stranger), 404, 'not_found');
  }
  await partner.delete(`${M}/organizations/${organization}`);
  expectError(await remove(id), 404, 'not_found');
  await partner.post(`${M}/organizations/${organization}/restore`);
  expect((await app.platform.get(`${PATH}/${id}`)).status).toBe(200);
});

test('an If-Match that does not fit is 412, and he stays [INV-59]', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id } = await add(organization);
  const answer = await remove(id, app.platform, { 'If-Match': '"99.x"' });
  expectError(answer, 412, 'version_mismatch', { source: { header: 'If-Match' } });
  const { headers } = await app.platform.get(`${PATH}/${id}`);
  expect((await remove(id, app.platform, { 'If-Match': headers.etag as string })).status).toBe(204);
});
