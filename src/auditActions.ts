import { EVENT_TYPES, type EventType } from './eventTypes';
import { OPERATIONS, sensitiveRightOf } from './permissions';

/** What is audited although no event tells of it (domain sheet 7.2). */
const AUDIT_ONLY = [
  'partner.created',
  'partner.updated',
  'access_token.issued',
  'access_token.refreshed',
  'access_token.revoked',
  'password_reset.requested',
  'password_reset.confirmed',
  'user.exported',
  'webhook_delivery.replayed',
  'audit.read',
  'audit.exported',
  'audit.verified',
] as const;

export type AuditAction = Exclude<EventType, 'webhook.test'> | (typeof AUDIT_ONLY)[number];

/** Every action that leaves an audit row when it is done: the types of events, without tests, and what is only audited. */
export const AUDIT_ACTIONS: readonly AuditAction[] = [
  ...EVENT_TYPES.filter((type) => type !== 'webhook.test'),
  ...AUDIT_ONLY,
];

/** The operations that leave one when they are refused (INV-54). */
export const REFUSED_ACTIONS: readonly string[] = Object.keys(OPERATIONS).filter(
  (each) => sensitiveRightOf(each) !== null,
);
