import type { Services } from '../context';
import { AppError } from '../errors';
import { adoptDelivery } from './delivery';
import { type FinishContext, finishAttempts } from './finish';
import { sendDelivery } from './send';

/**
 * Makes the attempt of a delivery that the caller has just made, `sending` and with a lease, and committed: while somebody
 * waits for what comes of it. Should the process die, it is sent as others are.
 * @returns the id of the attempt
 * @throws AppError `unavailable` when the delivery was gone, or taken by somebody else, before it could be noted
 */
export async function attemptNow(
  ctx: FinishContext & Pick<Services, 'secrets' | 'egress'>,
  deliveryId: string,
): Promise<string> {
  const delivery = await adoptDelivery(ctx, deliveryId);
  const ended = delivery === undefined ? undefined : await sendDelivery(ctx, delivery);
  const noted = ended === undefined ? undefined : await finishAttempts(ctx, [ended]);
  if (ended === undefined || noted?.has(ended.id) !== true) {
    throw new AppError('unavailable', 'The attempt was not noted; try again in a moment.');
  }
  return ended.id;
}
