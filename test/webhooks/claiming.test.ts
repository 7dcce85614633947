import { v7 as uuidv7 } from 'uuid';
import { attemptNow } from '../../src/webhooks/attemptNow';
import { LEASE_MS, prolongLeases } from '../../src/webhooks/delivery';
import { START } from '../../src/webhooks/due';
import { finishAttempts } from '../../src/webhooks/finish';
import type { Ended } from '../../src/webhooks/outcome';
import { type Claim, claimDeliveries } from '../../src/webhooks/queue';
import { sendDelivery } from '../../src/webhooks/send';
import { MOST_PER_ENDPOINT, Slots } from '../../src/webhooks/slots';
import { createOrganization, type TestApp } from '../support/app';
import type { Receiver } from '../support/receiver';
import {
  addEndpoint,
  attemptsOf,
  changeMany,
  deliveriesOf,
  type Endpoint,
  endpointOf,
  openWorld,
  type World,
} from './world';

let world: World;
let app: TestApp;
let receiver: Receiver;
beforeAll(async () => {
  world = await openWorld();
  ({ app, receiver } = world);
});
afterEach(() => world.settle());
afterAll(() => world.close());

/** One look of a process that does nothing yet. */
const claim = (by = app, cursor = START): Promise<Claim> => claimDeliveries(by.services, new Slots(), cursor);
const sequences = async (endpoint: Endpoint, { deliveries }: Claim) => {
  const numbers = new Map((await deliveriesOf(app, endpoint)).map(({ id, sequence }) => [id, sequence]));
  return deliveries.map(({ id }) => numbers.get(id));
};
const send = async (claimed: Claim): Promise<Ended[]> =>
  Promise.all(claimed.deliveries.map((each) => sendDelivery(app.services, each)));
const finish = async (ended: Ended[], by = app) => finishAttempts(by.services, ended);

async function endpointWith(events: number, settings: Record<string, unknown> = {}): Promise<Endpoint> {
  const endpoint = await addEndpoint(world, settings);
  await changeMany(app, endpoint.organizationId, events);
  return endpoint;
}

describe('a lease', () => {
  test('keeps others away until it ends; then the delivery is taken again', async () => {
    const endpoint = await endpointWith(1);
    expect((await claim()).deliveries).toMatchObject([{ claims: 1 }]);
    expect(await deliveriesOf(app, endpoint)).toMatchObject([{ status: 'sending', claims: 1, attempt_count: 0 }]);
    world.pass(LEASE_MS / 1_000 - 2);
    expect((await claim()).deliveries).toEqual([]);
    world.pass(2);
    expect((await claim()).deliveries).toMatchObject([{ claims: 2 }]);
  });

  test('that is prolonged lasts as long again', async () => {
    await endpointWith(1);
    const { deliveries } = await claim();
    world.pass(LEASE_MS / 1_000 - 2);
    await prolongLeases(app.services, deliveries);
    world.pass(LEASE_MS / 1_000 - 2);
    expect((await claim()).deliveries).toEqual([]);
    world.pass(2);
    expect((await claim()).deliveries).toHaveLength(1);
  });

  test('that was lost leaves a late process without effect: the other one’s attempt counts', async () => {
    const other = await world.beside();
    const endpoint = await endpointWith(1, { retry_schedule: [] });
    await receiver.program(endpoint.path, [{ status: 500 }, { status: 200 }]);
    const late = await send(await claim());
    world.pass(LEASE_MS / 1_000 + 1);
    const owner = await claim(other);
    const before = await deliveriesOf(app, endpoint);
    await prolongLeases(
      app.services,
      late.map(({ delivery }) => delivery),
    );
    expect(await finish(late)).toEqual(new Set());
    expect(await deliveriesOf(app, endpoint)).toEqual(before);
    expect(await endpointOf(app, endpoint)).toMatchObject({ failing_since: null });
    expect((await finish(await send(owner), other)).size).toBe(1);
    const [delivery] = await deliveriesOf(app, endpoint);
    expect(delivery).toMatchObject({ status: 'succeeded', attempt_count: 1, claims: 2 });
    expect(await attemptsOf(app, delivery as never)).toMatchObject([{ number: 1, status_code: 200 }]);
    expect(await finish(late)).toEqual(new Set());
  });

  test('is given to one of twenty that look at the same time', async () => {
    const other = await world.beside();
    const endpoints = [];
    for (let n = 0; n < 8; n++) endpoints.push(await endpointWith(MOST_PER_ENDPOINT + 2));
    const most = 8 * MOST_PER_ENDPOINT;
    const taken = [];
    for (let round = 0; taken.length < most && round < 40; round++) {
      const claims = await Promise.all(Array.from({ length: 20 }, (_, n) => claim(n % 2 === 0 ? app : other)));
      taken.push(...claims.flatMap(({ deliveries }) => deliveries));
    }
    expect(new Set(taken.map(({ id }) => id)).size).toBe(most);
    expect(taken).toHaveLength(most);
    for (const endpoint of endpoints) {
      const sending = (await deliveriesOf(app, endpoint)).filter(({ status }) => status === 'sending');
      expect(sending).toHaveLength(MOST_PER_ENDPOINT);
    }
  });
});

