import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Config } from '../config';
import { AddressRules } from './addressRules';
import { hostOf, openSocket, type Resolve, type Route } from './connect';
import { Deadline } from './deadline';
import {
  type EgressRequest,
  type ErrorClass,
  type Exchange,
  judgeFailure,
  judgeStatus,
  type OpenedExchange,
  Refusal,
} from './exchange';
import { type Connection, Pool } from './pool';

/** What is wrong with a URL, as the rest of a sentence that begins with its name. */
export interface AddressFault {
  readonly code: 'not_allowed' | 'blocked_address';
  readonly detail: string;
}

/** Milliseconds that saving a URL waits for its name. */
const LOOK_UP_MS = 2_000;
const NOT_PUBLIC: AddressFault = { code: 'blocked_address', detail: 'names an address that is not public' };
const NOT_HTTPS: AddressFault = { code: 'not_allowed', detail: 'must be https' };
const NAMES_USER: AddressFault = { code: 'not_allowed', detail: 'must not hold a user name or password' };

type Body = Dispatcher.ResponseData['body'];
/** A response whose body is still to come. */
interface Response {
  readonly connection: Connection;
  readonly body: Body;
}
type Answer = { -readonly [K in keyof Omit<Exchange, 'error' | 'durationMs'>]: Exchange[K] };

export interface EgressOptions extends Pick<Config, 'webhookAllowCidrs' | 'webhookAllowHttp'> {
  /** The system's, with its file of hosts, unless given. */
  readonly resolve?: Resolve;
  readonly ca?: string;
}

/**
 * The one way out: every HTTP request to somebody else's server goes through here (INV-41, domain sheet 9.5). It reaches
 * public addresses and those that the operator allows, speaks HTTP/1.1, follows no redirect and knows no proxy.
 */
export class Egress {
  private readonly pool = new Pool();
  private readonly rules: AddressRules;
  private readonly route: Route;
  private readonly allowHttp: Config['webhookAllowHttp'];
  private readonly lookUps = new Map<string, ReturnType<Resolve>>();

  /** For a server that the operator's settings name, and no others do: wherever it is, and without TLS, if he says so. */
  static ofOperator(): Egress {
    return new Egress({ webhookAllowCidrs: ['0.0.0.0/0', '::/0'], webhookAllowHttp: 'yes' });
  }

  constructor({ webhookAllowCidrs, webhookAllowHttp, resolve = resolveBySystem, ca }: EgressOptions) {
    this.rules = new AddressRules(webhookAllowCidrs);
    this.allowHttp = webhookAllowHttp;
    this.route = { rules: this.rules, resolve: (hostname) => this.lookUp(hostname, resolve), ca };
  }

  /**
   * What can be said about a URL without looking its name up: its scheme, user info, addresses written out in any form
   * (`URL` has made the usual one of them), and names of this machine.
   */
  checkUrl(url: URL): AddressFault | undefined {
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return NOT_HTTPS;
    if (url.username !== '' || url.password !== '') return NAMES_USER;
    const host = hostOf(url);
    if (url.protocol === 'http:' && !this.isHttpAllowed(host)) return NOT_HTTPS;
    if (isIP(host)) return this.rules.permits(host) ? undefined : NOT_PUBLIC;
    if (isLocalName(host) && !this.rules.permits('127.0.0.1') && !this.rules.permits('::1')) return NOT_PUBLIC;
    return undefined;
  }

  /**
   * `checkUrl`, and whether any address of the name is not public. A name that has none, or that nobody tells in 2 s, is no
   * fault: each attempt asks again.
   */
  async checkHost(url: URL): Promise<AddressFault | undefined> {
    const fault = this.checkUrl(url);
    const host = hostOf(url);
    if (fault !== undefined || isIP(host)) return fault;
    const deadline = new Deadline(LOOK_UP_MS);
    const answers = await deadline.race(this.route.resolve(host)).catch(() => []);
    deadline.clear();
    return answers.every(({ address }) => this.rules.permits(address)) ? undefined : NOT_PUBLIC;
  }

  /**
   * Sends one request and reads the answer. Whatever the other side does becomes a class of error; a connection that idled
   * and turns out to be closed is replaced by a new one, once.
   * @throws Error when the header fields can't be sent, which is for who made them
   */
  async request(request: EgressRequest): Promise<Exchange> {
    return this.exchange(request, async ({ connection, body }, deadline, answer) => {
      await this.readBody(connection, body, request.maxBodyBytes, answer);
      deadline.clear();
    });
  }

  /**
   * The same, but the body of an answer of 2xx is for the caller to read, within the time that is left of the request's.
   * @throws Error when the header fields can't be sent, which is for who made them
   */
  async open(request: EgressRequest): Promise<OpenedExchange> {
    let opened: Readable | null = null;
    const exchange = await this.exchange(request, async ({ connection, body }, deadline, answer) => {
      if (judgeStatus(answer.statusCode as number) === null) {
        opened = this.flowing(connection, body, deadline);
        return;
      }
      await this.readBody(connection, body, request.maxBodyBytes, answer);
      deadline.clear();
    });
    return { ...exchange, body: exchange.error === null ? opened : null };
  }

