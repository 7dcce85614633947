import { createServer, type Server } from 'node:https';
import { connect, createServer as createTcp } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import { type Certificate, makeCertificate } from './certificate';
import { listen, makeEgress, send, startRaw, startReceiver } from './servers';

const certificate = makeCertificate(['hooks.example', '127.0.0.1']);

async function startSecure(own: Certificate = certificate, options: object = {}) {
  const seen: { name: string | false | null; protocol: string | false | null; count: number } = {
    name: null,
    protocol: null,
    count: 0,
  };
  const server: Server = createServer({ ...own, ...options }, (request, response) => {
    const socket = request.socket as TLSSocket & { servername: string | false };
    seen.name = socket.servername;
    seen.protocol = socket.alpnProtocol;
    seen.count++;
    request.resume().on('end', () => response.end('secure'));
  });
  server.on('tlsClientError', () => undefined);
  return { ...(await listen(server)), seen };
}

test('a certificate that is trusted and fits is all that is needed', async () => {
  const server = await startSecure();
  const egress = makeEgress({ ca: certificate.cert, webhookAllowHttp: 'no' });
  for (let turn = 0; turn < 2; turn++) {
    expect(await send(egress, `https://hooks.example:${server.port}/`)).toMatchObject({
      statusCode: 200,
      error: null,
      remoteAddress: '127.0.0.1',
      responseBody: Buffer.from('secure'),
    });
  }
  expect(server.seen).toEqual({ name: 'hooks.example', protocol: 'http/1.1', count: 2 });
  expect(server.sockets).toHaveLength(1);
});

test('the name of a full domain name has no dot at its end', async () => {
  const server = await startSecure();
  const egress = makeEgress({ ca: certificate.cert });
  expect(await send(egress, `https://hooks.example.:${server.port}/`)).toMatchObject({ error: null });
  expect(server.seen.name).toBe('hooks.example');
});

test('an address is no server name, and must be in the certificate', async () => {
  const server = await startSecure();
  const egress = makeEgress({ ca: certificate.cert });
  expect(await send(egress, `https://127.0.0.1:${server.port}/`)).toMatchObject({ error: null });
  expect(server.seen.name).toBe(false);
  const other = makeCertificate(['hooks.example', '127.0.0.2']);
  const wrong = await startSecure(other);
  expect(await send(makeEgress({ ca: other.cert }), `https://127.0.0.1:${wrong.port}/`)).toMatchObject({
    error: 'tls_error',
  });
});

describe('tls_error, and nothing is sent, when the certificate', () => {
  const expectTlsError = async (own: Certificate, ca?: string) => {
    const server = await startSecure(own);
    expect(await send(makeEgress({ ca }), `https://hooks.example:${server.port}/`)).toMatchObject({
      error: 'tls_error',
      statusCode: null,
      remoteAddress: '127.0.0.1',
    });
    expect(server.seen.count).toBe(0);
  };

  test('has signed itself', () => expectTlsError(certificate));
  test('is for another name', () => {
    const other = makeCertificate(['other.example']);
    return expectTlsError(other, other.cert);
  });
  test('has run out', () => {
    const old = makeCertificate(['hooks.example'], -1);
    return expectTlsError(old, old.cert);
  });
});

test('a server without TLS: tls_error', async () => {
  const receiver = await startReceiver((_request, response) => response.end());
  const raw = await startRaw((socket) => socket.end('220 mail.example ESMTP\r\n'));
  for (const { port } of [receiver, raw]) {
    expect(await send(makeEgress(), `https://hooks.example:${port}/`)).toMatchObject({
      error: 'tls_error',
      statusCode: null,
    });
  }
  expect(receiver.requests).toHaveLength(0);
});

test('a server that knows old versions alone: tls_error', async () => {
  const server = await startSecure(certificate, {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const egress = makeEgress({ ca: certificate.cert });
  expect(await send(egress, `https://hooks.example:${server.port}/`)).toMatchObject({ error: 'tls_error' });
});

test('bytes between the records of TLS: connection_reset', async () => {
  const inner = createServer(certificate, () => {
    for (const socket of outer.sockets) socket.write('between');
  });
  const { port } = await listen(inner);
  const outer = await listen(
    createTcp((socket) => {
      const through = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.pipe(through).pipe(socket);
    }),
  );
  const egress = makeEgress({ ca: certificate.cert });
  expect(await send(egress, `https://hooks.example:${outer.port}/`)).toMatchObject({
    error: 'connection_reset',
    statusCode: null,
  });
});

test('a reset in the handshake: connection_reset', async () => {
  const raw = await startRaw((socket) => socket.resetAndDestroy());
  expect(await send(makeEgress(), `https://hooks.example:${raw.port}/`)).toMatchObject({ error: 'connection_reset' });
});

test('silence in the handshake: timeout', async () => {
  const raw = await startRaw(() => undefined);
  expect(await send(makeEgress(), `https://hooks.example:${raw.port}/`, { timeoutMs: 300 })).toMatchObject({
    error: 'timeout',
    statusCode: null,
    remoteAddress: '127.0.0.1',
  });
});

test('an end of TLS in the body: connection_reset', async () => {
  const server = createTls(certificate, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'));
  });
  const { port } = await listen(server);
  expect(await send(makeEgress({ ca: certificate.cert }), `https://hooks.example:${port}/`)).toMatchObject({
    error: 'connection_reset',
    statusCode: 200,
    responseBody: Buffer.from('abc'),
  });
});
