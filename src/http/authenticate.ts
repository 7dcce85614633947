import type { Request, Response } from 'express';
import type { Caller, Services } from '../context';
import { AppError, type ErrorCode } from '../errors';
import type { RateLimiter } from '../services/rateLimits';
import { clientAddress, networkOf } from './address';
import { enforce } from './rateLimit';

const SCHEME = /^bearer +/i;

/** A credential that was tried and refused. To send none at all is no guess. */
const FAILURES: ReadonlySet<ErrorCode> = new Set(['invalid_credential', 'expired_credential', 'revoked_credential']);

/**
 * Who sends the request: `Authorization: <credential>` or `Authorization: Bearer <credential>`. The request counts for
 * the credential; when that is not valid or is barred, for the address (domain sheet 9.9).
 * @throws AppError 401 without a valid credential, `partner_suspended`, `ip_not_allowed`, `rate_limited`
 */
export function authenticate(services: Services, req: Request): Caller | Promise<Caller> {
  const { authorization } = req.headers;
  if (authorization === undefined || authorization.trim() === '') {
    throw new AppError('missing_credential', 'Send a key in Authorization.', { header: 'Authorization' });
  }
  const { callers, limiter } = services;
  const credential = authorization.replace(SCHEME, '').trim();
  const address = clientAddress(services, req);
  if (limiter === null) return callers.find(credential, address);
  let found: Caller | Promise<Caller>;
  try {
    found = callers.find(credential, address);
  } catch (error) {
    return countFailure(limiter, req, address, error);
  }
  // No promise when all is in memory: it would cost more than the rest.
  if (!(found instanceof Promise)) return countRequest(limiter, req, found);
  return found.then(
    (caller) => countRequest(limiter, req, caller),
    (error) => countFailure(limiter, req, address, error),
  );
}

function countRequest(limiter: RateLimiter, req: Request, caller: Caller): Caller | Promise<Caller> {
  const res = req.res as Response;
  // For the log: also of a request that ends here.
  res.locals.caller = caller;
  const answer = limiter.takeFor(caller);
  const proceed = (known: Awaited<typeof answer>) => {
    enforce(res, known);
    return caller;
  };
  return answer instanceof Promise ? answer.then(proceed) : proceed(answer);
}

/** Only those who fail are refused when an address has failed too often: others behind it did nothing wrong. */
async function countFailure(limiter: RateLimiter, req: Request, address: string, error: unknown): Promise<never> {
  if (!(error instanceof AppError)) throw error;
  const { authentication, default: usual } = limiter.policies;
  const isFailure = error.faults.some(({ code }) => FAILURES.has(code));
  // Who is barred has not guessed; but he must not use up what the rightful holder has.
  const isBarred = error.caller !== undefined;
  if (isFailure || isBarred) {
    const policy = isFailure ? authentication : usual;
    enforce(req.res as Response, await limiter.take(policy, networkOf(address)));
  }
  throw error;
}
