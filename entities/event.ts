import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** A fact that something changed, numbered per organization (domain sheet 4.11). Written by `record_events` alone. */
@Entity('events')
@Unique('events_organization_id_sequence_key', ['organizationId', 'sequence'])
@Check('events_actor_type_check', "actor_type in ('user', 'apiKey', 'invitee', 'system')")
@Index('events_sequence_idx', ['sequence', 'id'])
@Index('events_organization_id_sequence_idx', ['organizationId', 'sequence', 'id'])
@Index('events_occurred_at_idx', ['occurredAt', 'id'])
@Index('events_organization_id_occurred_at_idx', ['organizationId', 'occurredAt', 'id'])
@Index('events_event_type_idx', ['eventType', 'organizationId', 'sequence'])
@Index('events_subject_id_idx', ['subjectId', 'sequence'])
@Index('events_member_user_idx', { synchronize: false })
@Index('events_body_idx', ['occurredAt'], { where: 'body is not null' })
export class Event {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'events_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  /** From 1, without a gap. */
  @Column('bigint')
  sequence!: number;

  @Column('text')
  eventType!: string;

  /** JSON:API type of the resource that it is about. */
  @Column('text')
  subjectType!: string;

  @Column('uuid')
  subjectId!: string;

  @Column('timestamptz')
  occurredAt!: string;

  @Column('text')
  actorType!: 'user' | 'apiKey' | 'invitee' | 'system';

  @Column('uuid', { nullable: true })
  actorId!: string | null;

  @Column('text', { nullable: true })
  requestId!: string | null;

  /** The text that receivers get, byte for byte (INV-40); null when its time is over. */
  @Column('text', { nullable: true })
  body!: string | null;

  /** Form of the body; computed. */
  apiVersion!: string;

  /** The resource as it was then, from the body; computed. */
  data!: unknown;

  /** What it was before the change; computed. */
  previous!: unknown;

  /** Computed. */
  actor!: unknown;

  /** An event never changes; computed. */
  version!: number;
}
