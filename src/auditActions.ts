/**
 * What stands in the audit trail beside the types of events (domain sheet 7.2) and the operations that were refused: nobody
 * is told of it.
 */
export const AUDIT_ACTIONS = [
  'partner.created',
  'partner.updated',
  'access_token.issued',
  'access_token.refreshed',
  'access_token.revoked',
  'password_reset.requested',
  'password_reset.confirmed',
  'user.exported',
  'webhook_delivery.replayed',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];
