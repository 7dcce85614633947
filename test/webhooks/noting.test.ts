import pino from 'pino';
import { START } from '../../src/webhooks/due';
import { claimDeliveries } from '../../src/webhooks/queue';
import { Recorder } from '../../src/webhooks/recorder';
import { sendDelivery } from '../../src/webhooks/send';
import { Slots } from '../../src/webhooks/slots';
import { addEndpoint, attemptsOf, change, changeMany, deliveriesOf, openWorld, type Stored, type World } from './world';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(() => world.settle());
afterAll(() => world.close());

test('an attempt that can’t be stored does not take others with it', async () => {
  const { app } = world;
  const log: Record<string, unknown>[] = [];
  const endpoint = await addEndpoint(world);
  await changeMany(app, endpoint.organizationId, 5);
  const { deliveries } = await claimDeliveries(app.services, new Slots(), START);
  const ended = await Promise.all(deliveries.map((each) => sendDelivery(app.services, each)));
  const lines = pino({}, { write: (line: string) => void log.push(JSON.parse(line)) });
  const recorder = new Recorder({ ...app.services, log: lines });
  const [bad] = ended;
  const stored = ended.map((each) =>
    each === bad ? { ...each, result: { ...each.result, durationMs: Number.NaN } } : each,
  );
  await Promise.all(stored.map((each) => recorder.add(each)));
  for (const delivery of await deliveriesOf(app, endpoint)) {
    expect(delivery.status).toBe(delivery.id === bad?.delivery.id ? 'sending' : 'succeeded');
  }
  expect(log).toMatchObject([{ level: 50, deliveries: [bad?.delivery.id] }]);
});

test('a webhook that can’t be sent is a failure of its own, and is logged', async () => {
  const { app } = world;
  const endpoint = await addEndpoint(world);
  await app.db.query("update webhook_secrets set cipher = '\\x01' where endpoint_id = $1", [endpoint.id]);
  await change(app, endpoint.organizationId);
  await app.runPendingDeliveries();
  const [delivery] = await deliveriesOf(app, endpoint);
  expect(delivery).toMatchObject({ status: 'retrying', failures: 1, last_error: 'aborted' });
  expect(await attemptsOf(app, delivery as Stored)).toMatchObject([{ error: 'aborted', request_headers: {} }]);
  expect(app.logLines).toContainEqual(expect.objectContaining({ level: 'error', msg: 'a webhook can’t be sent' }));
});

test('/metrics tells what waits, for how long, and what came of attempts', async () => {
  const { app, receiver } = world;
  const endpoint = await addEndpoint(world);
  const other = await addEndpoint(world);
  await receiver.program(other.path, { status: 500 });
  await changeMany(app, endpoint.organizationId, 1_200);
  await changeMany(app, other.organizationId, 1);
  await app.db.query(
    "update webhook_deliveries set next_attempt_at = now() - interval '1 hour' where endpoint_id = $1",
    [other.id],
  );
  const before = (await app.anonymous.get('/metrics')).text;
  expect(before).toMatch(/^webhook_deliveries_due 1001$/m);
  expect(before).toMatch(/^webhook_oldest_due_seconds 36\d\d(\.\d+)?$/m);
  await app.db.query('delete from webhook_deliveries where endpoint_id = $1 and sequence > 10', [endpoint.id]);
  const count = async (name: string) =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await app.anonymous.get('/metrics')).text)?.[1] ?? 0);
  const [good, bad] = ['success', 'http_status'].map((outcome) => `webhook_attempts_total\\{outcome="${outcome}"\\}`);
  const [goodBefore, badBefore] = [await count(good as string), await count(bad as string)];
  const firstBefore = await count('webhook_first_attempt_seconds_count');
  const sent = await app.runPendingDeliveries();
  expect(await count(good as string)).toBe(goodBefore + sent - 1);
  expect(await count(bad as string)).toBe(badBefore + 1);
  expect(await count('webhook_first_attempt_seconds_count')).toBe(firstBefore + sent);
  expect(await count('webhook_deliveries_due')).toBe(0);
});
