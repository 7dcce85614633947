import { Event } from '../../entities';
import { events as serializer } from '../../serializers/events';
import { defineResource, FILTERS } from '../jsonapi/define';
import { choice, integer, nullable, time, uuid } from '../jsonapi/schemas';
import { eventRows, getEvent, listEvents } from '../services/eventFeed';

const identifier = { type: 'object', required: ['type', 'id'], properties: { type: { type: 'string' }, id: uuid } };

const data = {
  ...identifier,
  properties: {
    ...identifier.properties,
    attributes: { type: 'object' },
    relationships: { type: 'object' },
    meta: { type: 'object', description: 'Where there is more to tell than the resource says: of a refused charge.' },
  },
  additionalProperties: false,
  description: 'The resource as it was then, without secrets; null when the 90 days are over for which it is kept.',
};

const previous = {
  type: 'object',
  properties: { attributes: { type: 'object' }, relationships: { type: 'object' } },
  additionalProperties: false,
  description: 'What has changed, as it was before.',
};

export const actor = {
  type: 'object',
  required: ['type', 'id', 'name'],
  properties: {
    type: choice('user', 'apiKey', 'invitee', 'system'),
    id: nullable(uuid),
    name: { type: ['string', 'null'], description: 'As it is now.' },
  },
  additionalProperties: false,
  description: 'Who did it.',
};

export const events = defineResource(Event, {
  type: 'events',
  path: '/public/v2/events',
  summary:
    'What has happened in organizations, each numbered without a gap: a feed. What comes behind the last event of one ' +
    'organization that was read has happened since.',
  defaultSort: 'sequence',
  serializer,
  rows: eventRows,
  attributes: {
    eventType: {
      schema: {
        type: 'string',
        examples: ['member.updated'],
        description: 'Filters take `prefix.*` as well.',
      },
      filter: ['eq', 'in', 'startsWith'],
    },
    sequence: {
      schema: { ...integer, minimum: 1, description: 'Number within the organization.' },
      filter: FILTERS.integer,
      sort: true,
    },
    occurredAt: { schema: time, filter: FILTERS.time, sort: true },
    apiVersion: { schema: { type: 'string', description: 'Form of `data`.' } },
    data: { schema: nullable(data) },
    previous: { schema: nullable(previous) },
    actor: { schema: actor },
    requestId: { schema: nullable({ type: 'string' }) },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      summary: 'The organization in which it has happened.',
    },
    deliveries: {
      many: true,
      type: 'webhookDeliveries',
      link: 'eventId',
      include: true,
      summary: 'The ways that it takes to webhook endpoints.',
    },
  },
  filters: {
    subjectId: { schema: uuid, operators: ['eq', 'in'], summary: 'About the resource with this id.' },
  },
  operations: {
    list: { run: listEvents, summary: 'List events' },
    get: { run: getEvent, summary: 'Get an event' },
  },
});
