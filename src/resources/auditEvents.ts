import { AuditEvent } from '../../entities';
import { auditEvents as serializer } from '../../serializers/auditEvents';
import { defineResource, FILTERS, type Schema } from '../jsonapi/define';
import { choice, integer, nullable, time, uuid } from '../jsonapi/schemas';
import { auditRows, getAuditEvent, listAuditEvents } from '../services/auditTrail';

const string = { type: 'string' };
const object = (properties: Record<string, Schema>, description?: string): Schema => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
  additionalProperties: false,
  ...(description === undefined ? {} : { description }),
});

const personal = (description: string) => ({ type: ['string', 'null'], description });

const actor = object(
  {
    type: choice('user', 'apiKey', 'invitee', 'system'),
    id: nullable(uuid),
    name: personal('As it was then; null of somebody who was erased, and of keys that the caller does not have.'),
  },
  'Who did it.',
);

const target = object({ type: string, id: uuid, name: personal('As it was then; null of somebody who was erased.') });

const context = object(
  {
    ip: personal('Of the client; null as the name of the actor is.'),
    userAgent: personal('Likewise.'),
    requestId: nullable(string),
    credentialId: nullable(uuid),
    method: nullable(string),
    path: nullable(string),
  },
  'Where it came from; of what the service did by itself all are null.',
);

const hash = { type: 'string', pattern: '^[0-9a-f]{64}$' };

export const auditEvents = defineResource(AuditEvent, {
  type: 'auditEvents',
  path: '/public/v2/auditEvents',
  summary:
    'Who did what: for each organization a chain of rows, each with the hash of the one before it. Reading it is told in it.',
  defaultSort: '-sequence',
  serializer,
  rows: auditRows,
  attributes: {
    sequence: {
      schema: { ...integer, minimum: 1, description: 'Number within the chain.' },
      filter: FILTERS.integer,
      sort: true,
    },
    action: {
      schema: {
        type: 'string',
        examples: ['member.updated'],
        description:
          'Type of an event, or what is only audited; of what was refused, the operation. Filters take `prefix.*` as well.',
      },
      filter: ['eq', 'in', 'startsWith'],
    },
    outcome: {
      schema: {
        ...choice('success', 'denied', 'failed'),
        description: '`denied`: he might not do it. `failed`: it could not be done.',
      },
      filter: FILTERS.enum,
    },
    actor: { schema: actor },
    targets: { schema: { type: 'array', items: target, description: 'What it was done to, that first.' } },
    context: { schema: context },
    changes: {
      schema: {
        type: 'array',
        items: object({ field: string, from: {}, to: {} }),
        description: 'By the name of the field. Secrets are `***`; what told of somebody who was erased is not there.',
      },
    },
    metadata: { schema: { type: 'object', description: 'What else there is to say, by name; `level` of a key.' } },
    occurredAt: { schema: time, filter: FILTERS.time, sort: true },
    prevHash: { schema: { ...hash, description: 'Hash of the row before; of the first one 64 zeros.' } },
    hash: { schema: { ...hash, description: 'SHA-256 of the hash before and of the row; docs/AUDIT.md.' } },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      summary: 'The organization whose chain it is in; null of the chain of the installation.',
    },
  },
  filters: {
    actorId: { schema: uuid, operators: ['eq', 'in'], summary: 'Done by the user or key with this id.' },
    targetId: { schema: uuid, operators: ['eq', 'in'], summary: 'Done to the resource with this id.' },
    targetType: { schema: string, operators: ['eq', 'in'], summary: 'Done to resources of this type.' },
    requestId: { schema: string, operators: ['eq', 'in'], summary: 'Done by the request with this id.' },
  },
  operations: {
    list: { run: listAuditEvents, summary: 'List audit events' },
    get: { run: getAuditEvent, summary: 'Get an audit event' },
  },
});
