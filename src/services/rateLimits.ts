import type { Config } from '../config';
import type { Caller } from '../context';
import type { Database } from '../db/database';
import { AppError } from '../errors';
import { ownPolicy, type Policies, type Policy, policiesOf } from './ratePolicies';
import { removeRows } from './sweeper';

/** What is said of one request. */
export interface Verdict {
  readonly policy: Policy;
  readonly isAdmitted: boolean;
  /** Requests left in the window, as far as this process knows. */
  readonly left: number;
  /** Whole seconds to the end of the window, 1 at the least. */
  readonly secondsLeft: number;
}

/** undefined: the database is away, so nobody counts. The request goes on and meets that itself. */
export type Answer = Verdict | undefined;

/**
 * The part of a limit that a process takes in reserve, shared by the processes of a machine. A reserve that its process
 * has no use for is lost to the others: with 2 % up to five machines stay within a tenth of the limit, whatever way the
 * requests take, and with 600 a process asks the table for every 13th request.
 */
const RESERVE = 0.02;
/** Keys per policy; what is forgotten costs a statement and a reserve. */
const MOST_REMEMBERED = 10_000;

/**
 * Takes requests from the table and begins the window when none runs. Two starts of one window are one, since the row
 * is locked. `used` stays below twice the limit, so it can't overflow.
 */
const TAKE = `
  insert into rate_limits as held (key, window_ends_at, used)
  values ($1, now() + make_interval(secs => $2), $3)
  on conflict (key) do update set
    window_ends_at = case when held.window_ends_at > now() then held.window_ends_at else excluded.window_ends_at end,
    used = case when held.window_ends_at > now() then least(held.used, $4) else 0 end + $3
  returning used, extract(epoch from window_ends_at - clock_timestamp())::float8 * 1000`;

interface Waiter {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** What this process knows of the window of a key. Times are milliseconds of `performance.now()`. */
class Window {
  /** Requests that were taken from the table and not admitted yet. */
  reserve = 0;
  /** Requests that no process has taken. */
  free = 0;
  /** The reserve may be used until then: not after the end of the window by the clock of the database. */
  usableUntil = 0;
  /** Not before the end of the window by the clock of the database. */
  endsAt = 0;
  /** Those who wait for the statement that runs; empty when none does. */
  waiting: Waiter[] = [];
}

/**
 * Counts requests in windows that begin with the first request of a key. The table is the truth for all processes; each
 * takes a few requests at once from it and admits them from memory, so nothing is ever admitted beyond a limit.
 */
export class RateLimiter {
  readonly policies: Policies;
  /** Name of a policy → key → window. */
  private readonly windows = new Map<string, Map<string, Window>>();

  /** @param workers processes of this machine */
  constructor(
    private readonly db: Database,
    rateLimit: NonNullable<Config['rateLimit']>,
    private readonly workers: number,
  ) {
    this.policies = policiesOf(rateLimit);
  }

  /** Counts one request of a credential; those of the tokens that were made from a key count for its own limit, too. */
  takeFor({ credentialId, apiKeyId, rateLimit }: Caller): Answer | Promise<Answer> {
    if (rateLimit === null) return this.take(this.policies.default, credentialId);
    const { limit, windowSeconds } = rateLimit;
    return this.take(ownPolicy(rateLimit), `${apiKeyId} ${limit}/${windowSeconds}`);
  }

  /** Counts one request of a key; at once when a reserve or the end of all is in memory, else after a statement. */
  take(policy: Policy, key: string): Answer | Promise<Answer> {
    const window = this.windowsOf(policy).get(key) ?? new Window();
    const now = performance.now();
    if (window.reserve > 0 && now < window.usableUntil) return admit(policy, window, now);
    if (window.reserve === 0 && window.free === 0 && now < window.endsAt) return judge(policy, window, now, false);
    return new Promise((resolve, reject) => {
      window.waiting.push({ resolve, reject });
      if (window.waiting.length === 1) void this.ask(policy, key, window);
    });
  }

  private windowsOf(policy: Policy): Map<string, Window> {
    const known = this.windows.get(policy.name) ?? new Map<string, Window>();
    this.windows.set(policy.name, known);
    return known;
  }

  /** One statement for all that wait. It takes what they need, and a reserve for those who come next. */
  private async ask(policy: Policy, key: string, window: Window): Promise<void> {
    this.remember(policy, key, window);
    const { name, limit, windowSeconds } = policy;
    const wanted = Math.min(limit, window.waiting.length + Math.floor((limit * RESERVE) / this.workers));
    const askedAt = performance.now();
    try {
      const [row] = await this.db.query(TAKE, [`${name} ${key}`, windowSeconds, wanted, limit]);
      const [used, msLeft] = row as [number, number];
      const now = performance.now();
      window.reserve = Math.max(0, Math.min(wanted, limit - (used - wanted)));
      window.free = Math.max(0, limit - used);
      window.usableUntil = askedAt + msLeft;
      window.endsAt = now + msLeft;
      // Also when the window is over meanwhile: they were counted in it, by the clock that counts.
      for (const { resolve } of window.waiting.splice(0, window.reserve)) resolve(admit(policy, window, now));
      if (window.free > 0 && window.waiting.length > 0) void this.ask(policy, key, window);
      else for (const { resolve } of window.waiting.splice(0)) resolve(judge(policy, window, now, false));
    } catch (error) {
      const isAway = error instanceof AppError && error.status === 503;
      for (const { resolve, reject } of window.waiting.splice(0)) isAway ? resolve(undefined) : reject(error);
    }
  }

  /** The one that asked least recently goes when there are too many. */
  private remember(policy: Policy, key: string, window: Window): void {
    const known = this.windowsOf(policy);
    known.delete(key);
    if (known.size >= MOST_REMEMBERED) known.delete(known.keys().next().value as string);
    known.set(key, window);
  }
}

/** Removes windows that ended a minute ago: no statement that began before their end can still wait for them. */
export const removeEndedWindows = ({ db }: { db: Database }): Promise<void> =>
  removeRows(db, 'rate_limits', "window_ends_at < now() - interval '1 minute'");

function admit(policy: Policy, window: Window, now: number): Verdict {
  window.reserve--;
  return judge(policy, window, now, true);
}

function judge(policy: Policy, { reserve, free, endsAt }: Window, now: number, isAdmitted: boolean): Verdict {
  const secondsLeft = Math.max(1, Math.ceil((endsAt - now) / 1000));
  return { policy, isAdmitted, left: reserve + free, secondsLeft };
}
