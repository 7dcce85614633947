import type { Services } from '../context';
import type { MailPayload } from '../mail/templates';
import { type EnqueueOptions, enqueue } from './jobs';

/**
 * Enqueues a mail in the transaction of `ctx.db`.
 * @returns false without a mailer: then nothing is enqueued
 */
export async function queueMail(
  ctx: Pick<Services, 'db' | 'secrets' | 'jobs' | 'mailer' | 'now'>,
  mail: MailPayload,
  options?: EnqueueOptions,
): Promise<boolean> {
  if (ctx.mailer === null) return false;
  await enqueue(ctx, 'mail', mail, options);
  return true;
}
