import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Invitation } from './invitation';
import { Workspace } from './workspace';

/** One preset workspace of an invitation. */
@Entity('invitation_workspaces')
@Index('invitation_workspaces_workspace_id_idx', ['workspaceId'])
export class InvitationWorkspace {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'invitation_workspaces_pkey' })
  invitationId!: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'invitation_workspaces_pkey' })
  workspaceId!: string;

  @ManyToOne(() => Invitation, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'invitation_id', foreignKeyConstraintName: 'invitation_workspaces_invitation_id_fkey' })
  invitation?: Relation<Invitation>;

  @ManyToOne(() => Workspace, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'workspace_id', foreignKeyConstraintName: 'invitation_workspaces_workspace_id_fkey' })
  workspace?: Relation<Workspace>;
}
