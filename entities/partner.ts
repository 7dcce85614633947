import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { Versioned } from './versioned';

/** A reseller or integrator that creates and runs organizations for its customers. */
@Entity('partners')
@Check('partners_status_check', "status in ('active', 'suspended')")
@Index('partners_external_id_key', ['externalId'], { unique: true, where: 'external_id is not null' })
@Index('partners_created_at_idx', ['createdAt', 'id'])
export class Partner extends Versioned {
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
}
