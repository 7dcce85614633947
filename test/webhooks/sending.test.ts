import { Webhook } from 'standardwebhooks';
import { startApp, type TestApp } from '../support/app';
import { type Receiver, startReceiver } from '../support/receiver';
import { addEndpoint, addSecret, attemptsOf, change, deliveriesOf, SECRET, type World } from './world';

const DAY_MS = 86_400_000;

let app: TestApp;
let receiver: Receiver;
let world: World;
let ahead = 0;
beforeAll(async () => {
  receiver = await startReceiver();
  app = await startApp({ WEBHOOK_RETRY_SCHEDULE: '10,100' }, () => new Date(Date.now() + ahead));
  world = { app, receiver };
});
beforeEach(() => {
  ahead = 0;
});
afterAll(async () => {
  await app.close();
  await receiver.end();
});

describe('a delivery', () => {
  test('is sent once, signed by the standard, and noted with its attempt', async () => {
    const endpoint = await addEndpoint(world);
    await change(app, endpoint.organizationId);
    expect(await app.runPendingDeliveries()).toBe(1);
    expect(await app.runPendingDeliveries()).toBe(0);
    const [request, ...others] = await receiver.requests(endpoint.path);
    expect(others).toEqual([]);
    const [delivery] = await deliveriesOf(app, endpoint);
    const [event] = await app.db.query('select body from events where id = $1', [delivery?.event_id]);
    expect(request?.body.toString()).toBe(event?.[0]);
    expect(request?.headers['webhook-id']).toBe(delivery?.event_id);
    new Webhook(SECRET).verify(String(request?.body), request?.headers as Record<string, string>);
    expect(delivery).toMatchObject({
      status: 'succeeded',
      attempt_count: 1,
      failures: 0,
      claims: 1,
      next_attempt_at: null,
      last_status_code: 200,
      last_error: null,
    });
    expect(delivery?.delivered_at).not.toBeNull();
    expect(delivery?.last_attempt_at).toBe(delivery?.first_attempt_at);
    expect(await attemptsOf(app, delivery as never)).toMatchObject([
      { number: 1, manual: false, status_code: 200, error: null, remote_address: '127.0.0.1', truncated: false },
    ]);
  });
});
