import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { LedgerAccount } from './ledgerAccount';
import { WalletTransaction } from './walletTransaction';

/** One debit or credit of one account (domain sheet 4.14). Never changed and never removed: a trigger refuses it (INV-47). */
@Entity('ledger_entries')
@Unique('ledger_entries_account_id_sequence_key', ['accountId', 'sequence'])
@Check('ledger_entries_direction_check', "direction in ('debit', 'credit')")
@Check('ledger_entries_amount_check', 'amount between 1 and 9007199254740991')
@Check('ledger_entries_sequence_check', 'sequence >= 1')
@Index('ledger_entries_transaction_id_idx', ['transactionId'])
@Index('ledger_entries_wallet_id_occurred_at_idx', ['walletId', 'occurredAt', 'id'])
@Index('ledger_entries_organization_id_occurred_at_idx', ['organizationId', 'occurredAt', 'id'])
@Index('ledger_entries_occurred_at_idx', ['occurredAt', 'id'])
export class LedgerEntry {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'ledger_entries_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('uuid')
  walletId!: string;

  @Column('uuid')
  transactionId!: string;

  @Column('uuid')
  accountId!: string;

  /** Name of the account: `wallet`, `held`, or one of the platform's. */
  @Column('text')
  account!: string;

  @Column('text')
  direction!: 'debit' | 'credit';

  @Column('bigint')
  amount!: number;

  @Column('text')
  asset!: string;

  /** Of the account. */
  @Column('bigint')
  balanceAfter!: number;

  /** Number within the account, from 1 without a gap. */
  @Column('bigint')
  sequence!: number;

  @Column('timestamptz')
  occurredAt!: string;

  @ManyToOne(() => WalletTransaction, { nullable: false, onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'transaction_id', foreignKeyConstraintName: 'ledger_entries_transaction_id_fkey' })
  transaction?: Relation<WalletTransaction>;

  @ManyToOne(() => LedgerAccount, { nullable: false, onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'ledger_entries_account_id_fkey' })
  ledgerAccount?: Relation<LedgerAccount>;

  /** An entry never changes; computed. */
  version!: number;
}
