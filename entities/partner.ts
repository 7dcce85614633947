import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A reseller or integrator that creates and runs organizations for its customers. */
@Entity('partners')
@Check('partners_status_check', "status in ('active', 'suspended')")
@Index('partners_external_id_key', ['externalId'], { unique: true, where: 'external_id is not null' })
@Index('partners_created_at_idx', ['createdAt', 'id'])
export class Partner {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'partners_pkey' })
  id!: string;

  @Column('text')
  name!: string;

  @Column('text', { default: 'active' })
  status!: 'active' | 'suspended';

  @Column('text', { nullable: true })
  externalId!: string | null;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, unknown>;

  @Column('timestamptz', { default: () => "date_trunc('second', now())" })
  createdAt!: string;

  @Column('timestamptz', { default: () => "date_trunc('second', now())" })
  updatedAt!: string;

  @Column('integer', { default: 1 })
  version!: number;
}
