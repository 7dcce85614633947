import { setTimeout as pause } from 'node:timers/promises';
import { firstPage } from './cases';
import { HEALTHY, makeWorld, rename, settle, type World } from './deliveryWorld';
import { checkTotals } from './fill';
import { median, percentile } from './measure';
import { hasProcessTimes, postgresMs, processMs } from './processTimes';
import { say } from './progress';
import type { Surroundings } from './yardstick';

/** At the least, and at the most. */
export const DELIVERY_AIMS = { perSecond: 300, p99Ms: 1_000 };
/** Connections over which lists are asked for beside a backlog, again and again. */
export const LIST_CONNECTIONS = 4;
/** Deliveries of a backlog for each second of a turn. */
const BACKLOG_PER_SECOND = 1_000;
/** Changes per second, whether the last ones were answered or not. */
export const CHANGES_PER_SECOND = 100;
/** Milliseconds that a backlog may take. */
const PATIENCE_MS = 300_000;

/** How fast a backlog went out. */
export interface Drained {
  readonly endpoints: number;
  readonly perSecond: number;
  /** Lists that were answered meanwhile; NaN: nobody asked. */
  readonly listsPerSecond: number;
  /** Microseconds of CPU per delivery; NaN beside lists, which can't be told apart. */
  readonly nodeUs: number;
  readonly postgresUs: number;
}

/** Milliseconds from the time of an event, which is just before its commit, to its arrival. */
export interface Delays {
  readonly isOneHanging: boolean;
  readonly deliveries: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

export interface DeliveryReport {
  readonly backlog: number;
  readonly drained: readonly Drained[];
  readonly delays: readonly Delays[];
}

/** Measures how fast webhooks go out. */
export async function measureDeliveries(surroundings: Surroundings): Promise<DeliveryReport> {
  const { rounds, seconds } = surroundings.options;
  const world = await makeWorld(surroundings);
  const backlog = seconds * BACKLOG_PER_SECOND;
  // As where webhooks have been sent for a while: the bench has told PostgreSQL that the tables of it are empty.
  await drain(world, world.ids, backlog, false);
  await world.database.client.query('vacuum (analyze)');
  const drained: Drained[] = [];
  for (const ids of [world.ids, world.ids.slice(0, 1)]) {
    for (const isLoaded of [false, true]) {
      say(`Measuring a backlog of ${ids.length} endpoints${isLoaded ? ', with lists beside it' : ''}`);
      const turns: Drained[] = [];
      for (let round = 0; round < rounds; round++) turns.push(await drain(world, ids, backlog, isLoaded));
      drained.push(summarize(turns));
    }
  }
  const delays: Delays[] = [];
  for (const isOneHanging of [false, true]) {
    say(`Measuring the time to the first attempt${isOneHanging ? ', while one receiver hangs' : ''}`);
    const found: number[] = [];
    const ids = isOneHanging ? [...world.ids, world.hangingId] : world.ids;
    for (let round = 0; round < rounds; round++) found.push(...(await timeDeliveries(world, ids, seconds)));
    delays.push(delaysOf(isOneHanging, found));
  }
  await checkTotals(world.database.client);
  return { backlog, drained, delays };
}

/** Makes events as the service does, after the pattern of the last one of each organization, all due at the same moment. */
const BACKLOG = `
  select count(record_events(array['organization.updated'], e.organization_id,
    array_fill(e.body::jsonb->'data', array[$1::integer]), array_fill(e.body::jsonb->'previous', array[$1::integer]),
    'system', null, null, null, null))
  from (select distinct on (organization_id) organization_id, body from events
    where organization_id = any($2) and event_type = 'organization.updated' order by organization_id, sequence desc) e`;

async function drain(world: World, ids: readonly string[], backlog: number, isLoaded: boolean): Promise<Drained> {
  const { bench, database, server, receiver } = world;
  const each = Math.ceil(backlog / ids.length);
  const count = each * ids.length;
  await receiver.keep('count');
  await receiver.clear();
  await database.client.query(BACKLOG, [each, ids]);
  const cpu = () => [processMs(server.pid), hasProcessTimes ? postgresMs(bench.postmaster) : Number.NaN] as const;
  const before = cpu();
  const startedAt = performance.now();
  const all = receiver.waitForCount(null, count, PATIENCE_MS).then(() => performance.now() - startedAt);
  const lists = isLoaded ? await loadUntil(world, all) : undefined;
  const ms = await all;
  await settle(world);
  const after = cpu();
  const perDelivery = (i: 0 | 1) => (isLoaded ? Number.NaN : ((after[i] - before[i]) * 1000) / count);
  return {
    endpoints: ids.length,
    perSecond: (count * 1000) / ms,
    listsPerSecond: lists ?? Number.NaN,
    nodeUs: perDelivery(0),
    postgresUs: perDelivery(1),
  };
}

/** Asks for lists, a second at a time, until something is over. Gives the lists per second. */
async function loadUntil({ bench, server }: World, over: Promise<unknown>): Promise<number> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  over.then(end, end);
  const rates: number[] = [];
  while (!isOver) {
    const { requestsPerSecond } = await bench.load.run(server, firstPage.plan, 1, LIST_CONNECTIONS);
    rates.push(requestsPerSecond);
  }
  return median(rates);
}

function summarize(turns: readonly Drained[]): Drained {
  const of = (name: keyof Drained) => median(turns.map((turn) => turn[name]));
  return {
    endpoints: of('endpoints'),
    perSecond: of('perSecond'),
    listsPerSecond: of('listsPerSecond'),
    nodeUs: of('nodeUs'),
    postgresUs: of('postgresUs'),
  };
}

/** Changes organizations in turn, and times what comes of it at the healthy receiver. */
async function timeDeliveries(world: World, ids: readonly string[], seconds: number): Promise<number[]> {
  const { receiver, database, hangingId } = world;
  await receiver.clear();
  await receiver.keep('ids');
  const count = seconds * CHANGES_PER_SECOND;
  const changes: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let i = 0; i < count; i++) {
    const wait = startedAt + (i * 1000) / CHANGES_PER_SECOND - performance.now();
    if (wait > 0) await pause(wait);
    changes.push(rename(world, ids[i % ids.length] ?? '', `Paced ${i} ${Date.now()}`));
  }
  await Promise.all(changes);
  const healthy = Array.from({ length: count }, (_, i) => ids[i % ids.length]).filter((id) => id !== hangingId).length;
  await receiver.waitForCount(HEALTHY, healthy, PATIENCE_MS);
  await settle(world);
  const received = await receiver.ids(HEALTHY);
  const { rows } = await database.client.query(
    'select id, extract(epoch from occurred_at)::float8 * 1000 as at from events where id = any($1)',
    [received.map(({ id }) => id)],
  );
  const times = new Map(rows.map(({ id, at }) => [id as string, at as number]));
  return received.map(({ id, receivedAt }) => receivedAt - (times.get(id ?? '') ?? Number.NaN));
}

function delaysOf(isOneHanging: boolean, found: number[]): Delays {
  const sorted = [...found].sort((a, b) => a - b);
  return {
    isOneHanging,
    deliveries: sorted.length,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    most: sorted.at(-1) ?? Number.NaN,
  };
}
