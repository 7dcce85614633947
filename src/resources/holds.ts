import { Hold } from '../../entities';
import { holds as serializer } from '../../serializers/holds';
import { defineResource, FILTERS } from '../jsonapi/define';
import { asset, choice, nullable, positive, text, time, unsigned } from '../jsonapi/schemas';
import { captureHold, createHold, getHold, holdRows, listHolds, voidHold } from '../services/holds';
import { SPENDING_ERRORS, walletState } from './walletTransactions';

const documentMeta = { wallet: { schema: walletState, of: (hold: Hold) => hold.walletState } };
const isOpen = ({ status }: Hold): boolean => status === 'open';

export const holds = defineResource(Hold, {
  type: 'holds',
  path: '/public/v2/holds',
  summary:
    'Amounts that are reserved and not yet taken. A hold ends once: it is captured, voided, or expires; then what is left is ' +
    'given back.',
  defaultSort: '-createdAt',
  serializer,
  rows: holdRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time },
    amount: {
      schema: { ...positive, description: 'In the smallest unit of the asset.' },
      write: 'create',
      required: true,
    },
    captured: { schema: { ...unsigned, description: 'What was taken.' } },
    released: { schema: { ...unsigned, description: 'What was given back.' } },
    asset: {
      schema: { ...asset, description: 'Where the organization is named, not the wallet; WALLET_ASSET when left out.' },
      write: 'create',
      filter: FILTERS.enum,
    },
    status: { schema: choice('open', 'captured', 'voided', 'expired'), filter: FILTERS.enum },
    service: {
      schema: nullable({
        ...text(1, 40),
        examples: ['sms'],
        description: 'What it is for: one of WALLET_SERVICES, whose overage limit is the one that counts.',
      }),
      write: 'create',
      filter: ['eq', 'ne', 'in', 'null'],
    },
    reason: { schema: nullable(text(1, 500)), write: 'create' },
    expiresAt: {
      schema: { ...time, description: 'In 7 days when left out; in 30 at the most.' },
      write: 'create',
      filter: FILTERS.time,
      sort: true,
    },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      summary: 'Whose wallet it is; named with `asset` when the wallet is not.',
    },
    wallet: {
      one: true,
      type: 'wallets',
      key: 'walletId',
      include: true,
      write: 'create',
      summary: 'The wallet in which it is held.',
    },
    transactions: {
      many: true,
      type: 'walletTransactions',
      link: 'holdId',
      include: true,
      summary: 'What has moved by it.',
    },
  },
  operations: {
    list: { run: listHolds, summary: 'List holds' },
    get: { run: getHold, summary: 'Get a hold' },
    create: {
      run: createHold,
      summary: 'Reserve an amount',
      keyed: true,
      documentMeta,
      errors: [...SPENDING_ERRORS, 'required', 'not_found', 'not_allowed', 'permission_denied'],
    },
  },
  actions: {
    capture: {
      run: captureHold,
      settings: {
        amount: { ...positive, description: 'How much of it is taken, the rest is given back; all when left out.' },
      },
      summary: 'Take what is held, or a part of it',
      keyed: true,
      documentMeta,
      errors: ['hold_closed', 'wallet_frozen', 'organization_suspended', 'not_allowed'],
      possible: isOpen,
    },
    void: {
      run: voidHold,
      summary: 'Give back what is held',
      documentMeta,
      errors: ['hold_closed'],
      possible: isOpen,
    },
  },
});
