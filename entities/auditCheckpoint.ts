import { Check, Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** How far a chain had come at a time, signed with what is not in the database. Never changed. */
@Entity('audit_checkpoints')
@Unique('audit_checkpoints_organization_id_sequence_key', ['organizationId', 'sequence', 'isStart'])
@Check('audit_checkpoints_signed_at_check', "signed_at = date_trunc('milliseconds', signed_at)")
export class AuditCheckpoint {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'audit_checkpoints_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  /** Of the last row. */
  @Column('bigint')
  sequence!: number;

  /** The rows up to this one were removed, as their time was over. */
  @Column('boolean', { default: false })
  isStart!: boolean;

  /** Of the last row. */
  @Column('bytea')
  hash!: Buffer;

  /** To the millisecond. */
  @Column('timestamptz')
  signedAt!: string;

  /** Which key it was signed with. */
  @Column('text')
  keyId!: string;

  /** Ed25519. */
  @Column('bytea')
  signature!: Buffer;
}
