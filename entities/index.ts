import { AccessToken } from './accessToken';
import { ApiKey } from './apiKey';
import { ApiKeyWorkspace } from './apiKeyWorkspace';
import { AuditCheckpoint } from './auditCheckpoint';
import { AuditEvent } from './auditEvent';
import { AuditPending } from './auditPending';
import { Event } from './event';
import { EventSequence } from './eventSequence';
import { Hold } from './hold';
import { IdempotencyRecord } from './idempotencyRecord';
import { Installation } from './installation';
import { Invitation } from './invitation';
import { InvitationRole } from './invitationRole';
import { InvitationWorkspace } from './invitationWorkspace';
import { Job } from './job';
import { LedgerAccount } from './ledgerAccount';
import { LedgerEntry } from './ledgerEntry';
import { Member } from './member';
import { MemberRole } from './memberRole';
import { MemberWorkspace } from './memberWorkspace';
import { Organization } from './organization';
import { OrganizationTombstone } from './organizationTombstone';
import { OverageLimit } from './overageLimit';
import { Partner } from './partner';
import { PasswordReset } from './passwordReset';
import { Permission } from './permission';
import { RateLimit } from './rateLimit';
import { Role } from './role';
import { RowCount } from './rowCount';
import { User } from './user';
import { UserNetwork } from './userNetwork';
import { Wallet } from './wallet';
import { WalletAlert } from './walletAlert';
import { WalletTransaction } from './walletTransaction';
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
  AuditPending,
  Event,
  EventSequence,
  Hold,
  IdempotencyRecord,
  Installation,
  Invitation,
  InvitationRole,
  InvitationWorkspace,
  Job,
  LedgerAccount,
  LedgerEntry,
  Member,
  MemberRole,
  MemberWorkspace,
  Organization,
  OrganizationTombstone,
  OverageLimit,
  Partner,
  PasswordReset,
  Permission,
  RateLimit,
  Role,
  RowCount,
  User,
  UserNetwork,
  Wallet,
  WalletAlert,
  WalletTransaction,
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
  AuditPending,
  Event,
  EventSequence,
  Hold,
  IdempotencyRecord,
  Installation,
  Invitation,
  InvitationRole,
  InvitationWorkspace,
  Job,
  LedgerAccount,
  LedgerEntry,
  Member,
  MemberRole,
  MemberWorkspace,
  Organization,
  OrganizationTombstone,
  OverageLimit,
  Partner,
  PasswordReset,
  Permission,
  RateLimit,
  Role,
  RowCount,
  User,
  UserNetwork,
  Wallet,
  WalletAlert,
  WalletTransaction,
  WebhookAttempt,
  WebhookDelivery,
  WebhookEndpoint,
  WebhookSecret,
  Workspace,
};
