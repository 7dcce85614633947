import {
  type Body,
  type Client,
  createOrganization,
  document,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';

/** Many events to one endpoint anew (domain sheet 9.5): what is queued, and what is not. */

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

interface Setting {
  organization: Body;
  key: Client;
  endpoint: string;
}

async function setting(attributes: object = {}): Promise<Setting> {
  const organization = await createOrganization(app.platform);
  const key = app.as(organization.attributes.token);
  const { body } = await key.post(
    `${S}/webhookEndpoints`,
    document('webhookEndpoints', { url: 'https://hooks.example.com/replay', ...attributes }),
  );
  return { organization, key, endpoint: body.data.id };
}

/** Events of the organization, one for each change of its name. */
async function change({ key, organization }: Setting, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const { id } = organization;
    const body = document('organizations', { name: `Name ${Math.random()}` }, { id });
    expect((await key.patch(organization.links.self, body)).status).toBe(200);
  }
}

const end = (endpoint: string, status: string, condition = 'true') =>
  app.db.query(
    `update webhook_deliveries set status = $2, next_attempt_at = null where endpoint_id = $1 and ${condition}`,
    [endpoint, status],
  );

const replay = async ({ key, endpoint }: Setting, meta: object): Promise<number> => {
  const { status, body } = await key.post(`${S}/webhookEndpoints/${endpoint}/replay`, { meta });
  expect([status, Object.keys(body)]).toEqual([202, ['meta', 'jsonapi']]);
  return body.meta.queued;
};

/** [number of the event, trigger, status, manual, whether it repeats another] of all deliveries, oldest first. */
const deliveries = ({ endpoint }: Setting) =>
  app.db.query(
    `select sequence, trigger, status, manual, replay_of_id is not null from webhook_deliveries where endpoint_id = $1
     order by created_at, next_attempt_at, sequence, id`,
    [endpoint],
  );
const replays = async (each: Setting) => (await deliveries(each)).filter(([, trigger]) => trigger === 'replay');

test('failed: those whose newest delivery has failed or was cancelled, each once, in their order', async () => {
  const of = await setting();
  await change(of, 4);
  const [[first]] = (await deliveries(of)) as [[number]];
  await end(of.endpoint, 'succeeded', `sequence = ${first}`);
  await end(of.endpoint, 'exhausted', `sequence in (${first + 1}, ${first + 3})`);
  await end(of.endpoint, 'cancelled', `sequence = ${first + 2}`);
  expect(await replay(of, { status: 'failed' })).toBe(3);
  const again = [1, 2, 3].map((n) => [first + n, 'replay', 'pending', false, true]);
  expect(await replays(of)).toEqual(again);
  // They are on their way: nothing is made a second time.
  expect(await replay(of, { status: 'failed' })).toBe(0);
  await end(of.endpoint, 'succeeded', "status = 'pending'");
  expect(await replay(of, { status: 'failed' })).toBe(0);
  const events = await app.db.query('select count(*)::int from events where organization_id = $1', [
    of.organization.id,
  ]);
  const rows = await app.db.query('select last from event_sequences where organization_id = $1', [of.organization.id]);
  expect(events).toEqual(rows);
});

test('skipped: what was not sent while the endpoint was disabled (INV-37)', async () => {
  const of = await setting({ disabled: true });
  await change(of, 2);
  const path = `${S}/webhookEndpoints/${of.endpoint}`;
  const refused = await of.key.post(`${path}/replay`, { meta: { status: 'skipped' } });
  expect([refused.status, refused.body.errors[0].code]).toEqual([409, 'invalid_transition']);
  await of.key.patch(path, document('webhookEndpoints', { disabled: false }, { id: of.endpoint }));
  expect(await replay(of, { status: 'failed' })).toBe(0);
  expect(await replay(of, { status: 'skipped' })).toBe(2);
  expect((await replays(of)).map(([, , status]) => status)).toEqual(['pending', 'pending']);
});

