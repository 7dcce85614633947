import { expireHolds } from '../../src/services/holds';
import { patch } from '../routes/crew';
import { capture, expire, hold, place } from '../routes/holds/holding';
import { move, moved, walletOf } from '../routes/money';
import { limit, limited } from '../routes/overageLimits/limiting';
import { watch, watched } from '../routes/walletAlerts/watching';
import { type Body, S } from '../support/app';
import type { Call, World } from './calls';

/** Calls that reserve money, or say how far it goes and when that is told: as `moneyCallsOf`. */
export function holdCallsOf(w: World) {
  const topUp = () => moved(w.app.platform, w.crew.id, 'topup', { amount: 10 });
  const held = async (): Promise<Body> => {
    await topUp();
    return place(w.crew.owner, w.crew.id, { amount: 10 });
  };
  const wallet = async (): Promise<string> => (await walletOf(w.app.platform, w.crew.id)).id;
  const alert = async (attributes: object = {}): Promise<Body> =>
    watched(w.crew.owner, await wallet(), { direction: 'below', value: 5, ...attributes });

  const calls: Record<string, Call> = {
    [`POST ${S}/holds`]: async () => {
      await topUp();
      return () => hold(w.crew.owner, w.crew.id, { amount: 10 });
    },
    [`POST ${S}/holds/{id}/capture`]: async () => {
      const { links } = await held();
      return () => capture(w.crew.owner, links.self);
    },
    [`POST ${S}/holds/{id}/void`]: async () => {
      const { links } = await held();
      return () => w.crew.owner.post(`${links.self}/void`);
    },
    [`POST ${S}/overageLimits`]: async () => () => limit(w.crew.owner, w.crew.id, {}),
    [`PATCH ${S}/overageLimits/{id}`]: async () => {
      const { links } = await limited(w.crew.owner, w.crew.id, {});
      return () => patch(w.crew.owner, 'overageLimits', links.self, { maxOverage: 5 });
    },
    [`DELETE ${S}/overageLimits/{id}`]: async () => {
      const { links } = await limited(w.crew.owner, w.crew.id, {});
      return () => w.crew.owner.delete(links.self);
    },
    [`POST ${S}/walletAlerts`]: async () => {
      const id = await wallet();
      return () => watch(w.crew.owner, id, { direction: 'below', value: 1 });
    },
    [`PATCH ${S}/walletAlerts/{id}`]: async () => {
      const { links } = await alert();
      return () => patch(w.crew.owner, 'walletAlerts', links.self, { value: 6 });
    },
    [`DELETE ${S}/walletAlerts/{id}`]: async () => {
      const { links } = await alert();
      return () => w.crew.owner.delete(links.self);
    },
    'PATCH /organization/{organization_id}/max-overages': async () => () =>
      w.crew.owner.patch(`/organization/${w.crew.id}/max-overages`, { maxOverages: 5 }),
  };

  const doings: Record<string, [call: Call, types: string[]]> = {
    'the end of a hold': [
      async () => {
        await expire(w.app, (await held()).id);
        return async () => void (await expireHolds(w.app.services));
      },
      ['wallet.hold_expired'],
    ],
    'an alert that is crossed': [
      async () => {
        await topUp();
        await alert();
        return () => move(w.app.platform, w.crew.id, 'charge', { amount: 6 });
      },
      ['wallet.charged', 'wallet.alert_triggered'],
    ],
    'the end of an alert': [
      async () => {
        await alert({ notifyOnResolved: true });
        return () => move(w.app.platform, w.crew.id, 'topup', { amount: 10 });
      },
      ['wallet.topped_up', 'wallet.alert_resolved'],
    ],
  };

  return { calls, doings };
}
