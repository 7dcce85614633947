import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Media } from './media';
import { Partner } from './partner';
import { User } from './user';
import { Versioned } from './versioned';

export type OrganizationStatus = 'active' | 'suspended' | 'pending_deletion';

/** The tenant; owns everything below it (domain sheet 4.1). */
@Entity('organizations')
@Unique('organizations_slug_key', ['slug'])
@Unique('organizations_number_key', ['number'])
@Check('organizations_status_check', "status in ('active', 'suspended', 'pending_deletion')")
@Index('organizations_audit_retention_idx', ['id'], { where: "settings->>'auditRetentionDays' is not null" })
@Index('organizations_partner_external_id_key', { synchronize: false })
@Index('organizations_live_created_at_idx', { synchronize: false })
@Index('organizations_live_partner_created_at_idx', { synchronize: false })
@Index('organizations_name_idx', ['name', 'id'])
@Index('organizations_status_idx', ['status'])
@Index('organizations_pending_deletion_idx', { synchronize: false })
@Index('organizations_search_idx', { synchronize: false })
@Index('organizations_metadata_idx', { synchronize: false })
@Index('organizations_updated_at_idx', ['updatedAt', 'id'])
@Index('organizations_external_id_idx', ['externalId', 'id'])
@Index('organizations_country_code_idx', ['countryCode', 'id'])
@Index('organizations_primary_domain_idx', ['primaryDomain', 'id'])
@Index('organizations_avatar_media_idx', ['avatarMedia'], { where: 'avatar_media is not null' })
@Index('organizations_owner_id_idx', ['ownerId'], { where: 'owner_id is not null' })
export class Organization extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'organizations_pkey' })
  id!: string;

  @Column({ type: 'integer', generated: 'identity', generatedIdentity: 'ALWAYS' })
  number!: number;

  @Column('uuid', { nullable: true })
  partnerId!: string | null;

  /** The primary owner (INV-4). */
  @Column('uuid', { nullable: true })
  ownerId!: string | null;

  @Column('text')
  name!: string;

  @Column('text')
  slug!: string;

  @Column('text', { nullable: true })
  externalId!: string | null;

  @Column('text', { default: 'business' })
  kind!: string;

  @Column('text', { nullable: true })
  countryCode!: string | null;

  @Column('text', { default: 'active' })
  status!: OrganizationStatus;

  @Column('text', { nullable: true })
  statusReason!: string | null;

  @Column('timestamptz', { default: () => "date_trunc('second', now())" })
  statusChangedAt!: string;

  /** The status to go back to when a deletion is undone. */
  @Column('text', { nullable: true })
  statusBeforeDeletion!: OrganizationStatus | null;

  @Column('text', { nullable: true })
  avatarUrl!: string | null;

  /** The uploaded image that `avatarUrl` leads to; null: it leads elsewhere. */
  @Column('text', { nullable: true })
  avatarMedia!: string | null;

  @Column('text', { nullable: true })
  primaryDomain!: string | null;

  /** Of the default endpoint: a copy that a trigger keeps, so that lists find it here. */
  @Column('text', { nullable: true })
  webhookUrl!: string | null;

  /** Encrypted; a secret that was given before the URL that it is for. Secrets of endpoints are in `webhook_secrets`. */
  @Column('bytea', { nullable: true })
  webhookSecretCipher!: Buffer | null;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, unknown>;

  /** What differs from the defaults (domain sheet 4.1). */
  @Column('jsonb', { default: {} })
  settings!: Record<string, unknown>;

  /** Limits that differ from the installation's (domain sheet 4.17): name → number, or null for none. */
  @Column('jsonb', { default: {} })
  quotas!: Record<string, number | null>;

  @Column('boolean', { default: false })
  deleteProtection!: boolean;

  @Column('boolean', { default: false })
  legalHold!: boolean;

  @Column('timestamptz', { nullable: true })
  deletedAt!: string | null;

  @Column('timestamptz', { nullable: true })
  purgeAt!: string | null;

  @ManyToOne(() => Partner, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'partner_id', foreignKeyConstraintName: 'organizations_partner_id_fkey' })
  partner?: Relation<Partner> | null;

  @ManyToOne(() => User, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'owner_id', foreignKeyConstraintName: 'organizations_owner_id_fkey' })
  owner?: Relation<User> | null;

  @ManyToOne(() => Media, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'avatar_media', foreignKeyConstraintName: 'organizations_avatar_media_fkey' })
  image?: Relation<Media> | null;

  /** Codes of the roles that the caller has in it, highest first; computed, for users only. */
  role?: string[];

  /** Computed. */
  memberCount!: number;

  /** Set only on the object that the call which made the token gives back (INV-30). */
  token?: string;

  /** Set only on the object that the call which set the webhook secret gives back (INV-30). */
  webhookSecret?: string;
}
