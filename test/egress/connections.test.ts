import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { freePort, until } from '../support/process';
import { makeEgress, resolveTo, send, startRaw, startReceiver } from './servers';

describe('dns_error', () => {
  test.each([
    ['a name that does not exist', () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }))],
    ['a server of names that fails', () => Promise.reject(Object.assign(new Error(), { code: 'EAI_AGAIN' }))],
    ['a name without an address', resolveTo()],
  ])('%s', async (_title, resolve) => {
    expect(await send(makeEgress({ resolve }), 'http://a.example/')).toMatchObject({
      error: 'dns_error',
      statusCode: null,
      remoteAddress: null,
    });
  });

  test('a name that the system does not know', async () => {
    expect(await send(makeEgress({ resolve: undefined }), 'http://name.invalid/')).toMatchObject({
      error: 'dns_error',
    });
  });
});

test('a server of names that is silent: timeout, and nobody else waits for it', async () => {
  const asked: string[] = [];
  const receiver = await startReceiver((_request, response) => response.end());
  const egress = makeEgress({
    resolve: (name) => {
      asked.push(name);
      return name === 'silent.example' ? new Promise(() => undefined) : resolveTo('127.0.0.1')();
    },
  });
  const silent = [1, 2, 3].map(() => send(egress, 'http://silent.example/', { timeoutMs: 500 }));
  expect(await send(egress, `http://a.example:${receiver.port}/`)).toMatchObject({ error: null });
  for (const each of await Promise.all(silent)) expect(each).toMatchObject({ error: 'timeout', remoteAddress: null });
  expect(asked).toEqual(['silent.example', 'a.example']);
});

test('a port that nobody listens on: connection_refused', async () => {
  const port = await freePort();
  expect(await send(makeEgress(), `http://a.example:${port}/`)).toMatchObject({
    error: 'connection_refused',
    statusCode: null,
    responseBody: null,
    remoteAddress: '127.0.0.1',
  });
});

test('a name with one address that is not public is refused, whichever comes first (INV-41)', async () => {
  const receiver = await startReceiver((_request, response) => response.end());
  for (const answers of [
    ['127.0.0.1', '10.0.0.1'],
    ['10.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1', '10.0.0.1', '::1'],
  ]) {
    const egress = makeEgress({ resolve: resolveTo(...answers) });
    expect(await send(egress, `http://a.example:${receiver.port}/`)).toMatchObject({
      error: 'blocked_address',
      statusCode: null,
      remoteAddress: '10.0.0.1',
    });
  }
  expect(receiver.sockets).toHaveLength(0);
});

test('a name is asked for once, and its checked answer is what is connected: the next one may lie (INV-41)', async () => {
  const receiver = await startReceiver(
    (_request, response) => response.writeHead(200, { connection: 'close' }).end(),
    '0.0.0.0',
  );
  const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.2'];
  const resolve = jest.fn(async () => [{ address: answers.shift() ?? '' }]);
  const egress = makeEgress({ webhookAllowCidrs: ['127.0.0.1'], resolve });
  const url = `http://a.example:${receiver.port}/`;
  expect(await send(egress, url)).toMatchObject({ error: null, remoteAddress: '127.0.0.1' });
  expect(resolve).toHaveBeenCalledTimes(1);
  expect(await send(egress, url)).toMatchObject({ error: 'blocked_address', remoteAddress: '127.0.0.2' });
  expect(receiver.sockets).toHaveLength(1);
});

test.each(['http', 'https'])(
  'with %s, the address at the other end is judged before a byte is sent (INV-41)',
  async (scheme) => {
    const raw = await startRaw(() => undefined);
    // The system connects 0.0.0.0 to this machine: what is asked for is allowed, what is reached is not.
    const egress = makeEgress({ webhookAllowCidrs: ['0.0.0.0/32'] });
    expect(await send(egress, `${scheme}://0.0.0.0:${raw.port}/`)).toMatchObject({
      error: 'blocked_address',
      statusCode: null,
      remoteAddress: '127.0.0.1',
    });
    const socket = await until(() => raw.sockets[0], 'connection');
    await until(() => socket.destroyed || socket.readableEnded, 'its end');
    expect(raw.received()).toBe('');
  },
);

test('an IPv4 address may be written as an IPv6 one where it is allowed', async () => {
  const receiver = await startReceiver((_request, response) => response.end());
  expect(await send(makeEgress(), `http://[::ffff:127.0.0.1]:${receiver.port}/`)).toMatchObject({ error: null });
});

test('the next address of a name is tried when one refuses', async () => {
  const receiver = await startReceiver((_request, response) => response.end());
  const egress = makeEgress({ resolve: resolveTo('::1', '127.0.0.1') });
  expect(await send(egress, `http://a.example:${receiver.port}/`)).toMatchObject({
    error: null,
    remoteAddress: '127.0.0.1',
  });
});

