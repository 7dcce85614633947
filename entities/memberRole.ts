import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Member } from './member';
import { Role } from './role';

/** One role of one member. */
@Entity('member_roles')
@Index('member_roles_role_id_idx', ['roleId'])
export class MemberRole {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'member_roles_pkey' })
  memberId!: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'member_roles_pkey' })
  roleId!: string;

  @ManyToOne(() => Member, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'member_id', foreignKeyConstraintName: 'member_roles_member_id_fkey' })
  member?: Relation<Member>;

  @ManyToOne(() => Role, { nullable: false, onDelete: 'NO ACTION' })
  @JoinColumn({ name: 'role_id', foreignKeyConstraintName: 'member_roles_role_id_fkey' })
  role?: Relation<Role>;
}
