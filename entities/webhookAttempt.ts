import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { WebhookDelivery } from './webhookDelivery';

/** One HTTP request of a delivery (domain sheet 4.12); never changed. */
@Entity('webhook_attempts')
@Unique('webhook_attempts_delivery_id_number_key', ['deliveryId', 'number'])
@Check(
  'webhook_attempts_error_check',
  "error in ('dns_error', 'connection_refused', 'connection_reset', 'tls_error', 'timeout', 'blocked_address', 'redirect_refused', 'http_status', 'aborted')",
)
@Index('webhook_attempts_organization_id_started_at_idx', ['organizationId', 'startedAt', 'id'])
@Index('webhook_attempts_started_at_idx', ['startedAt', 'id'])
export class WebhookAttempt {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_attempts_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('uuid')
  deliveryId!: string;

  /** From 1. */
  @Column('integer')
  number!: number;

  /** Somebody asked for it. */
  @Column('boolean')
  manual!: boolean;

  @Column('timestamptz')
  startedAt!: string;

  @Column('integer')
  durationMs!: number;

  @Column('integer', { nullable: true })
  statusCode!: number | null;

  @Column('text', { nullable: true })
  error!: string | null;

  @Column('text', { nullable: true })
  remoteAddress!: string | null;

  @Column('jsonb')
  requestHeaders!: Record<string, string>;

  @Column('jsonb')
  responseHeaders!: Record<string, string>;

  /** Its first 16 KiB. */
  @Column('text', { nullable: true })
  responseBody!: string | null;

  /** There was more of it. */
  @Column('boolean', { default: false })
  truncated!: boolean;

  @ManyToOne(() => WebhookDelivery, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'delivery_id', foreignKeyConstraintName: 'webhook_attempts_delivery_id_fkey' })
  delivery?: Relation<WebhookDelivery>;

  /** An attempt never changes; computed. */
  version!: number;
}
