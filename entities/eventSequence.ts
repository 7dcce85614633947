import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The last numbers that an organization has given to an event and to an audit row; it outlives the organization. */
@Entity('event_sequences')
export class EventSequence {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'event_sequences_pkey' })
  organizationId!: string;

  @Column('bigint')
  last!: number;

  /** Number of the last row of its audit chain, which may have none. */
  @Column('bigint', { default: 0 })
  auditLast!: number;

  /** Number of the first row that is still kept. */
  @Column('bigint', { default: 1 })
  auditFrom!: number;

  /** Hash of the last row. */
  @Column('bytea', { nullable: true })
  auditHash!: Buffer | null;
}
