import { MEDIA_TYPE } from '../jsonapi/negotiate';
import { PERMISSIONS } from '../permissions';
import { LEVELS } from './access';
import { answer, HEAD, notModified } from './answers';
import { WITH_CREDENTIAL } from './codes';
import type { Components, Json, Ref } from './components';
import { anywhere, errorResponses } from './errors';
import { headersOf } from './headers';
import { header } from './parameters';
import { closed, constant, identifier, jsonapi, selfLink } from './schemas';

export const SERVICE_TAGS = [
  { name: 'callers', description: 'Whoever holds the credential.' },
  { name: 'operations', description: 'Several changes at once.' },
  { name: 'service', description: 'The process itself; these need no credential.' },
];

/** Paths beside the resource types: who is asking, this document, and what the operator's tools ask. */
export function servicePaths(components: Components): Record<string, Json> {
  const status = (value: Json) => ({
    'application/json': { schema: closed({ status: { type: 'string', ...value } }) },
  });
  return {
    '/public/v2/me': { get: me(components) },
    '/public/v2/openapi.json': { get: description(components) },
    '/livez': {
      get: open(components, 'getLiveness', 'Whether the process answers', {
        200: plain(components, 'It does.', status({ const: 'ok' })),
      }),
    },
    '/readyz': {
      get: open(components, 'getReadiness', 'Whether the service can work', {
        200: plain(components, 'It can: the database answers and has every migration.', status({ const: 'ready' })),
        503: plain(components, 'Not now.', status({ enum: ['draining', 'database unavailable'] }), 'Retry-After'),
      }),
    },
    '/metrics': {
      get: open(components, 'getMetrics', 'Measurements for Prometheus', {
        200: plain(components, 'In the text format of Prometheus.', { 'text/plain': { schema: { type: 'string' } } }),
      }),
    },
  };
}

const plain = (components: Components, description: string, content: Json, ...headers: string[]): Json => ({
  description,
  headers: headersOf(components, 'X-Request-Id', ...headers),
  content,
});

/** An operation without a credential. */
const open = (components: Components, operationId: string, summary: string, responses: Record<string, Json>): Json => ({
  tags: ['service'],
  operationId,
  summary,
  description: HEAD,
  security: [],
  parameters: [header(components, 'requestId')],
  responses: { ...responses, default: anywhere(components) },
});

function description(components: Components): Json {
  const content = { 'application/json': { schema: { type: 'object' } } };
  const operation = open(components, 'getOpenapi', 'Get this description', {
    200: plain(components, 'An OpenAPI 3.1 document.', content, 'ETag'),
    304: notModified(components, []),
  });
  return { ...operation, parameters: [header(components, 'ifNoneMatch'), header(components, 'requestId')] };
}

function me(components: Components): Json {
  const members = { data: caller(components), links: selfLink(components), jsonapi: jsonapi(components) };
  const schema = components.add('schemas', closed(members), 'CallerDocument');
  return {
    tags: ['callers'],
    operationId: 'getCaller',
    summary: 'Show which credential this is and what it may do',
    description: HEAD,
    parameters: [header(components, 'ifNoneMatch'), header(components, 'requestId')],
    responses: {
      200: answer(components, 'The caller.', { [MEDIA_TYPE]: { schema } }, 'ETag'),
      304: notModified(components),
      ...errorResponses(components, WITH_CREDENTIAL),
    },
  };
}

function caller(components: Components): Ref {
  const attributes = closed({
    level: { type: 'string', enum: LEVELS },
    name: { type: 'string' },
    permissions: { type: 'array', items: { type: 'string', enum: PERMISSIONS } },
  });
  const to = (type: string) => closed({ data: identifier(components, type) });
  const organizations = closed({ links: closed({ related: { type: 'string', format: 'uri-reference' } }) });
  const named = { organization: to('organizations'), partner: to('partners'), user: to('users'), organizations };
  const relationships = closed(named, Object.keys(named));
  const id = { type: 'string', format: 'uuid', description: 'Of the credential.' };
  const members = { id, type: constant('callers'), attributes, relationships, links: selfLink(components) };
  return components.add('schemas', closed(members, ['relationships']), 'Caller');
}
