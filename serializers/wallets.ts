import type { Wallet } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const wallets = serializers<Wallet>({
  type: 'wallets',
  self: ({ id }) => `/public/v2/wallets/${id}`,
  attributes: ['createdAt', 'updatedAt', 'asset', 'scale', 'balance', 'held', 'available', 'overageUsed', 'status'],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    transactions: toMany('walletTransactions'),
    entries: toMany('ledgerEntries'),
    holds: toMany('holds'),
    alerts: toMany('walletAlerts'),
  },
});
