import { connect } from 'node:net';
import type { Body } from '../support/app';
import { faultsOf } from '../support/document';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: Body;
}

/** Milliseconds after which a connection that nobody closes is a fault. */
const PATIENCE_MS = 8_000;

/** Splits what came over a connection into answers; throws when bytes are left that belong to none. */
function answersIn(received: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = received; rest.length > 0; ) {
    const end = rest.indexOf('\r\n\r\n');
    const [first = '', ...lines] = rest.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
    if (end < 0 || Number.isNaN(status)) throw new Error(`this is no answer: ${rest}`);
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const length = Number(headers['content-length'] ?? 0);
    const text = rest.subarray(end + 4, end + 4 + length).toString();
    const body = text === '' ? undefined : JSON.parse(text);
    if (status >= 400) {
      const faults = faultsOf(body, headers['content-type'] ?? '');
      if (faults.length > 0) throw new Error(`${status}: ${faults.join('; ')}\n${text}`);
    }
    answers.push({ status, headers, body });
    rest = rest.subarray(end + 4 + length);
  }
  return answers;
}

export interface Talk {
  /** Every answer that came before the connection was closed, checked as JSON:API when it is an error. */
  answers: RawAnswer[];
  /** Milliseconds from the connection to its end. */
  ms: number;
}

/**
 * Sends bytes over a connection of its own and reads until the server closes it, so that a second answer can't hide:
 * what keeps the connection open needs a request with `Connection: close` behind it.
 * @param options.end the client closes its side when all is sent
 * @param options.bytePerMs sends one byte each so many milliseconds
 */
export function talk(
  port: number,
  bytes: string | Buffer | (string | Buffer)[],
  options: { end?: boolean; bytePerMs?: number } = {},
): Promise<Talk> {
  const all = Buffer.concat([bytes].flat().map((part) => Buffer.from(part as string)));
  return new Promise((resolve, reject) => {
    const startedAt = Date.now();
    const received: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    const impatience = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was not closed; received: ${Buffer.concat(received)}`));
    }, PATIENCE_MS);
    let drip: NodeJS.Timeout | undefined;
    socket.on('data', (chunk) => received.push(chunk));
    // The server may reset a connection when it closes it with bytes of ours unread.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(impatience);
      clearInterval(drip);
      try {
        resolve({ answers: answersIn(Buffer.concat(received)), ms: Date.now() - startedAt });
      } catch (error) {
        reject(error);
      }
    });
    if (options.bytePerMs === undefined) {
      if (options.end) socket.end(all);
      else socket.write(all);
      return;
    }
    let at = 0;
    drip = setInterval(() => socket.write(all.subarray(at, ++at)), options.bytePerMs);
  });
}

/** The bytes of a request: header fields as they are given, `Content-Length` for a body, unless a field of `fields` says otherwise. */
export function requestOf(
  method: string,
  target: string,
  fields: readonly string[] = [],
  body: string | Buffer = '',
): Buffer {
  const names = fields.map((field) => field.slice(0, field.indexOf(':')).toLowerCase());
  const length = Buffer.byteLength(body as string);
  const framed = names.some((name) => ['content-length', 'transfer-encoding'].includes(name)) || length === 0;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(names.includes('host') ? [] : ['Host: localhost']),
    ...fields,
    ...(framed ? [] : [`Content-Length: ${length}`]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body as string)]);
}
