import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { User } from './user';

/** A mailed offer to set a new password; only the token's hash is stored (INV-29). */
@Entity('password_resets')
@Unique('password_resets_hash_key', ['hash'])
@Index('password_resets_user_id_idx', ['userId'])
@Index('password_resets_expires_at_idx', ['expiresAt'])
export class PasswordReset {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'password_resets_pkey' })
  id!: string;

  @Column('uuid')
  userId!: string;

  /** Where it was sent: it is good for nothing once the user has another address. */
  @Column('text')
  email!: string;

  @Column('bytea')
  hash!: Buffer;

  @Column('timestamptz')
  expiresAt!: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: string;

  @ManyToOne(() => User, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'password_resets_user_id_fkey' })
  user?: Relation<User>;
}