describe('of one endpoint', () => {
  test('twenty are on their way at once, over all processes; one that ends makes room', async () => {
    const endpoint = await endpointWith(MOST_PER_ENDPOINT + 5);
    const first = await claim();
    expect(await sequences(endpoint, first)).toHaveLength(MOST_PER_ENDPOINT);
    const other = await world.beside();
    expect((await claim(other)).deliveries).toEqual([]);
    const [ended] = await send({ ...first, deliveries: first.deliveries.slice(0, 1) });
    await finish([ended as Ended]);
    expect((await claim(other)).deliveries).toHaveLength(1);
  });

  test('that fails only one is', async () => {
    const endpoint = await endpointWith(3);
    await app.db.query('update webhook_endpoints set failing_since = now() where id = $1', [endpoint.id]);
    const { deliveries } = await claim();
    expect(deliveries).toHaveLength(1);
    expect((await claim()).deliveries).toEqual([]);
  });

  test('the longest due come first', async () => {
    const endpoint = await endpointWith(MOST_PER_ENDPOINT + 2);
    expect((await sequences(endpoint, await claim())).sort((a, b) => a - b)).toEqual(
      (await deliveriesOf(app, endpoint)).slice(0, MOST_PER_ENDPOINT).map(({ sequence }) => sequence),
    );
  });

  test('no more are sent in a second than its rate allows', async () => {
    const endpoint = await endpointWith(40, { rate_per_second: 20 });
    const counts = [];
    for (let tenth = 0; tenth < 10; tenth++) {
      const { deliveries, waitMs } = await claim();
      counts.push(deliveries.length);
      expect(waitMs).toBeLessThanOrEqual(50);
      await finish(await send({ deliveries } as never));
      world.pass(0.1);
    }
    const sent = counts.reduce((sum, count) => sum + count);
    expect(Math.max(...counts)).toBe(2);
    expect(sent).toBeGreaterThanOrEqual(19);
    expect((await receiver.requests(endpoint.path)).length).toBe(sent);
  });

  test('with one a second the next one waits for it', async () => {
    await endpointWith(3, { rate_per_second: 1 });
    expect((await claim()).deliveries).toHaveLength(1);
    world.pass(0.5);
    const early = await claim();
    expect(early.deliveries).toEqual([]);
    expect(early.waitMs).toBeGreaterThan(300);
    world.pass(0.5);
    expect((await claim()).deliveries).toHaveLength(1);
  });
});

