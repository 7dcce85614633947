import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { makeEgress, send, startRaw, startReceiver } from './servers';

const HEAD = 'HTTP/1.1 200 OK\r\n';

test('a request comes as it was given, over HTTP/1.1', async () => {
  const receiver = await startReceiver((_request, response) => response.writeHead(201, { 'x-a': '1' }).end('done'));
  const exchange = await send(makeEgress(), `http://hooks.example:${receiver.port}/a%20b/?c=%26#d`, {
    headers: { 'x-own': 'yes', 'content-type': 'application/json' },
    body: Buffer.from('{"é":1}'),
  });
  expect(exchange).toEqual({
    statusCode: 201,
    error: null,
    remoteAddress: '127.0.0.1',
    responseHeaders: expect.objectContaining({ 'x-a': '1', connection: 'keep-alive' }),
    responseBody: Buffer.from('done'),
    truncated: false,
    durationMs: expect.any(Number),
  });
  const [request] = receiver.requests;
  expect(request).toMatchObject({ method: 'POST', url: '/a%20b/?c=%26', httpVersion: '1.1' });
  expect(request?.headers).toMatchObject({
    host: `hooks.example:${receiver.port}`,
    'x-own': 'yes',
    'content-type': 'application/json',
    'content-length': '8',
  });
  expect(receiver.bodies).toEqual([Buffer.from('{"é":1}')]);
});

test('a GET has no body', async () => {
  const receiver = await startReceiver((_request, response) => response.end());
  await send(makeEgress(), `http://a.example:${receiver.port}/`, { method: 'GET', body: Buffer.alloc(0) });
  expect(receiver.requests[0]).toMatchObject({ method: 'GET', url: '/' });
  expect(receiver.requests[0]?.headers).not.toHaveProperty('content-length');
});

test.each([200, 201, 202, 204, 206, 299])('%d is success', async (status) => {
  const receiver = await startReceiver((_request, response) => response.writeHead(status).end());
  expect(await send(makeEgress(), `http://a.example:${receiver.port}/`)).toMatchObject({
    statusCode: status,
    error: null,
    responseBody: Buffer.alloc(0),
    truncated: false,
  });
});

test.each([400, 401, 404, 410, 429, 500, 502, 503, 599])('%d is http_status, with what it says', async (status) => {
  const receiver = await startReceiver((_request, response) =>
    response.writeHead(status, { 'retry-after': '7', 'set-cookie': ['a=1', 'b=2'] }).end('no'),
  );
  expect(await send(makeEgress(), `http://a.example:${receiver.port}/`)).toMatchObject({
    statusCode: status,
    error: 'http_status',
    responseHeaders: { 'retry-after': '7', 'set-cookie': 'a=1, b=2' },
    responseBody: Buffer.from('no'),
  });
});

test.each([300, 301, 302, 303, 304, 307, 308])('%d is not followed (INV-41)', async (status) => {
  const other = await startReceiver((_request, response) => response.end('secret'));
  const location = `http://127.0.0.1:${other.port}/`;
  const receiver = await startReceiver((_request, response) => response.writeHead(status, { location }).end('moved'));
  expect(await send(makeEgress(), `http://a.example:${receiver.port}/`)).toMatchObject({
    statusCode: status,
    error: 'redirect_refused',
    responseHeaders: { location },
    responseBody: status === 304 ? Buffer.alloc(0) : Buffer.from('moved'),
  });
  expect(receiver.requests).toHaveLength(1);
  expect(other.sockets).toHaveLength(0);
});

