import { ApiKey } from './apiKey';
import { IdempotencyRecord } from './idempotencyRecord';
import { Installation } from './installation';
import { Job } from './job';
import { Member } from './member';
import { MemberRole } from './memberRole';
import { Organization } from './organization';
import { OrganizationTombstone } from './organizationTombstone';
import { Partner } from './partner';
import { RateLimit } from './rateLimit';
import { Role } from './role';
import { RowCount } from './rowCount';
import { User } from './user';

export const entities = [
  ApiKey,
  IdempotencyRecord,
  Installation,
  Job,
  Member,
  MemberRole,
  Organization,
  OrganizationTombstone,
  Partner,
  RateLimit,
  Role,
  RowCount,
  User,
];

export {
  ApiKey,
  IdempotencyRecord,
  Installation,
  Job,
  Member,
  MemberRole,
  Organization,
  OrganizationTombstone,
  Partner,
  RateLimit,
  Role,
  RowCount,
  User,
};
