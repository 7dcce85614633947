import { WalletTransaction } from '../../entities';
import { walletTransactions as serializer } from '../../serializers/walletTransactions';
import { defineResource, FILTERS } from '../jsonapi/define';
import { asset, choice, metadata, money, nullable, positive, text, time, unsigned } from '../jsonapi/schemas';
import { createTransaction, getTransaction, listTransactions, transactionRows } from '../services/walletTransactions';
import { actor } from './events';

/** What `meta.wallet` of an answer that has moved money tells. */
export const walletState = {
  type: 'object',
  required: ['balance', 'held', 'available', 'overageUsed'],
  properties: {
    balance: money,
    held: unsigned,
    available: nullable(money),
    overageUsed: unsigned,
  },
  additionalProperties: false,
  description: 'The wallet behind it.',
};

/** Refusals of whatever takes money. */
export const SPENDING_ERRORS = [
  'insufficient_funds',
  'overage_limit_exceeded',
  'wallet_frozen',
  'invalid_transition',
  'organization_suspended',
] as const;

export const walletTransactions = defineResource(WalletTransaction, {
  type: 'walletTransactions',
  path: '/public/v2/walletTransactions',
  summary: 'What has moved in wallets. Transactions never change; a mistake is undone by a reversal.',
  defaultSort: '-occurredAt',
  serializer,
  rows: transactionRows,
  attributes: {
    occurredAt: { schema: time, filter: FILTERS.time, sort: true },
    kind: {
      schema: {
        ...choice('topup', 'charge', 'hold', 'capture', 'release', 'adjustment', 'reversal', 'transfer'),
        description: 'Made here: `topup`, `charge`, `adjustment`, `reversal`. The others come of holds.',
      },
      write: 'create',
      required: true,
      filter: FILTERS.enum,
    },
    amount: {
      schema: { ...positive, description: 'In the smallest unit of the asset; a reversal is of the full amount.' },
      write: 'create',
    },
    asset: {
      schema: { ...asset, description: 'Where the organization is named, not the wallet; WALLET_ASSET when left out.' },
      write: 'create',
    },
    direction: {
      schema: nullable({ ...choice('credit', 'debit'), description: 'Of an adjustment, which must have one.' }),
      write: 'create',
    },
    service: {
      schema: nullable({
        ...text(1, 40),
        examples: ['sms'],
        description: 'What is charged for: one of WALLET_SERVICES.',
      }),
      write: 'create',
      filter: ['eq', 'ne', 'in', 'null'],
    },
    quantity: {
      schema: nullable({
        ...positive,
        description: 'Units that a charge buys; required where the service sells some.',
      }),
      write: 'create',
    },
    quantityAsset: { schema: nullable(asset) },
    reason: {
      schema: nullable({ ...text(1, 500), description: 'Required for an adjustment and a reversal.' }),
      write: 'create',
    },
    reference: {
      schema: nullable({ ...text(1, 255), description: 'The client’s own id for it.' }),
      write: 'create',
      filter: ['eq', 'in'],
    },
    balanceAfter: { schema: { ...money, description: 'Balance of the wallet behind it.' } },
    actor: { schema: actor },
    metadata: { schema: metadata, write: 'create', filter: FILTERS.json },
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
      summary: 'The wallet that it is about.',
    },
    entries: {
      many: true,
      type: 'ledgerEntries',
      link: 'transactionId',
      include: true,
      summary: 'Its debits and credits.',
    },
    hold: {
      one: true,
      type: 'holds',
      key: 'holdId',
      include: true,
      summary: 'What it has placed, captured or released.',
    },
    reverses: {
      one: true,
      type: 'walletTransactions',
      key: 'reversesId',
      include: true,
      write: 'create',
      summary: 'What a reversal undoes.',
    },
    reversedBy: {
      one: true,
      type: 'walletTransactions',
      key: 'reversedById',
      include: true,
      summary: 'The reversal that undid it.',
    },
  },
  operations: {
    list: { run: listTransactions, summary: 'List transactions' },
    get: { run: getTransaction, summary: 'Get a transaction' },
    create: {
      run: createTransaction,
      keyed: true,
      example: { amount: 1_000, reference: 'invoice-7' },
      summary: 'Top up, charge, adjust or reverse',
      documentMeta: { wallet: { schema: walletState, of: ({ walletState: state }) => state } },
      errors: [...SPENDING_ERRORS, 'already_reversed', 'required', 'not_found', 'permission_denied'],
    },
  },
});
