import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Wallet } from './wallet';

/**
 * An account of the ledger. Those of the platform (`funding`, `revenue:…`, `issued:…`, `adjustments`) are kept for each wallet,
 * so that organizations do not wait for each other: the platform's is the sum of them.
 */
@Entity('ledger_accounts')
@Unique('ledger_accounts_wallet_id_name_key', ['walletId', 'name'])
@Check('ledger_accounts_balance_check', 'balance between -9007199254740991 and 9007199254740991')
@Index('ledger_accounts_organization_id_idx', ['organizationId'])
export class LedgerAccount {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'ledger_accounts_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  @Column('uuid')
  walletId!: string;

  @Column('text')
  name!: string;

  @Column('text')
  asset!: string;

  /** Credits less debits. */
  @Column('bigint')
  balance!: number;

  /** Number of its newest entry. */
  @Column('bigint')
  lastSequence!: number;

  @ManyToOne(() => Wallet, { nullable: false, onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'wallet_id', foreignKeyConstraintName: 'ledger_accounts_wallet_id_fkey' })
  wallet?: Relation<Wallet>;
}
