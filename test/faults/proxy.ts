import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Body } from '../support/app';

export interface Asked {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  /** The parsed document; undefined when there is none. */
  body: Body;
}

/** What stands between a client and the service, and spoils one thing. */
export interface Spoiler {
  /** Changes the request, or answers it itself. */
  ask?(asked: Asked): Answered | undefined;
  answer?(answered: Answered, asked: Asked): void;
}

/** A proxy whose spoiler can be changed while it runs. */
export class FaultyProxy {
  spoiler: Spoiler = {};
  private readonly agent = new Agent({ keepAlive: true });

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {}

  static async start(target: number): Promise<FaultyProxy> {
    const server = createServer();
    const proxy = new FaultyProxy(server, target);
    server.on('request', async (req, res) => {
      const answered = await proxy.pass(req).catch((error: Error) => error);
      // A spoiler that throws is a mistake of the test: the run sees a broken connection, and says so.
      if (answered instanceof Error) return res.destroy(answered);
      const { status, headers, body } = answered;
      const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
      // The length of a HEAD answer is that of a body which does not come.
      if (req.method !== 'HEAD') headers['content-length'] = String(bytes.length);
      res.writeHead(status, headers).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.agent.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async pass(req: IncomingMessage): Promise<Answered> {
    const text = await textOf(req);
    const asked: Asked = { method: req.method ?? '', url: req.url ?? '', headers: { ...req.headers }, text };
    const own = this.spoiler.ask?.(asked);
    if (own !== undefined) return own;
    const answered = await this.forward(asked);
    this.spoiler.answer?.(answered, asked);
    return answered;
  }

  private forward({ method, url, headers, text }: Asked): Promise<Answered> {
    const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
    if (sent['content-length'] !== undefined) sent['content-length'] = String(Buffer.byteLength(text));
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.target, method, path: url, headers: sent, agent: this.agent };
      const outgoing = request(options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const body = Buffer.concat(chunks).toString();
          const { statusCode = 0, headers: received } = incoming;
          resolve({ status: statusCode, headers: { ...received }, body: body === '' ? undefined : JSON.parse(body) });
        });
      });
      outgoing.on('error', reject).end(text);
    });
  }
}

async function textOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
