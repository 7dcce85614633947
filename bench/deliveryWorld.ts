import { setTimeout as pause } from 'node:timers/promises';
import { type Receiver, startReceiver } from '../test/support/receiver';
import { PATH } from './bareDocument';
import { MEDIA_TYPE } from './barePage';
import { type BenchDatabase, makeDatabase } from './database';
import type { Bench } from './measure';
import { say } from './progress';
import { requestOf } from './requests';
import { answerText, type ServerUnderTest, startGuildhall } from './servers';
import type { Surroundings } from './yardstick';

/** Organizations with a healthy receiver. */
export const ENDPOINTS = 50;
/** Paths of the receiver: it takes everything on the one, and answers nothing on the other. */
export const HEALTHY = '/healthy';
const HANGING = '/hanging';
/** Milliseconds that the last deliveries may take to be noted. */
const PATIENCE_MS = 60_000;

/** The service with its sender in one process, and a receiver in another. */
export interface World {
  readonly bench: Bench;
  readonly database: BenchDatabase;
  readonly server: ServerUnderTest;
  readonly receiver: Receiver;
  /** Organizations, each with an endpoint whose receiver is healthy. */
  readonly ids: readonly string[];
  /** The one whose receiver hangs. */
  readonly hangingId: string;
}

export async function makeWorld({ options, program, postgres, bench, closers }: Surroundings): Promise<World> {
  say(`Making ${options.mainSize} organizations`);
  const env = { ...program.env, WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' };
  const database = await makeDatabase(postgres, 'bench_deliveries', options.mainSize, program, closers);
  const receiver = await startReceiver();
  closers.add(() => receiver.end());
  await receiver.program(HANGING, 'hang');
  const server = await startGuildhall({ ...program, env }, database, closers);
  const { rows } = await database.client.query(
    "select id from organizations where status = 'active' and webhook_url is null order by number limit $1",
    [ENDPOINTS + 1],
  );
  const [hangingId, ...ids] = rows.map(({ id }) => id as string);
  if (hangingId === undefined || ids.length < ENDPOINTS) throw new Error('--rows is too small for the endpoints.');
  for (const id of ids) await addEndpoint(server, id, receiver.url(`${HEALTHY}?${id}`));
  await addEndpoint(server, hangingId, receiver.url(HANGING));
  const world = { bench, database, server, receiver, ids, hangingId };
  // One event of each is the pattern for those that are made later.
  for (const id of ids) await rename(world, id, `Renamed ${id}`);
  await settle(world);
  return world;
}

async function addEndpoint(server: ServerUnderTest, organizationId: string, url: string): Promise<void> {
  const organization = { data: { type: 'organizations', id: organizationId } };
  const data = { type: 'webhookEndpoints', attributes: { url }, relationships: { organization } };
  const headers = { 'Content-Type': MEDIA_TYPE };
  const path = '/public/v2/webhookEndpoints';
  await answerText(server, { method: 'POST', path, headers, body: JSON.stringify({ data }) });
}

/** A change that has one event. */
export async function rename({ server }: World, id: string, name: string): Promise<void> {
  await answerText(server, requestOf({ method: 'PATCH', paths: [`${PATH}/${id}`], body: 'rename' }, 0, name));
}

/**
 * Waits until every delivery to a healthy receiver has succeeded.
 * @throws Error when an attempt has failed
 */
export async function settle({ database: { client }, hangingId }: World): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { rows } = await client.query(
      `select status, count(*)::integer as n from webhook_deliveries
       where status in ('pending', 'retrying', 'sending') and organization_id <> $1 group by 1`,
      [hangingId],
    );
    if (rows.length === 0) return;
    const isOver = rows.some(({ status }) => status === 'retrying') || Date.now() > deadline;
    if (isOver) throw new Error(`Deliveries have not succeeded: ${JSON.stringify(rows)}`);
    await pause(50);
  }
}
