import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** How a receiver answers; 200 without a body when nothing is said. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** Milliseconds between the end of the request and the answer. */
  readonly delayMs?: number;
}

/**
 * What a receiver does with a request, always after it has read and noted all of it:
 * an answer; a redirect (302, or `status`); `raw` bytes instead of HTTP, then the end of the connection;
 * `hang`: no answer until `release`, or until the sender goes; `drip`: a status line, then a byte of an endless header
 * field every 100 ms; `dripBody`: the same in the body; `flood`: a body without end, as fast as it is read;
 * `reset`: RST before the answer; `resetInBody`: RST after the header and a few bytes of 1,000.
 */
export type Behaviour =
  | Answer
  | (Answer & { readonly redirect: string })
  | { readonly raw: string | Uint8Array; readonly delayMs?: number }
  | 'hang'
  | 'drip'
  | 'dripBody'
  | 'flood'
  | 'reset'
  | 'resetInBody';

/** What is kept of each request: all of it, `webhook-id` and time only, or nothing (it is counted). */
export type Keep = 'all' | 'ids' | 'count';

export interface ReceivedRequest {
  /** Without the query. */
  readonly path: string;
  /** With the query. */
  readonly url: string;
  readonly method: string;
  /** By name in lower case; of several fields with one name the values are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** The exact bytes. */
  readonly body: Buffer;
  /** Milliseconds since 1970, when the header had arrived. */
  readonly receivedAt: number;
}

export interface ReceivedId {
  readonly path: string;
  readonly id: string | undefined;
  readonly receivedAt: number;
}

interface RawRequest extends Omit<ReceivedRequest, 'headers'> {
  readonly rawHeaders: readonly string[];
}

const PATIENCE_MS = 10_000;
const PROCESS = join('test', 'support', 'receiverProcess.mjs');

/** The benchmark runs this file from where it was compiled to; the process is never compiled. */
function processFile(folder = __dirname): string {
  const file = join(folder, PROCESS);
  return existsSync(file) ? file : processFile(dirname(folder));
}

/** A real HTTP server in a process of its own, at 127.0.0.1. It ends with the process that started it. */
export class Receiver {
  private calls = 0;
  private readonly pending = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  private port = 0;

  private constructor(private readonly child: ChildProcess) {
    child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
      const call = this.pending.get(id);
      this.pending.delete(id);
      if (this.pending.size === 0) child.channel?.unref();
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(`The receiver: ${error}`));
    });
    child.on('exit', () => {
      for (const { reject } of this.pending.values()) reject(new Error('The receiver has ended.'));
      this.pending.clear();
    });
    child.unref();
    child.channel?.unref();
  }

  /** Listening when this resolves. */
  static async start(): Promise<Receiver> {
    const receiver = new Receiver(fork(processFile(), { execArgv: [], serialization: 'advanced' }));
    await receiver.restart();
    return receiver;
  }

  /** Only a process that waits for an answer is kept alive by the receiver. */
  private call<Result = void>(call: string, ...args: unknown[]): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const id = ++this.calls;
      this.child.channel?.ref();
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.child.send({ id, call, args }, (error) => error && reject(error));
    });
  }

  /** The address of a path, which is to begin with a slash. */
  url(path = '/'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** What is done on a path from now on; of a list one step for each request, and the last one ever after. */
  program(path: string, behaviour: Behaviour | readonly Behaviour[]): Promise<void> {
    return this.call('program', path, Array.isArray(behaviour) ? behaviour : [behaviour]);
  }

  /** What is kept of the requests to come; `all` at first. */
  keep(what: Keep): Promise<void> {
    return this.call('keep', what);
  }

  /** What has come, on one path or on all, in its order; needs `keep` to be `all`. */
  async requests(path?: string): Promise<ReceivedRequest[]> {
    return (await this.call<RawRequest[]>('requests', path)).map(({ rawHeaders, body, ...request }) => ({
      ...request,
      headers: headersOf(rawHeaders),
      body: Buffer.from(body),
    }));
  }

  /** The same with `keep` at `ids`. */
  async ids(path?: string): Promise<ReceivedId[]> {
    return (await this.call<ReceivedId[]>('requests', path)).map((each) => ({ ...each }));
  }

  /** How many requests have come on a path, and how many are and were open at once. */
  async counts(path: string): Promise<{ received: number; open: number; mostOpen: number }> {
    return { ...(await this.call<{ received: number; open: number; mostOpen: number }>('counts', path)) };
  }

  /**
   * Resolves with the requests of a path (null: of all) when there are `count` or more since the start or `clear`.
   * @throws Error when there are fewer after `timeoutMs` (10 s)
   */
  async waitFor(path: string | null, count: number, timeoutMs = PATIENCE_MS): Promise<ReceivedRequest[]> {
    await this.waitForCount(path, count, timeoutMs);
    return this.requests(path ?? undefined);
  }

  /** The same without the requests, for when they are only counted. */
  async waitForCount(path: string | null, count: number, timeoutMs = PATIENCE_MS): Promise<void> {
    const received = await this.call<number>('wait', path ?? undefined, count, timeoutMs);
    if (received < count)
      throw new Error(`${path ?? 'The receiver'} got ${received} of ${count} requests in ${timeoutMs} ms.`);
  }

  /** Answers what hangs on a path now; the program stays. Gives their number. */
  release(path: string, behaviour: Behaviour = {}): Promise<number> {
    return this.call('release', path, behaviour);
  }

  /** Forgets what has come; programs stay. */
  clear(): Promise<void> {
    return this.call('clear');
  }

  /** An outage: connections are cut and new ones refused until `restart`. What has come is kept. */
  stop(): Promise<void> {
    return this.call('stop');
  }

  /** Listens again, on the same port. */
  async restart(): Promise<void> {
    this.port = await this.call<number>('listen', this.port);
  }

  /** The process ends. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.ref();
    this.child.disconnect();
    await exited;
  }
}

function headersOf(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    const value = raw[i + 1] ?? '';
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return headers;
}

/** A receiver that takes everything (200) on every path that has no program. `end` it when done. */
export const startReceiver = (): Promise<Receiver> => Receiver.start();
