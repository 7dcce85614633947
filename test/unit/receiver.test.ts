import { Agent, request } from 'undici';
import { type Receiver, startReceiver } from '../support/receiver';

let receiver: Receiver;
/** One connection for all, and a new one only when the receiver closes it. */
const dispatcher = new Agent({ connections: 1, pipelining: 1 });

beforeAll(async () => {
  receiver = await startReceiver();
});

afterAll(async () => {
  await dispatcher.destroy();
  await receiver.end();
});

const post = (path: string, body: string | Buffer = '{}', headers: Record<string, string> = {}) =>
  request(receiver.url(path), { method: 'POST', body, headers, dispatcher });

test('every request is kept with its exact bytes, in order, and by path', async () => {
  const bytes = Buffer.from([0, 255, 128, 10, 13]);
  const before = Date.now();
  for (const [path, body] of [
    ['/a?x=1', 'ä'],
    ['/b', ''],
    ['/a', bytes],
  ] as const) {
    expect((await post(path, body, { 'Webhook-Id': path })).statusCode).toBe(200);
  }
  const all = await receiver.requests();
  expect(all.map(({ url }) => url)).toEqual(['/a?x=1', '/b', '/a']);
  const [first, second] = await receiver.requests('/a');
  expect(first).toMatchObject({
    method: 'POST',
    path: '/a',
    body: Buffer.from('ä'),
    headers: { 'webhook-id': '/a?x=1' },
  });
  expect(second?.body.equals(bytes)).toBe(true);
  expect(first?.receivedAt).toBeGreaterThanOrEqual(before);
  expect(first?.receivedAt).toBeLessThanOrEqual(Date.now());
  await receiver.clear();
  expect(await receiver.requests()).toEqual([]);
  expect(await receiver.counts('/a')).toEqual({ received: 0, open: 0, mostOpen: 0 });
});

test('a list of answers is taken one after another, and the last one stays', async () => {
  await receiver.program('/list', [
    { status: 503, headers: { 'Retry-After': '7' }, body: 'later' },
    { redirect: receiver.url('/other') },
    { status: 204, delayMs: 50 },
  ]);
  const first = await post('/list');
  expect([first.statusCode, first.headers['retry-after'], await first.body.text()]).toEqual([503, '7', 'later']);
  const second = await post('/list');
  expect([second.statusCode, second.headers.location]).toEqual([302, receiver.url('/other')]);
  const before = performance.now();
  expect((await post('/list')).statusCode).toBe(204);
  expect(performance.now() - before).toBeGreaterThan(45);
  expect((await post('/list')).statusCode).toBe(204);
});

test('waiting ends with the request it waits for, and says how many came when they were too few', async () => {
  const waiting = receiver.waitFor('/wait', 2);
  await post('/wait', '1');
  await post('/wait', '2');
  expect((await waiting).map(({ body }) => body.toString())).toEqual(['1', '2']);
  expect(await receiver.waitFor('/wait', 1)).toHaveLength(2);
  await expect(receiver.waitFor('/wait', 3, 20)).rejects.toThrow('/wait got 2 of 3 requests in 20 ms.');
});

test('what hangs is counted as open, and answered when it is released', async () => {
  await receiver.program('/hang', 'hang');
  const hanging = [1, 2].map(() => request(receiver.url('/hang'), { method: 'POST', body: '{}' }));
  await receiver.waitFor('/hang', 2);
  expect(await receiver.counts('/hang')).toEqual({ received: 2, open: 2, mostOpen: 2 });
  expect(await receiver.release('/hang', { status: 201 })).toBe(2);
  for (const answer of await Promise.all(hanging)) {
    expect(answer.statusCode).toBe(201);
    await answer.body.dump();
  }
  expect(await receiver.release('/hang')).toBe(0);
});

test.each(['reset', 'resetInBody', 'drip', 'dripBody', 'flood', 'hang'] as const)(
  '%s gives no whole answer',
  async (fault) => {
    const path = `/${fault}`;
    await receiver.program(path, fault);
    const abort = new AbortController();
    let bytes = 0;
    let status: number | undefined;
    const read = async () => {
      const answer = await request(receiver.url(path), { method: 'POST', body: '{}', signal: abort.signal });
      status = answer.statusCode;
      for await (const chunk of answer.body) {
        bytes += chunk.length;
        // Enough to see that it goes on.
        if (bytes >= (fault === 'flood' ? 1_000_000 : 2) && fault !== 'resetInBody') abort.abort();
      }
    };
    const refused = expect(read()).rejects.toMatchObject(
      fault.startsWith('reset')
        ? { code: expect.stringMatching(/^(ECONNRESET|UND_ERR_SOCKET)$/) }
        : { name: 'AbortError' },
    );
    await receiver.waitFor(path, 1);
    if (fault === 'hang' || fault === 'drip') setTimeout(() => abort.abort(), 250);
    await refused;
    expect(status).toBe(fault.endsWith('Body') || fault === 'flood' ? 200 : undefined);
    if (fault === 'resetInBody') expect(bytes).toBe('only the beginning'.length);
  },
);

test('raw bytes come as they are, and end the connection', async () => {
  await receiver.program('/raw', { raw: 'nonsense\r\n\r\n' });
  await expect(post('/raw')).rejects.toMatchObject({ name: 'HTTPParserError' });
});

test('in an outage connections are refused; after it the same port answers, with what came before', async () => {
  await post('/outage');
  await receiver.program('/held', 'hang');
  const held = request(receiver.url('/held'), { method: 'POST', body: '{}' });
  const cut = expect(held).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
  await receiver.waitFor('/held', 1);
  const url = receiver.url('/outage');
  await receiver.stop();
  await cut;
  await expect(post('/outage')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await receiver.restart();
  expect(receiver.url('/outage')).toBe(url);
  await post('/outage');
  expect(await receiver.requests('/outage')).toHaveLength(2);
});

test('it keeps ids alone, or numbers alone, when told to', async () => {
  await receiver.clear();
  await receiver.keep('ids');
  await post('/kept', '{}', { 'webhook-id': 'one' });
  await receiver.keep('count');
  await post('/kept');
  expect(await receiver.ids('/kept')).toEqual([{ path: '/kept', id: 'one', receivedAt: expect.any(Number) }]);
  await receiver.waitForCount('/kept', 2);
  await receiver.keep('all');
});

test('a receiver that has ended says so', async () => {
  const other = await startReceiver();
  const waiting = other.waitFor('/never', 1);
  const refused = expect(waiting).rejects.toThrow('The receiver has ended.');
  await other.end();
  await refused;
  await other.end();
});
