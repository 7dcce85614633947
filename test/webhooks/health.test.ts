import type { TestApp } from '../support/app';
import type { Receiver } from '../support/receiver';
import {
  addEndpoint,
  change,
  changeMany,
  deliveriesOf,
  type Endpoint,
  endpointOf,
  eventsOf,
  openWorld,
  type World,
} from './world';

const HOUR = 3_600;

let world: World;
let app: TestApp;
let receiver: Receiver;
beforeAll(async () => {
  world = await openWorld();
  ({ app, receiver } = world);
});
afterEach(() => world.settle());
afterAll(() => world.close());

/** An endpoint with one attempt for each delivery, whose receiver answers so. */
async function failing(settings: Record<string, unknown> = {}): Promise<Endpoint> {
  const endpoint = await addEndpoint(world, { retry_schedule: [], ...settings });
  await receiver.program(endpoint.path, { status: 500 });
  return endpoint;
}

async function send(endpoint: Endpoint): Promise<void> {
  await change(app, endpoint.organizationId);
  await app.runPendingDeliveries();
}

const statesOf = async (endpoint: Endpoint) => (await deliveriesOf(app, endpoint)).map(({ status }) => status);

describe('the record of failures', () => {
  test('begins with the first one, and ends with a success', async () => {
    const endpoint = await failing();
    await send(endpoint);
    const begin = world.now();
    world.pass(HOUR);
    await send(endpoint);
    const [first] = await deliveriesOf(app, endpoint);
    const record = await endpointOf(app, endpoint);
    expect(record).toMatchObject({
      failing_delivery_id: first?.id,
      failing_apart: false,
      last_success_at: null,
      version: 1,
    });
    expect(Math.abs(Date.parse(record.failing_since) - begin)).toBeLessThan(1_000);
    await receiver.program(endpoint.path, { status: 200 });
    await send(endpoint);
    const cleared = await endpointOf(app, endpoint);
    expect(cleared).toMatchObject({ failing_since: null, failing_delivery_id: null, failing_apart: false });
    expect(cleared.last_success_at).not.toBeNull();
  });

  test('says so when two deliveries failed twelve hours apart', async () => {
    const endpoint = await failing();
    for (const [hours, isApart] of [
      [0, false],
      [11.9, false],
      [0.2, true],
    ] as const) {
      world.pass(hours * HOUR);
      await send(endpoint);
      expect(await endpointOf(app, endpoint)).toMatchObject({ failing_apart: isApart });
    }
  });

  test('does not take two failures of one delivery for that', async () => {
    const endpoint = await failing({ retry_schedule: [86_400] });
    await send(endpoint);
    world.pass(30 * HOUR);
    expect(await app.runPendingDeliveries()).toBe(1);
    expect(await endpointOf(app, endpoint)).toMatchObject({ failing_apart: false });
  });

  test('of an endpoint that does well is written once a second', async () => {
    const endpoint = await addEndpoint(world);
    await changeMany(app, endpoint.organizationId, 5);
    await app.runPendingDeliveries();
    const { last_success_at: first } = await endpointOf(app, endpoint);
    await app.db.query('update webhook_endpoints set last_success_at = $2::timestamptz where id = $1', [
      endpoint.id,
      new Date(world.now() + 60_000),
    ]);
    const { last_success_at: ahead } = await endpointOf(app, endpoint);
    await send(endpoint);
    expect((await endpointOf(app, endpoint)).last_success_at).toBe(ahead);
    expect(Date.parse(ahead)).toBeGreaterThan(Date.parse(first));
    world.pass(62);
    await send(endpoint);
    expect((await endpointOf(app, endpoint)).last_success_at).not.toBe(ahead);
  });
});

