import { LedgerEntry } from '../../entities';
import { ledgerEntries as serializer } from '../../serializers/ledgerEntries';
import { defineResource, FILTERS } from '../jsonapi/define';
import { asset, choice, integer, money, positive, time } from '../jsonapi/schemas';
import { entryRows, getEntry, listEntries } from '../services/ledgerEntries';

export const ledgerEntries = defineResource(LedgerEntry, {
  type: 'ledgerEntries',
  path: '/public/v2/ledgerEntries',
  summary:
    'The debits and credits of accounts: of each transaction and asset they are the same. An account holds its credits less ' +
    'its debits. Entries never change.',
  defaultSort: '-occurredAt',
  serializer,
  rows: entryRows,
  attributes: {
    occurredAt: { schema: time, filter: FILTERS.time, sort: true },
    account: {
      schema: {
        type: 'string',
        examples: ['wallet'],
        description:
          '`wallet` or `held`. The operator alone sees its own: `funding`, `revenue:{service}`, `revenue`, `issued:{asset}`, `adjustments`; ' +
          'each is kept for every wallet by itself.',
      },
    },
    direction: { schema: choice('debit', 'credit') },
    amount: { schema: positive },
    asset: { schema: asset },
    balanceAfter: { schema: { ...money, description: 'Of the account.' } },
    sequence: {
      schema: { ...integer, minimum: 1, description: 'Number within the account, without a gap.' },
    },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      summary: 'Whose wallet it is about.',
    },
    wallet: { one: true, type: 'wallets', key: 'walletId', include: true, summary: 'The wallet of the account.' },
    transaction: {
      one: true,
      type: 'walletTransactions',
      key: 'transactionId',
      include: true,
      summary: 'The transaction that it is part of.',
    },
  },
  operations: {
    list: { run: listEntries, summary: 'List entries' },
    get: { run: getEntry, summary: 'Get an entry' },
  },
});
