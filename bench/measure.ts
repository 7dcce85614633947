import { setTimeout as pause } from 'node:timers/promises';
import type { Load } from './load';
import type { Options } from './options';
import { hasProcessTimes, peakMb, postgresMs, processMs, resetPeak } from './processTimes';
import type { Plan } from './requests';
import type { ServerUnderTest } from './servers';

/** Before the first round of a case: V8 compiles what it sees run often, and PostgreSQL reads its pages in. */
const WARM_UP_S = 2;
/** Lets what the last turn has left over end: answers under way, and PostgreSQL's notes of them. */
const SETTLE_MS = 200;

/** One plan on one server: medians of the rounds, NaN where the system does not tell. */
export interface Figures {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of CPU per request. */
  readonly nodeUs: number;
  readonly postgresUs: number;
  /** The greatest of the rounds. */
  readonly peakMb: number;
}

export interface Bench {
  readonly load: Load;
  readonly options: Options;
  /** Process id of PostgreSQL. */
  readonly postmaster: number;
}

/** A server and what it is asked. */
export interface Contender {
  readonly server: ServerUnderTest;
  readonly plan: Plan;
}

/** Measures servers turn by turn; who begins changes from round to round, as machines get warm. */
export async function measure(bench: Bench, contenders: readonly Contender[]): Promise<Figures[]> {
  const { load, options } = bench;
  for (const { server, plan } of contenders) {
    await load.run(server, plan, Math.min(WARM_UP_S, options.seconds));
    if (hasProcessTimes) resetPeak(server.pid);
  }
  const turns = new Map(contenders.map((each): [Contender, Figures[]] => [each, []]));
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? contenders : [...contenders].reverse();
    for (const each of order) turns.get(each)?.push(await takeTurn(bench, each));
  }
  return [...turns.values()].map(summarize);
}

async function takeTurn({ load, options, postmaster }: Bench, { server, plan }: Contender): Promise<Figures> {
  await pause(SETTLE_MS);
  const node = processMs(server.pid);
  const postgres = hasProcessTimes ? postgresMs(postmaster) : Number.NaN;
  const { requests, requestsPerSecond, p50, p99 } = await load.run(server, plan, options.seconds);
  const perRequest = (ms: number) => (ms * 1000) / requests;
  return {
    requestsPerSecond,
    p50,
    p99,
    nodeUs: perRequest(processMs(server.pid) - node),
    postgresUs: perRequest((hasProcessTimes ? postgresMs(postmaster) : Number.NaN) - postgres),
    peakMb: peakMb(server.pid),
  };
}

/** @param sorted ascending */
export const percentile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

function summarize(turns: readonly Figures[]): Figures {
  const of = (name: keyof Figures) => turns.map((turn) => turn[name]);
  return {
    requestsPerSecond: median(of('requestsPerSecond')),
    p50: median(of('p50')),
    p99: median(of('p99')),
    nodeUs: median(of('nodeUs')),
    postgresUs: median(of('postgresUs')),
    peakMb: Math.max(...of('peakMb')),
  };
}
