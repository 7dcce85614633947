import type { DeliveryStatus } from '../../entities/webhookDelivery';
import type { AttemptResult } from './attempt';
import type { ClaimedDelivery } from './delivery';
import { pauseAfter } from './schedule';

/** An attempt that was made. */
export interface Ended {
  readonly delivery: ClaimedDelivery;
  /** Id of the attempt. */
  readonly id: string;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly result: AttemptResult;
  /** Our process stopped: that says nothing about the receiver. */
  readonly isCut: boolean;
}

/** What an attempt makes of its delivery. */
export interface Outcome {
  readonly status: Exclude<DeliveryStatus, 'pending' | 'skipped' | 'sending'>;
  /** When `status` is `retrying`. */
  readonly nextAttemptAt: Date | null;
  /** Attempts that have failed, this one included. */
  readonly failures: number;
}

/** What a receiver says about deliveries in the field `webhook-delivery` of its answer. */
function wish({ responseHeaders }: AttemptResult): 'disable' | 'abort-message' | undefined {
  const words = (responseHeaders['webhook-delivery'] ?? '').split(',').map((word) => word.trim().toLowerCase());
  return (['disable', 'abort-message'] as const).find((each) => words.includes(each));
}

/** Why the receiver wants no more deliveries at all, if it says so. */
export function refusalOf({ result }: Ended): string | undefined {
  if (result.statusCode === 410) return 'The receiver answered 410 Gone.';
  return wish(result) === 'disable' ? 'The receiver answered webhook-delivery: disable.' : undefined;
}

/** Whether it is a success like any other, of which nobody is told. */
export const isPlain = (ended: Ended): boolean =>
  ended.result.error === null && ended.delivery.failures === 0 && refusalOf(ended) === undefined;

/**
 * The next state of a delivery (domain sheet 6.5).
 * @param isOff the endpoint has been switched off or deleted since the delivery was taken
 */
export function outcomeOf(ended: Ended, schedule: readonly number[], isOff: boolean): Outcome {
  const { delivery, result, endedAt, isCut } = ended;
  const { failures, manual } = delivery;
  if (result.error === null) return { status: 'succeeded', nextAttemptAt: null, failures };
  // No step of the schedule is used: it is due at once.
  if (isCut) return isOff ? cancelled(failures) : { status: 'retrying', nextAttemptAt: endedAt, failures };
  if (refusalOf(ended) !== undefined || wish(result) === 'abort-message') return cancelled(failures + 1);
  const pause = manual ? null : pauseAfter(schedule, failures + 1, result, endedAt);
  if (pause === null) return { status: 'exhausted', nextAttemptAt: null, failures: failures + 1 };
  if (isOff) return cancelled(failures + 1);
  return { status: 'retrying', nextAttemptAt: new Date(endedAt.getTime() + pause), failures: failures + 1 };
}

const cancelled = (failures: number): Outcome => ({ status: 'cancelled', nextAttemptAt: null, failures });
