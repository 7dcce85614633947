import { forgetOldBodies, removeOldDeliveries } from '../../src/services/eventRetention';
import { type Body, createOrganization, document, S, startApp, type TestApp } from '../support/app';
import { addDelivery, addEvents } from '../support/deliveries';

/** What is kept for 90 days, and then no more (domain sheet 4.11, 11), by the clock of the app. */

const DAY = 86_400_000;

let app: TestApp;
let ahead = 0;
beforeAll(async () => {
  app = await startApp({}, () => new Date(Date.now() + ahead));
});
beforeEach(() => {
  ahead = 0;
});
afterAll(() => app.close());

/** A sweep at a time to come. */
const after = async (days: number, sweep: typeof forgetOldBodies): Promise<void> => {
  ahead = days * DAY;
  await sweep(app.services);
  ahead = 0;
};

const endpointOf = async (organization: Body): Promise<string> => {
  const key = app.as(organization.attributes.token);
  const body = document('webhookEndpoints', { url: 'https://hooks.example.com/kept' });
  return (await key.post(`${S}/webhookEndpoints`, body)).body.data.id;
};
const eventsOf = async ({ id }: Body): Promise<Body[]> =>
  (await app.platform.get(`${S}/events?filter[organizationId]=${id}&page[size]=100`)).body.data;
const statesOf = async (endpoint: string): Promise<string[]> =>
  (
    await app.db.query('select status from webhook_deliveries where endpoint_id = $1 order by sequence, id', [endpoint])
  ).map(([status]) => status as string);

test('an event loses its content, and its row stays; what has not been delivered by then is cancelled', async () => {
  const organization = await createOrganization(app.platform);
  const endpoint = await endpointOf(organization);
  await addEvents(app, organization.id, 4);
  for (const [n, status] of ['pending', 'retrying', 'sending'].entries()) {
    await app.db.query(
      `update webhook_deliveries set status = $2 where endpoint_id = $1 and sequence = (
         select min(sequence) + $3::int from webhook_deliveries where endpoint_id = $1)`,
      [endpoint, status, n],
    );
  }
  await app.db.query(
    `update webhook_deliveries set status = 'succeeded', next_attempt_at = null where endpoint_id = $1 and sequence = (
       select max(sequence) from webhook_deliveries where endpoint_id = $1)`,
    [endpoint],
  );
  const before = await eventsOf(organization);
  await after(89, forgetOldBodies);
  expect(await eventsOf(organization)).toEqual(before);
  const claims = await app.db.query('select sum(claims)::int from webhook_deliveries where endpoint_id = $1', [
    endpoint,
  ]);
  await after(91, forgetOldBodies);
  const emptied = await eventsOf(organization);
  expect(emptied).toEqual(
    before.map((event) => ({ ...event, attributes: { ...event.attributes, data: null, previous: null } })),
  );
  expect(await statesOf(endpoint)).toEqual(['cancelled', 'cancelled', 'cancelled', 'succeeded']);
  // Who is sending one of them has no effect any more.
  const later = await app.db.query('select sum(claims)::int from webhook_deliveries where endpoint_id = $1', [
    endpoint,
  ]);
  expect([claims, later]).toEqual([[[0]], [[3]]]);
  expect(await app.runPendingDeliveries()).toBe(0);
});

test('ended deliveries and their attempts are removed, those on their way stay', async () => {
  const organization = await createOrganization(app.platform);
  const { endpointId, eventId } = await addDelivery(app, organization.id);
  await app.db.query(
    `insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, status, payload, next_attempt_at)
     values (new_id(), $1, $2, $3, 1, 'retrying', 'full', now())`,
    [organization.id, endpointId, eventId],
  );
  const totals = async () => {
    const types = ['webhookDeliveries', 'webhookAttempts'];
    const lists = types.map((type) => app.platform.get(`${S}/${type}?filter[organizationId]=${organization.id}`));
    return (await Promise.all(lists)).map(({ body }) => [body.data.length, body.meta.total]);
  };
  await after(89, removeOldDeliveries);
  expect(await totals()).toEqual([
    [3, 3],
    [1, 1],
  ]);
  await after(91, removeOldDeliveries);
  expect(await totals()).toEqual([
    [1, 1],
    [0, 0],
  ]);
  expect(await statesOf(endpointId)).toEqual(['retrying']);
});

test('more than one statement takes are swept by several, and by two processes at once', async () => {
  const organization = await createOrganization(app.platform);
  const endpoint = await endpointOf(organization);
  await addEvents(app, organization.id, 2_500);
  await app.db.query(
    "update webhook_deliveries set status = 'succeeded', next_attempt_at = null where endpoint_id = $1",
    [endpoint],
  );
  ahead = 91 * DAY;
  await Promise.all([1, 2].map(() => forgetOldBodies(app.services)));
  await Promise.all([1, 2].map(() => removeOldDeliveries(app.services)));
  ahead = 0;
  const rows = await app.db.query(
    `select count(*)::int, count(body)::int, (select count(*)::int from webhook_deliveries where endpoint_id = $2)
     from events where organization_id = $1 and event_type = 'organization.updated'`,
    [organization.id, endpoint],
  );
  expect(rows).toEqual([[2_500, 0, 0]]);
});

test('the sweeps find what they look for in an index', async () => {
  await app.source.query('analyze events, webhook_deliveries');
  const query = jest.spyOn(app.db, 'query');
  await forgetOldBodies(app.services);
  await removeOldDeliveries(app.services);
  const statements = query.mock.calls.slice();
  query.mockRestore();
  const plans = statements.map(async ([text, values]) => {
    const [row] = await app.source.transaction(async (inside) => {
      await inside.query('set local enable_seqscan = off');
      return inside.query(`explain (format json) ${text}`, values);
    });
    return JSON.stringify(row['QUERY PLAN']);
  });
  const [bodies, deliveries] = await Promise.all(plans);
  expect(bodies).toContain('events_body_idx');
  expect(deliveries).toContain('webhook_deliveries_created_at_idx');
});