  /** Ends the connections that idle; those at work end with their request. */
  close(): void {
    this.pool.close();
  }

  /** @param read what is done with a body whose status and header fields are in the answer already */
  private async exchange(
    request: EgressRequest,
    read: (response: Response, deadline: Deadline, answer: Answer) => Promise<void>,
  ): Promise<Exchange> {
    const started = performance.now();
    const deadline = new Deadline(request.timeoutMs, request.signal);
    const answer: Answer = {
      statusCode: null,
      remoteAddress: null,
      responseHeaders: {},
      responseBody: null,
      truncated: false,
    };
    let error: ErrorClass | null;
    try {
      await read(await this.respond(request, deadline, answer), deadline, answer);
      error = judgeStatus(answer.statusCode as number);
    } catch (cause) {
      deadline.clear();
      error = deadline.passed ?? (cause instanceof Refusal ? cause.errorClass : null);
      if (error === null) throw cause;
    }
    return { ...answer, error, durationMs: Math.round(performance.now() - started) };
  }

  private async respond(request: EgressRequest, deadline: Deadline, answer: Answer): Promise<Response> {
    const { url } = request;
    if (this.checkUrl(url) !== undefined) {
      const host = hostOf(url);
      answer.remoteAddress = isIP(host) ? host : null;
      throw new Refusal('blocked_address');
    }
    deadline.signal.throwIfAborted();
    const used = this.pool.take(url.origin);
    if (used !== undefined) {
      try {
        return await this.send(used, request, deadline.signal, answer);
      } catch (error) {
        if (deadline.passed !== null || !isReset(error)) throw error;
      }
    }
    const socket = await openSocket(url, this.route, deadline, answer);
    return this.send(this.pool.adopt(url.origin, socket), request, deadline.signal, answer);
  }

  private async send(
    connection: Connection,
    { url, method, headers, body }: EgressRequest,
    signal: AbortSignal,
    answer: Answer,
  ): Promise<Response> {
    answer.remoteAddress = connection.socket.remoteAddress ?? answer.remoteAddress;
    try {
      const response = await connection.client.request({
        path: `${url.pathname}${url.search}`,
        method,
        headers,
        body: body.length === 0 ? null : body,
        signal,
      });
      answer.statusCode = response.statusCode;
      answer.responseHeaders = flatten(response.headers);
      return { connection, body: response.body };
    } catch (error) {
      this.pool.drop(connection);
      throw judgeFailure(error);
    }
  }

  private async readBody(connection: Connection, body: Body, maxBytes: number, answer: Answer): Promise<void> {
    try {
      await readBeginning(body, maxBytes, answer);
    } catch (error) {
      this.pool.drop(connection);
      throw judgeFailure(error);
    }
    if (answer.truncated) this.pool.drop(connection);
    else this.pool.give(connection);
  }

  /** The connection is used again when all was read, and ends with the body else. */
  private flowing(connection: Connection, body: Body, deadline: Deadline): Readable {
    // Whoever reads it hears of the error by himself; one that nobody reads must not end the process.
    body.on('error', () => undefined);
    body.once('close', () => {
      deadline.clear();
      if (body.readableEnded) this.pool.give(connection);
      else this.pool.drop(connection);
    });
    return body;
  }

  /** One question at a time for a name: a server of names that is silent holds up one of the system's few threads, not all. */
  private lookUp(hostname: string, resolve: Resolve): ReturnType<Resolve> {
    const running = this.lookUps.get(hostname);
    if (running !== undefined) return running;
    const started = resolve(hostname).finally(() => this.lookUps.delete(hostname));
    this.lookUps.set(hostname, started);
    return started;
  }

  private isHttpAllowed(host: string): boolean {
    if (this.allowHttp === 'loopback') return isLocalName(host) || host === '::1' || /^127\.[\d.]+$/.test(host);
    return this.allowHttp === 'yes';
  }
}

const isReset = (error: unknown) => error instanceof Refusal && error.errorClass === 'connection_reset';

function resolveBySystem(hostname: string): ReturnType<Resolve> {
  return lookup(hostname, { all: true, verbatim: true });
}

/** Names that mean this machine whoever is asked (RFC 6761). */
function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

function flatten(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

/** Puts the beginning of the body into the answer, also of one that breaks off. */
async function readBeginning(body: Body, maxBytes: number, answer: Answer): Promise<void> {
  const chunks: Buffer[] = [];
  let room = maxBytes;
  // Leaving the loop early destroys the stream, and that it calls an error.
  body.on('error', () => undefined);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, room));
      answer.truncated = chunk.length > room;
      if (answer.truncated) break;
      room -= chunk.length;
    }
  } finally {
    answer.responseBody = Buffer.concat(chunks);
  }
}
