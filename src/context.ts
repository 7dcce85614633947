import type { Config } from './config';
import type { Database } from './db/database';
import type { Permission } from './permissions';
import type { Secrets } from './secrets';
import type { CallerCache } from './services/callers';
import type { RateLimiter } from './services/rateLimits';

/** How far a credential reaches: everything, one partner's organizations, or one organization (domain sheet 2). */
export type Level = 'platform' | 'partner' | 'organization';

/** Who is asking. */
export interface Caller {
  /** Id of the API key. */
  readonly credentialId: string;
  readonly level: Level;
  readonly name: string;
  readonly partnerId: string | null;
  readonly organizationId: string | null;
  readonly permissions: ReadonlySet<Permission>;
  /** Scopes as stored with the key: `*` or permission codes; the ceiling of the keys this caller makes. */
  readonly scopes: readonly string[];
  /** The caller's own organization is suspended: he may read, not write (domain sheet 6.1). */
  readonly organizationSuspended: boolean;
}

/** What lives as long as the process. */
export interface Services {
  readonly config: Config;
  readonly db: Database;
  readonly secrets: Secrets;
  readonly callers: CallerCache;
  /** null: RATE_LIMIT is off. */
  readonly limiter: RateLimiter | null;
  readonly now: () => Date;
}

/** The same for a request that may have come without a credential. */
export interface OpenContext extends Services {
  readonly requestId: string;
}

/** What a service function gets to know about the request it works for; that was counted before. */
export interface Context extends Omit<Services, 'limiter'> {
  readonly caller: Caller;
  readonly requestId: string;
}
