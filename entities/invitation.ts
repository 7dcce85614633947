import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Organization } from './organization';
import { User } from './user';
import { Versioned } from './versioned';

export type InvitationStatus = 'pending' | 'accepted' | 'declined' | 'revoked' | 'expired';

/** An offer to become a member, with roles and workspaces preset (domain sheet 4.7); only the token's hash is stored. */
@Entity('invitations')
@Unique('invitations_hash_key', ['hash'])
@Check('invitations_kind_check', "kind in ('email', 'link') and (kind = 'email') = (email is not null)")
@Check('invitations_status_check', "status in ('pending', 'accepted', 'declined', 'revoked', 'expired')")
@Check('invitations_uses_check', 'max_uses between 1 and 1000 and use_count between 0 and max_uses')
@Index('invitations_pending_email_key', { synchronize: false })
@Index('invitations_organization_id_created_at_idx', ['organizationId', 'createdAt', 'id'])
@Index('invitations_created_at_idx', ['createdAt', 'id'])
@Index('invitations_email_idx', { synchronize: false })
@Index('invitations_invited_by_id_idx', ['invitedById', 'id'], { where: 'invited_by_id is not null' })
@Index('invitations_expires_at_idx', ['expiresAt'], { where: "status = 'pending'" })
export class Invitation extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'invitations_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('text', { default: 'email' })
  kind!: 'email' | 'link';

  @Column('text', { nullable: true })
  email!: string | null;

  @Column('text', { nullable: true })
  name!: string | null;

  /** As stored; `expired` is also what a pending one reads whose time is over (INV-21). */
  @Column('text', { default: 'pending' })
  status!: InvitationStatus;

  @Column('timestamptz')
  expiresAt!: string;

  @Column('text', { nullable: true })
  message!: string | null;

  @Column('text', { nullable: true })
  locale!: string | null;

  @Column('text', { nullable: true })
  redirectUrl!: string | null;

  /** SHA-256 of the token (INV-29). */
  @Column('bytea')
  hash!: Buffer;

  @Column('text')
  tokenStart!: string;

  @Column('integer', { default: 0 })
  sendCount!: number;

  @Column('timestamptz', { nullable: true })
  lastSentAt!: string | null;

  @Column('integer', { default: 1 })
  maxUses!: number;

  @Column('integer', { default: 0 })
  useCount!: number;

  /** true: the member will not be limited to workspaces. */
  @Column('boolean', { default: true })
  allWorkspaces!: boolean;

  @Column('timestamptz', { nullable: true })
  acceptedAt!: string | null;

  @Column('timestamptz', { nullable: true })
  declinedAt!: string | null;

  @Column('timestamptz', { nullable: true })
  revokedAt!: string | null;

  /** null: made by a key, which INV-27 exempts. */
  @Column('uuid', { nullable: true })
  invitedById!: string | null;

  @Column('uuid', { nullable: true })
  acceptedById!: string | null;

  @Column('uuid', { nullable: true })
  revokedById!: string | null;

  @ManyToOne(() => Organization, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'invitations_organization_id_fkey' })
  organization?: Relation<Organization>;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'invited_by_id', foreignKeyConstraintName: 'invitations_invited_by_id_fkey' })
  invitedBy?: Relation<User> | null;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'accepted_by_id', foreignKeyConstraintName: 'invitations_accepted_by_id_fkey' })
  acceptedBy?: Relation<User> | null;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'revoked_by_id', foreignKeyConstraintName: 'invitations_revoked_by_id_fkey' })
  revokedBy?: Relation<User> | null;

  /** Write only: whether to mail it; always read as null. */
  send!: boolean | null;

  /** Ids of the preset roles, most powerful first; read from `invitation_roles` with the row. */
  roleIds!: string[];

  /** Ids of the preset workspaces; read from `invitation_workspaces` with the row. */
  workspaceIds!: string[];

  /** Set only on the object that the call which made the token gives back (INV-30). */
  token?: string;
  acceptUrl?: string;
}
