import type { Services } from '../context';
import type { MailPayload } from '../mail/templates';
import { type EnqueueOptions, enqueue, enqueueAll } from './jobs';

type MailContext = Pick<Services, 'db' | 'secrets' | 'jobs' | 'mailer' | 'now'>;

/**
 * Enqueues a mail in the transaction of `ctx.db`.
 * @returns false without a mailer: then nothing is enqueued
 */
export async function queueMail(ctx: MailContext, mail: MailPayload, options?: EnqueueOptions): Promise<boolean> {
  if (ctx.mailer === null) return false;
  await enqueue(ctx, 'mail', mail, options);
  return true;
}

/** Likewise several mails in one statement. `key`: see `EnqueueOptions`. */
export async function queueMails(
  ctx: MailContext,
  mails: readonly { readonly payload: MailPayload; readonly key: string }[],
  options?: Omit<EnqueueOptions, 'key'>,
): Promise<void> {
  if (ctx.mailer !== null && mails.length > 0) await enqueueAll(ctx, 'mail', mails, options);
}
