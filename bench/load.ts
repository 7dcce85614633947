import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { firstMessage, stopChild } from './children';
import type { Closers } from './closers';
import type { Plan } from './requests';
import type { ServerUnderTest } from './servers';

export const CONNECTIONS = 16;

export interface Job {
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly plan: Plan;
  readonly seconds: number;
  readonly connections: number;
}

export interface Outcome {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** What went wrong, in words; undefined when every answer was a good one. */
  readonly failures: string | undefined;
}

/** The process that sends the load. */
export class Load {
  private constructor(private readonly child: ChildProcess) {}

  static async start(closers: Closers): Promise<Load> {
    const child = fork(join(__dirname, 'loadProcess.js'));
    closers.add(() => stopChild(child));
    await firstMessage(child);
    return new Load(child);
  }

  /**
   * Sends one plan to one server for so many seconds.
   * @throws Error when an answer is no success or a connection fails
   */
  async run(
    { name, origin, headers }: ServerUnderTest,
    plan: Plan,
    seconds: number,
    connections = CONNECTIONS,
  ): Promise<Outcome> {
    this.child.send({ origin, headers, plan, seconds, connections } satisfies Job);
    const outcome = await firstMessage<Outcome>(this.child);
    if (outcome.failures !== undefined) throw new Error(`${plan.method} on ${name} failed: ${outcome.failures}`);
    return outcome;
  }
}
