import { type Answer, type Body, type Client, document, NIL, S } from '../../support/app';
import { addEndpoint, change, type Endpoint, openWorld, type World } from '../../webhooks/world';

/** One delivery anew (domain sheet 6.5, 9.5), sent to a real receiver. */

let world: World;
let platform: Client;
beforeAll(async () => {
  world = await openWorld({ WEBHOOK_RETRY_SCHEDULE: '5' });
  platform = world.app.platform;
});
afterAll(() => world.close());
afterEach(() => world.settle());

const replay = (id: string, asker = platform, headers = {}): Promise<Answer> =>
  asker.post(`${S}/webhookDeliveries/${id}/replay`, undefined, headers);
const deliveriesOf = async ({ id }: Endpoint): Promise<Body[]> =>
  (await platform.get(`${S}/webhookEndpoints/${id}/deliveries?sort=createdAt`)).body.data;
const read = async (id: string): Promise<Body> => (await platform.get(`${S}/webhookDeliveries/${id}`)).body.data;

/** An endpoint with one delivery that has come to this end. */
async function ended(status: number): Promise<{ endpoint: Endpoint; id: string }> {
  const endpoint = await addEndpoint(world);
  await world.receiver.program(endpoint.path, { status });
  await change(world.app, endpoint.organizationId);
  await world.app.runPendingDeliveries();
  world.pass(60);
  await world.app.runPendingDeliveries();
  const [delivery] = await deliveriesOf(endpoint);
  return { endpoint, id: delivery.id };
}

test('the same event with the same body goes out once more, signed anew, with one attempt (INV-38, INV-40)', async () => {
  const { endpoint, id } = await ended(500);
  const before = await read(id);
  expect(before.attributes).toMatchObject({ status: 'exhausted', attemptCount: 2, lastStatusCode: 500 });
  const { status, body, headers } = await replay(id);
  const { data } = body;
  expect([status, headers.location]).toEqual([201, `${S}/webhookDeliveries/${data.id}`]);
  expect(data.attributes).toMatchObject({ status: 'pending', trigger: 'replay', manual: true, attemptCount: 0 });
  expect(data.relationships.replayOf.data).toEqual({ type: 'webhookDeliveries', id });
  expect(data.relationships.event.data).toEqual(before.relationships.event.data);
  expect(await world.app.runPendingDeliveries()).toBe(1);
  // The attempt failed, as the others did; nothing follows it.
  expect((await read(data.id)).attributes).toMatchObject({ status: 'exhausted', attemptCount: 1, nextAttemptAt: null });
  expect(await read(id)).toEqual(before);
  const requests = await world.receiver.waitFor(endpoint.path, 3);
  expect(new Set(requests.map(({ headers: sent }) => sent['webhook-id'])).size).toBe(1);
  expect(new Set(requests.map((request) => request.body.toString())).size).toBe(1);
  await world.receiver.program(endpoint.path, { status: 200 });
  const third = (await replay(data.id)).body.data;
  await world.app.runPendingDeliveries();
  expect((await read(third.id)).attributes).toMatchObject({ status: 'succeeded', lastStatusCode: 200 });
  const attempts = (await platform.get(`${S}/webhookDeliveries/${third.id}/attempts`)).body.data;
  expect(attempts.map(({ attributes }: Body) => [attributes.number, attributes.manual])).toEqual([[1, true]]);
});

test.each(['succeeded', 'cancelled', 'skipped', 'exhausted'])('%s ones can be replayed', async (status) => {
  const { id } = await ended(200);
  await world.app.db.query('update webhook_deliveries set status = $2 where id = $1', [id, status]);
  expect((await replay(id)).status).toBe(201);
});

test.each(['pending', 'retrying', 'sending'])('%s ones are 409 invalid_transition', async (status) => {
  const { endpoint, id } = await ended(200);
  await world.app.db.query('update webhook_deliveries set status = $2, next_attempt_at = now() where id = $1', [
    id,
    status,
  ]);
  const answer = await replay(id);
  expect([answer.status, answer.body.errors[0].code]).toEqual([409, 'invalid_transition']);
  expect(await deliveriesOf(endpoint)).toHaveLength(1);
});

