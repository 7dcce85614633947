import { createOrganization, M, startApp, type TestApp } from '../../support/app';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test('the list has the members of the seed document, in its order', async () => {
  const created = await createOrganization(app.platform, { name: 'Recrubo_89495632' });
  const { status, body, text } = await app.platform.get(`${M}/organizations/`);
  expect(status).toBe(200);
  const [{ id, attributes }] = body.data;
  expect(id).toBe(created.id);
  expect(
    text.startsWith(
      `{"data":[{"id":"${id}","type":"organizations","attributes":{"createdAt":"${attributes.createdAt}"`,
    ),
  ).toBe(true);
  expect(Object.keys(attributes).slice(0, 6)).toEqual([
    'createdAt',
    'updatedAt',
    'name',
    'webhookUrl',
    'webhookSecret',
    'token',
  ]);
  expect(attributes.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
  expect(text).toContain(`"users":{"links":{"related":"/public/v2/users?filter[organizationId]=${id}"}}`);
  expect(body.meta).toEqual({ total: 1, totalUnfiltered: 1, currentSize: 25, currentPage: 1, maxPage: 1 });
});
