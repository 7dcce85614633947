import type { WalletAlert } from '../entities';
import { serializers, toOne } from './jsonapi';

export const walletAlerts = serializers<WalletAlert>({
  type: 'walletAlerts',
  self: ({ id }) => `/public/v2/walletAlerts/${id}`,
  attributes: [
    'createdAt',
    'updatedAt',
    'direction',
    'value',
    'percentOfLimit',
    'recurringStep',
    'notifyOnResolved',
    'lastSide',
    'lastValue',
    'lastThreshold',
  ],
  relationships: {
    organization: toOne('organizations', ({ organizationId }) => organizationId),
    wallet: toOne('wallets', ({ walletId }) => walletId),
  },
});
