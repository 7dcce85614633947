import { mailPasswordReset } from '../services/passwordResets';
import type { JobContext } from './worker';

/** Mails an offer to set a new password to whoever has this address. Run twice it makes two, and both are good. */
export const sendPasswordReset = (ctx: JobContext, { email }: { email: string }): Promise<void> =>
  mailPasswordReset(ctx, email);
