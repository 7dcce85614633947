import { createHash } from 'node:crypto';
import type { Response } from 'express';
import type { Services } from '../context';
import type { SensitivePolicy } from '../services/ratePolicies';
import { networkOf } from './address';
import { enforce } from './rateLimit';

/**
 * Counts one sensitive call and notes what is left for the answer. Nothing is counted with RATE_LIMIT=off.
 * @param key whom the call counts for, see the table of policies: `networkOf`, `accountKey`, or the id of a credential
 * @throws AppError `rate_limited`
 */
export async function limit(
  { limiter }: Pick<Services, 'limiter'>,
  res: Response,
  policy: SensitivePolicy,
  key: string,
): Promise<void> {
  if (limiter !== null) enforce(res, await limiter.take(limiter.policies[policy], key));
}

/**
 * An account as key, whether it exists or not, of one network when that is given: a digest, since the table shall not
 * hold addresses. Coarser than any locale's `lower` that tells accounts apart, so that another spelling is no other key.
 */
export function accountKey(email: string, network = ''): string {
  const plain = email.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().toUpperCase();
  return createHash('sha256').update(`${plain}\n${network}`).digest('base64url');
}

interface Attempt {
  readonly email: string;
  /** Of the client, as `clientAddress` gives it. */
  readonly address: string;
  /** Whether somebody has signed in to the account from that network before; asked only when it matters. */
  isKnownNetwork(network: string): Promise<boolean>;
}

/**
 * Counts one attempt to sign in, before the password is looked at. Strangers who use up what an account has don't lock
 * its user out: a network that he signed in from has a count of its own. The network comes first: when that is refused,
 * nothing is counted for the accounts that it names.
 * @throws AppError `rate_limited`
 */
export async function limitSignIn(
  services: Pick<Services, 'limiter'>,
  res: Response,
  { email, address, isKnownNetwork }: Attempt,
): Promise<void> {
  if (services.limiter === null) return;
  const network = networkOf(address);
  await limit(services, res, 'signInAddress', network);
  await limit(services, res, 'signIn', accountKey(email, network));
  if (!(await isKnownNetwork(network))) await limit(services, res, 'signInAccount', accountKey(email));
}