describe('in strict order (INV-39)', () => {
  test('the next is taken when the one before has ended, and not while it waits for its retry', async () => {
    const endpoint = await endpointWith(3, { ordering: 'strict', retry_schedule: [10] });
    await receiver.program(endpoint.path, [{ status: 500 }, { status: 500 }, { status: 200 }]);
    const order = [];
    for (let n = 0; n < 4; n++) {
      const claimed = await claim();
      expect((await claim()).deliveries).toEqual([]);
      order.push(...(await sequences(endpoint, claimed)));
      await finish(await send(claimed));
      if (n === 0) {
        expect((await claim()).deliveries).toEqual([]);
        world.pass(13);
      }
    }
    const [first, second, third] = (await deliveriesOf(app, endpoint)).map(({ sequence }) => sequence);
    expect(order).toEqual([first, first, second, third]);
  });

  test('a replay of an earlier event goes first', async () => {
    const endpoint = await endpointWith(2, { ordering: 'strict' });
    const [first] = await deliveriesOf(app, endpoint);
    expect(await app.runPendingDeliveries()).toBe(2);
    await changeMany(app, endpoint.organizationId, 1);
    await app.db.query(
      `insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, trigger, status, payload, next_attempt_at)
       select new_id(), organization_id, endpoint_id, event_id, sequence, 'replay', 'pending', 'full', now()
       from webhook_deliveries where id = $1`,
      [first?.id],
    );
    expect(await sequences(endpoint, await claim())).toEqual([first?.sequence]);
  });

  test('nothing is taken while one is on its way that was taken before the order was asked for', async () => {
    const endpoint = await endpointWith(MOST_PER_ENDPOINT + 2);
    const { deliveries } = await claim();
    await app.db.query("update webhook_endpoints set ordering = 'strict' where id = $1", [endpoint.id]);
    const ended = await send({ deliveries } as never);
    await finish(ended.slice(1));
    expect((await claim()).deliveries).toEqual([]);
    await finish(ended.slice(0, 1));
    expect((await claim()).deliveries).toHaveLength(1);
    expect((await claim()).deliveries).toEqual([]);
  });

  test('a test call neither waits nor is waited for', async () => {
    const endpoint = await endpointWith(2, { ordering: 'strict' });
    const first = await claim();
    const id = await addTest(endpoint);
    await finish(await send(first));
    expect(await sequences(endpoint, await claim())).toHaveLength(1);
    expect(await attemptNow(app.services, id)).toBeDefined();
  });
});

/** A test delivery of the last event as the service makes it: being sent, with a lease. */
async function addTest({ id }: Endpoint): Promise<string> {
  const [row] = await app.db.query(
    `insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, trigger, manual, status, payload, next_attempt_at)
     select new_id(), organization_id, endpoint_id, event_id, sequence, 'test', true, 'sending', 'full', $2
     from webhook_deliveries where endpoint_id = $1 order by sequence desc limit 1 returning id`,
    [id, new Date(world.now() + LEASE_MS)],
  );
  return row?.[0] as string;
}

describe('a test call', () => {
  test('is one attempt, noted at once, whether it succeeds or not', async () => {
    const endpoint = await endpointWith(1);
    await app.runPendingDeliveries();
    for (const [status, state] of [
      [200, 'succeeded'],
      [500, 'exhausted'],
    ] as const) {
      await receiver.program(endpoint.path, { status });
      const id = await addTest(endpoint);
      const attempt = await attemptNow(app.services, id);
      const delivery = (await deliveriesOf(app, endpoint)).find((each) => each.id === id);
      expect(delivery).toMatchObject({ status: state, attempt_count: 1 });
      expect(await attemptsOf(app, delivery as never)).toMatchObject([
        { id: attempt, manual: true, status_code: status },
      ]);
    }
  });

  test('whose process died is sent by another', async () => {
    const endpoint = await endpointWith(1);
    await app.runPendingDeliveries();
    await addTest(endpoint);
    expect(await app.runPendingDeliveries()).toBe(0);
    world.pass(LEASE_MS / 1_000);
    expect(await app.runPendingDeliveries()).toBe(1);
  });

  test('is refused when it can’t be noted', async () => {
    const endpoint = await endpointWith(1);
    await app.runPendingDeliveries();
    const [done] = await deliveriesOf(app, endpoint);
    await expect(attemptNow(app.services, done?.id)).rejects.toThrow('unavailable');
  });
});

