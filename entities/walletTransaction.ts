import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Hold } from './hold';
import { Wallet } from './wallet';

export type TransactionKind =
  | 'topup'
  | 'charge'
  | 'hold'
  | 'capture'
  | 'release'
  | 'adjustment'
  | 'reversal'
  | 'transfer';

/** A movement of money or units (domain sheet 4.14). Never changed and never removed: a trigger refuses it (INV-47). */
@Entity('wallet_transactions')
@Check(
  'wallet_transactions_kind_check',
  "kind in ('topup', 'charge', 'hold', 'capture', 'release', 'adjustment', 'reversal', 'transfer')",
)
@Check('wallet_transactions_amount_check', 'amount between 1 and 9007199254740991')
@Check(
  'wallet_transactions_quantity_check',
  '(quantity is null) = (quantity_asset is null) and quantity between 1 and 9007199254740991',
)
@Check(
  'wallet_transactions_direction_check',
  "(direction is not null) = (kind = 'adjustment') and direction in ('credit', 'debit')",
)
@Check('wallet_transactions_hold_check', "(hold_id is not null) = (kind in ('hold', 'capture', 'release'))")
@Check('wallet_transactions_reverses_check', "(reverses_id is not null) = (kind = 'reversal')")
@Check('wallet_transactions_reason_check', "reason is not null or kind not in ('adjustment', 'reversal')")
@Check('wallet_transactions_actor_type_check', "actor_type in ('user', 'apiKey', 'invitee', 'system')")
@Index('wallet_transactions_reverses_id_key', ['reversesId'], { unique: true, where: 'reverses_id is not null' })
@Index('wallet_transactions_hold_id_idx', ['holdId', 'occurredAt', 'id'], { where: 'hold_id is not null' })
@Index('wallet_transactions_wallet_id_occurred_at_idx', ['walletId', 'occurredAt', 'id'])
@Index('wallet_transactions_organization_id_occurred_at_idx', ['organizationId', 'occurredAt', 'id'])
@Index('wallet_transactions_occurred_at_idx', ['occurredAt', 'id'])
@Index('wallet_transactions_kind_idx', ['kind', 'occurredAt', 'id'])
@Index('wallet_transactions_service_idx', ['service', 'occurredAt', 'id'], { where: 'service is not null' })
@Index('wallet_transactions_metadata_idx', { synchronize: false })
@Index('wallet_transactions_reference_idx', ['reference', 'id'], { where: 'reference is not null' })
export class WalletTransaction {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'wallet_transactions_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('uuid')
  walletId!: string;

  @Column('text')
  kind!: TransactionKind;

  @Column('bigint')
  amount!: number;

  @Column('text')
  asset!: string;

  /** Of an adjustment. */
  @Column('text', { nullable: true })
  direction!: 'credit' | 'debit' | null;

  @Column('text', { nullable: true })
  service!: string | null;

  /** Units that came with a charge. */
  @Column('bigint', { nullable: true })
  quantity!: number | null;

  @Column('text', { nullable: true })
  quantityAsset!: string | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  /** The client's own id for it. */
  @Column('text', { nullable: true })
  reference!: string | null;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, unknown>;

  /** Balance of the wallet behind it. */
  @Column('bigint')
  balanceAfter!: number;

  @Column('uuid', { nullable: true })
  holdId!: string | null;

  @Column('uuid', { nullable: true })
  reversesId!: string | null;

  @Column('text')
  actorType!: 'user' | 'apiKey' | 'invitee' | 'system';

  @Column('uuid', { nullable: true })
  actorId!: string | null;

  @Column('timestamptz')
  occurredAt!: string;

  @ManyToOne(() => Wallet, { nullable: false, onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'wallet_id', foreignKeyConstraintName: 'wallet_transactions_wallet_id_fkey' })
  wallet?: Relation<Wallet>;

  @ManyToOne(() => Hold, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'hold_id', foreignKeyConstraintName: 'wallet_transactions_hold_id_fkey' })
  hold?: Relation<Hold> | null;

  @ManyToOne(() => WalletTransaction, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'reverses_id', foreignKeyConstraintName: 'wallet_transactions_reverses_id_fkey' })
  reverses?: Relation<WalletTransaction> | null;

  /** The reversal that undid it; computed. */
  reversedById!: string | null;

  /** Computed. */
  actor!: unknown;

  /** The wallet behind it; on what was made just now alone. */
  walletState?: Pick<Wallet, 'balance' | 'held' | 'available' | 'overageUsed'>;

  /** Another one once it is reversed; computed. */
  version!: number;
}
