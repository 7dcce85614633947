import { Webhook } from 'standardwebhooks';
import { EVENT_TYPES } from '../../../src/eventTypes';
import { type Answer, type Client, createOrganization, document, link, NIL, S } from '../../support/app';
import { addEndpoint, type Endpoint, openWorld, SECRET, type World } from '../../webhooks/world';

/** One request to an endpoint while the caller waits (domain sheet 9.5), at a real receiver. */

let world: World;
let platform: Client;
beforeAll(async () => {
  world = await openWorld();
  platform = world.app.platform;
});
afterAll(() => world.close());

const sendTest = (endpoint: string, meta?: object, asker = platform, headers = {}): Promise<Answer> =>
  asker.post(`${S}/webhookEndpoints/${endpoint}/test`, meta === undefined ? undefined : { meta }, headers);

async function received({ path }: Endpoint) {
  const [request] = await world.receiver.waitFor(path, 1);
  if (request === undefined) throw new Error('nothing came');
  const text = request.body.toString();
  new Webhook(SECRET).verify(text, request.headers as Record<string, string>);
  return { id: request.headers['webhook-id'], body: JSON.parse(text) };
}

test('answers with the attempt; the event is in the feed, and goes to the tested endpoint alone', async () => {
  const endpoint = await addEndpoint(world);
  const other = await addEndpoint(world, {}, endpoint.organizationId);
  await world.receiver.program(endpoint.path, { status: 201, body: 'thanks' });
  const { status, body } = await sendTest(endpoint.id);
  const { attributes, relationships, type } = body.data;
  expect([status, type, attributes.number, attributes.manual, attributes.statusCode, attributes.error]).toEqual([
    200,
    'webhookAttempts',
    1,
    true,
    201,
    null,
  ]);
  expect(attributes.responseBody).toBe('thanks');
  const delivery = (await platform.get(`${S}/webhookDeliveries/${relationships.delivery.data.id}`)).body.data;
  expect(delivery.attributes).toMatchObject({
    status: 'succeeded',
    trigger: 'test',
    manual: true,
    eventType: 'webhook.test',
    attemptCount: 1,
    nextAttemptAt: null,
  });
  const event = (await platform.get(`${S}/events/${delivery.relationships.event.data.id}`)).body.data;
  expect(event.attributes).toMatchObject({ eventType: 'webhook.test', previous: null });
  expect(event.attributes.data).toMatchObject({ type: 'webhookEndpoints', id: endpoint.id });
  const got = await received(endpoint);
  expect(got).toMatchObject({
    id: event.id,
    body: { type: 'webhook.test', sequence: event.attributes.sequence, data: { id: endpoint.id } },
  });
  expect(JSON.stringify(got)).not.toContain('whsec_');
  const ways = await platform.get(`${S}/webhookDeliveries?filter[endpointId]=${other.id}`);
  expect(ways.body.data).toEqual([]);
  expect(await world.app.runPendingDeliveries()).toBe(0);
});

test.each(EVENT_TYPES.filter((type) => type !== 'webhook.test'))(
  'with eventType %s the receiver reads an example of that type',
  async (eventType) => {
    const endpoint = await addEndpoint(world);
    expect((await sendTest(endpoint.id, { eventType })).status).toBe(200);
    const { body, id } = await received(endpoint);
    const event = (await platform.get(`${S}/events/${id}`)).body.data;
    expect([body.type, event.attributes.eventType]).toEqual([eventType, 'webhook.test']);
    expect(body.data).toEqual(event.attributes.data);
    expect(Object.keys(body)).toEqual([
      'type',
      'timestamp',
      'id',
      'sequence',
      'apiVersion',
      'organizationId',
      'actor',
      'requestId',
      'data',
      'previous',
    ]);
    // It has the members that a real one has.
    const { sql, table } = world.app.services.shapes.get(body.data.type) as { sql: string; table: string };
    const [row] = await world.app.db.query(`select ${sql} from ${table} t limit 1`);
    const real = row?.[0] as { attributes: object; relationships: object } | undefined;
    if (real === undefined) return;
    expect(Object.keys(body.data.attributes).sort()).toEqual(Object.keys(real.attributes).sort());
    expect(Object.keys(body.data.relationships).sort()).toEqual(Object.keys(real.relationships).sort());
  },
);

