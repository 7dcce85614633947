import { ERRORS, type ErrorCode } from '../errors';
import type { OperationName, ResourceDefinition } from '../jsonapi/define';
import { MEDIA_TYPE } from '../jsonapi/negotiate';
import { OPERATIONS } from '../permissions';
import type { Components, Json, Ref } from './components';
import { headersOf, RATE_LIMIT } from './headers';
import { jsonapi, object } from './schemas';

type Definition = ResourceDefinition<never>;

const CODES = Object.keys(ERRORS) as ErrorCode[];

/** Refused before the operation is known, or by a fault of ours: the same everywhere, so stated once, as `default`. */
const ANYWHERE: readonly ErrorCode[] = [
  'malformed_request',
  'request_timeout',
  'uri_too_long',
  'headers_too_large',
  'internal_error',
];

/** Negotiation, credential, query. */
export const WITH_CREDENTIAL: readonly ErrorCode[] = [
  'malformed_request',
  'invalid_parameter',
  'missing_credential',
  'invalid_credential',
  'expired_credential',
  'revoked_credential',
  'partner_suspended',
  'not_acceptable',
  'rate_limited',
  'unavailable',
];

/** What the reader of bodies finds, whatever the type. */
const WITH_BODY: readonly ErrorCode[] = [
  'malformed_document',
  'type_mismatch',
  'too_large',
  'unsupported_media_type',
  'too_short',
  'too_long',
  'invalid_format',
  'not_allowed',
  'unknown_attribute',
  'unknown_relationship',
];

const only = (condition: boolean, ...codes: ErrorCode[]): ErrorCode[] => (condition ? codes : []);

/** Codes of a request that changes something. A suspended organization's own credentials may not. */
const writes = (operation: string): ErrorCode[] =>
  only(OPERATIONS[operation]?.levels.includes('organization') === true, 'organization_suspended');

function createCodes({ type, attributes, relationships, clientIds }: Definition): ErrorCode[] {
  const related = Object.values(relationships);
  const needs = [...Object.values(attributes), ...related].some(({ required }) => required === true);
  return [
    ...WITH_BODY,
    ...writes(`${type}.create`),
    'client_id_not_allowed',
    ...only(clientIds, 'id_taken'),
    ...only(needs, 'required'),
    ...only(
      related.some(({ write }) => write === 'create'),
      'not_found',
    ),
    ...only(
      related.some(({ write }) => write !== 'create'),
      'update_not_offered',
    ),
  ];
}

/** Error codes of an operation or action of a type: those of the protocol, then those of its rules. */
export function codesOf(definition: Definition, name: string): ErrorCode[] {
  const { type, relationships } = definition;
  const operation = `${type}.${name}`;
  const common: ErrorCode[] = [...WITH_CREDENTIAL, 'permission_denied'];
  const change: ErrorCode[] = [...writes(operation), 'not_found', 'version_mismatch'];
  const codes: Readonly<Record<string, () => ErrorCode[]>> = {
    list: () => ['page_size_too_large'],
    get: () => ['not_found'],
    create: () => createCodes(definition),
    update: () => [
      ...WITH_BODY,
      ...change,
      'id_mismatch',
      ...only(Object.keys(relationships).length > 0, 'update_not_offered'),
    ],
    remove: () => change,
  };
  const declared = definition.operations[name as OperationName] ?? definition.actions[name];
  return [...common, ...(codes[name]?.() ?? [...change, 'unsupported_media_type']), ...(declared?.errors ?? [])];
}

const wordsOf = (codes: readonly ErrorCode[]): string =>
  codes.map((code) => `\`${code}\` (${ERRORS[code][1]})`).join(', ');

const errorContent = (components: Components): Json => ({ [MEDIA_TYPE]: { schema: errorDocument(components) } });

/** Header fields that an error answer of a status has beside the request id and those of rate limits. */
const HEADERS: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};
/** Refused before the request is counted. */
const UNCOUNTED = new Set<number>([ERRORS.not_acceptable[0]]);

/** One answer for each status that the codes have, and `default`. Operations with the same codes share their answers. */
export function errorResponses(components: Components, codes: readonly ErrorCode[]): Record<string, Ref> {
  const given = new Set(codes);
  const ordered = CODES.filter((code) => given.has(code));
  const responses: Record<string, Ref> = {};
  for (const status of [...new Set(ordered.map((code) => ERRORS[code][0]))].sort()) {
    const same = ordered.filter((code) => ERRORS[code][0] === status);
    const part = {
      description: same.map((code) => `\`${code}\``).join(', '),
      headers: headersOf(
        components,
        'X-Request-Id',
        ...(UNCOUNTED.has(status) ? [] : RATE_LIMIT),
        ...(HEADERS[status] ?? []),
      ),
      content: errorContent(components),
    };
    responses[status] = components.add('responses', part, [status, ...same].join('.'));
  }
  return { ...responses, default: anywhere(components) };
}

/** The answer to requests that no operation gets to see. */
export function anywhere(components: Components): Ref {
  const codes = ANYWHERE.map((code) => `${ERRORS[code][0]} \`${code}\``).join(', ');
  const part = {
    description: `Refused before the operation, or by a fault of the server: ${codes}`,
    headers: headersOf(components, 'X-Request-Id'),
    content: errorContent(components),
  };
  return components.add('responses', part, 'default');
}

const errorDocument = (components: Components): Ref =>
  components.add(
    'schemas',
    {
      ...object({
        errors: { type: 'array', minItems: 1, items: errorObject(components) },
        jsonapi: jsonapi(components),
      }),
      description:
        'All faults of a body are reported at once. Faults of several statuses are answered with 400, or 500.',
    },
    'ErrorDocument',
  );

function errorObject(components: Components): Ref {
  const statuses = [...new Set(CODES.map((code) => ERRORS[code][0]))].sort();
  const table = statuses.map((status) => {
    const codes = CODES.filter((code) => ERRORS[code][0] === status);
    return `- ${status}: ${wordsOf(codes)}`;
  });
  const text = { type: 'string' };
  const schema = object(
    {
      id: { ...text, description: 'Of the request: the same as in X-Request-Id and in the log.' },
      status: { ...text, enum: statuses.map(String) },
      code: { ...text, enum: CODES, description: `Stable; tells the faults apart:\n\n${table.join('\n')}` },
      title: { ...text, description: 'The same for every fault with this code.' },
      detail: { ...text, description: 'What was wrong this time.' },
      source: {
        ...object({ pointer: text, parameter: text, header: text }, ['pointer', 'parameter', 'header']),
        description: 'Where in the request: one of a JSON pointer into the body, a query parameter, a header field.',
      },
      meta: { type: 'object' },
    },
    ['source', 'meta'],
  );
  return components.add('schemas', schema, 'Error');
}
