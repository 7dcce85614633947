import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Partner } from './partner';
import { Versioned } from './versioned';

/** A person, known once over all organizations, identified by e-mail (domain sheet 4.3). */
@Entity('users')
@Check('users_status_check', "status in ('active', 'suspended', 'erased')")
@Index('users_email_key', { synchronize: false })
@Index('users_created_at_idx', ['createdAt', 'id'])
@Index('users_partner_id_idx', ['partnerId'])
@Index('users_search_idx', { synchronize: false })
@Index('users_updated_at_idx', ['updatedAt', 'id'])
@Index('users_name_idx', ['name', 'id'])
@Index('users_external_id_idx', ['externalId', 'id'], { where: 'external_id is not null' })
export class User extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'users_pkey' })
  id!: string;

  /** The partner that made the user: it sees him before he is a member of anything. */
  @Column('uuid', { nullable: true })
  partnerId!: string | null;

  @Column('text')
  email!: string;

  @Column('text', { nullable: true })
  name!: string | null;

  @Column('text', { default: 'active' })
  status!: 'active' | 'suspended' | 'erased';

  @Column('timestamptz', { nullable: true })
  emailVerifiedAt!: string | null;

  @Column('text', { nullable: true })
  avatarUrl!: string | null;

  @Column('text', { nullable: true })
  locale!: string | null;

  @Column('text', { nullable: true })
  externalId!: string | null;

  @Column('timestamptz', { nullable: true })
  lastSeenAt!: string | null;

  /** argon2id; it never leaves the services. */
  @Column('text', { nullable: true })
  passwordHash!: string | null;

  /** Computed. */
  hasPassword!: boolean;

  @ManyToOne(() => Partner, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'partner_id', foreignKeyConstraintName: 'users_partner_id_fkey' })
  partner?: Relation<Partner> | null;
}
