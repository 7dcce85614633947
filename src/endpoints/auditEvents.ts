import { PROBLEM_KINDS } from '../audit/findings';
import type { ExportLine, RowLine } from '../audit/lines';
import type { Endpoint, EndpointRequest } from '../controllers/endpoints';
import type { QueryParameters, Schema } from '../jsonapi/define';
import { metaDocument } from '../jsonapi/reply';
import { choice, integer, nullable, time, uuid } from '../jsonapi/schemas';
import type { Condition, Operator } from '../selection';
import { exportLines, openExport, verifyAuditTrail } from '../services/auditExport';

const PATH = '/public/v2/auditEvents';
const NDJSON = 'application/x-ndjson';
const CSV = 'text/csv; charset=utf-8';

const ORGANIZATION = {
  'filter[organizationId]': {
    ...uuid,
    description: 'Whose audit trail is meant; an operator who leaves it out means that of the installation.',
  },
};

const number = { ...integer, minimum: 1 };
const FILTERS: QueryParameters = {
  'filter[action]': {
    type: 'string',
    minLength: 1,
    maxLength: 100,
    description: 'Rows with this action, or `prefix.*`.',
  },
  'filter[outcome]': { ...choice('success', 'denied', 'failed'), description: 'Rows with this outcome.' },
  'filter[actorId]': { ...uuid, description: 'Done by the user or key with this id.' },
  'filter[targetId]': { ...uuid, description: 'Done to the resource with this id.' },
  'filter[occurredAt][gte]': { ...time, description: 'Rows from this time on.' },
  'filter[occurredAt][lt]': { ...time, description: 'Rows before this time.' },
  'filter[sequence][gte]': { ...number, description: 'Rows from this number on.' },
  'filter[sequence][lte]': { ...number, description: 'Rows up to this number.' },
};

const RESULT: Schema = {
  type: 'object',
  required: [
    'ok',
    'checked',
    'firstSequence',
    'lastSequence',
    'lastHash',
    'checkpoints',
    'publicKey',
    'problems',
    'truncated',
  ],
  properties: {
    ok: { type: 'boolean', description: 'Nothing is wrong with the chain.' },
    checked: { ...integer, minimum: 0, description: 'Rows that were recomputed.' },
    firstSequence: { ...nullable(integer), description: 'Of the first row that is kept.' },
    lastSequence: nullable(integer),
    lastHash: { ...nullable({ type: 'string' }), description: 'To be kept elsewhere, and compared later.' },
    checkpoints: { ...integer, minimum: 0, description: 'Signed checkpoints that were compared.' },
    publicKey: {
      type: 'string',
      description: 'That they are signed with: 32 bytes in base64, for `guildhall verify --public-key`.',
    },
    problems: {
      type: 'array',
      description: 'Every row that is not as it was written, or not where.',
      items: {
        type: 'object',
        required: ['kind', 'sequence', 'detail'],
        properties: {
          kind: choice(...PROBLEM_KINDS),
          sequence: { ...integer, description: 'Of the row, or where it should be.' },
          id: { ...uuid, description: 'Of the row, when there is one.' },
          detail: { type: 'string' },
        },
        additionalProperties: false,
      },
    },
    truncated: { type: 'boolean', description: 'There are more problems than are listed.' },
  },
  additionalProperties: false,
};

/** The filters of a request, but for the organization. */
function conditionsOf({ query }: Pick<EndpointRequest, 'query'>): Condition[] {
  return Object.keys(FILTERS).flatMap((name) => {
    const value = query[name] as string | number | undefined;
    if (value === undefined) return [];
    const [, field = '', operator = 'eq'] = /^filter\[(\w+)\](?:\[(\w+)\])?$/.exec(name) ?? [];
    return [{ field, operator: operator as Operator, value }];
  });
}

async function* ndjson(lines: AsyncIterable<ExportLine>): AsyncGenerator<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`;
}

/** Columns of the CSV form. */
const COLUMNS: Readonly<Record<string, (row: RowLine) => unknown>> = {
  sequence: (row) => row.sequence,
  occurredAt: (row) => row.occurredAt,
  action: (row) => row.action,
  outcome: (row) => row.outcome,
  actorType: ({ actor }) => actor.type,
  actorId: ({ actor }) => actor.id,
  actorName: ({ actor }) => actor.name,
  targetType: ({ targets }) => targets[0]?.type,
  targetId: ({ targets }) => targets[0]?.id,
  targetName: ({ targets }) => targets[0]?.name,
  changes: ({ changes }) => (changes.length === 0 ? null : JSON.stringify(changes)),
  metadata: ({ metadata }) => JSON.stringify(metadata),
  ip: ({ context }) => context.ip,
  userAgent: ({ context }) => context.userAgent,
  requestId: ({ context }) => context.requestId,
  credentialId: ({ context }) => context.credentialId,
  method: ({ context }) => context.method,
  path: ({ context }) => context.path,
  organizationId: (row) => row.organizationId,
  id: (row) => row.id,
  prevHash: (row) => row.prevHash,
  hash: (row) => row.hash,
};

/**
 * A cell of RFC 4180. Texts that spreadsheets would take for a formula get an apostrophe in front: names and user agents come
 * from anybody.
 */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function* csv(lines: AsyncIterable<ExportLine>): AsyncGenerator<string> {
  yield `${Object.keys(COLUMNS).join(',')}\r\n`;
  for await (const line of lines) {
    if (line.type !== 'auditEvents') continue;
    yield `${Object.values(COLUMNS)
      .map((column) => cell(column(line)))
      .join(',')}\r\n`;
  }
}

export const auditEventEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: `${PATH}/verify`,
    operationId: 'verifyAuditEvents',
    tag: 'auditEvents',
    summary: 'Recompute an audit trail',
    description:
      'Every row against its hash, the rows against each other, the digests of what is personal, and all signed ' +
      'checkpoints. Whatever was changed, taken out, moved, put in or cut off since is named.',
    operation: 'auditEvents.verify',
    credential: 'required',
    parameters: ORGANIZATION,
    responses: { 200: { description: 'What came of it.', meta: RESULT } },
    errors: ['not_found'],
    run: async ({ ctx, query }) => {
      const found = await verifyAuditTrail(ctx, query['filter[organizationId]'] as string | undefined);
      return { status: 200, document: metaDocument({ ...found }) };
    },
  },
  {
    method: 'GET',
    path: `${PATH}/export`,
    operationId: 'exportAuditEvents',
    tag: 'auditEvents',
    summary: 'Export an audit trail',
    description:
      'The oldest row first, up to the one that tells of the export itself. `ndjson` holds all that it takes to verify it ' +
      'without this service (docs/AUDIT.md, `guildhall verify`); with filters, each row by itself. `csv` is for reading.',
    operation: 'auditEvents.export',
    credential: 'required',
    parameters: {
      ...ORGANIZATION,
      format: { ...choice('ndjson', 'csv'), default: 'ndjson', description: 'Form of the export.' },
      ...FILTERS,
    },
    responses: {
      200: { description: 'The rows.', schema: { type: 'string' }, mediaType: [NDJSON, 'text/csv'] },
    },
    errors: ['not_found'],
    run: async (request) => {
      const { ctx, query } = request;
      const { format = 'ndjson' } = query as { format?: string };
      const organizationId = query['filter[organizationId]'] as string | undefined;
      const open = await openExport(ctx, organizationId, conditionsOf(request), format);
      const lines = exportLines(ctx, open);
      if (format === 'csv') return { status: 200, stream: csv(lines), mediaType: CSV };
      return { status: 200, stream: ndjson(lines), mediaType: NDJSON };
    },
  },
];
