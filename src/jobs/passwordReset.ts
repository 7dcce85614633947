import type { JobPayloads } from '../services/jobs';
import { mailPasswordReset } from '../services/passwordResets';
import type { JobContext } from './worker';

/** Mails an offer to set a new password to whoever has this address. Run twice it makes two, and both are good. */
export const sendPasswordReset = (ctx: JobContext, payload: JobPayloads['passwordReset']): Promise<void> =>
  mailPasswordReset(ctx, payload);
