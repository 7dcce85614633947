import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { TestApp } from '../support/app';
import type { ReceivedRequest, Receiver } from '../support/receiver';
import {
  addEndpoint,
  addSecret,
  attemptsOf,
  change,
  deliveriesOf,
  type Endpoint,
  endpointOf,
  eventsOf,
  openWorld,
  SECRET,
  type Stored,
  type World,
} from './world';

let world: World;
let app: TestApp;
let receiver: Receiver;
beforeAll(async () => {
  world = await openWorld({ WEBHOOK_RETRY_SCHEDULE: '10,100' });
  ({ app, receiver } = world);
});
afterEach(() => world.settle());
afterAll(() => world.close());

const verify = (secret: string, { body, headers }: ReceivedRequest) =>
  new Webhook(secret).verify(body.toString(), headers as Record<string, string>);

/** The one delivery to an endpoint. */
async function deliveryOf(endpoint: Endpoint): Promise<Stored> {
  const [delivery, ...others] = await deliveriesOf(app, endpoint);
  expect(others).toEqual([]);
  return delivery as Stored;
}

/** An endpoint, and the one request that it gets. */
async function requestTo(settings: Record<string, unknown> = {}): Promise<ReceivedRequest> {
  const endpoint = await addEndpoint(world, settings);
  await change(app, endpoint.organizationId);
  await app.runPendingDeliveries();
  const [request, ...others] = await receiver.requests(endpoint.path);
  expect(others).toEqual([]);
  return request as ReceivedRequest;
}

