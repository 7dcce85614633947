import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Organization } from './organization';
import { Partner } from './partner';
import { User } from './user';
import { Versioned } from './versioned';

/** Long-lived credential of a program (domain sheet 4.8); only its hash is stored (INV-29). */
@Entity('api_keys')
@Unique('api_keys_hash_key', ['hash'])
@Check('api_keys_level_check', "level in ('platform', 'partner', 'organization', 'user')")
@Check('api_keys_environment_check', "environment in ('live', 'test')")
@Check(
  'api_keys_binding_check',
  "(level = 'organization') = (organization_id is not null) and (level = 'partner') = (partner_id is not null) " +
    "and (level = 'user') = (user_id is not null)",
)
@Index('api_keys_organization_token_key', ['organizationId'], {
  unique: true,
  where: 'is_organization_token and revoked_at is null and grace_until is null',
})
@Index('api_keys_organization_id_idx', ['organizationId', 'createdAt', 'id'])
@Index('api_keys_unrevoked_idx', ['organizationId'], { where: 'revoked_at is null' })
@Index('api_keys_partner_id_idx', ['partnerId', 'createdAt', 'id'])
@Index('api_keys_user_id_idx', ['userId', 'createdAt', 'id'])
@Index('api_keys_created_at_idx', ['createdAt', 'id'])
@Index('api_keys_created_by_id_idx', ['createdById'], { where: 'created_by_id is not null' })
@Index('api_keys_grace_until_idx', ['graceUntil'], { where: 'grace_until is not null and revoked_at is null' })
@Index('api_keys_expired_idx', ['expiresAt'], {
  where: 'expires_at is not null and revoked_at is null and grace_until is null and expiry_told_at is null',
})
@Index('api_keys_replaces_id_key', ['replacesId'], { unique: true, where: 'replaces_id is not null' })
@Index('api_keys_metadata_idx', { synchronize: false })
export class ApiKey extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'api_keys_pkey' })
  id!: string;

  @Column('text')
  level!: 'platform' | 'partner' | 'organization' | 'user';

  @Column('text', { default: 'live' })
  environment!: 'live' | 'test';

  @Column('uuid', { nullable: true })
  organizationId!: string | null;

  @Column('uuid', { nullable: true })
  partnerId!: string | null;

  /** Whose personal key it is. */
  @Column('uuid', { nullable: true })
  userId!: string | null;

  @Column('text')
  name!: string;

  /** SHA-256 of the whole key. */
  @Column('bytea')
  hash!: Buffer;

  @Column('text')
  start!: string;

  @Column('text', { array: true })
  scopes!: string[];

  /** What the maker might do when he made the key; it never grows (INV-32). */
  @Column('text', { array: true })
  ceiling!: string[];

  @Column('boolean', { default: false })
  isOrganizationToken!: boolean;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, unknown>;

  @Column('timestamptz', { nullable: true })
  expiresAt!: string | null;

  /** The `expiresAt` that somebody was told of beforehand. */
  @Column('timestamptz', { nullable: true })
  expiryAnnouncedFor!: string | null;

  /** When it was told that the key has expired. */
  @Column('timestamptz', { nullable: true })
  expiryToldAt!: string | null;

  /** IPv4 and IPv6 addresses and CIDR ranges; empty: any. */
  @Column('text', { array: true, default: {} })
  ipAllowList!: string[];

  @Column('boolean', { default: false })
  disabled!: boolean;

  /** `{limit, windowSeconds}`; null: the installation's. */
  @Column('jsonb', { nullable: true })
  rateLimit!: { limit: number; windowSeconds: number } | null;

  /** End of life after rotation. */
  @Column('timestamptz', { nullable: true })
  graceUntil!: string | null;

  @Column('text', { nullable: true })
  revokedReason!: string | null;

  /** true: not limited to workspaces. */
  @Column('boolean', { default: true })
  allWorkspaces!: boolean;

  @Column('uuid', { nullable: true })
  createdById!: string | null;

  /** The key that this one has taken over from. */
  @Column('uuid', { nullable: true })
  replacesId!: string | null;

  @Column('timestamptz', { nullable: true })
  lastUsedAt!: string | null;

  @Column('inet', { nullable: true })
  lastUsedIp!: string | null;

  @Column('timestamptz', { nullable: true })
  revokedAt!: string | null;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'api_keys_organization_id_fkey' })
  organization?: Relation<Organization> | null;

  @ManyToOne(() => Partner, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'partner_id', foreignKeyConstraintName: 'api_keys_partner_id_fkey' })
  partner?: Relation<Partner> | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'api_keys_user_id_fkey' })
  user?: Relation<User> | null;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'created_by_id', foreignKeyConstraintName: 'api_keys_created_by_id_fkey' })
  createdBy?: Relation<User> | null;

  @ManyToOne(() => ApiKey, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'replaces_id', foreignKeyConstraintName: 'api_keys_replaces_id_fkey' })
  replaces?: Relation<ApiKey> | null;

  /** Id of the key that has taken over; computed. */
  replacedById!: string | null;

  /** Ids of the workspaces it is limited to; read from `api_key_workspaces` with the row. */
  workspaceIds!: string[];

  /** From the times above, never stored, so that it is right the moment a key expires (domain sheet 6.3). */
  status!: 'active' | 'disabled' | 'rotating' | 'expired' | 'revoked';

  /** Set only on the object that the call which made the key gives back (INV-30). */
  secret?: string;
}