describe('a body', () => {
  test('is read up to its limit, and the connection is dropped', async () => {
    const receiver = await startReceiver((_request, response) => response.end('x'.repeat(100_000)));
    const exchange = await send(makeEgress(), `http://a.example:${receiver.port}/`);
    expect(exchange).toMatchObject({ statusCode: 200, error: null, truncated: true });
    expect(exchange.responseBody).toEqual(Buffer.from('x'.repeat(16_384)));
    await closed(receiver.sockets[0]);
  });

  test('that never ends is cut, with its status', async () => {
    const receiver = await startReceiver((_request, response) => {
      const more = () => {
        if (response.destroyed) return;
        response.write('y'.repeat(1_000));
        setImmediate(more);
      };
      response.writeHead(500);
      more();
    });
    const exchange = await send(makeEgress(), `http://a.example:${receiver.port}/`, { maxBodyBytes: 50_000 });
    expect(exchange).toMatchObject({ statusCode: 500, error: 'http_status', truncated: true });
    expect(exchange.responseBody).toHaveLength(50_000);
  });

  test('of just the limit is whole', async () => {
    const receiver = await startReceiver((_request, response) => response.end('z'.repeat(64)));
    const url = `http://a.example:${receiver.port}/`;
    expect(await send(makeEgress(), url, { maxBodyBytes: 64 })).toMatchObject({ error: null, truncated: false });
    expect(await send(makeEgress(), url, { maxBodyBytes: 63 })).toMatchObject({ error: null, truncated: true });
  });

  test('that is compressed is kept as it came', async () => {
    const packed = gzipSync('hello'.repeat(1_000));
    const receiver = await startReceiver((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed),
    );
    const exchange = await send(makeEgress(), `http://a.example:${receiver.port}/`);
    expect(exchange).toMatchObject({ error: null, truncated: false, responseHeaders: { 'content-encoding': 'gzip' } });
    expect(exchange.responseBody).toEqual(packed);
  });

  test('without a length ends with its connection', async () => {
    const raw = await startRaw((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nall'));
    expect(await send(makeEgress(), `http://a.example:${raw.port}/`)).toMatchObject({
      error: null,
      responseBody: Buffer.from('all'),
    });
  });
});

/** Waits for the end of a connection that somebody else ends, in whatever way. */
async function closed(socket: Socket | undefined): Promise<void> {
  if (socket === undefined) throw new Error('nothing was connected');
  if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
}

/** Milliseconds; long enough for a slow machine to get as far as it should. */
const SHORT = 500;

describe('after the time-out, which is one for all', () => {
  const expectTimeout = async (port: number, rest: object) => {
    const exchange = await send(makeEgress(), `http://a.example:${port}/`, { timeoutMs: SHORT });
    expect(exchange).toMatchObject({ error: 'timeout', truncated: false, ...rest });
    expect(exchange.durationMs).toBeGreaterThanOrEqual(SHORT - 5);
    expect(exchange.durationMs).toBeLessThan(SHORT + 2_000);
  };

  test('a receiver that is silent', async () => {
    const raw = await startRaw(() => undefined);
    await expectTimeout(raw.port, { statusCode: null, responseBody: null, remoteAddress: '127.0.0.1' });
    await closed(raw.sockets[0]);
  });

  test('one that stops in its header fields', async () => {
    const raw = await startRaw((socket) => socket.write(`${HEAD}x-a: 1\r\n`));
    await expectTimeout(raw.port, { statusCode: null, responseBody: null });
  });

  test('one that stops in its body, although it said 200', async () => {
    const raw = await startRaw((socket) => socket.write(`${HEAD}content-length: 9\r\n\r\nabc`));
    await expectTimeout(raw.port, { statusCode: 200, responseBody: Buffer.from('abc') });
  });

  test('one that drips its header fields', async () => {
    const raw = await startRaw((socket) => drip(socket, `${HEAD}${'x-a: 1\r\n'.repeat(1_000)}`));
    await expectTimeout(raw.port, { statusCode: null, responseBody: null });
  });

  test('one that drips its body, although it said 200', async () => {
    const raw = await startRaw((socket) => {
      socket.write(`${HEAD}content-length: 1000\r\n\r\n`);
      drip(socket, 'x'.repeat(1_000));
    });
    await expectTimeout(raw.port, { statusCode: 200, responseBody: expect.any(Buffer) });
  });

  test('one that sends provisional answers for ever', async () => {
    const raw = await startRaw((socket) => drip(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000)));
    await expectTimeout(raw.port, { statusCode: null });
  });
});

/** A character every 20 ms. */
function drip(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => socket.write(text[at++] ?? ''), 20);
  socket.on('close', () => clearInterval(timer));
}

