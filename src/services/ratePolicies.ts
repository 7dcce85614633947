import type { Config } from '../config';

/** So many requests in so many seconds, for each key by itself (domain sheet 9.9). */
export interface Policy {
  readonly name: string;
  /** What is counted, in words for people. */
  readonly counts: string;
  readonly limit: number;
  readonly windowSeconds: number;
}

/** Of sensitive calls: name → what is counted, how many, in how many seconds, and by what key. */
const SENSITIVE = {
  /** By account and network. */
  signIn: ['sign-in attempts', 10, 900],
  /** By network: guesses of one who tries many accounts. */
  signInAddress: ['sign-in attempts', 100, 900],
  /** By account, over all networks that nobody has signed in to it from: those of its user are not kept out. */
  signInAccount: ['sign-in attempts', 100, 3600],
  /** By network: look-up and acceptance together (INV-28). */
  invitationToken: ['uses of invitation tokens', 60, 60],
  /** By network. */
  tokenRefresh: ['token refreshes', 120, 60],
  /** By credential. */
  keyVerify: ['key verifications', 120, 60],
  /** By account: mails to one person. */
  passwordReset: ['password resets', 5, 3600],
  /** By network. */
  passwordResetAddress: ['password resets', 30, 3600],
} as const satisfies Record<string, readonly [counts: string, limit: number, windowSeconds: number]>;

export type SensitivePolicy = keyof typeof SENSITIVE;
export type Policies = Readonly<Record<'default' | 'authentication' | SensitivePolicy, Policy>>;

/** Of a key that has a limit of its own, instead of the installation's. */
export const ownPolicy = ({ limit, windowSeconds }: Pick<Policy, 'limit' | 'windowSeconds'>): Policy => ({
  name: 'key',
  counts: 'requests',
  limit,
  windowSeconds,
});

/** All policies: of every request, by credential; of failed authentication, by network; and of sensitive calls. */
export function policiesOf({ limit, windowSeconds }: NonNullable<Config['rateLimit']>): Policies {
  const failures = Math.min(limit, Math.max(10, Math.floor(limit / 10)));
  const rows = {
    default: ['requests', limit, windowSeconds],
    authentication: ['failed authentications', failures, windowSeconds],
    ...SENSITIVE,
  } as const;
  const policies = Object.entries(rows).map(([name, [counts, most, seconds]]): [string, Policy] => [
    name,
    { name, counts, limit: most, windowSeconds: seconds },
  ]);
  return Object.fromEntries(policies) as unknown as Policies;
}
