import { createOrganization, document, M, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError, WEBHOOK_SECRET } from '../documents';
import { colleague, founder } from '../people';
import { defaultEndpointId, defaultSecret, deliveriesOf, eventsOf } from '../webhooks';
import { addDeliveries, create, get, PATH, URL } from './endpoints';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const types = async (id: string) => (await eventsOf(app, id)).map(({ type }) => type);

test('DELETE is 204; then it is nowhere to be found, and its log is there', async () => {
  const { id: own } = await createOrganization(app.platform);
  const { id } = await create(app.platform, own, { headers: { Authorization: 'Bearer abc' } });
  const other = await create(app.platform, own);
  const before = await get(app.platform, id);
  await addDeliveries(app, id, ['pending', 'retrying', 'succeeded', 'skipped']);
  const answer = await app.platform.delete(`${PATH}/${id}`);
  expect([answer.status, answer.text]).toEqual([204, '']);
  for (const gone of [await app.platform.get(`${PATH}/${id}`), await app.platform.delete(`${PATH}/${id}`)]) {
    expectError(gone, 404, 'not_found');
  }
  const { body } = await app.platform.get(`${PATH}?filter[organizationId]=${own}`);
  expect([body.data.map((each: { id: string }) => each.id), body.meta.total]).toEqual([[other.id], 1]);
  const event = (await eventsOf(app, own)).at(-1);
  expect([event.type, event.data.id, event.data.attributes]).toEqual([
    'webhook_endpoint.deleted',
    id,
    Object.fromEntries(Object.entries(before.attributes).filter(([name]) => name !== 'secret')),
  ]);
  expect((await deliveriesOf(app, id)).map(([, status]) => status).sort()).toEqual([
    'cancelled',
    'cancelled',
    'cancelled',
    'skipped',
    'succeeded',
  ]);
  expect((await deliveriesOf(app, other.id)).at(-1)).toEqual(['webhook_endpoint.deleted', 'pending']);
});

test('nothing secret of it is kept (INV-29)', async () => {
  const { id: own } = await createOrganization(app.platform);
  const { id } = await create(app.platform, own, { headers: { Authorization: 'Bearer abc' } });
  await app.platform.delete(`${PATH}/${id}`);
  const [row] = await app.db.query(
    'select headers_cipher, (select count(*)::int from webhook_secrets s where s.endpoint_id = e.id) from webhook_endpoints e where e.id = $1',
    [id],
  );
  expect(row).toEqual([null, 0]);
});

test('is for those who manage webhooks, and heeds If-Match', async () => {
  const { owner, organization } = await founder(app);
  const { id } = await create(owner, organization.id);
  expectDenied(await (await colleague(app, organization.id, 'auditor')).delete(`${PATH}/${id}`), 'webhooks:manage');
  expectError(await (await app.user()).delete(`${PATH}/${id}`), 404, 'not_found');
  expect((await owner.delete(`${PATH}/${id}`, { 'If-Match': '"99.x"' })).status).toBe(412);
  expect((await owner.delete(`${PATH}/${id}`)).status).toBe(204);
});

test('of ten at the same time one deletes and tells, the others find nothing', async () => {
  const { id: own } = await createOrganization(app.platform);
  const { id } = await create(app.platform, own);
  const answers = await Promise.all(Array.from({ length: 10 }, () => app.platform.delete(`${PATH}/${id}`)));
  expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(9).fill(404)]);
  expect((await types(own)).filter((type) => type === 'webhook_endpoint.deleted')).toHaveLength(1);
});

test('of the default endpoint takes the URL off its organization, which is told first; another URL makes another one', async () => {
  const { id: own } = await createOrganization(app.platform, { webhookUrl: URL });
  const id = (await defaultEndpointId(app, own)) as string;
  expect((await app.platform.delete(`${PATH}/${id}`)).status).toBe(204);
  const { body } = await app.platform.get(`${M}/organizations/${own}`);
  expect(body.data.attributes.webhookUrl).toBeNull();
  const events = (await eventsOf(app, own)).slice(-2);
  expect(events.map(({ type }) => type)).toEqual(['organization.updated', 'webhook_endpoint.deleted']);
  expect(events[0].previous).toEqual({ attributes: { webhookUrl: URL } });
  const again = await app.platform.patch(
    `${M}/organizations/${own}`,
    document('organizations', { webhookUrl: URL }, { id: own }),
  );
  expect(again.body.data.attributes.webhookSecret).toEqual(WEBHOOK_SECRET);
  expect(await defaultEndpointId(app, own)).not.toBe(id);
  expect(await defaultSecret(app, own)).toBe(again.body.data.attributes.webhookSecret);
});

test('a purge of the organization takes all of it', async () => {
  const { id: own } = await createOrganization(app.platform, { webhookUrl: URL });
  const { id } = await create(app.platform, own);
  await app.platform.delete(`${PATH}/${id}`);
  expect((await app.platform.delete(`${M}/organizations/${own}?purgeNow=true`)).status).toBe(204);
  const [row] = await app.db.query('select count(*)::int from webhook_endpoints where organization_id = $1', [own]);
  expect(row).toEqual([0]);
});
