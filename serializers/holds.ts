import type { Hold } from '../entities';
import { serializers, toMany, toOne } from './jsonapi';

export const holds = serializers<Hold>({
  type: 'holds',
  self: ({ id }) => `/public/v2/holds/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'amount',
    'captured',
    'released',
    'asset',
    'status',
    'service',
    'reason',
    'expiresAt',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    wallet: toOne('wallets', ({ walletId }) => walletId),
    transactions: toMany('walletTransactions'),
  },
});
