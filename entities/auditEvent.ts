import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** Who did what (domain sheet 4.15): a link of the chain of an organization. Written by `write_audit` alone, never changed. */
@Entity('audit_events')
@Unique('audit_events_organization_id_sequence_key', ['organizationId', 'sequence'])
@Check('audit_events_outcome_check', "outcome in ('success', 'denied', 'failed')")
@Check('audit_events_actor_type_check', "actor_type in ('user', 'apiKey', 'invitee', 'system')")
@Check('audit_events_occurred_at_check', "occurred_at = date_trunc('milliseconds', occurred_at)")
@Index('audit_events_occurred_at_idx', ['occurredAt', 'id'])
@Index('audit_events_sequence_idx', ['sequence', 'id'])
@Index('audit_events_outcome_idx', ['outcome', 'organizationId', 'sequence'], { where: "outcome <> 'success'" })
@Index('audit_events_target_type_idx', ['targetType', 'organizationId', 'sequence'], {
  where: 'target_type is not null',
})
@Index('audit_events_action_idx', ['action', 'organizationId', 'sequence'])
@Index('audit_events_actor_id_idx', ['actorId', 'sequence'], { where: 'actor_id is not null' })
@Index('audit_events_target_id_idx', ['targetId', 'sequence'], { where: 'target_id is not null' })
@Index('audit_events_request_id_idx', ['requestId'], { where: 'request_id is not null' })
@Index('audit_events_person_id_idx', ['personId'], { where: 'person_id is not null' })
@Index('audit_events_invited_idx', { synchronize: false })
export class AuditEvent {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'audit_events_pkey' })
  id!: string;

  /** The nil UUID: of no organization, in the chain of the installation. */
  @Column('uuid')
  organizationId!: string;

  /** From 1, without a gap. */
  @Column('bigint')
  sequence!: number;

  /** To the millisecond. */
  @Column('timestamptz')
  occurredAt!: string;

  /** Type of an event, or one of `AUDIT_ACTIONS`; of what was refused the operation that was tried. */
  @Column('text')
  action!: string;

  @Column('text')
  outcome!: 'success' | 'denied' | 'failed';

  @Column('text')
  actorType!: 'user' | 'apiKey' | 'invitee' | 'system';

  @Column('uuid', { nullable: true })
  actorId!: string | null;

  @Column('uuid', { nullable: true })
  credentialId!: string | null;

  @Column('text', { nullable: true })
  method!: string | null;

  @Column('text', { nullable: true })
  path!: string | null;

  @Column('text', { nullable: true })
  requestId!: string | null;

  /** Of the first target. */
  @Column('text', { nullable: true })
  targetType!: string | null;

  @Column('uuid', { nullable: true })
  targetId!: string | null;

  /** The user whom it is about. */
  @Column('uuid', { nullable: true })
  personId!: string | null;

  /** Of each: type, id, and a name where that tells of nobody. */
  @Column('jsonb')
  targets!: { type: string; id: string; name?: string }[];

  @Column('jsonb')
  changes!: { field: string; from: unknown; to: unknown }[];

  @Column('jsonb')
  metadata!: Record<string, unknown>;

  /** SHA-256 of the salt and of what is personal; the latter two are gone when the person was erased (INV-53). */
  @Column('bytea', { nullable: true })
  actorDigest!: Buffer | null;

  @Column('bytea', { nullable: true })
  actorSalt!: Buffer | null;

  /** Address, name and user agent of the actor: the JSON text that the digest is of. */
  @Column('text', { nullable: true })
  actorPersonal!: string | null;

  @Column('bytea', { nullable: true })
  subjectDigest!: Buffer | null;

  @Column('bytea', { nullable: true })
  subjectSalt!: Buffer | null;

  /** Name of the person whom it is about, and what has changed of him. */
  @Column('text', { nullable: true })
  subjectPersonal!: string | null;

  /** Hash of the row before; of the first one 32 zero bytes. Read as hex. */
  @Column('bytea')
  prevHash!: string;

  /** SHA-256 of the hash before, as hex, and of the row as `audit_record` words it. Read as hex. */
  @Column('bytea')
  hash!: string;

  /** Computed. */
  actor!: unknown;

  /** Computed. */
  context!: unknown;

  /** It never changes; computed. */
  version!: number;
}
