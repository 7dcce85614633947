import { WalletAlert } from '../../entities';
import { walletAlerts as serializer } from '../../serializers/walletAlerts';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, integer, money, nullable, positive, time } from '../jsonapi/schemas';
import {
  createWalletAlert,
  deleteWalletAlert,
  getWalletAlert,
  listWalletAlerts,
  updateWalletAlert,
  walletAlertRows,
} from '../services/walletAlerts';

const side = choice('below', 'above');

export const walletAlerts = defineResource(WalletAlert, {
  type: 'walletAlerts',
  path: '/public/v2/walletAlerts',
  summary:
    'Thresholds of wallets. Whenever a posting takes `balance` less `held` past one, `wallet.alert_triggered` tells it, and ' +
    'again when that has been left and is passed once more. A wallet has 20 alerts at the most.',
  defaultSort: '-createdAt',
  serializer,
  rows: walletAlertRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time },
    direction: {
      schema: {
        ...side,
        description: 'The side of the threshold that is told of. The threshold itself is on neither.',
      },
      write: 'both',
      required: true,
      filter: FILTERS.enum,
    },
    value: {
      schema: nullable({
        ...money,
        description: 'The threshold, in the smallest unit; or `percentOfLimit`, never both.',
      }),
      write: 'both',
    },
    percentOfLimit: {
      schema: nullable({
        ...integer,
        minimum: 1,
        maximum: 100,
        description:
          'The threshold is where that share of the overage limit of the asset is used, below zero: `below` is told when it ' +
          'is reached, `above` when less is used again. It moves with the limit; with none, or with 0, nothing is told.',
      }),
      write: 'both',
    },
    recurringStep: {
      schema: nullable({
        ...positive,
        description:
          'Told again at each further multiple of it beyond the threshold, one event for each. One posting tells 200 at the ' +
          'most, shared among the alerts of the wallet: of more, the last.',
      }),
      write: 'both',
    },
    notifyOnResolved: {
      schema: { ...boolean, description: '`wallet.alert_resolved` tells when the wallet is back on the other side.' },
      write: 'both',
    },
    lastSide: { schema: { ...side, description: 'Where the wallet is now.' } },
    lastValue: {
      schema: nullable({
        ...money,
        description: 'What the wallet held beside its holds when it last crossed a threshold.',
      }),
    },
    lastThreshold: {
      schema: nullable({
        ...integer,
        description: 'The threshold that it crossed: the first, or one of the further steps.',
      }),
    },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      summary: 'Whose wallet it is.',
    },
    wallet: {
      one: true,
      type: 'wallets',
      key: 'walletId',
      include: true,
      write: 'create',
      required: true,
      summary: 'The wallet that it watches.',
    },
  },
  operations: {
    list: { run: listWalletAlerts, summary: 'List alerts' },
    get: { run: getWalletAlert, summary: 'Get an alert' },
    create: {
      run: createWalletAlert,
      summary: 'Watch a wallet',
      errors: ['quota_exceeded', 'required', 'not_allowed', 'permission_denied'],
    },
    update: { run: updateWalletAlert, summary: 'Change an alert', errors: ['required', 'not_allowed'] },
    remove: { run: deleteWalletAlert, summary: 'Delete an alert' },
  },
});
