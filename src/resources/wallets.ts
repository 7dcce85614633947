import { Wallet } from '../../entities';
import { wallets as serializer } from '../../serializers/wallets';
import { defineResource, FILTERS } from '../jsonapi/define';
import { asset, choice, integer, money, nullable, time, unsigned } from '../jsonapi/schemas';
import { getWallet, listWallets, updateWallet, walletRows } from '../services/wallets';

export const wallets = defineResource(Wallet, {
  type: 'wallets',
  path: '/public/v2/wallets',
  summary:
    'The balance of an organization in one asset, in its smallest unit. One comes with the organization, others with their ' +
    'first posting.',
  defaultSort: '-createdAt',
  serializer,
  rows: walletRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time },
    asset: { schema: asset, filter: FILTERS.enum },
    scale: { schema: { ...integer, minimum: 0, maximum: 8, description: 'Decimal places of the asset.' } },
    balance: { schema: { ...money, description: 'What has not been taken yet; may be below zero within the limit.' } },
    held: { schema: { ...unsigned, description: 'Of it, what open holds reserve.' } },
    available: {
      schema: nullable({ ...money, description: '`balance` less `held`, and the overage limit; null: no limit.' }),
    },
    overageUsed: { schema: { ...unsigned, description: 'How far `balance` is below zero.' } },
    status: {
      schema: {
        ...choice('active', 'frozen', 'closed'),
        description: 'Frozen: no charges and no holds. A wallet is closed at balance 0 without open holds, for ever.',
      },
      write: 'update',
      filter: FILTERS.enum,
    },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      summary: 'Whose it is.',
    },
    transactions: {
      many: true,
      type: 'walletTransactions',
      link: 'walletId',
      include: true,
      summary: 'What has moved in it.',
    },
    entries: {
      many: true,
      type: 'ledgerEntries',
      link: 'walletId',
      include: true,
      summary: 'The entries of its accounts.',
    },
    holds: { many: true, type: 'holds', link: 'walletId', include: true, summary: 'What is reserved in it, or was.' },
    alerts: { many: true, type: 'walletAlerts', link: 'walletId', include: true, summary: 'Its thresholds.' },
  },
  operations: {
    list: { run: listWallets, summary: 'List wallets' },
    get: { run: getWallet, summary: 'Get a wallet' },
    update: { run: updateWallet, summary: 'Freeze, unfreeze or close a wallet', errors: ['invalid_transition'] },
  },
});