describe('a delivery', () => {
  test('is sent once, signed by the standard, and noted with its attempt', async () => {
    const endpoint = await addEndpoint(world);
    await change(app, endpoint.organizationId);
    expect(await app.runPendingDeliveries()).toBe(1);
    expect(await app.runPendingDeliveries()).toBe(0);
    const [request, ...others] = await receiver.requests(endpoint.path);
    expect(others).toEqual([]);
    const delivery = await deliveryOf(endpoint);
    const [event] = await app.db.query('select body from events where id = $1', [delivery.event_id]);
    expect(request?.method).toBe('POST');
    expect(request?.body.toString()).toBe(event?.[0]);
    expect(request?.headers).toMatchObject({ 'webhook-id': delivery.event_id, 'content-type': 'application/json' });
    verify(SECRET, request as ReceivedRequest);
    expect(delivery).toMatchObject({
      status: 'succeeded',
      attempt_count: 1,
      failures: 0,
      claims: 1,
      next_attempt_at: null,
      last_status_code: 200,
      last_error: null,
    });
    expect(Date.parse(delivery.delivered_at)).toBeGreaterThanOrEqual(Date.parse(delivery.first_attempt_at));
    expect(delivery.last_attempt_at).toBe(delivery.first_attempt_at);
    expect(await attemptsOf(app, delivery)).toMatchObject([
      { number: 1, manual: false, status_code: 200, error: null, remote_address: '127.0.0.1', truncated: false },
    ]);
    expect(Date.parse((await endpointOf(app, endpoint)).last_success_at)).toBeLessThanOrEqual(world.now());
  });

  test('goes to each endpoint that asks for it, under one id', async () => {
    const all = await addEndpoint(world);
    const some = await addEndpoint(world, { event_types: ['organization.*'] }, all.organizationId);
    const none = await addEndpoint(world, { event_types: ['member.*'] }, all.organizationId);
    await change(app, all.organizationId);
    expect(await app.runPendingDeliveries()).toBe(2);
    const ids = await Promise.all(
      [all, some, none].map(async ({ path }) =>
        (await receiver.requests(path)).map(({ headers }) => headers['webhook-id']),
      ),
    );
    expect(ids[1]).toEqual(ids[0]);
    expect(ids[0]).toHaveLength(1);
    expect(ids[2]).toEqual([]);
  });

  test('is the same bytes under the same id in each attempt, signed anew (INV-38, INV-40)', async () => {
    const endpoint = await addEndpoint(world);
    await receiver.program(endpoint.path, [{ status: 500 }, { status: 404 }, { status: 200 }]);
    await change(app, endpoint.organizationId);
    for (const seconds of [0, 12, 120]) {
      world.pass(seconds);
      expect(await app.runPendingDeliveries()).toBe(1);
    }
    const requests = await receiver.requests(endpoint.path);
    expect(requests).toHaveLength(3);
    for (const { body, headers } of requests) {
      expect(body).toEqual(requests[0]?.body);
      expect(headers['webhook-id']).toBe(requests[0]?.headers['webhook-id']);
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      const key = Buffer.alloc(32, 1);
      expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    }
    expect(new Set(requests.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(3);
    expect(await deliveryOf(endpoint)).toMatchObject({ status: 'succeeded', attempt_count: 3, failures: 2, claims: 3 });
  });

  test('leaves out the data when it is thin', async () => {
    const { body, ...request } = await requestTo({ payload: 'thin' });
    const sent = JSON.parse(body.toString());
    expect(sent.data).toEqual({ type: 'organizations', id: sent.organizationId });
    expect(sent).not.toHaveProperty('previous');
    verify(SECRET, { body, ...request });
  });

  test('keeps the form that it was made with', async () => {
    const endpoint = await addEndpoint(world, { payload: 'thin' });
    await change(app, endpoint.organizationId);
    await app.db.query("update webhook_endpoints set payload = 'full' where id = $1", [endpoint.id]);
    await app.runPendingDeliveries();
    const [request] = await receiver.requests(endpoint.path);
    expect(JSON.parse(String(request?.body)).data).not.toHaveProperty('attributes');
  });

  test('is cancelled without an attempt when the event has lost its body', async () => {
    const endpoint = await addEndpoint(world);
    await change(app, endpoint.organizationId);
    await app.db.query('update events set body = null where organization_id = $1', [endpoint.organizationId]);
    expect(await app.runPendingDeliveries()).toBe(0);
    expect(await deliveryOf(endpoint)).toMatchObject({ status: 'cancelled', attempt_count: 0, next_attempt_at: null });
    expect(await receiver.requests(endpoint.path)).toEqual([]);
  });
});

describe('header fields', () => {
  test('are signed with each secret that lives, newest first', async () => {
    const endpoint = await addEndpoint(world);
    const [old, ended] = [2, 3].map((n) => `whsec_${Buffer.alloc(24, n).toString('base64')}`) as [string, string];
    await addSecret(app, endpoint, old, new Date(world.now() + 60_000));
    await addSecret(app, endpoint, ended, new Date(world.now() - 1_000));
    await change(app, endpoint.organizationId);
    await app.runPendingDeliveries();
    const [request] = (await receiver.requests(endpoint.path)) as [ReceivedRequest];
    const [newest, second, ...others] = (request.headers['webhook-signature'] as string).split(' ');
    expect(others).toEqual([]);
    for (const [secret, signature] of [
      [SECRET, newest],
      [old, second],
    ] as const) {
      verify(secret, { ...request, headers: { ...request.headers, 'webhook-signature': signature as string } });
    }
    expect(() => verify(ended, request)).toThrow();
  });

  test('have a signature for old receivers when the endpoint names one', async () => {
    const { body, headers } = await requestTo({ legacy_signature_header: 'X-Old-Signature' });
    expect(headers['x-old-signature']).toBe(createHmac('sha256', SECRET).update(body).digest('hex'));
  });

  test('of the endpoint are sent, and those that look secret are masked in the log', async () => {
    const endpoint = await addEndpoint(world);
    const headers = { 'X-Tenant': 'acme', Authorization: 'Bearer s3cr3t' };
    const purpose = `webhookEndpoints/${endpoint.id}/headers`;
    await app.db.query('update webhook_endpoints set headers_cipher = $2 where id = $1', [
      endpoint.id,
      app.services.secrets.encrypt(JSON.stringify(headers), purpose),
    ]);
    await change(app, endpoint.organizationId);
    await app.runPendingDeliveries();
    const [request] = await receiver.requests(endpoint.path);
    expect(request?.headers).toMatchObject({ 'x-tenant': 'acme', authorization: 'Bearer s3cr3t' });
    const [attempt] = await attemptsOf(app, await deliveryOf(endpoint));
    expect(attempt?.request_headers).toMatchObject({ 'x-tenant': 'acme', authorization: '***' });
    expect(JSON.stringify(attempt)).not.toContain('s3cr3t');
  });
});

/** What an answer makes of a delivery that has steps left. */
describe('after an answer', () => {
  async function sent(behaviour: Parameters<Receiver['program']>[1], settings: Record<string, unknown> = {}) {
    const endpoint = await addEndpoint(world, settings);
    await receiver.program(endpoint.path, behaviour);
    await change(app, endpoint.organizationId);
    expect(await app.runPendingDeliveries()).toBe(1);
    const delivery = await deliveryOf(endpoint);
    const [attempt] = await attemptsOf(app, delivery);
    return { endpoint, delivery, attempt: attempt as Stored };
  }

  test.each([200, 201, 204, 299])('of %i it has succeeded', async (status) => {
    const { delivery } = await sent({ status });
    expect(delivery).toMatchObject({ status: 'succeeded', last_status_code: status, last_error: null });
  });

  test.each([
    ['http_status', { status: 404 }, 404],
    ['http_status', { status: 503, body: 'busy' }, 503],
    ['redirect_refused', { redirect: 'http://127.0.0.1/' }, 302],
    ['connection_reset', 'reset', null],
  ] as const)('%s: it is tried again (%j)', async (error, behaviour, status) => {
    const { delivery, attempt } = await sent(behaviour);
    expect(delivery).toMatchObject({
      status: 'retrying',
      attempt_count: 1,
      failures: 1,
      last_error: error,
      last_status_code: status,
      delivered_at: null,
    });
    expect(attempt).toMatchObject({ error, status_code: status });
    const pause = Date.parse(delivery.next_attempt_at) - Date.parse(delivery.last_attempt_at);
    expect(pause).toBeGreaterThanOrEqual(8_000);
  });

  test('that does not come in time it is tried again', async () => {
    const { endpoint, delivery } = await sent('hang', { timeout_seconds: 1 });
    expect(delivery).toMatchObject({ status: 'retrying', last_error: 'timeout', last_status_code: null });
    await receiver.release(endpoint.path);
  });

  test('from an address that is not public there is no text of it (INV-41)', async () => {
    const { delivery, attempt } = await sent({ status: 200 }, { url: 'http://10.0.0.1/' });
    expect(delivery).toMatchObject({ status: 'retrying', last_error: 'blocked_address' });
    expect(attempt).toMatchObject({
      error: 'blocked_address',
      status_code: null,
      response_body: null,
      response_headers: {},
    });
  });

  test('its beginning is kept', async () => {
    const { attempt } = await sent({ status: 400, body: 'é'.repeat(10_000), headers: { 'X-Request-Id': 'abc' } });
    expect(attempt).toMatchObject({ truncated: true, response_headers: { 'x-request-id': 'abc' } });
    expect(attempt.response_body).toBe('é'.repeat(8_192));
  });

  test('of webhook-delivery: abort-message it is cancelled, without harm to the endpoint', async () => {
    const { endpoint, delivery } = await sent({ status: 422, headers: { 'Webhook-Delivery': 'abort-message' } });
    expect(delivery).toMatchObject({ status: 'cancelled', failures: 1, next_attempt_at: null });
    expect(await endpointOf(app, endpoint)).toMatchObject({ disabled: false });
  });

  test('of 2xx it has succeeded, abort-message or not', async () => {
    const { delivery } = await sent({ status: 200, headers: { 'Webhook-Delivery': 'abort-message' } });
    expect(delivery.status).toBe('succeeded');
  });

  test('to an endpoint with no steps it is exhausted', async () => {
    const { delivery } = await sent({ status: 500 }, { retry_schedule: [] });
    expect(delivery).toMatchObject({ status: 'exhausted', failures: 1, next_attempt_at: null });
  });
});

describe('the schedule', () => {
  test('of the installation holds, each step from the end of the attempt before; then it is exhausted', async () => {
    const endpoint = await addEndpoint(world);
    await receiver.program(endpoint.path, { status: 500 });
    await change(app, endpoint.organizationId);
    await app.runPendingDeliveries();
    for (const step of [10, 100]) {
      const { next_attempt_at: next } = await deliveryOf(endpoint);
      const wait = Date.parse(next) - world.now();
      expect(wait).toBeGreaterThan(step * 799 - 5_000);
      expect(wait).toBeLessThan(step * 1_201);
      world.pass((wait - 3_000) / 1_000);
      expect(await app.runPendingDeliveries()).toBe(0);
      world.pass(3);
      expect(await app.runPendingDeliveries()).toBe(1);
    }
    expect(await deliveryOf(endpoint)).toMatchObject({ status: 'exhausted', attempt_count: 3, failures: 3 });
    world.pass(86_400);
    expect(await app.runPendingDeliveries()).toBe(0);
  });

  test('of the endpoint goes before', async () => {
    const endpoint = await addEndpoint(world, { retry_schedule: [1_000] });
    await receiver.program(endpoint.path, { status: 500 });
    await change(app, endpoint.organizationId);
    await app.runPendingDeliveries();
    const { next_attempt_at: next } = await deliveryOf(endpoint);
    expect(Date.parse(next) - world.now()).toBeGreaterThan(790_000);
  });

  test('is not for a manual delivery: one attempt, then it is exhausted', async () => {
    const endpoint = await addEndpoint(world);
    await receiver.program(endpoint.path, { status: 500 });
    await change(app, endpoint.organizationId);
    await app.db.query("update webhook_deliveries set manual = true, trigger = 'replay' where endpoint_id = $1", [
      endpoint.id,
    ]);
    await app.runPendingDeliveries();
    const delivery = await deliveryOf(endpoint);
    expect(delivery).toMatchObject({ status: 'exhausted', attempt_count: 1 });
    expect(await attemptsOf(app, delivery)).toMatchObject([{ manual: true }]);
  });
});

describe('events of deliveries', () => {
  test('tell the fourth failure and the success after it, to others (INV-43)', async () => {
    const endpoint = await addEndpoint(world, {
      retry_schedule: [1, 1, 1, 1],
      event_types: ['organization.*', 'webhook_delivery.*'],
    });
    const other = await addEndpoint(world, { event_types: ['webhook_delivery.*'] }, endpoint.organizationId);
    await receiver.program(
      endpoint.path,
      [500, 500, 500, 500, 200].map((status) => ({ status })),
    );
    await change(app, endpoint.organizationId);
    for (let n = 0; n < 5; n++) {
      await app.runPendingDeliveries();
      world.pass(2);
    }
    const events = await eventsOf(app, endpoint.organizationId, 'webhook_delivery.%');
    const { id } = await deliveryOf(endpoint);
    expect(events.map(({ type, data, actor }) => [type, data.type, data.id, actor.type])).toEqual([
      ['webhook_delivery.failing', 'webhookDeliveries', id, 'system'],
      ['webhook_delivery.recovered', 'webhookDeliveries', id, 'system'],
    ]);
    expect((await receiver.requests(other.path)).map(({ body }) => JSON.parse(String(body)).type)).toEqual(
      events.map(({ type }) => type),
    );
    expect(await receiver.requests(endpoint.path)).toHaveLength(5);
  });

  test('tell that a delivery is exhausted, but not one of such an event', async () => {
    const endpoint = await addEndpoint(world, { retry_schedule: [], event_types: ['organization.*'] });
    const other = await addEndpoint(
      world,
      { retry_schedule: [], event_types: ['webhook_delivery.*'] },
      endpoint.organizationId,
    );
    for (const { path } of [endpoint, other]) await receiver.program(path, { status: 500 });
    await change(app, endpoint.organizationId);
    expect(await app.runPendingDeliveries()).toBe(2);
    expect(await deliveryOf(other)).toMatchObject({ status: 'exhausted' });
    expect(await eventsOf(app, endpoint.organizationId, 'webhook_%')).toMatchObject([
      { type: 'webhook_delivery.exhausted' },
    ]);
  });
});
