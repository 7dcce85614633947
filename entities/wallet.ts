import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import { Versioned } from './versioned';

export type WalletStatus = 'active' | 'frozen' | 'closed';

/**
 * The balance of an organization in one asset (domain sheet 4.13). Written by `post_transaction`; like all of the ledger it
 * outlives its organization.
 */
@Entity('wallets')
@Unique('wallets_organization_id_asset_key', ['organizationId', 'asset'])
@Check('wallets_asset_check', "asset ~ '^[A-Z][A-Z0-9_]{1,15}$'")
@Check('wallets_scale_check', 'scale between 0 and 8')
@Check('wallets_balance_check', 'balance between -9007199254740991 and 9007199254740991')
@Check('wallets_held_check', 'held between 0 and 9007199254740991')
@Check('wallets_status_check', "status in ('active', 'frozen', 'closed')")
@Check('wallets_closed_check', "status <> 'closed' or (balance = 0 and held = 0)")
@Index('wallets_created_at_idx', ['createdAt', 'id'])
@Index('wallets_asset_idx', ['asset', 'createdAt', 'id'])
@Index('wallets_status_idx', ['status', 'createdAt', 'id'])
export class Wallet extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'wallets_pkey' })
  id!: string;

  @Column('uuid')
  organizationId!: string;

  /** Currency of ISO 4217, or code of a unit. */
  @Column('text')
  asset!: string;

  /** Decimal places of the asset. */
  @Column('integer')
  scale!: number;

  /** Of the wallet account and the held account, in the smallest unit. */
  @Column('bigint', { default: 0 })
  balance!: number;

  /** Of the held account: open holds. */
  @Column('bigint', { default: 0 })
  held!: number;

  @Column('text', { default: 'active' })
  status!: WalletStatus;

  /** How many it has: lists need not count. */
  @Column('bigint', { default: 0 })
  transactions!: number;

  /** What can be spent, down to the limit; null: no limit. Computed. */
  available!: number | null;

  /** How far the balance is below zero; computed. */
  overageUsed!: number;
}
