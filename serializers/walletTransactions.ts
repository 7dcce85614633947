import type { WalletTransaction } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const walletTransactions = serializers<WalletTransaction>({
  type: 'walletTransactions',
  self: ({ id }) => `/public/v2/walletTransactions/${id}`,
  attributes: [
    'occurredAt',
    'kind',
    'amount',
    'asset',
    'direction',
    'service',
    'quantity',
    'quantityAsset',
    'reason',
    'reference',
    'balanceAfter',
    'actor',
    'metadata',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    wallet: toOne('wallets', ({ walletId }) => walletId),
    entries: toMany('ledgerEntries'),
    hold: toOne('holds', ({ holdId }) => holdId),
    reverses: toOne('walletTransactions', ({ reversesId }) => reversesId),
    reversedBy: toOne('walletTransactions', ({ reversedById }) => reversedById),
  },
});
