import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Organization } from './organization';
import { Versioned } from './versioned';

/** A URL that gets events of an organization by POST (domain sheet 4.10). */
@Entity('webhook_endpoints')
@Check('webhook_endpoints_signature_check', "signature in ('v1', 'v1a')")
@Check('webhook_endpoints_ordering_check', "ordering in ('none', 'strict')")
@Check('webhook_endpoints_payload_check', "payload in ('full', 'thin')")
@Check('webhook_endpoints_auto_disabled_check', 'disabled or not auto_disabled')
@Check('webhook_endpoints_timeout_seconds_check', 'timeout_seconds between 1 and 30')
@Check('webhook_endpoints_rate_per_second_check', 'rate_per_second between 1 and 1000')
@Index('webhook_endpoints_default_key', ['organizationId'], {
  unique: true,
  where: 'is_default and deleted_at is null',
})
@Index('webhook_endpoints_organization_id_created_at_idx', ['organizationId', 'createdAt', 'id'])
@Index('webhook_endpoints_created_at_idx', ['createdAt', 'id'])
@Index('webhook_endpoints_external_id_idx', ['externalId', 'id'], { where: 'external_id is not null' })
@Index('webhook_endpoints_metadata_idx', { synchronize: false })
export class WebhookEndpoint extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_endpoints_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('text')
  url!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  /** Types or `prefix.*`; empty: all. */
  @Column('text', { array: true, default: [] })
  eventTypes!: string[];

  /** It is switched off, by somebody or by the rule. */
  @Column('boolean', { default: false })
  disabled!: boolean;

  @Column('boolean', { default: false })
  autoDisabled!: boolean;

  @Column('text', { nullable: true })
  disabledReason!: string | null;

  /** The first failure since the last success. */
  @Column('timestamptz', { nullable: true })
  failingSince!: string | null;

  /** The delivery that failed then. */
  @Column('uuid', { nullable: true })
  failingDeliveryId!: string | null;

  /** Another delivery has failed twelve hours or more after that. */
  @Column('boolean', { default: false })
  failingApart!: boolean;

  @Column('timestamptz', { nullable: true })
  lastSuccessAt!: string | null;

  /** The one that `webhookUrl` of its organization stands for. */
  @Column('boolean', { default: false })
  isDefault!: boolean;

  @Column('text', { default: 'v1' })
  signature!: 'v1' | 'v1a';

  /** As they are shown: values that look secret are masked. */
  @Column('jsonb', { default: {} })
  headers!: Record<string, string>;

  /** As they are sent, encrypted; null: none. */
  @Column('bytea', { nullable: true })
  headersCipher!: Buffer | null;

  @Column('integer', { default: 15 })
  timeoutSeconds!: number;

  @Column('integer', { nullable: true })
  ratePerSecond!: number | null;

  /** Thousandths of requests that the rate leaves at `rateAt`. */
  @Column('integer', { default: 0 })
  rateLeft!: number;

  @Column('timestamptz', { nullable: true })
  rateAt!: string | null;

  @Column('text', { default: 'none' })
  ordering!: 'none' | 'strict';

  @Column('text', { default: 'full' })
  payload!: 'full' | 'thin';

  /** Seconds between attempts; null: the installation's. */
  @Column('integer', { array: true, nullable: true })
  retrySchedule!: number[] | null;

  /** Header field that old receivers verify. */
  @Column('text', { nullable: true })
  legacySignatureHeader!: string | null;

  @Column('text', { nullable: true })
  externalId!: string | null;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, unknown>;

  /** Nobody sees it any more; the log of what it got stays. */
  @Column('timestamptz', { nullable: true })
  deletedAt!: string | null;

  @ManyToOne(() => Organization, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'webhook_endpoints_organization_id_fkey' })
  organization?: Relation<Organization>;

  /** From the two switches; computed. */
  status!: 'enabled' | 'disabled' | 'auto_disabled';

  /** Those in their grace, newest first; computed, like the next. */
  oldSecrets!: { start: string; expiresAt: string }[];

  /** What receivers verify `v1a` with. */
  publicKey!: string | null;

  /** Set only on the object that the call which made the secret gives back (INV-30). */
  secret?: string;
}
