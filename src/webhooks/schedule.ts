import type { AttemptResult } from './attempt';

/** A pause is up to so much shorter or longer: what failed together is not tried again together. */
const JITTER = 0.2;
/** Seconds at the least after answers that say that the receiver is overloaded, or after none in time. */
const LEAST_WHEN_BUSY = 60;
const BUSY = new Set([429, 502, 504]);

export type Failed = Pick<AttemptResult, 'error' | 'statusCode' | 'responseHeaders'>;

/**
 * Milliseconds between an attempt that failed and the next one (domain sheet 9.5); null when no step is left. `Retry-After`
 * is heeded between once and twice the step.
 * @param schedule seconds, one for each attempt after the first; empty: there is one attempt
 * @param failures attempts of the delivery that have failed, this one included
 * @param random evenly spread in [0, 1)
 */
export function pauseAfter(
  schedule: readonly number[],
  failures: number,
  failed: Failed,
  now: Date,
  random: () => number = Math.random,
): number | null {
  const step = schedule[failures - 1];
  if (step === undefined) return null;
  const told = retryAfterOf(failed, now);
  const pause = told === null ? step * (1 + JITTER * (2 * random() - 1)) : heeded(told, step, random);
  return Math.round(1_000 * Math.max(pause, leastAfter(failed, schedule, random)));
}

/** Spread to one side only: the receiver has said what is too early. */
function heeded(told: number, step: number, random: () => number): number {
  return Math.min(Math.max(told, step) * (1 + JITTER * random()), 2 * step);
}

/** Never more than the longest step: whoever has chosen short ones does not wait a minute. */
function leastAfter({ error, statusCode }: Failed, schedule: readonly number[], random: () => number): number {
  if (error !== 'timeout' && !BUSY.has(statusCode ?? 0)) return 0;
  return Math.min(LEAST_WHEN_BUSY * (1 + JITTER * random()), Math.max(...schedule));
}

/** Seconds that the receiver wants to be left alone: a number or a date (RFC 9110, 10.2.3). */
function retryAfterOf({ responseHeaders }: Failed, now: Date): number | null {
  const text = responseHeaders['retry-after']?.trim();
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const at = / GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, (at - now.getTime()) / 1_000);
}
