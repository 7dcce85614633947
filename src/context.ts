import type { Config } from './config';
import type { Database } from './db/database';
import type { Origin, Shapes } from './db/shape';
import type { Egress } from './egress/egress';
import type { Mailer } from './mail/mailer';
import type { Passwords } from './passwords';
import type { Permission } from './permissions';
import type { Secrets } from './secrets';
import type { CallerCache } from './services/callers';
import type { RateLimiter } from './services/rateLimits';
import type { Signal } from './signal';

/**
 * How far a credential reaches: everything, one partner's organizations, one organization, or the organizations that a
 * person is an active member of (domain sheet 2).
 */
export type Level = 'platform' | 'partner' | 'organization' | 'user';

/** Who is asking. */
export interface Caller {
  /** Id of the API key, or of the family of an access token. */
  readonly credentialId: string;
  /** The API key that stands behind the credential; null for somebody who has signed in. */
  readonly apiKeyId: string | null;
  readonly level: Level;
  readonly name: string;
  readonly partnerId: string | null;
  readonly organizationId: string | null;
  /** The person; null unless the level is `user`. */
  readonly userId: string | null;
  /** What the credential may do at the most. A user's roles cut it down in each organization (`services/access.ts`). */
  readonly permissions: ReadonlySet<Permission>;
  /** `*` or permission codes, in their narrowest form; the ceiling of the keys that this caller makes. */
  readonly scopes: readonly string[];
  /** Whom he may change (INV-14); a user's is told by his roles in each organization. */
  readonly rank: number;
  /** Workspaces that an organization's key is limited to; null: all. A user's limits are with his memberships. */
  readonly workspaceIds: readonly string[] | null;
  /** Of the key, instead of the installation's. */
  readonly rateLimit: { readonly limit: number; readonly windowSeconds: number } | null;
  /** The caller's own organization is suspended: he may read, not write (domain sheet 6.1). */
  readonly organizationSuspended: boolean;
  /** Likewise: what he writes needs an `Idempotency-Key`. */
  readonly needsIdempotencyKey: boolean;
}

/** What lives as long as the process. */
export interface Services {
  readonly config: Config;
  readonly db: Database;
  readonly secrets: Secrets;
  readonly callers: CallerCache;
  /** null: RATE_LIMIT is off. */
  readonly limiter: RateLimiter | null;
  /** null: SMTP_URL is not set, and no mail leaves. */
  readonly mailer: Mailer | null;
  /** The one way out. */
  readonly egress: Egress;
  /** Wakes the worker. */
  readonly jobs: Signal;
  /** Wakes the sender of webhooks. */
  readonly deliveries: Signal;
  /** How rows stand in events. */
  readonly shapes: Shapes;
  readonly passwords: Passwords;
  /** Prefix of absolute URLs, without a slash at the end; known when the server listens. */
  readonly publicUrl: () => string;
  readonly now: () => Date;
}

/** The same for a request that may have come without a credential. */
export interface OpenContext extends Services {
  readonly requestId: string;
  readonly origin: () => Origin;
}

/** What a request tries to do: noted while it is judged, for the audit trail of what is refused (INV-54). */
export interface Attempt {
  /** Row in `permissions.ts`. */
  operation?: string;
  target?: { readonly type: string; readonly id: string };
  /** Whose it would be; whether the caller sees it is judged when it is needed. */
  organizationId?: string;
}

/** What a service function gets to know about the request it works for; that was counted before. */
export interface Context extends Omit<Services, 'limiter'> {
  readonly caller: Caller;
  /** An `Idempotency-Key` came with the request. */
  readonly isKeyed?: boolean;
  readonly requestId: string;
  /** Absent: it is no request. */
  readonly origin?: () => Origin;
  readonly attempt?: Attempt;
}
