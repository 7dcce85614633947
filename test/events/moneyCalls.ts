import { patch } from '../routes/crew';
import { move, moved, reverse, setLimit, walletOf } from '../routes/money';
import { S } from '../support/app';
import type { Call, World } from './calls';

/** Calls that move money, by the operations of the OpenAPI document, and by what is done with it: with all that is told. */
export function moneyCallsOf(w: World) {
  const walletUrl = async () => `${S}/wallets/${(await walletOf(w.crew.owner, w.crew.id)).id}`;
  const set = (self: string, status: string) => patch(w.crew.owner, 'wallets', self, { status });

  const calls: Record<string, Call> = {
    [`PATCH ${S}/wallets/{id}`]: async () => {
      const self = await walletUrl();
      return () => set(self, 'frozen');
    },
    [`POST ${S}/walletTransactions`]: async () => () => move(w.crew.owner, w.crew.id, 'topup', { amount: 1 }),
    'POST /api/admin/organizations/{organizationId}/charge': async () => {
      await moved(w.app.platform, w.crew.id, 'topup', { amount: 1 });
      const charge = { amount: 1, service: 'sms', sms_point: 1 };
      return () => w.app.platform.post(`/api/admin/organizations/${w.crew.id}/charge`, charge);
    },
  };

  const doings: Record<string, [call: Call, types: string[]]> = {
    'an adjustment': [
      async () => () => move(w.crew.owner, w.crew.id, 'adjustment', { amount: 1, direction: 'credit', reason: 'x' }),
      ['wallet.adjusted'],
    ],
    'a reversal': [
      async () => {
        const { id } = await moved(w.crew.owner, w.crew.id, 'topup', { amount: 1 });
        return () => reverse(w.crew.owner, w.crew.id, id);
      },
      ['wallet.transaction_reversed'],
    ],
    'a charge that is refused': [
      async () => () => move(w.crew.owner, w.crew.id, 'charge', { amount: 1 }),
      ['wallet.charge_refused'],
    ],
    'a charge down to the limit': [
      async () => {
        await setLimit(w.app, w.crew.id, 5);
        return () => move(w.crew.owner, w.crew.id, 'charge', { amount: 5 });
      },
      ['wallet.charged', 'wallet.overage_started', 'wallet.overage_limit_reached'],
    ],
    'a top-up back to 0': [
      async () => {
        await setLimit(w.app, w.crew.id, 5);
        await moved(w.crew.owner, w.crew.id, 'charge', { amount: 5 });
        return () => move(w.crew.owner, w.crew.id, 'topup', { amount: 5 });
      },
      ['wallet.topped_up', 'wallet.overage_cleared'],
    ],
    'the end of a freeze': [
      async () => {
        const self = await walletUrl();
        await set(self, 'frozen');
        return () => set(self, 'active');
      },
      ['wallet.unfrozen'],
    ],
    'a wallet that is closed': [
      async () => {
        const self = await walletUrl();
        return () => set(self, 'closed');
      },
      ['wallet.closed'],
    ],
  };

  return { calls, doings };
}
