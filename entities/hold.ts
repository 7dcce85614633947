import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Versioned } from './versioned';
import { Wallet } from './wallet';

export type HoldStatus = 'open' | 'captured' | 'voided' | 'expired';

/** An amount that is reserved and not yet taken (domain sheet 4.14). It ends once (INV-49). Written by `post_transaction`. */
@Entity('holds')
@Check('holds_amount_check', 'amount between 1 and 9007199254740991')
@Check('holds_status_check', "status in ('open', 'captured', 'voided', 'expired')")
@Check(
  'holds_ended_check',
  "captured >= 0 and released >= 0 and captured + released = case when status = 'open' then 0 else amount end and (captured > 0) = (status = 'captured')",
)
@Index('holds_organization_id_created_at_idx', ['organizationId', 'createdAt', 'id'])
@Index('holds_wallet_id_created_at_idx', ['walletId', 'createdAt', 'id'])
@Index('holds_created_at_idx', ['createdAt', 'id'])
@Index('holds_expires_at_idx', ['expiresAt', 'id'])
@Index('holds_service_idx', ['service', 'createdAt', 'id'], { where: 'service is not null' })
@Index('holds_open_idx', ['expiresAt'], { where: "status = 'open'" })
export class Hold extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'holds_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('uuid')
  walletId!: string;

  /** That of the wallet. */
  @Column('text')
  asset!: string;

  @Column('bigint')
  amount!: number;

  /** What was taken. */
  @Column('bigint', { default: 0 })
  captured!: number;

  /** What was given back. */
  @Column('bigint', { default: 0 })
  released!: number;

  @Column('text', { default: 'open' })
  status!: HoldStatus;

  @Column('text', { nullable: true })
  service!: string | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('timestamptz')
  expiresAt!: string;

  @ManyToOne(() => Wallet, { nullable: false, onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'wallet_id', foreignKeyConstraintName: 'holds_wallet_id_fkey' })
  wallet?: Relation<Wallet>;

  /** The wallet behind it, in the answer that has moved money. */
  walletState?: Pick<Wallet, 'balance' | 'held' | 'available' | 'overageUsed'>;
}
