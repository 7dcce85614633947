import http from 'node:http';
import https from 'node:https';
import { JSON_API } from './mediaType';

export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface Answer {
  readonly sent: Sent;
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The parsed body; undefined when there is none or it is no JSON. */
  readonly body: unknown;
}

export interface Ask {
  readonly method?: string;
  /** Added to Accept and the credential; undefined takes a header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Text is sent as it is, everything else as JSON, both as JSON:API unless the headers say otherwise. */
  readonly body?: unknown;
  /** Whether the rules watch the answer (true unless stated): what is no JSON:API URL is not bound by them. */
  readonly isDocument?: boolean;
}

/** The server could not be asked at all, or closed the connection instead of answering. */
export class NoAnswer extends Error {}

const PATIENCE_MS = 30_000;
/** A server that says "too many requests" is believed this often for one request. */
const RETRIES = 3;
const LONGEST_PAUSE_S = 60;

/**
 * Sends requests exactly as told: `fetch` would add an Accept, hide header values and merge what must be seen. Never
 * sends anything to another origin than those of the URLs the run was given, as a credential goes with every request.
 */
export class Client {
  private readonly agents = {
    'http:': new http.Agent({ keepAlive: true }),
    'https:': new https.Agent({ keepAlive: true }),
  };
  /** Every answer passes here, before whoever asked sees it. */
  readonly listeners: ((answer: Answer) => void)[] = [];
  requests = 0;

  constructor(
    private readonly origins: ReadonlySet<string>,
    readonly credentials: Readonly<Record<string, string>>,
  ) {}

  reaches(url: string): boolean {
    return URL.canParse(url) && this.origins.has(new URL(url).origin);
  }

  async ask(url: string, ask: Ask = {}): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.send(url, ask);
      const pause = Number(answer.headers['retry-after']);
      if (answer.status === 429 && attempt <= RETRIES && pause <= LONGEST_PAUSE_S) {
        await new Promise((resolve) => setTimeout(resolve, pause * 1000));
        continue;
      }
      if (ask.isDocument !== false) for (const listener of this.listeners) listener(answer);
      return answer;
    }
  }

  close(): void {
    for (const agent of Object.values(this.agents)) agent.destroy();
  }

  private send(url: string, { method = 'GET', headers = {}, body }: Ask): Promise<Answer> {
    if (!this.reaches(url)) throw new NoAnswer(`${url} is on an origin that the run was not given`);
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const sent: Sent = { method, url, headers: this.headersOf(headers, text), body: text };
    const { protocol, hostname, port, pathname, search } = new URL(url);
    const { request } = protocol === 'https:' ? https : http;
    const options: https.RequestOptions = {
      method,
      // Without the brackets of an IPv6 address, which are the URL's.
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: pathname + search,
      headers: sent.headers,
      agent: this.agents[protocol as 'http:' | 'https:'],
      timeout: PATIENCE_MS,
    };
    this.requests++;
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(new NoAnswer(`${method} ${url}: ${error.message || String(error)}`));
      const outgoing = request(options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', fail);
        incoming.on('end', () => resolve(answerOf(sent, incoming, Buffer.concat(chunks))));
      });
      outgoing.on('error', fail);
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
      outgoing.end(text);
    });
  }

  private headersOf(given: Readonly<Record<string, string | undefined>>, body: string | undefined) {
    const all: Record<string, string | undefined> = { accept: JSON_API };
    for (const [name, value] of Object.entries(this.credentials)) all[name.toLowerCase()] = value;
    if (body !== undefined) {
      all['content-type'] = JSON_API;
      all['content-length'] = String(Buffer.byteLength(body));
    }
    for (const [name, value] of Object.entries(given)) all[name.toLowerCase()] = value;
    return Object.fromEntries(Object.entries(all).filter((each): each is [string, string] => each[1] !== undefined));
  }
}

function answerOf(sent: Sent, { statusCode, headers }: http.IncomingMessage, bytes: Buffer): Answer {
  const text = bytes.toString('utf8');
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // The rules about bodies say what is wrong with it.
  }
  return { sent, status: statusCode ?? 0, headers, bytes, text, body };
}

/** A link as it stands in an answer, as a URL that can be asked. */
export function resolve(href: string, base: string): string {
  return URL.canParse(href, base) ? new URL(href, base).href : href;
}

/** A URL with more query parameters; they are given as they shall appear in it. */
export function withQuery(url: string, query: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${query}`;
}

/** Text as it stands in a query; half of a surrogate pair, which a faulty server may send, is replaced. */
export const encode = (text: unknown): string => encodeURIComponent(String(text).toWellFormed());
