import type { LedgerEntry } from '../entities';
import { serializers, toOne } from './jsonapi';

export const ledgerEntries = serializers<LedgerEntry>({
  type: 'ledgerEntries',
  self: ({ id }) => `/public/v2/ledgerEntries/${id}`,
  attributes: ['occurredAt', 'account', 'direction', 'amount', 'asset', 'balanceAfter', 'sequence'],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    wallet: toOne('wallets', ({ walletId }) => walletId),
    transaction: toOne('walletTransactions', ({ transactionId }) => transactionId),
  },
});
