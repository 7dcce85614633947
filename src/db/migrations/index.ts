import { Foundation1763700000000 } from './1763700000000-foundation';
import { RateLimits1764000000000 } from './1764000000000-rate-limits';

/** In the order in which they run. */
export const migrations = [Foundation1763700000000, RateLimits1764000000000];
