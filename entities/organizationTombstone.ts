import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What stays of a purged organization (INV-9). */
@Entity('organization_tombstones')
export class OrganizationTombstone {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'organization_tombstones_pkey' })
  id!: string;

  @Column('timestamptz')
  deletedAt!: string;

  @Column('timestamptz', { default: () => "date_trunc('second', now())" })
  purgedAt!: string;

  /** SHA-256 of the name: lets somebody who knows the name find the row, tells nobody else what it was. */
  @Column('bytea')
  nameHash!: Buffer;
}
