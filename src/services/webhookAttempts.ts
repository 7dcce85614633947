import { WebhookAttempt } from '../../entities';
import { logOf } from '../db/log';
import { Table } from '../db/table';
import { crud } from './crud';
import { organizationTable } from './organizations';
import { deliveryTable } from './webhookDeliveries';

export const attemptTable = new Table(WebhookAttempt, {
  ...logOf('webhook_attempts', 'webhooks:read'),
  computed: { version: '1' },
  shown: { startedAt: 'json_time_ms(t.started_at)' },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    deliveryId: () => deliveryTable as unknown as Table,
  },
});

export const { list: listAttempts, get: getAttempt, rows: attemptRows } = crud(attemptTable);
