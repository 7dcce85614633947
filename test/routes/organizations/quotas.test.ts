import { createOrganization, document, M, startApp, type TestApp } from '../../support/app';
import { expectAttributeError, expectDenied, expectError } from '../documents';

const PATH = `${M}/organizations`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ QUOTAS: 'organizationsPerUser=3' });
});
afterAll(() => app.close());

const change = (id: string, quotas: unknown) => document('organizations', { quotas }, { id });

test('a platform caller gives limits, takes them away, and sees what he gave [4.17]', async () => {
  const { id, attributes } = await createOrganization(app.platform, { quotas: { members: 5 } });
  expect(attributes.quotas).toEqual({ members: 5 });
  const given = { workspaces: 0, apiKeys: null };
  expect((await app.platform.patch(`${PATH}/${id}`, change(id, given))).body.data.attributes.quotas).toEqual(given);
  expect((await app.platform.patch(`${PATH}/${id}`, change(id, {}))).body.data.attributes.quotas).toEqual({});
});

test('the others see them and can’t change them; sent back as read they change nothing', async () => {
  const partner = await app.partner();
  const { id, attributes } = await createOrganization(partner);
  await app.platform.patch(`${PATH}/${id}`, change(id, { members: 5, roles: null }));
  for (const asker of [partner, app.as(attributes.token)]) {
    const { body } = await asker.get(`${PATH}/${id}`);
    expect(body.data.attributes.quotas).toEqual({ members: 5, roles: null });
    expect((await asker.patch(`${PATH}/${id}`, change(id, { roles: null, members: 5 }))).status).toBe(200);
    expectDenied(await asker.patch(`${PATH}/${id}`, change(id, { members: 6 })), 'platform:admin');
    expectDenied(await asker.patch(`${PATH}/${id}`, change(id, {})), 'platform:admin');
  }
  expectDenied(
    await partner.post(PATH, document('organizations', { name: 'X', quotas: { members: 9 } })),
    'platform:admin',
  );
  expect((await createOrganization(partner, { quotas: {} })).attributes.quotas).toEqual({});
});

test.each([
  ['below zero', { members: -1 }, 'not_allowed', 'quotas/members'],
  ['a text', { members: '5' }, 'invalid_format', 'quotas/members'],
  ['a fraction', { members: 1.5 }, 'invalid_format', 'quotas/members'],
])('a limit that is %s is 422', async (_about, quotas, code, pointer) => {
  const { id } = await createOrganization(app.platform);
  expectAttributeError(await app.platform.patch(`${PATH}/${id}`, change(id, quotas)), code, pointer);
});

test('a user makes as many organizations as the installation allows: of 20 at the same time three [6.1]', async () => {
  const user = await app.user();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => user.post(PATH, document('organizations', { name: `Number ${i}` }))),
  );
  const refused = answers.filter(({ status }) => status !== 201);
  expect(refused).toHaveLength(17);
  for (const answer of refused) expectError(answer, 409, 'quota_exceeded', { meta: { limit: 3, used: 3 } });
  const [first] = (await user.get(PATH)).body.data;
  // What waits for its purge still takes room.
  await user.delete(`${PATH}/${first.id}`);
  expectError(await user.post(PATH, document('organizations', { name: 'X' })), 409, 'quota_exceeded', {
    meta: { limit: 3, used: 3 },
  });
  await app.platform.delete(`${PATH}/${first.id}?purgeNow=true`);
  await createOrganization(user);
  await createOrganization(await app.user());
  await createOrganization(app.platform);
});
