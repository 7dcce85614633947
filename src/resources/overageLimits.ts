import { OverageLimit } from '../../entities';
import { overageLimits as serializer } from '../../serializers/overageLimits';
import { defineResource, FILTERS } from '../jsonapi/define';
import { asset, nullable, text, time, unsigned } from '../jsonapi/schemas';
import {
  createOverageLimit,
  getOverageLimit,
  listOverageLimits,
  overageLimitRows,
  removeOverageLimit,
  updateOverageLimit,
} from '../services/overageLimits';

export const overageLimits = defineResource(OverageLimit, {
  type: 'overageLimits',
  path: '/public/v2/overageLimits',
  summary: 'How far below zero organizations may go in an asset. Without one it is 0.',
  defaultSort: '-createdAt',
  serializer,
  rows: overageLimitRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time },
    asset: {
      schema: { ...asset, description: `${asset.description} WALLET_ASSET when left out.` },
      write: 'create',
      filter: FILTERS.enum,
    },
    service: {
      schema: nullable({
        ...text(1, 40),
        examples: ['sms'],
        description:
          'It is for charges and holds of this service, instead of that of the asset; null: that of the asset.',
      }),
      write: 'create',
      filter: ['eq', 'ne', 'in', 'null'],
    },
    maxOverage: {
      schema: nullable({
        ...unsigned,
        description: 'In the smallest unit of the asset; null: no limit. It may be lower than what is used.',
      }),
      write: 'both',
    },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      summary: 'Whose limit it is.',
    },
  },
  operations: {
    list: { run: listOverageLimits, summary: 'List overage limits' },
    get: { run: getOverageLimit, summary: 'Get an overage limit' },
    create: {
      run: createOverageLimit,
      summary: 'Let an organization go below zero in an asset',
      errors: ['required', 'limit_exists', 'not_allowed'],
    },
    update: { run: updateOverageLimit, summary: 'Change an overage limit; at once for what is charged next' },
    remove: { run: removeOverageLimit, summary: 'Remove an overage limit' },
  },
});