describe('an endpoint is switched off', () => {
  const DISABLED = { disabled: true, auto_disabled: true };

  test('after five days of failure only, of two deliveries twelve hours apart, and what waits is cancelled', async () => {
    const endpoint = await failing();
    const other = await addEndpoint(world, { event_types: ['webhook_endpoint.*'] }, endpoint.organizationId);
    for (const hours of [0, 60, 59]) {
      world.pass(hours * HOUR);
      await send(endpoint);
    }
    expect(await endpointOf(app, endpoint)).toMatchObject({ disabled: false, failing_apart: true });
    world.pass(HOUR);
    await app.db.query('update webhook_endpoints set retry_schedule = null where id = $1', [endpoint.id]);
    await send(endpoint);
    expect(await endpointOf(app, endpoint)).toMatchObject({
      ...DISABLED,
      disabled_reason: 'Every attempt has failed for 5 days.',
      version: 2,
    });
    expect(await statesOf(endpoint)).toEqual(['exhausted', 'exhausted', 'exhausted', 'cancelled']);
    const [event, ...others] = await eventsOf(app, endpoint.organizationId, 'webhook_endpoint.%');
    expect(others).toEqual([]);
    expect(event).toMatchObject({ type: 'webhook_endpoint.auto_disabled', data: { id: endpoint.id } });
    expect((await receiver.requests(other.path)).map(({ headers }) => headers['webhook-id'])).toEqual([event?.id]);
    await change(app, endpoint.organizationId);
    expect((await statesOf(endpoint)).at(-1)).toBe('skipped');
  });

  test('not when a success came between', async () => {
    const endpoint = await failing();
    for (const [hours, status] of [
      [0, 500],
      [60, 500],
      [1, 200],
      [1, 500],
      [70, 500],
    ] as const) {
      world.pass(hours * HOUR);
      await receiver.program(endpoint.path, { status });
      await send(endpoint);
    }
    expect(await endpointOf(app, endpoint)).toMatchObject({ disabled: false });
  });

  test('not by one delivery alone, however long', async () => {
    const endpoint = await failing({ retry_schedule: [86_400, 86_400, 86_400, 86_400, 86_400, 86_400] });
    await send(endpoint);
    for (let day = 0; day < 6; day++) {
      world.pass(29 * HOUR);
      await app.runPendingDeliveries();
    }
    expect(await statesOf(endpoint)).toEqual(['exhausted']);
    expect(await endpointOf(app, endpoint)).toMatchObject({ disabled: false });
  });

  test.each([
    ['410', { status: 410 }, 'cancelled', 'The receiver answered 410 Gone.'],
    [
      'webhook-delivery: disable',
      { status: 500, headers: { 'Webhook-Delivery': 'disable' } },
      'cancelled',
      'The receiver answered webhook-delivery: disable.',
    ],
    [
      'the same with 200',
      { status: 200, headers: { 'webhook-delivery': 'Disable' } },
      'succeeded',
      'The receiver answered webhook-delivery: disable.',
    ],
  ])('at once by %s', async (_name, behaviour, state, reason) => {
    const endpoint = await failing({ ordering: 'strict' });
    await receiver.program(endpoint.path, behaviour);
    await changeMany(app, endpoint.organizationId, 3);
    expect(await app.runPendingDeliveries()).toBe(1);
    expect(await endpointOf(app, endpoint)).toMatchObject({ ...DISABLED, disabled_reason: reason });
    expect(await statesOf(endpoint)).toEqual([state, 'cancelled', 'cancelled']);
    expect(await eventsOf(app, endpoint.organizationId, 'webhook_endpoint.%')).toHaveLength(1);
  });

  test('and attempts that were on their way have no successor', async () => {
    const endpoint = await failing({ retry_schedule: null });
    await receiver.program(endpoint.path, [{ status: 410 }, { status: 500, delayMs: 200 }]);
    await changeMany(app, endpoint.organizationId, 2);
    await app.runPendingDeliveries();
    expect((await statesOf(endpoint)).sort()).toEqual(['cancelled', 'cancelled']);
  });
});

test('what is due to an endpoint that is off is cancelled, not sent', async () => {
  const endpoint = await failing();
  await changeMany(app, endpoint.organizationId, 3);
  await app.db.query('update webhook_endpoints set disabled = true where id = $1', [endpoint.id]);
  expect(await app.runPendingDeliveries()).toBe(0);
  expect(await statesOf(endpoint)).toEqual(['cancelled', 'cancelled', 'cancelled']);
});

test('an attempt that fails after its endpoint was switched off has no successor', async () => {
  const endpoint = await addEndpoint(world);
  await receiver.program(endpoint.path, 'hang');
  await change(app, endpoint.organizationId);
  const sending = app.runPendingDeliveries();
  await receiver.waitFor(endpoint.path, 1);
  await app.db.query('update webhook_endpoints set disabled = true where id = $1', [endpoint.id]);
  await receiver.release(endpoint.path, { status: 500 });
  await sending;
  expect(await deliveriesOf(app, endpoint)).toMatchObject([{ status: 'cancelled', attempt_count: 1, failures: 1 }]);
});
