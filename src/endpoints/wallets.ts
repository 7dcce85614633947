import type { Endpoint } from '../controllers/endpoints';
import { metaDocument } from '../jsonapi/reply';
import { boolean, integer, uuid } from '../jsonapi/schemas';
import { verifyWallet } from '../services/walletCheck';

const count = { ...integer, minimum: 0 };
const text = { type: 'string' };

const VERDICT = {
  type: 'object',
  required: ['ok', 'problems', 'accounts', 'transactions', 'entries'],
  properties: {
    ok: boolean,
    problems: {
      type: 'array',
      items: {
        type: 'object',
        required: ['code', 'detail', 'type', 'id'],
        properties: { code: text, detail: text, type: { ...text, description: 'Of the row that says so.' }, id: uuid },
        additionalProperties: false,
      },
      description: 'What does not add up; the first 100.',
    },
    accounts: count,
    transactions: { ...count, description: 'Those of the wallet.' },
    entries: count,
  },
  additionalProperties: false,
};

export const walletEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/public/v2/wallets/{id}/verify',
    operationId: 'verifyWallet',
    tag: 'wallets',
    summary: 'Recompute a wallet from its entries',
    description:
      'Numbers without a gap, each balance from the one before, debits against credits of every transaction, accounts and ' +
      'wallet against their entries, what is held against the open holds.',
    operation: 'wallets.verify',
    credential: 'required',
    responses: { 200: { description: 'What was found.', meta: VERDICT } },
    errors: [],
    run: async ({ ctx, params }) => {
      const verdict = await verifyWallet(ctx, params.id as string);
      return { status: 200, document: metaDocument({ ...verdict }) };
    },
  },
];
