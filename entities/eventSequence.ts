import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The last number that an organization has given to an event; it outlives the organization. */
@Entity('event_sequences')
export class EventSequence {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'event_sequences_pkey' })
  organizationId!: string;

  @Column('bigint')
  last!: number;
}
