import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * A row of the chain of the installation, until the end of its transaction: then it is written by a trigger, and removed
 * here. Nobody ever sees one.
 */
@Entity('audit_pending')
export class AuditPending {
  @PrimaryColumn('bigint', {
    generated: 'identity',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'audit_pending_pkey',
  })
  id!: number;

  @Column('text')
  action!: string;

  @Column('text')
  outcome!: string;

  @Column('jsonb', { nullable: true })
  subject!: object | null;

  @Column('jsonb', { nullable: true })
  previous!: object | null;

  @Column('text')
  actorType!: string;

  @Column('uuid', { nullable: true })
  actorId!: string | null;

  @Column('text', { nullable: true })
  requestId!: string | null;

  @Column('jsonb', { nullable: true })
  origin!: object | null;

  @Column('jsonb', { nullable: true })
  metadata!: object | null;
}
