import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Event } from './event';
import { Versioned } from './versioned';
import { WebhookEndpoint } from './webhookEndpoint';

export type DeliveryStatus = 'pending' | 'skipped' | 'sending' | 'succeeded' | 'retrying' | 'exhausted' | 'cancelled';

const LIVE = "status in ('pending', 'retrying', 'sending')";

/** One event on its way to one endpoint (domain sheet 4.12, 6.5): the log of what was sent is the queue of what is due. */
@Entity('webhook_deliveries')
@Check('webhook_deliveries_trigger_check', "trigger in ('event', 'replay', 'test')")
@Check('webhook_deliveries_payload_check', "payload in ('full', 'thin')")
@Check(
  'webhook_deliveries_status_check',
  "status in ('pending', 'skipped', 'sending', 'succeeded', 'retrying', 'exhausted', 'cancelled')",
)
@Check('webhook_deliveries_next_attempt_at_check', `(next_attempt_at is not null) = (${LIVE})`)
@Index('webhook_deliveries_due_idx', ['endpointId', 'nextAttemptAt'], { where: LIVE })
@Index('webhook_deliveries_order_idx', ['endpointId', 'sequence', 'id'], { where: LIVE })
@Index('webhook_deliveries_event_id_idx', ['eventId'])
@Index('webhook_deliveries_organization_id_created_at_idx', ['organizationId', 'createdAt', 'id'])
@Index('webhook_deliveries_organization_id_status_idx', ['organizationId', 'status', 'createdAt', 'id'])
@Index('webhook_deliveries_status_idx', ['status', 'createdAt', 'id'])
@Index('webhook_deliveries_last_error_idx', ['lastError', 'createdAt', 'id'], { where: 'last_error is not null' })
@Index('webhook_deliveries_endpoint_id_sequence_idx', ['endpointId', 'sequence', 'id'])
@Index('webhook_deliveries_ended_idx', ['endpointId', 'sequence', 'id'], {
  where: "status in ('skipped', 'exhausted', 'cancelled')",
})
@Index('webhook_deliveries_endpoint_id_status_idx', ['endpointId', 'status', 'createdAt', 'id'])
@Index('webhook_deliveries_created_at_idx', ['createdAt', 'id'])
@Index('webhook_deliveries_replay_of_id_idx', ['replayOfId'], { where: 'replay_of_id is not null' })
export class WebhookDelivery extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_deliveries_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('uuid')
  endpointId!: string;

  @Column('uuid')
  eventId!: string;

  /** Of the event. */
  @Column('bigint')
  sequence!: number;

  @Column('text', { default: 'event' })
  trigger!: 'event' | 'replay' | 'test';

  /** Somebody asked for one attempt: no other follows it. */
  @Column('boolean', { default: false })
  manual!: boolean;

  @Column('text')
  status!: DeliveryStatus;

  /** As the endpoint had it when the delivery was made: every attempt sends the same bytes (INV-40). */
  @Column('text')
  payload!: 'full' | 'thin';

  /** Attempts that are in the log. */
  @Column('integer', { default: 0 })
  attemptCount!: number;

  /** Of those, the ones that failed: the step of the schedule. */
  @Column('integer', { default: 0 })
  failures!: number;

  /** Times that a worker has taken it: one that lost its lease has no effect. */
  @Column('integer', { default: 0 })
  claims!: number;

  /** When it is due; while it is sent, when the lease ends. */
  @Column('timestamptz', { nullable: true })
  nextAttemptAt!: string | null;

  @Column('timestamptz', { nullable: true })
  firstAttemptAt!: string | null;

  @Column('timestamptz', { nullable: true })
  lastAttemptAt!: string | null;

  @Column('timestamptz', { nullable: true })
  deliveredAt!: string | null;

  @Column('integer', { nullable: true })
  lastStatusCode!: number | null;

  @Column('text', { nullable: true })
  lastError!: string | null;

  @Column('uuid', { nullable: true })
  replayOfId!: string | null;

  @ManyToOne(() => WebhookEndpoint, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'endpoint_id', foreignKeyConstraintName: 'webhook_deliveries_endpoint_id_fkey' })
  endpoint?: Relation<WebhookEndpoint>;

  @ManyToOne(() => Event, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'event_id', foreignKeyConstraintName: 'webhook_deliveries_event_id_fkey' })
  event?: Relation<Event>;

  @ManyToOne(() => WebhookDelivery, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'replay_of_id', foreignKeyConstraintName: 'webhook_deliveries_replay_of_id_fkey' })
  replayOf?: Relation<WebhookDelivery> | null;

  /** Of the event; computed. */
  eventType!: string;
}
