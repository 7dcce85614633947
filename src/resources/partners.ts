import { Partner } from '../../entities';
import { partners as serializer } from '../../serializers/partners';
import { defineResource, FILTERS } from '../jsonapi/define';
import { choice, metadata, nullable, text, time } from '../jsonapi/schemas';
import { createPartner, getPartner, listPartners, partnerRows, updatePartner } from '../services/partners';

export const partners = defineResource(Partner, {
  type: 'partners',
  path: '/public/v2/management/partners',
  summary: 'Resellers and integrators that create and run organizations; for platform callers only.',
  defaultSort: '-createdAt',
  serializer,
  rows: partnerRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    name: { schema: text(1, 120), write: 'both', required: true, filter: FILTERS.text, sort: true },
    status: { schema: choice('active', 'suspended'), write: 'both', filter: FILTERS.enum, sort: true },
    externalId: { schema: nullable(text(1, 255)), write: 'both', filter: FILTERS.text, sort: true },
    metadata: { schema: metadata, write: 'both', filter: FILTERS.json },
  },
  relationships: {
    organizations: {
      many: true,
      type: 'organizations',
      link: 'partnerId',
      include: true,
      summary: 'The organizations it runs.',
    },
    apiKeys: { many: true, type: 'apiKeys', link: 'partnerId', include: true, summary: 'Its own keys.' },
  },
  operations: {
    list: { run: listPartners, summary: 'List partners' },
    get: { run: getPartner, summary: 'Get a partner' },
    create: { run: createPartner, summary: 'Create a partner', errors: ['external_id_taken'] },
    update: { run: updatePartner, summary: 'Change a partner', errors: ['external_id_taken'] },
  },
});
