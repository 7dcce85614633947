import { setTimeout as pause } from 'node:timers/promises';
import type { Case } from './cases';
import type { Load } from './load';
import type { Options } from './options';
import { hasProcessTimes, peakMb, postgresMs, processMs, resetPeak } from './processTimes';
import type { ServerUnderTest } from './servers';

/** Before the first round of a case: V8 compiles what it sees run often, and PostgreSQL reads its pages in. */
const WARM_UP_S = 2;
/** Lets what the last turn has left over end: answers under way, and PostgreSQL's notes of them. */
const SETTLE_MS = 200;

/** One case on one server: medians of the rounds, NaN where the system does not tell. */
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

export interface Result {
  readonly case: Case;
  readonly guildhall: Figures;
  readonly bare: Figures;
}

export interface Bench {
  readonly load: Load;
  readonly options: Options;
  /** Process id of PostgreSQL. */
  readonly postmaster: number;
  readonly guildhall: ServerUnderTest;
  readonly bare: ServerUnderTest;
}

/** Measures one case on both servers turn by turn; who begins changes from round to round, as machines get warm. */
export async function measure(bench: Bench, each: Case): Promise<Result> {
  const { guildhall, bare, load, options } = bench;
  for (const server of [guildhall, bare]) {
    await load.run(server, each.plan, Math.min(WARM_UP_S, options.seconds));
    if (hasProcessTimes) resetPeak(server.pid);
  }
  const turns = { guildhall: [] as Figures[], bare: [] as Figures[] };
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? [guildhall, bare] : [bare, guildhall];
    for (const server of order) turns[server.name].push(await takeTurn(bench, server, each));
  }
  return { case: each, guildhall: summarize(turns.guildhall), bare: summarize(turns.bare) };
}

async function takeTurn({ load, options, postmaster }: Bench, server: ServerUnderTest, each: Case): Promise<Figures> {
  await pause(SETTLE_MS);
  const node = processMs(server.pid);
  const postgres = hasProcessTimes ? postgresMs(postmaster) : Number.NaN;
  const { requests, requestsPerSecond, p50, p99 } = await load.run(server, each.plan, options.seconds);
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