test('an unknown type is 422, and nothing is written', async () => {
  const { id } = await addEndpoint(world);
  for (const eventType of ['member.unknown', 'nonsense', 'member.*']) {
    const { status, body } = await sendTest(id, { eventType });
    expect([status, body.errors[0].code, body.errors[0].source]).toEqual([
      422,
      'unknown_event_type',
      { pointer: '/meta/eventType' },
    ]);
  }
  expect((await platform.get(`${S}/webhookEndpoints/${id}/deliveries`)).body.data).toEqual([]);
});

test('a disabled endpoint is tested as well; a failure is the attempt’s, and is not tried again', async () => {
  const endpoint = await addEndpoint(world, { disabled: true, payload: 'thin' });
  await world.receiver.program(endpoint.path, { status: 500 });
  const { status, body } = await sendTest(endpoint.id);
  expect([status, body.data.attributes.statusCode, body.data.attributes.error]).toEqual([200, 500, 'http_status']);
  const [request] = await world.receiver.waitFor(endpoint.path, 1);
  expect(JSON.parse(request?.body.toString() ?? '').data).toEqual({ type: 'webhookEndpoints', id: endpoint.id });
  const { data } = (await platform.get(`${S}/webhookEndpoints/${endpoint.id}/deliveries`)).body;
  expect(data.map(({ attributes }: { attributes: { status: string } }) => attributes.status)).toEqual(['exhausted']);
  const dead = await addEndpoint(world, { url: 'http://127.0.0.1:1/' });
  const refused = await sendTest(dead.id);
  expect([refused.status, refused.body.data.attributes.error]).toEqual([200, 'connection_refused']);
  world.pass(3_600);
  expect(await world.app.runPendingDeliveries()).toBe(0);
});

test('an Idempotency-Key does not hold: each call sends', async () => {
  const endpoint = await addEndpoint(world);
  const headers = { 'Idempotency-Key': 'test-once' };
  const [one, two] = [
    await sendTest(endpoint.id, {}, platform, headers),
    await sendTest(endpoint.id, {}, platform, headers),
  ];
  expect([one.status, two.status, one.body.data.id === two.body.data.id]).toEqual([200, 200, false]);
});

test('who may: 404 for what one can’t see, 403 without the right and in a suspended organization', async () => {
  const { app } = world;
  const organization = await createOrganization(platform);
  const endpoint = await addEndpoint(world, {}, organization.id);
  const stranger = app.as((await createOrganization(platform)).attributes.token);
  const key = app.as(organization.attributes.token);
  for (const [asker, id] of [
    [stranger, endpoint.id],
    [key, NIL],
  ] as const) {
    const { status, body } = await sendTest(id, {}, asker);
    expect([status, body.errors[0].code]).toEqual([404, 'not_found']);
  }
  const relationships = { organization: link('organizations', organization.id) };
  const reader = document('apiKeys', { name: 'Reader', scopes: ['webhooks:read'] }, { relationships });
  const { secret } = (await platform.post(`${S}/apiKeys`, reader)).body.data.attributes;
  expect((await sendTest(endpoint.id, {}, app.as(secret))).body.errors[0].code).toBe('permission_denied');
  const suspension = { status: 'suspended', statusReason: 'Unpaid' };
  await platform.patch(organization.links.self, document('organizations', suspension, { id: organization.id }));
  const { status, body } = await sendTest(endpoint.id, {}, key);
  expect([status, body.errors[0].code]).toEqual([403, 'organization_suspended']);
  expect((await sendTest(endpoint.id)).status).toBe(200);
});
