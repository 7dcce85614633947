import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The one row about this installation. */
@Entity('installation')
@Check('installation_single_row_check', 'id')
export class Installation {
  @PrimaryColumn('boolean', { primaryKeyConstraintName: 'installation_pkey', default: true })
  id!: boolean;

  /** A known text encrypted with SECRET_KEY: a start with another key is refused before it can do harm. */
  @Column('bytea')
  secretKeyCheck!: Buffer;
}
