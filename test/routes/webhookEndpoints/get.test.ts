import { createOrganization, M, NIL, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError } from '../documents';
import { colleague, founder } from '../people';
import { act, create, get, PATH, URL } from './endpoints';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test('an endpoint is as its creation showed it, but for the secret', async () => {
  const { id: own } = await createOrganization(app.platform);
  const made = await create(app.platform, own, { headers: { Authorization: 'x' }, metadata: { a: 1 } });
  const { status, headers, body } = await app.platform.get(`${PATH}/${made.id}`);
  expect([status, headers['cache-control'], body.data]).toEqual([
    200,
    'private, no-cache',
    { ...made, attributes: { ...made.attributes, secret: null } },
  ]);
  const again = await app.platform.get(`${PATH}/${made.id}`, { 'If-None-Match': headers.etag as string });
  expect(again.status).toBe(304);
});

test('its tag is another one when its secrets are others', async () => {
  const { id: own } = await createOrganization(app.platform);
  const { id } = await create(app.platform, own);
  const { headers } = await app.platform.get(`${PATH}/${id}`);
  await act(app.platform, id, 'secret/rotate', { gracePeriodSeconds: 0 });
  expect((await app.platform.get(`${PATH}/${id}`)).headers.etag).not.toBe(headers.etag);
});

test('whoever can’t see its organization finds nothing, as for one that never was (INV-18)', async () => {
  const { owner, organization } = await founder(app);
  const { id } = await create(owner, organization.id);
  const other = await createOrganization(app.platform);
  for (const asker of [await app.user(), await app.partner(), app.as(other.attributes.token)]) {
    const [foreign, missing] = [await asker.get(`${PATH}/${id}`), await asker.get(`${PATH}/${NIL}`)];
    expectError(foreign, 404, 'not_found');
    expect(foreign.text.replaceAll(foreign.headers['x-request-id'] as string, '')).toBe(
      missing.text.replaceAll(missing.headers['x-request-id'] as string, ''),
    );
  }
  expectDenied(await (await colleague(app, organization.id, 'member')).get(`${PATH}/${id}`), 'webhooks:read');
});

test('with its organization it is gone, and comes back', async () => {
  const { id: own } = await createOrganization(app.platform);
  const { id } = await create(app.platform, own);
  await app.platform.delete(`${M}/organizations/${own}`);
  expectError(await app.platform.get(`${PATH}/${id}`), 404, 'not_found');
  await app.platform.post(`${M}/organizations/${own}/restore`);
  expect((await get(app.platform, id)).attributes.url).toBe(URL);
});
