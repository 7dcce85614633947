import { createServer as createHttp, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { Egress, type EgressOptions } from '../../src/egress/egress';
import type { EgressRequest, Exchange } from '../../src/egress/exchange';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

export interface Listening {
  readonly port: number;
  /** What was connected, in its order. */
  readonly sockets: Socket[];
  /** Ends all of it now; the end of the test does so too. */
  close(): void;
}

export async function listen(server: Server, host = '127.0.0.1'): Promise<Listening> {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  closers.push(close);
  return { port: (server.address() as AddressInfo).port, sockets, close };
}

export interface Receiver extends Listening {
  readonly requests: IncomingMessage[];
  /** Of those requests that have come to their end. */
  readonly bodies: Buffer[];
}

/** A real HTTP server; `answer` gets the request when its body was read. */
export async function startReceiver(answer: RequestListener, host?: string): Promise<Receiver> {
  const requests: IncomingMessage[] = [];
  const bodies: Buffer[] = [];
  const server = createHttp((request, response) => {
    requests.push(request);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks));
      answer(request, response);
    });
  });
  return { ...(await listen(server, host)), requests, bodies };
}

export interface RawReceiver extends Listening {
  /** All that came over the connections. */
  received(): string;
}

/** A server that speaks no HTTP of its own: `answer` gets the socket when the first bytes of a request have come. */
export async function startRaw(answer: (socket: Socket) => void, host?: string): Promise<RawReceiver> {
  let received = '';
  const server = createTcp((socket) => {
    socket.once('data', () => answer(socket));
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
    });
  });
  return { ...(await listen(server, host)), received: () => received };
}

/** May call this machine, whatever names stand for it, unless told otherwise. */
export function makeEgress(options: Partial<EgressOptions> = {}): Egress {
  const egress = new Egress({
    webhookAllowCidrs: ['127.0.0.0/8', '::1/128'],
    webhookAllowHttp: 'yes',
    resolve: resolveTo('127.0.0.1'),
    ...options,
  });
  closers.push(() => egress.close());
  return egress;
}

export const resolveTo =
  (...addresses: string[]) =>
  async () =>
    addresses.map((address) => ({ address }));

export function send(egress: Egress, url: string, request: Partial<EgressRequest> = {}): Promise<Exchange> {
  return egress.request({
    url: new URL(url),
    method: 'POST',
    headers: {},
    body: Buffer.from('{}'),
    timeoutMs: 10_000,
    maxBodyBytes: 16_384,
    ...request,
  });
}
