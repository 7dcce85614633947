import { type Body, document, S } from '../../support/app';
import { addEndpoint, change, openWorld, type World } from '../../webhooks/world';

/** The log of the requests of a delivery (domain sheet 4.12), made by the sender at a real receiver. */

let world: World;
beforeAll(async () => {
  world = await openWorld({ WEBHOOK_RETRY_SCHEDULE: '60,60' });
});
afterAll(() => world.close());

const get = async (path: string): Promise<Body> => {
  const { status, body } = await world.app.platform.get(path);
  expect([path, status]).toEqual([path, 200]);
  return body;
};

test('each request is there with what was sent and what came back, and is numbered', async () => {
  const { app, receiver } = world;
  const endpoint = await addEndpoint(world);
  await receiver.program(endpoint.path, [
    'reset',
    { status: 503, headers: { 'Content-Type': 'text/plain', 'Set-Cookie': 'secret=1' }, body: 'busy' },
    { status: 200, body: 'x'.repeat(20_000) },
  ]);
  await change(app, endpoint.organizationId);
  for (let i = 0; i < 3; i++) {
    expect(await app.runPendingDeliveries()).toBe(1);
    world.pass(180);
  }
  const [delivery] = (await get(`${S}/webhookEndpoints/${endpoint.id}/deliveries`)).data;
  expect(delivery.attributes).toMatchObject({
    status: 'succeeded',
    attemptCount: 3,
    lastStatusCode: 200,
    lastError: null,
  });
  const { data, meta } = await get(`${S}/webhookDeliveries/${delivery.id}/attempts?sort=number&include=delivery`);
  expect(meta.total).toBe(3);
  const [first, second, third] = data.map(({ attributes }: Body) => attributes);
  expect(second).toEqual({
    number: 2,
    manual: false,
    startedAt: expect.stringMatching(/\.\d{3}\+00:00$/),
    durationMs: expect.any(Number),
    statusCode: 503,
    error: 'http_status',
    remoteAddress: '127.0.0.1',
    requestHeaders: expect.objectContaining({ 'webhook-id': delivery.relationships.event.data.id }),
    responseHeaders: expect.objectContaining({ 'content-type': 'text/plain' }),
    responseBody: 'busy',
    truncated: false,
  });
  expect(first).toMatchObject({ number: 1, statusCode: null, error: 'connection_reset', responseBody: null });
  expect(second.responseHeaders).not.toHaveProperty('set-cookie');
  expect([third.number, third.responseBody.length, third.truncated]).toEqual([3, 16_384, true]);
  const byNumber = await get(`${S}/webhookAttempts?filter[deliveryId]=${delivery.id}`);
  expect(byNumber.data.map(({ attributes }: Body) => attributes.number)).toEqual([3, 2, 1]);
});

test('they are found by what came of them', async () => {
  const { app, receiver } = world;
  const endpoint = await addEndpoint(world);
  await receiver.program(endpoint.path, [{ status: 500 }, { status: 200 }]);
  await change(app, endpoint.organizationId);
  await app.runPendingDeliveries();
  world.pass(180);
  await app.runPendingDeliveries();
  const scope = `filter[organizationId]=${endpoint.organizationId}`;
  const numbers = async (query: string) =>
    (await get(`${S}/webhookAttempts?${scope}&${query}`)).data.map(({ attributes }: Body) => attributes.number);
  expect(await numbers('filter[error]=http_status')).toEqual([1]);
  expect(await numbers('filter[statusCode]=200')).toEqual([2]);
  expect(await numbers('filter[statusCode][gte]=200&sort=number')).toEqual([1, 2]);
  expect(await numbers('filter[manual]=true')).toEqual([]);
  expect(await numbers('filter[startedAt][lt]=2020-01-01')).toEqual([]);
  expect(await numbers('filter[delivery.status]=succeeded&sort=number')).toEqual([1, 2]);
});

test('an attempt is never changed: 403 and 405 (domain sheet 4.12)', async () => {
  const { platform } = world.app;
  const [{ id }] = (await get(`${S}/webhookAttempts?page[size]=1`)).data;
  const path = `${S}/webhookAttempts/${id}`;
  expect((await platform.patch(path, document('webhookAttempts', { error: null }, { id }))).status).toBe(403);
  expect((await platform.delete(path)).status).toBe(405);
});
