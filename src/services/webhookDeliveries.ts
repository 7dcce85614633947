import { WebhookDelivery } from '../../entities';
import { logOf } from '../db/log';
import { Table } from '../db/table';
import { crud } from './crud';
import { eventTable } from './eventFeed';
import { organizationTable } from './organizations';
import { webhookEndpointTable } from './webhookEndpoints';

const log = logOf('webhook_deliveries', 'webhooks:read');

export const deliveryTable: Table<WebhookDelivery> = new Table(WebhookDelivery, {
  ...log,
  countedBy: {
    ...log.countedBy,
    // The endpoint says who sees all of them, so that they are counted in an index.
    endpointId: (caller, idSql, bind) => `(select count(*) from webhook_deliveries c where c.endpoint_id = ${idSql}
      and exists (select 1 from webhook_endpoints t where t.id = ${idSql} and ${log.visible(caller, bind, true, true)}))`,
  },
  computed: { eventType: '(select e.event_type from events e where e.id = t.event_id)' },
  // While it is sent, the column holds the end of the lease.
  shown: { nextAttemptAt: "json_time(case when t.status <> 'sending' then t.next_attempt_at end)" },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    eventId: () => eventTable as unknown as Table,
    endpointId: () => webhookEndpointTable as unknown as Table,
    replayOfId: () => deliveryTable as unknown as Table,
  },
});

export const { list: listDeliveries, get: getDelivery, rows: deliveryRows } = crud(deliveryTable);
