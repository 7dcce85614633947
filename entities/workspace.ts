import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Organization } from './organization';
import { Versioned } from './versioned';

/** A part of an organization to which members and keys can be limited (domain sheet 4.6). */
@Entity('workspaces')
@Unique('workspaces_organization_id_slug_key', ['organizationId', 'slug'])
@Check('workspaces_status_check', "status in ('active', 'archived')")
@Check('workspaces_default_check', "not is_default or status = 'active'")
@Index('workspaces_default_key', ['organizationId'], { unique: true, where: 'is_default' })
@Index('workspaces_organization_id_created_at_idx', ['organizationId', 'createdAt', 'id'])
@Index('workspaces_created_at_idx', ['createdAt', 'id'])
@Index('workspaces_external_id_idx', ['externalId', 'id'], { where: 'external_id is not null' })
@Index('workspaces_metadata_idx', { synchronize: false })
export class Workspace extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'workspaces_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('text')
  name!: string;

  @Column('text')
  slug!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('text', { default: 'active' })
  status!: 'active' | 'archived';

  @Column('boolean', { default: false })
  isDefault!: boolean;

  @Column('text', { nullable: true })
  externalId!: string | null;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, unknown>;

  @ManyToOne(() => Organization, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'workspaces_organization_id_fkey' })
  organization?: Relation<Organization>;
}
