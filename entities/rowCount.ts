import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/**
 * Part of a running total of rows: lists sum the few slots of their scope instead of counting a table. Written by
 * triggers only; a writer takes any slot that nobody holds, so that two inserts never wait for each other.
 */
@Entity('row_counts')
@Index('row_counts_relation_scope_idx', ['relation', 'scope'])
export class RowCount {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'row_counts_pkey',
  })
  slot!: string;

  @Column('text')
  relation!: string;

  /** An organization, a partner, or the nil UUID for the whole installation. */
  @Column('uuid')
  scope!: string;

  @Column('bigint')
  rows!: string;
}
