import { type MailPayload, renderMail } from '../mail/templates';
import type { JobContext } from './worker';

/** Sends one mail. Sent again after a crash it has the same Message-ID, by which mail programs know it. */
export async function sendMail(ctx: JobContext, { to, ...mail }: MailPayload): Promise<void> {
  if (ctx.mailer === null) throw new Error('SMTP_URL is not set in the process that runs jobs.');
  await ctx.mailer.send({ to, ...renderMail(mail) }, ctx.jobId);
}
