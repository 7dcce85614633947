import type { AuditEvent } from '../entities';
import { serializers, toOne } from './jsonapi';

export const auditEvents = serializers<AuditEvent>({
  type: 'auditEvents',
  self: ({ id }) => `/public/v2/auditEvents/${id}`,
  attributes: [
    'sequence',
    'action',
    'outcome',
    'actor',
    'targets',
    'context',
    'changes',
    'metadata',
    'occurredAt',
    'prevHash',
    'hash',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
  },
});
