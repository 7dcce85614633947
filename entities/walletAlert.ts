import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Organization } from './organization';
import { Versioned } from './versioned';
import { Wallet } from './wallet';

type Side = 'below' | 'above';

/** A threshold of a wallet that is told of when it is crossed (domain sheet 4.13). */
@Entity('wallet_alerts')
@Check('wallet_alerts_direction_check', "direction in ('below', 'above')")
@Check('wallet_alerts_last_side_check', "last_side in ('below', 'above')")
@Check('wallet_alerts_value_check', 'value between -9007199254740991 and 9007199254740991')
@Check('wallet_alerts_percent_of_limit_check', 'percent_of_limit between 1 and 100')
@Check('wallet_alerts_threshold_check', '(value is null) <> (percent_of_limit is null)')
@Check('wallet_alerts_recurring_step_check', 'recurring_step between 1 and 9007199254740991')
@Index('wallet_alerts_wallet_id_created_at_idx', ['walletId', 'createdAt', 'id'])
@Index('wallet_alerts_organization_id_created_at_idx', ['organizationId', 'createdAt', 'id'])
@Index('wallet_alerts_created_at_idx', ['createdAt', 'id'])
export class WalletAlert extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'wallet_alerts_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('uuid')
  walletId!: string;

  @Column('text')
  direction!: Side;

  @Column('bigint', { nullable: true })
  value!: number | null;

  /** Instead of a value: that share of the limit is used. */
  @Column('integer', { nullable: true })
  percentOfLimit!: number | null;

  @Column('bigint', { nullable: true })
  recurringStep!: number | null;

  @Column('boolean', { default: false })
  notifyOnResolved!: boolean;

  /** On which side of the threshold the wallet is; a trigger keeps it. */
  @Column('text')
  lastSide!: Side;

  /** What the wallet held beside its holds when it last crossed a threshold of the alert, and which one that was. */
  @Column('bigint', { nullable: true })
  lastValue!: number | null;

  @Column('bigint', { nullable: true })
  lastThreshold!: number | null;

  @ManyToOne(() => Organization, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'wallet_alerts_organization_id_fkey' })
  organization?: Relation<Organization>;

  @ManyToOne(() => Wallet, { nullable: false, onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'wallet_id', foreignKeyConstraintName: 'wallet_alerts_wallet_id_fkey' })
  wallet?: Relation<Wallet>;
}
