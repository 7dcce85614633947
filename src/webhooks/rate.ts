/** What the row of an endpoint says about its rate. */
export interface Rate {
  readonly perSecond: number;
  /** Thousandths of requests that were left at `at`. */
  readonly left: number;
  /** Milliseconds since 1970; null: never used. */
  readonly at: number | null;
}

/** Seconds of the rate that may be saved up: what comes in any second is the rate and this much of it more, at the most. */
const SAVED = 0.1;

/** Thousandths of requests that a rate leaves now. Clocks of two processes may differ: time never runs backwards. */
export function rateLeft({ perSecond, left, at }: Rate, now: number): number {
  const most = 1_000 * Math.max(1, Math.floor(perSecond * SAVED));
  return at === null ? most : Math.min(most, left + Math.max(0, Math.floor(now - at)) * perSecond);
}

/** Milliseconds until there is a whole request. */
export const rateWait = (perSecond: number, left: number): number => Math.ceil((1_000 - left) / perSecond);