describe('connection_reset', () => {
  const expectReset = async (answer: (socket: Socket) => void, rest: object) => {
    const raw = await startRaw(answer);
    const exchange = await send(makeEgress(), `http://a.example:${raw.port}/`);
    expect(exchange).toMatchObject({ error: 'connection_reset', remoteAddress: '127.0.0.1', ...rest });
    expect(raw.sockets).toHaveLength(1);
  };
  const none = { statusCode: null, responseBody: null };

  test('a reset before the answer', () => expectReset((socket) => socket.resetAndDestroy(), none));
  test('an end before the answer', () => expectReset((socket) => socket.end(), none));
  test('an end in the header fields', () => expectReset((socket) => socket.end(`${HEAD}x-a: 1`), none));
  test('a reset in the body', () =>
    expectReset(
      (socket) =>
        socket.write(`${HEAD}content-length: 9\r\n\r\nabc`, () => setTimeout(() => socket.resetAndDestroy(), 50)),
      { statusCode: 200, responseBody: Buffer.from('abc') },
    ));
  test('a body shorter than its length', () =>
    expectReset((socket) => socket.end(`${HEAD}content-length: 9\r\n\r\nabc`), {
      statusCode: 200,
      responseBody: Buffer.from('abc'),
    }));
  test('chunks without the last one', () =>
    expectReset((socket) => socket.end(`${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`), {
      statusCode: 200,
      responseBody: Buffer.from('abc'),
    }));
  test('a chunk that is none', () =>
    expectReset((socket) => socket.end(`${HEAD}transfer-encoding: chunked\r\n\r\nno\r\nabc\r\n`), { statusCode: 200 }));
  test.each([
    ['another protocol', '220 mail.example ESMTP\r\n'],
    ['bytes', '\0\x01\x02\xff'.repeat(100)],
    ['a web page without a head', '<html></html>'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown version', 'HTTP/9.9 200 OK\r\n\r\n'],
    ['two lengths', `${HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
    ['a length that is none', `${HEAD}content-length: -1\r\n\r\n`],
    ['length and chunks', `${HEAD}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a folded field', `${HEAD}x-a: 1\r\n 2\r\n\r\n`],
    ['NUL in a field', `${HEAD}x-a: \0\r\n\r\n`],
    ['too long a field', `${HEAD}x-a: ${'a'.repeat(20_000)}\r\n\r\n`],
    ['too many fields', `${HEAD}${'x-a: 1\r\n'.repeat(10_000)}\r\n`],
    ['a protocol that nobody asked for', 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
    ['100', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
  ])('%s instead of an answer', (_title, bytes) => expectReset((socket) => socket.end(bytes, 'latin1'), {}));
});

test('the caller can end a request at any point: aborted', async () => {
  const raw = await startRaw((socket) => socket.write(`${HEAD}content-length: 9\r\n\r\nabc`));
  const silent = await startRaw(() => undefined);
  const hanging = makeEgress({ resolve: () => new Promise(() => undefined) });
  const cases = [
    [makeEgress(), `http://a.example:${raw.port}/`],
    [makeEgress(), `http://a.example:${silent.port}/`],
    [hanging, 'http://a.example/'],
  ] as const;
  for (const [egress, url] of cases) {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    expect(await send(egress, url, { signal: stop.signal })).toMatchObject({ error: 'aborted' });
  }
  const before = AbortSignal.abort();
  expect(await send(makeEgress(), `http://a.example:${silent.port}/`, { signal: before })).toMatchObject({
    error: 'aborted',
    remoteAddress: null,
  });
  expect(silent.sockets).toHaveLength(1);
});

test('header fields that can’t be sent are the fault of who made them', async () => {
  const raw = await startRaw(() => undefined);
  const url = `http://a.example:${raw.port}/`;
  for (const headers of [
    { 'x-a': 'b\r\nx-c: d' },
    { 'x a': 'b' },
    { 'x-a': '€' },
    { 'transfer-encoding': 'chunked' },
  ]) {
    await expect(send(makeEgress(), url, { headers: headers as unknown as Record<string, string> })).rejects.toThrow();
  }
  expect(raw.received()).toBe('');
});
