import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { WebhookEndpoint } from './webhookEndpoint';

/** What deliveries to an endpoint are signed with: the current secret, and old ones until their grace is over (INV-33). */
@Entity('webhook_secrets')
@Index('webhook_secrets_current_key', ['endpointId'], { unique: true, where: 'expires_at is null' })
@Index('webhook_secrets_endpoint_id_idx', ['endpointId'])
@Index('webhook_secrets_expires_at_idx', ['expiresAt'], { where: 'expires_at is not null' })
export class WebhookSecret {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_secrets_pkey' })
  id!: string;

  @Column('uuid')
  endpointId!: string;

  /** Encrypted: it must be read to sign (INV-29). */
  @Column('bytea')
  cipher!: Buffer;

  /** First characters, for display. */
  @Column('text')
  start!: string;

  /** Of an ed25519 key. */
  @Column('text', { nullable: true })
  publicKey!: string | null;

  /** null: the current one. */
  @Column('timestamptz', { nullable: true })
  expiresAt!: string | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: string;

  @ManyToOne(() => WebhookEndpoint, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'endpoint_id', foreignKeyConstraintName: 'webhook_secrets_endpoint_id_fkey' })
  endpoint?: Relation<WebhookEndpoint>;
}
