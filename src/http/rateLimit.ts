import type { Response } from 'express';
import { AppError } from '../errors';
import type { Answer, Verdict } from '../services/rateLimits';

/**
 * Notes what the limiter said, for the answer, and ends a request that is too many. Of several policies the answer
 * shows the one that refuses, else the one that has the least left.
 * @throws AppError `rate_limited`
 */
export function enforce(res: Response, answer: Answer): void {
  if (answer === undefined) return;
  const { verdict } = res.locals as { verdict?: Verdict };
  if (verdict === undefined || !answer.isAdmitted || answer.left < verdict.left) res.locals.verdict = answer;
  if (answer.isAdmitted) return;
  const { policy, secondsLeft } = answer;
  const detail = `At most ${policy.limit} ${policy.counts} in ${policy.windowSeconds} s: try again in ${secondsLeft} s.`;
  throw new AppError('rate_limited', detail, undefined, { headers: { 'Retry-After': String(secondsLeft) } });
}

/** `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), as name, value, name, value. */
export function rateLimitFields({ policy: { name, limit, windowSeconds }, left, secondsLeft }: Verdict): string[] {
  return [
    'RateLimit-Policy',
    `"${name}";q=${limit};w=${windowSeconds}`,
    'RateLimit',
    `"${name}";r=${left};t=${secondsLeft}`,
  ];
}
