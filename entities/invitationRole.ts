import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Invitation } from './invitation';
import { Role } from './role';

/** One preset role of an invitation; a role that is deleted is left out of it (domain sheet 9.4). */
@Entity('invitation_roles')
@Index('invitation_roles_role_id_idx', ['roleId'])
export class InvitationRole {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'invitation_roles_pkey' })
  invitationId!: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'invitation_roles_pkey' })
  roleId!: string;

  @ManyToOne(() => Invitation, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'invitation_id', foreignKeyConstraintName: 'invitation_roles_invitation_id_fkey' })
  invitation?: Relation<Invitation>;

  @ManyToOne(() => Role, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'role_id', foreignKeyConstraintName: 'invitation_roles_role_id_fkey' })
  role?: Relation<Role>;
}
