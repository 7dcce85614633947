import type { Context } from '../context';

/** Deliveries of one statement: an endpoint may have more than fit into the time that one may take. */
const MOST_AT_ONCE = 5_000;

/**
 * Ends what is on its way to an endpoint that was disabled or deleted (domain sheet 6.5). To be called in that transaction
 * behind its event: from there on nobody else writes an event of the organization, which would make another delivery. What
 * is being sent is left to the sender.
 */
export async function cancelDeliveries({ db }: Pick<Context, 'db'>, endpointId: string): Promise<void> {
  let cancelled: number;
  do {
    const [row] = await db.query(
      `with due as (select id from webhook_deliveries where endpoint_id = $1 and status in ('pending', 'retrying')
         limit ${MOST_AT_ONCE} for no key update),
       ended as (update webhook_deliveries d set status = 'cancelled', next_attempt_at = null, version = d.version + 1,
         updated_at = date_trunc('second', now()) from due where d.id = due.id)
       select count(*) from due`,
      [endpointId],
    );
    cancelled = row?.[0] as number;
  } while (cancelled === MOST_AT_ONCE);
}
