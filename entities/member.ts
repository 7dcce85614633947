import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Organization } from './organization';
import { User } from './user';
import { Versioned } from './versioned';

/** The tie of one user to one organization (domain sheet 4.4). */
@Entity('members')
@Unique('members_number_key', ['number'])
@Unique('members_organization_id_user_id_key', ['organizationId', 'userId'])
@Check('members_status_check', "status in ('active', 'suspended')")
@Check('members_join_method_check', "join_method in ('created', 'invited', 'domain', 'import', 'admin')")
@Index('members_primary_owner_key', ['organizationId'], { unique: true, where: 'is_primary_owner' })
@Index('members_organization_id_created_at_idx', ['organizationId', 'createdAt', 'id'])
@Index('members_created_at_idx', ['createdAt', 'id'])
@Index('members_user_id_created_at_idx', ['userId', 'createdAt', 'id'])
@Index('members_updated_at_idx', ['updatedAt', 'id'])
@Index('members_external_id_idx', ['externalId', 'id'], { where: 'external_id is not null' })
@Index('members_metadata_idx', { synchronize: false })
export class Member extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'members_pkey' })
  id!: string;

  @Column({ type: 'integer', generated: 'identity', generatedIdentity: 'ALWAYS' })
  number!: number;

  @Column('uuid')
  organizationId!: string;

  @Column('uuid')
  userId!: string;

  @Column('text', { default: 'active' })
  status!: 'active' | 'suspended';

  @Column('text')
  joinMethod!: 'created' | 'invited' | 'domain' | 'import' | 'admin';

  @Column('boolean', { default: false })
  isPrimaryOwner!: boolean;

  /** true: not limited to workspaces. */
  @Column('boolean', { default: true })
  allWorkspaces!: boolean;

  @Column('uuid', { nullable: true })
  invitedById!: string | null;

  @Column('text', { nullable: true })
  externalId!: string | null;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, unknown>;

  @Column('timestamptz', { default: () => "date_trunc('second', now())" })
  joinedAt!: string;

  @ManyToOne(() => Organization, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'members_organization_id_fkey' })
  organization?: Relation<Organization>;

  @ManyToOne(() => User, { nullable: false, onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'members_user_id_fkey' })
  user?: Relation<User>;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'invited_by_id', foreignKeyConstraintName: 'members_invited_by_id_fkey' })
  invitedBy?: Relation<User> | null;

  /** Ids of the workspaces he is limited to; read from `member_workspaces` with the row. */
  workspaceIds!: string[];

  /** Ids of his roles, most powerful first; read from `member_roles` with the row. */
  roleIds!: string[];
}
