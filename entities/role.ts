import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Organization } from './organization';
import { Versioned } from './versioned';

/** A named set of permissions. System roles are rows of the installation and belong to no organization. */
@Entity('roles')
@Unique('roles_number_key', ['number'])
@Check('roles_kind_check', "kind in ('system', 'custom')")
@Check('roles_organization_check', "(kind = 'system') = (organization_id is null)")
@Check('roles_code_check', "kind = 'system' or code not in ('owner', 'admin', 'billing', 'auditor', 'member')")
@Check('roles_rank_check', 'rank between 0 and 100')
@Index('roles_organization_id_code_key', { synchronize: false })
@Index('roles_organization_id_rank_idx', ['organizationId', 'rank', 'id'])
@Index('roles_rank_idx', ['rank', 'id'])
@Index('roles_without_reading_idx', ['organizationId'], { where: "not permissions @> '{organizations:read}'" })
export class Role extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'roles_pkey' })
  id!: string;

  @Column({ type: 'integer', generated: 'identity', generatedIdentity: 'ALWAYS' })
  number!: number;

  /** null: a system role, which every organization has. */
  @Column('uuid', { nullable: true })
  organizationId!: string | null;

  @Column('text')
  code!: string;

  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('text')
  kind!: 'system' | 'custom';

  /** 0–100; nobody changes a member whose highest rank is above his own (INV-14). */
  @Column('integer')
  rank!: number;

  @Column('text', { array: true })
  permissions!: string[];

  @Column('text', { nullable: true })
  externalId!: string | null;

  /** Members who have the role; null for a system role. A running total that triggers keep. */
  memberCount!: number | null;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'roles_organization_id_fkey' })
  organization?: Relation<Organization> | null;
}
