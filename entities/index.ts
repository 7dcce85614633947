import { AccessToken } from './accessToken';
import { ApiKey } from './apiKey';
import { ApiKeyWorkspace } from './apiKeyWorkspace';
import { AuditCheckpoint } from './auditCheckpoint';
import { AuditEvent } from './auditEvent';
import { Event } from './event';
import { EventSequence } from './eventSequence';
import { IdempotencyRecord } from './idempotencyRecord';
import { Installation } from './installation';
import { Invitation } from './invitation';
import { InvitationRole } from './invitationRole';
import { InvitationWorkspace } from './invitationWorkspace';
import { Job } from './job';
import { Media } from './media';
import { Member } from './member';
import { MemberRole } from './memberRole';
import { MemberWorkspace } from './memberWorkspace';
import { Organization } from './organization';
import { OrganizationTombstone } from './organizationTombstone';
import { Partner } from './partner';
import { PasswordReset } from './passwordReset';
import { Permission } from './permission';
import { RateLimit } from './rateLimit';
import { Role } from './role';
import { RowCount } from './rowCount';
import { User } from './user';
import { UserNetwork } from './userNetwork';
import { WebhookAttempt } from './webhookAttempt';
import { WebhookDelivery } from './webhookDelivery';
import { WebhookEndpoint } from './webhookEndpoint';
import { WebhookSecret } from './webhookSecret';
import { Workspace } from './workspace';

export const entities = [
  AccessToken,
  ApiKey,
  ApiKeyWorkspace,
  AuditCheckpoint,
  AuditEvent,
  Event,
  EventSequence,
  IdempotencyRecord,
  Installation,
  Invitation,
  InvitationRole,
  InvitationWorkspace,
  Job,
  Media,
  Member,
  MemberRole,
  MemberWorkspace,
  Organization,
  OrganizationTombstone,
  Partner,
  PasswordReset,
  Permission,
  RateLimit,
  Role,
  RowCount,
  User,
  UserNetwork,
  WebhookAttempt,
  WebhookDelivery,
  WebhookEndpoint,
  WebhookSecret,
  Workspace,
];

export {
  AccessToken,
  ApiKey,
  ApiKeyWorkspace,
  AuditCheckpoint,
  AuditEvent,
  Event,
  EventSequence,
  IdempotencyRecord,
  Installation,
  Invitation,
  InvitationRole,
  InvitationWorkspace,
  Job,
  Media,
  Member,
  MemberRole,
  MemberWorkspace,
  Organization,
  OrganizationTombstone,
  Partner,
  PasswordReset,
  Permission,
  RateLimit,
  Role,
  RowCount,
  User,
  UserNetwork,
  WebhookAttempt,
  WebhookDelivery,
  WebhookEndpoint,
  WebhookSecret,
  Workspace,
};
