import { type Body, type Client, createOrganization, S, startApp, type TestApp } from '../../support/app';
import { addDelivery } from '../../support/deliveries';

let app: TestApp;
let organization: Body;
let key: Client;
beforeAll(async () => {
  app = await startApp();
  organization = await createOrganization(app.platform);
  key = app.as(organization.attributes.token);
});
afterAll(() => app.close());

test('deliveries are found by what their events are', async () => {
  const delivered = await addDelivery(app, organization.id);
  const of = async (query: string) => (await key.get(`${S}/webhookDeliveries?${query}`)).body;
  expect((await of('filter[event.eventType]=organization.*')).data).toHaveLength(2);
  expect((await of('filter[event.eventType]=workspace.*')).data).toHaveLength(0);
  expect((await of(`filter[eventId]=${delivered.eventId}`)).data).toHaveLength(2);
  expect((await of(`filter[endpointId]=${delivered.endpointId}&filter[status]=exhausted`)).data).toHaveLength(1);
  expect((await of('filter[trigger]=replay')).data.map(({ id }: Body) => id)).toEqual([delivered.deliveryId]);
  expect((await of('filter[lastError]=http_status')).data.map(({ id }: Body) => id)).toEqual([delivered.firstId]);
  expect((await of('filter[lastStatusCode][gte]=500')).data.map(({ id }: Body) => id)).toEqual([delivered.firstId]);
  expect((await of(`filter[replayOfId]=${delivered.firstId}`)).data).toHaveLength(1);
  const attempts = (await key.get(`${S}/webhookAttempts?filter[deliveryId]=${delivered.deliveryId}`)).body;
  expect(attempts.data.map(({ id }: Body) => id)).toEqual([delivered.attemptId]);
});

test('the end of the lease of one that is being sent is not shown as the time of an attempt', async () => {
  const { deliveryId } = await addDelivery(app, organization.id);
  const set = (status: string) =>
    app.db.query("update webhook_deliveries set status = $2, next_attempt_at = '2030-01-01T00:00:00Z' where id = $1", [
      deliveryId,
      status,
    ]);
  const shown = async () => (await key.get(`${S}/webhookDeliveries/${deliveryId}`)).body.data.attributes.nextAttemptAt;
  await set('retrying');
  expect(await shown()).toBe('2030-01-01T00:00:00+00:00');
  await set('sending');
  expect(await shown()).toBeNull();
});
