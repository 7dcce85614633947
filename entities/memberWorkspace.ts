import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Member } from './member';
import { Workspace } from './workspace';

/** One workspace that a member is limited to. */
@Entity('member_workspaces')
@Index('member_workspaces_workspace_id_idx', ['workspaceId'])
export class MemberWorkspace {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'member_workspaces_pkey' })
  memberId!: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'member_workspaces_pkey' })
  workspaceId!: string;

  @ManyToOne(() => Member, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'member_id', foreignKeyConstraintName: 'member_workspaces_member_id_fkey' })
  member?: Relation<Member>;

  @ManyToOne(() => Workspace, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'workspace_id', foreignKeyConstraintName: 'member_workspaces_workspace_id_fkey' })
  workspace?: Relation<Workspace>;
}
