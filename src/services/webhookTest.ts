import type { Context } from '../context';
import { Values } from '../db/conditions';
import { causeSql } from '../db/shape';
import { AppError } from '../errors';
import type { EventType } from '../eventTypes';
import { LEASE_MS } from '../webhooks/delivery';
import { authorize, standingNow } from './access';
import { lockOrganization } from './crud';
import { snapshot } from './events';
import { getWebhookEndpoint } from './webhookEndpoints';

/** What a test sends in the place of the endpoint itself. */
export interface TestSample {
  readonly kind: EventType;
  /** A resource object. */
  readonly data: object;
}

/**
 * The organization of an endpoint that the caller may test. A test changes nothing of it, and still a suspended
 * organization sends nothing.
 * @throws AppError `not_found`, `permission_denied`, `organization_suspended`
 */
export async function organizationOfTested(ctx: Context, id: string): Promise<string> {
  const { organizationId } = await getWebhookEndpoint(ctx, id, ['organizationId']);
  await authorize(ctx, 'webhookEndpoints.test', { organizationId }, false);
  const { isSuspended } = await standingNow(ctx, organizationId);
  if (isSuspended) throw new AppError('organization_suspended', 'The organization is suspended.');
  return organizationId;
}

/**
 * Writes the event `webhook.test` of an endpoint, disabled or not, and its delivery, which is being sent from now on: by
 * the caller (`attemptNow`), or when his process has died by any other. What the receiver reads is of the sample's type.
 * @returns id of the delivery
 */
export const prepareTest = (ctx: Context, id: string, organizationId: string, sample?: TestSample): Promise<string> =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await lockOrganization(inside, organizationId);
    const subject = sample === undefined ? await snapshot(inside, 'webhookEndpoints', id) : JSON.stringify(sample.data);
    const { list, bind } = new Values();
    const organization = `${bind(organizationId)}::uuid`;
    await db.query(
      `select record_events(array['webhook.test'], ${organization}, array[${bind(subject)}::jsonb], null, ${causeSql(ctx, bind)})`,
      list,
    );
    // Its number is ours until the commit.
    const [row] = await db.query(
      `with event as (
         update events set body = '{"type":' || to_json($3::text) || substr(body, length('{"type":"webhook.test"') + 1)
         where organization_id = $1 and sequence = (select last from event_sequences where organization_id = $1)
         returning id, organization_id, sequence)
       insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, trigger, manual, status, payload,
         next_attempt_at)
       select new_id(), event.organization_id, e.id, event.id, event.sequence, 'test', true, 'sending', e.payload, $4
       from event join webhook_endpoints e on e.id = $2 returning id`,
      [organizationId, id, sample?.kind ?? 'webhook.test', new Date(ctx.now().getTime() + LEASE_MS)],
    );
    return row?.[0] as string;
  });