describe('an address that never answers', () => {
  let child: ChildProcess;
  let port: number;
  const sockets: Socket[] = [];

  // A stopped process whose queue of connections is full: the system leaves every further one without an answer.
  beforeAll(async () => {
    port = await freePort();
    const script = `require('net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => console.log())`;
    child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill('SIGSTOP');
    await until(async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket);
      const isTaken = await Promise.race([
        new Promise((resolve) => socket.once('connect', () => resolve(true))),
        new Promise((resolve) => setTimeout(resolve, 300)),
      ]);
      return isTaken !== true;
    }, 'full queue');
  });
  afterAll(() => {
    child.kill('SIGKILL');
    for (const socket of sockets) socket.destroy();
  });

  test('is a timeout', async () => {
    expect(await send(makeEgress(), `http://a.example:${port}/`, { timeoutMs: 300 })).toMatchObject({
      error: 'timeout',
      statusCode: null,
      remoteAddress: '127.0.0.1',
    });
  });

  test('leaves time for the next one', async () => {
    const egress = makeEgress({ resolve: resolveTo('127.0.0.1', '::1') });
    const exchange = await send(egress, `http://a.example:${port}/`);
    expect(exchange).toMatchObject({ error: 'connection_refused', remoteAddress: '::1' });
    expect(exchange.durationMs).toBeLessThan(8_000);
  });
});

describe('a connection', () => {
  const url = ({ port }: { port: number }) => `http://a.example:${port}/`;

  test('is used again, without asking for the name', async () => {
    const receiver = await startReceiver((_request, response) => response.end('ok'));
    const resolve = jest.fn(resolveTo('127.0.0.1'));
    const egress = makeEgress({ resolve });
    for (let turn = 0; turn < 5; turn++) {
      expect(await send(egress, url(receiver))).toMatchObject({ error: null, remoteAddress: '127.0.0.1' });
    }
    expect([receiver.sockets.length, receiver.requests.length, resolve.mock.calls.length]).toEqual([1, 5, 1]);
  });

  test('is not shared by two origins', async () => {
    const receiver = await startReceiver((_request, response) => response.end('ok'));
    const egress = makeEgress();
    await send(egress, url(receiver));
    await send(egress, `http://b.example:${receiver.port}/`);
    expect(receiver.sockets).toHaveLength(2);
    expect(receiver.requests[1]?.headers.host).toBe(`b.example:${receiver.port}`);
  });

  test.each([
    ['says so', { connection: 'close' }],
    ['gives it no time', { 'keep-alive': 'timeout=0' }],
  ])('is not used again when the receiver %s', async (_title, headers) => {
    const receiver = await startReceiver((_request, response) => response.writeHead(200, headers).end('ok'));
    const egress = makeEgress();
    for (let turn = 0; turn < 3; turn++) expect(await send(egress, url(receiver))).toMatchObject({ error: null });
    expect(receiver.sockets).toHaveLength(3);
  });

  test('that was closed while it idled is replaced', async () => {
    const receiver = await startReceiver((_request, response) => response.end('ok'));
    const egress = makeEgress();
    await send(egress, url(receiver));
    receiver.sockets[0]?.destroy();
    expect(await send(egress, url(receiver))).toMatchObject({ error: null });
    expect(receiver.sockets).toHaveLength(2);
  });

  test('that breaks when it is used again is replaced once', async () => {
    let count = 0;
    const receiver = await startReceiver((request, response) => {
      count++;
      if (count % 2 === 0) request.socket.destroy();
      else response.end(String(count));
    });
    const egress = makeEgress();
    expect(await send(egress, url(receiver))).toMatchObject({ responseBody: Buffer.from('1') });
    expect(await send(egress, url(receiver))).toMatchObject({ error: null, responseBody: Buffer.from('3') });
    expect(receiver.sockets).toHaveLength(2);
    count = 1;
    const fresh = makeEgress();
    expect(await send(fresh, url(receiver))).toMatchObject({ error: 'connection_reset', statusCode: null });
    expect(count).toBe(2);
  });

  test('with bytes that nobody asked for is not used again', async () => {
    const raw = await startRaw((socket) => {
      const answer = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
      socket.write(`${answer('mine')}${answer('smuggled')}`);
    });
    const egress = makeEgress();
    for (let turn = 0; turn < 2; turn++) {
      expect(await send(egress, url(raw))).toMatchObject({ error: null, responseBody: Buffer.from('mine') });
    }
    expect(raw.sockets).toHaveLength(2);
  });
});

test('requests at the same time each get their own answer, and a few connections stay', async () => {
  const receiver = await startReceiver((request, response) => response.end(request.url));
  const silent = await startRaw(() => undefined);
  const egress = makeEgress();
  const hanging = send(egress, `http://a.example:${silent.port}/`, { timeoutMs: 1_000 });
  const round = () =>
    Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const exchange = await send(egress, `http://a.example:${receiver.port}/${index}`);
        expect(exchange).toMatchObject({ error: null, responseBody: Buffer.from(`/${index}`) });
      }),
    );
  await round();
  expect(receiver.sockets).toHaveLength(100);
  await round();
  expect(receiver.sockets).toHaveLength(192);
  expect(receiver.requests).toHaveLength(200);
  expect((await hanging).error).toBe('timeout');
});

describe('close', () => {
  test('ends what idles, lets what runs end, and keeps nothing after that', async () => {
    let answer = () => undefined as unknown;
    const receiver = await startReceiver((request, response) => {
      if (request.url === '/slow') answer = () => response.end('late');
      else response.end('ok');
    });
    const egress = makeEgress();
    await send(egress, `http://a.example:${receiver.port}/`);
    const running = send(egress, `http://b.example:${receiver.port}/slow`);
    await until(() => receiver.requests.length === 2, 'request');
    egress.close();
    await until(() => receiver.sockets[0]?.destroyed, 'end of the idle connection');
    answer();
    expect(await running).toMatchObject({ error: null, responseBody: Buffer.from('late') });
    await until(() => receiver.sockets[1]?.destroyed, 'end of the other');
  });
});
