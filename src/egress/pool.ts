import type { Socket } from 'node:net';
import { type buildConnector, Client } from 'undici';

/** Milliseconds that a connection may idle; a server that says less in `Keep-Alive` is heeded, one that says more is not. */
const IDLE_MS = 4_000;
/** The same since it was made: then the name is looked up again, and its addresses are judged. */
const OLDEST_MS = 30_000;
const MOST_IDLE = 256;
const MOST_IDLE_PER_ORIGIN = 8;

/** One connection that speaks HTTP/1.1 with one origin, a request at a time. */
export interface Connection {
  readonly origin: string;
  readonly client: Client;
  readonly socket: Socket;
  /** As `performance.now()` tells it. */
  readonly madeAt: number;
}

/**
 * Gives undici the one socket of a client, not before its call has returned. Asked again, for a connection that nobody would
 * have judged, or with a socket that has ended meanwhile, it gets an error of a kind that it does not try again.
 */
function hand(socket: Socket, callback: buildConnector.Callback): void {
  if (socket.destroyed) callback(Object.assign(new Error('closed'), { code: 'ECONNRESET' }), null);
  else callback(null, socket);
}

/** Connections between two requests. Idle ones do not keep the process alive. */
export class Pool {
  private readonly idle = new Map<string, Connection[]>();
  private count = 0;
  private closed = false;

  /** @param socket connected, and past its TLS handshake if there is one */
  adopt(origin: string, socket: Socket): Connection {
    const client = new Client(origin, {
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      // Those of the whole request count.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => queueMicrotask(() => hand(socket, callback)),
    });
    const connection = { origin, client, socket, madeAt: performance.now() };
    client.on('disconnect', () => this.drop(connection));
    return connection;
  }

  take(origin: string): Connection | undefined {
    const list = this.idle.get(origin);
    for (let each = list?.at(-1); each !== undefined; each = list?.at(-1)) {
      this.forget(each);
      if (!each.socket.destroyed) return each;
    }
    return undefined;
  }

  /** After a complete answer; closes the connection where there are enough. */
  give(connection: Connection): void {
    const list = this.idle.get(connection.origin) ?? [];
    const isFull = this.count >= MOST_IDLE || list.length >= MOST_IDLE_PER_ORIGIN;
    const isOld = performance.now() - connection.madeAt > OLDEST_MS;
    if (this.closed || isFull || isOld || connection.socket.destroyed) {
      this.drop(connection);
      return;
    }
    this.idle.set(connection.origin, list);
    list.push(connection);
    this.count++;
  }

  drop(connection: Connection): void {
    this.forget(connection);
    connection.client.destroy().catch(() => undefined);
    connection.socket.destroy();
  }

  private forget(connection: Connection): void {
    const list = this.idle.get(connection.origin) ?? [];
    const at = list.indexOf(connection);
    if (at < 0) return;
    list.splice(at, 1);
    this.count--;
    if (list.length === 0) this.idle.delete(connection.origin);
  }

  close(): void {
    this.closed = true;
    for (const each of [...this.idle.values()].flat()) this.drop(each);
  }
}