test('409 when the endpoint is disabled or deleted, or the content of the event is gone, with the reason', async () => {
  const { endpoint, id } = await ended(200);
  const path = `${S}/webhookEndpoints/${endpoint.id}`;
  await platform.patch(path, document('webhookEndpoints', { disabled: true }, { id: endpoint.id }));
  const refusals = [await replay(id)];
  await platform.patch(path, document('webhookEndpoints', { disabled: false }, { id: endpoint.id }));
  const { relationships } = await read(id);
  const body = async (text: string | null) =>
    world.app.db.query('update events set body = $2 where id = $1 returning 1', [relationships.event.data.id, text]);
  await body(null);
  refusals.push(await replay(id));
  await body('{}');
  await platform.delete(path);
  refusals.push(await replay(id));
  expect(refusals.map((each) => [each.status, each.body.errors[0].code, each.body.errors[0].detail])).toEqual([
    [409, 'invalid_transition', 'The endpoint is disabled: enable it first.'],
    [409, 'invalid_transition', 'The content of the event is gone: it is kept for 90 days.'],
    [409, 'invalid_transition', 'The endpoint has been deleted.'],
  ]);
  // What it got is still there to be read.
  expect((await read(id)).relationships.endpoint.data).toEqual({ type: 'webhookEndpoints', id: endpoint.id });
});

test('a disabling at the same time leaves no delivery on its way', async () => {
  const { endpoint, id } = await ended(200);
  const path = `${S}/webhookEndpoints/${endpoint.id}`;
  for (let i = 0; i < 5; i++) {
    const [replayed] = await Promise.all([
      replay(id),
      platform.patch(path, document('webhookEndpoints', { disabled: true }, { id: endpoint.id })),
      platform.post(`${path}/replay`, { meta: { status: 'all', fromSequence: 1 } }),
    ]);
    expect([201, 409]).toContain(replayed.status);
    const states = (await deliveriesOf(endpoint)).map(({ attributes }) => attributes.status);
    expect(states.filter((status) => ['pending', 'retrying', 'sending'].includes(status))).toEqual([]);
    await platform.patch(path, document('webhookEndpoints', { disabled: false }, { id: endpoint.id }));
  }
});

test('with If-Match and Idempotency-Key as everywhere (INV-56, INV-59)', async () => {
  const { endpoint, id } = await ended(200);
  const stale = await replay(id, platform, { 'If-Match': '"999.x"' });
  expect([stale.status, stale.body.errors[0].code]).toEqual([412, 'version_mismatch']);
  const { headers } = await platform.get(`${S}/webhookDeliveries/${id}`);
  const keyed = { 'If-Match': headers.etag as string, 'Idempotency-Key': 'replay-once' };
  const [one, two] = [await replay(id, platform, keyed), await replay(id, platform, keyed)];
  expect([one.status, two.status, two.headers['idempotent-replayed']]).toEqual([201, 201, 'true']);
  expect(two.body.data.id).toBe(one.body.data.id);
  expect(await deliveriesOf(endpoint)).toHaveLength(2);
});

test('a capability hint says whether it can be replayed', async () => {
  const { id } = await ended(200);
  const can = async () => (await platform.get(`${S}/webhookDeliveries/${id}?withCapabilities=true`)).body.data.meta.can;
  expect((await can()).replay).toBe(true);
  await world.app.db.query("update webhook_deliveries set status = 'retrying', next_attempt_at = now() where id = $1", [
    id,
  ]);
  expect((await can()).replay).toBe(false);
});

test('what one can’t see is 404', async () => {
  expect((await replay(NIL)).status).toBe(404);
  const { id } = await ended(200);
  const partner = await world.app.partner();
  expect((await replay(id, partner)).status).toBe(404);
});