describe('fairness', () => {
  test('a look takes some of each endpoint, whatever the backlog of one', async () => {
    const busy = await endpointWith(1_000);
    const others = [];
    for (let n = 0; n < 30; n++) others.push(await endpointWith(1));
    const first = await claim();
    const ofBusy = ({ deliveries }: Claim) => deliveries.filter(({ endpoint }) => endpoint.id === busy.id).length;
    expect(new Set(first.deliveries.map(({ endpoint }) => endpoint.id)).size).toBe(31);
    expect(first.hasMore).toBe(true);
    const second = await claim();
    expect(second.deliveries).toHaveLength(ofBusy(second));
    expect(ofBusy(first) + ofBusy(second)).toBe(MOST_PER_ENDPOINT);
    expect(second.hasMore).toBe(false);
  });

  test('an organization with many endpoints leaves slots to others', async () => {
    const { id } = await createOrganization(app.platform);
    for (let n = 0; n < 10; n++) await addEndpoint(world, {}, id);
    await changeMany(app, id, 20);
    const slots = new Slots();
    const taken = [];
    for (let look = 0; look < 5; look++) {
      const { deliveries } = await claimDeliveries(app.services, slots, START);
      for (const { endpoint } of deliveries) slots.enter(endpoint);
      taken.push(...deliveries);
    }
    expect(taken).toHaveLength(40);
    const other = await endpointWith(1);
    const { deliveries } = await claimDeliveries(app.services, slots, START);
    expect(deliveries.map(({ endpoint }) => endpoint.id)).toEqual([other.id]);
  });

  test('endpoints that fail leave slots to those that do well, however many they are', async () => {
    const slots = new Slots();
    for (let n = 0; n < 100; n++) slots.enter({ id: uuidv7(), organizationId: uuidv7(), isFailing: true, bound: 1 });
    const failing = await endpointWith(1);
    await app.db.query('update webhook_endpoints set failing_since = now() where id = $1', [failing.id]);
    const healthy = await endpointWith(1);
    const { deliveries } = await claimDeliveries(app.services, slots, START);
    expect(deliveries.map(({ endpoint }) => endpoint.id)).toEqual([healthy.id]);
  });

  test('a round costs little, however long the queue of one and however many wait for their retries', async () => {
    const busy = await endpointWith(1);
    await app.db.query(
      `insert into webhook_endpoints (id, organization_id, url, ordering)
       select new_id(), $1, 'https://example.com/', case when n % 2 = 0 then 'strict' else 'none' end from generate_series(1, 5000) n`,
      [busy.organizationId],
    );
    const [first] = await deliveriesOf(app, busy);
    const deliver = (count: number, state: string, due: string, to: string) =>
      app.db.query(
        `insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, status, payload, next_attempt_at)
         select new_id(), d.organization_id, e.id, d.event_id, d.sequence, '${state}', 'full', ${due}
         from webhook_deliveries d, webhook_endpoints e, generate_series(1, ${count}) where d.endpoint_id = $1 and ${to}`,
        [busy.id],
      );
    const waiting = 'e.organization_id = d.organization_id and e.id <> d.endpoint_id';
    await deliver(1, 'retrying', "now() + interval '1 hour'", waiting);
    await deliver(1, 'pending', 'now()', `${waiting} and e.ordering = 'strict'`);
    for (let n = 0; n < 5; n++)
      await deliver(4_000, 'pending', 'now()', `e.id = d.endpoint_id and d.id = '${first?.id}'`);
    const begin = performance.now();
    const found = [];
    let cursor = START;
    do {
      const look = await claim(app, cursor);
      found.push(...look.deliveries);
      cursor = look.cursor;
    } while (cursor !== START);
    // It takes some 40 ms; reading a queue for each endpoint, or the rows of those that wait, would take minutes.
    expect(performance.now() - begin).toBeLessThan(1_500);
    expect(found).toHaveLength(MOST_PER_ENDPOINT);
    expect(found.every(({ endpoint }) => endpoint.id === busy.id)).toBe(true);
  });

  test('a burst is taken as fast, though PostgreSQL believes that next to nothing is due', async () => {
    const endpoints: Endpoint[] = [];
    await app.db.query('vacuum analyze webhook_deliveries');
    // From the sixth time on its plan is kept.
    for (let n = 0; n < 40; n++) {
      endpoints.push(await endpointWith(1));
      await claim();
    }
    for (const { organizationId } of endpoints) await changeMany(app, organizationId, 100);
    const begin = performance.now();
    expect((await claim()).deliveries.length).toBeGreaterThanOrEqual(endpoints.length);
    // It takes some 30 ms; picking them for each one that is due would take minutes.
    expect(performance.now() - begin).toBeLessThan(1_500);
  });

  test('a look is bounded, and the next one goes on where it ended', async () => {
    for (let n = 0; n < 60; n++) await endpointWith(1);
    const first = await claim();
    expect(first.deliveries).toHaveLength(50);
    expect(first.cursor).not.toBe(START);
    const second = await claim(app, first.cursor);
    expect(second.deliveries).toHaveLength(10);
    expect(second.cursor).toBe(START);
  });
});