test('all: what the endpoint asks for now, sent before or not, but not what is about itself or on its way (INV-43)', async () => {
  const of = await setting({ eventTypes: ['organization.*'] });
  await change(of, 2);
  const sent = (await deliveries(of)).map(([sequence]) => sequence as number);
  await end(of.endpoint, 'succeeded', `sequence = ${sent[0]}`);
  const path = `${S}/webhookEndpoints/${of.endpoint}`;
  const unbounded = await of.key.post(`${path}/replay`, { meta: { status: 'all' } });
  expect([unbounded.status, unbounded.body.errors[0].code]).toEqual([422, 'required']);
  // organization.created was there before the endpoint was.
  expect(await replay(of, { status: 'all', fromSequence: 1 })).toBe(2);
  expect(await replays(of)).toEqual([
    [1, 'replay', 'pending', false, false],
    [sent[0], 'replay', 'pending', false, true],
  ]);
  await of.key.patch(path, document('webhookEndpoints', { eventTypes: [] }, { id: of.endpoint }));
  await end(of.endpoint, 'succeeded');
  expect(await replay(of, { status: 'all', fromSequence: 1 })).toBeGreaterThan(2);
  const told = await app.db.query(
    'select count(*)::int from webhook_deliveries d join events e on e.id = d.event_id where d.endpoint_id = $1 and e.subject_id = $1',
    [of.endpoint],
  );
  expect(told).toEqual([[0]]);
});

test('a range is of numbers or times, both ends part of it', async () => {
  const of = await setting();
  await change(of, 5);
  await end(of.endpoint, 'exhausted');
  const events = await app.db.query(
    'select sequence, json_time_ms(occurred_at) from events where organization_id = $1 order by sequence desc limit 5',
    [of.organization.id],
  );
  const [five, four, three, two, one] = events.map(([sequence]) => sequence as number) as number[];
  const times = new Map(events as [number, string][]);
  expect(await replay(of, { status: 'failed', fromSequence: (five as number) + 1 })).toBe(0);
  expect(await replay(of, { status: 'failed', since: '2999-01-01T00:00:00Z' })).toBe(0);
  expect(await replay(of, { status: 'failed', until: '2000-01-01T00:00:00Z' })).toBe(0);
  expect(await replay(of, { status: 'all', fromSequence: one, toSequence: two })).toBe(2);
  // Times are kept to the microsecond and shown to the millisecond, which is before them.
  expect(await replay(of, { status: 'failed', since: times.get(five as number) })).toBe(1);
  expect(
    await replay(of, { status: 'failed', since: times.get(three as number), until: times.get(five as number) }),
  ).toBe(2);
  expect((await replays(of)).map(([sequence]) => sequence)).toEqual([one, two, five, three, four]);
});

test('of two calls at the same time, one makes the deliveries', async () => {
  const of = await setting();
  await change(of, 3);
  await end(of.endpoint, 'exhausted');
  const queued = await Promise.all([1, 2, 3].map(() => replay(of, { status: 'failed' })));
  expect(queued.sort()).toEqual([0, 0, 3]);
});

test('an event that has lost its content is not sent again', async () => {
  const of = await setting();
  await change(of, 2);
  await end(of.endpoint, 'exhausted');
  await app.db.query('update events set body = null where organization_id = $1 and event_type = $2', [
    of.organization.id,
    'organization.updated',
  ]);
  expect(await replay(of, { status: 'failed' })).toBe(0);
});

