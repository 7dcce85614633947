import { purgeWhenDue } from '../services/organizationPurge';
import type { JobContext } from './worker';

/** Removes an organization at the end of the time in which it could be restored. */
export const purge = (ctx: JobContext, { id }: { id: string }): Promise<void> => purgeWhenDue(ctx, id);
