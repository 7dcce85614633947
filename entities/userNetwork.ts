import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { User } from './user';

const key = () => ({ primaryKeyConstraintName: 'user_networks_pkey' });

/** A network from which a user has signed in: attempts from others can't lock him out there. */
@Entity('user_networks')
@Index('user_networks_last_used_at_idx', ['lastUsedAt'])
export class UserNetwork {
  @PrimaryColumn('uuid', key())
  userId!: string;

  /** An IPv4 address, or the /64 of an IPv6 one. */
  @PrimaryColumn('text', key())
  network!: string;

  @Column('timestamptz', { default: () => 'now()' })
  lastUsedAt!: string;

  @ManyToOne(() => User, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'user_networks_user_id_fkey' })
  user?: Relation<User>;
}
