import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Organization } from './organization';
import { Versioned } from './versioned';

/** How far below zero an organization may go in an asset, by all services or by one (domain sheet 4.13). */
@Entity('overage_limits')
@Check('overage_limits_asset_check', "asset ~ '^[A-Z][A-Z0-9_]{1,15}$'")
@Check('overage_limits_max_overage_check', 'max_overage between 0 and 9007199254740991')
@Index('overage_limits_asset_key', ['organizationId', 'asset'], { unique: true, where: 'service is null' })
@Index('overage_limits_service_key', ['organizationId', 'asset', 'service'], {
  unique: true,
  where: 'service is not null',
})
@Index('overage_limits_created_at_idx', ['createdAt', 'id'])
@Index('overage_limits_asset_idx', ['asset', 'createdAt', 'id'])
export class OverageLimit extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'overage_limits_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('text')
  asset!: string;

  /** Null: for every service that has no limit of its own, and for what is of none. */
  @Column('text', { nullable: true })
  service!: string | null;

  /** Null: no limit. */
  @Column('bigint', { nullable: true })
  maxOverage!: number | null;

  @ManyToOne(() => Organization, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'overage_limits_organization_id_fkey' })
  organization?: Relation<Organization>;
}