test('what it takes is judged, and who may: 422, 403, 404', async () => {
  const of = await setting();
  const path = `${S}/webhookEndpoints/${of.endpoint}/replay`;
  for (const [meta, code, pointer] of [
    [{}, 'required', '/meta'],
    [{ status: 'x' }, 'not_allowed', '/meta/status'],
    [{ status: 'failed', since: 'yesterday' }, 'invalid_format', '/meta/since'],
    [{ status: 'failed', fromSequence: 0 }, 'not_allowed', '/meta/fromSequence'],
    [{ status: 'failed', more: 1 }, 'unknown_attribute', '/meta/more'],
  ] as const) {
    const { status, body } = await of.key.post(path, { meta });
    expect([status, body.errors[0].code, body.errors[0].source]).toEqual([422, code, { pointer }]);
  }
  const { body } = await of.key.post(
    `${S}/apiKeys`,
    document('apiKeys', { name: 'Reader', scopes: ['webhooks:read'] }),
  );
  const reader = app.as(body.data.attributes.secret);
  expect((await reader.post(path, { meta: { status: 'failed' } })).body.errors[0].code).toBe('permission_denied');
  const stranger = await setting();
  for (const [client, id] of [
    [stranger.key, of.endpoint],
    [of.key, NIL],
  ] as const) {
    const answer = await client.post(`${S}/webhookEndpoints/${id}/replay`, { meta: { status: 'failed' } });
    expect([answer.status, answer.body.errors[0].code]).toEqual([404, 'not_found']);
  }
  await of.key.delete(`${S}/webhookEndpoints/${of.endpoint}`);
  expect((await of.key.post(path, { meta: { status: 'failed' } })).status).toBe(404);
});

describe('among a hundred thousand events', () => {
  const EVENTS = 100_000;
  let of: Setting;
  beforeAll(async () => {
    of = await setting();
    const chunk = 10_000;
    for (let i = 0; i < EVENTS; i += chunk) {
      await app.db.query(
        `insert into events (id, organization_id, sequence, event_type, subject_type, subject_id, occurred_at, actor_type, body)
         select new_id(), $1, 1000 + $2::int + g, 'role.updated', 'roles', $1, clock_timestamp(), 'system', '{}'
         from generate_series(1, $3::int) g`,
        [of.organization.id, i, chunk],
      );
    }
    await app.db.query('update event_sequences set last = $2 where organization_id = $1', [
      of.organization.id,
      1000 + EVENTS,
    ]);
    await app.source.query('analyze events');
  }, 60_000);

  test('all of them are queued by one call, in their order, while others go on writing', async () => {
    const answer = replay(of, { status: 'all', fromSequence: 1001, toSequence: 1000 + EVENTS });
    let isDone = false;
    void answer.finally(() => {
      isDone = true;
    });
    let slowest = 0;
    while (!isDone) {
      const at = Date.now();
      await change(of, 1);
      slowest = Math.max(slowest, Date.now() - at);
    }
    expect(await answer).toBe(EVENTS);
    expect(slowest).toBeLessThan(2_000);
    const order = await app.db.query(
      `select count(*)::int from (select sequence, lag(sequence) over (order by next_attempt_at) as before from webhook_deliveries
         where endpoint_id = $1 and trigger = 'replay') rows where sequence < before`,
      [of.endpoint],
    );
    expect(order).toEqual([[0]]);
  }, 60_000);

  test('and of those that have failed all that there are', async () => {
    await end(of.endpoint, 'exhausted', 'sequence > 1000 and sequence <= 21000');
    const range = { status: 'failed', fromSequence: 1001, toSequence: 1000 + EVENTS };
    expect(await replay(of, range)).toBe(20_000);
    expect(await replay(of, range)).toBe(0);
  }, 60_000);

  test('a range of more than 250,000 numbers is refused', async () => {
    await app.db.query('update event_sequences set last = 300000 where organization_id = $1', [of.organization.id]);
    const path = `${S}/webhookEndpoints/${of.endpoint}/replay`;
    const { status, body } = await of.key.post(path, { meta: { status: 'all', fromSequence: 1 } });
    expect([status, body.errors[0].code, body.errors[0].source]).toEqual([422, 'not_allowed', { pointer: '/meta' }]);
  });
});
