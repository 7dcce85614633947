import { type Endpoint, isWrite } from '../controllers/endpoints';
import { allRoutes, type Route } from '../controllers/routes';
import type { ErrorCode } from '../errors';
import { FILE_PART } from '../http/upload';
import { attributesSchema } from '../jsonapi/body';
import type { OperationName, Relationship, Schema } from '../jsonapi/define';
import type { RequestBody } from '../jsonapi/request';
import { KEYWORDS } from '../jsonapi/values';
import type { SurfaceRoute } from '../legacy/surface';
import { OPERATIONS } from '../permissions';
import type { Definition, Registry } from './include';

/** Refused before the operation is known, or by a fault of ours: the same everywhere, so stated once, as `default`. */
export const ANYWHERE: readonly ErrorCode[] = [
  'malformed_request',
  'request_timeout',
  'uri_too_long',
  'headers_too_large',
  'internal_error',
];

/** Negotiation, query. */
const ALWAYS: readonly ErrorCode[] = [
  'malformed_request',
  'invalid_parameter',
  'not_acceptable',
  'rate_limited',
  'unavailable',
];

/** A credential that is sent. */
const CREDENTIAL: readonly ErrorCode[] = [
  'invalid_credential',
  'expired_credential',
  'revoked_credential',
  'partner_suspended',
  'ip_not_allowed',
];

/** Negotiation, credential, query. */
export const WITH_CREDENTIAL: readonly ErrorCode[] = [...ALWAYS, 'missing_credential', ...CREDENTIAL];

/** A body that can't be read. */
const BODY: readonly ErrorCode[] = ['too_large', 'unsupported_media_type'];
/** What can be wrong with a file. */
const FILE: readonly ErrorCode[] = ['required', 'not_allowed', 'invalid_format', 'too_large', 'unsupported_media_type'];
const IDEMPOTENCY: readonly ErrorCode[] = ['request_in_progress', 'idempotency_key_reused'];
const WRITE: readonly ErrorCode[] = [...BODY, ...IDEMPOTENCY, 'conflict'];

const only = (condition: boolean, ...codes: ErrorCode[]): ErrorCode[] => (condition ? codes : []);

/** What organizations refuse their members and keys: writes while they are suspended, and without an `Idempotency-Key`. */
const suspension = (operation: string): ErrorCode[] =>
  only(
    OPERATIONS[operation]?.levels.includes('organization') === true,
    'organization_suspended',
    'idempotency_key_required',
  );

/** What a value can do wrong. */
function codesOfSchema(schema: Schema): ErrorCode[] {
  const codes = Object.keys(schema).flatMap((keyword) => KEYWORDS[keyword] ?? []);
  const items = schema.items === undefined ? [] : codesOfSchema(schema.items as Schema);
  return ['invalid_format', ...only(schema['x-metadata'] === true, 'too_long'), ...codes, ...items];
}

/** What the reader of bodies finds in a resource object. */
function bodyCodes(definition: Definition, purpose: 'create' | 'update'): ErrorCode[] {
  const { properties } = attributesSchema(definition, purpose) as { properties: Record<string, Schema> };
  const settable = (each: Relationship) => (purpose === 'create' ? each.write === 'create' : each.change !== undefined);
  const isFixed = Object.values(definition.relationships).some((each) => !settable(each));
  return [
    'malformed_document',
    'type_mismatch',
    'unknown_attribute',
    'unknown_relationship',
    ...Object.values(properties).flatMap(codesOfSchema),
    ...only(isFixed, 'update_not_offered'),
  ];
}

function createCodes(definition: Definition): ErrorCode[] {
  const { type, attributes, relationships, clientIds } = definition;
  const related = Object.values(relationships);
  const needs = [...Object.values(attributes), ...related].some(({ required }) => required === true);
  const names = related.some(({ write }) => write === 'create');
  return [
    ...bodyCodes(definition, 'create'),
    ...suspension(`${type}.create`),
    'client_id_not_allowed',
    ...only(clientIds, 'id_taken'),
    ...only(needs, 'required'),
    ...only(names, 'not_found'),
  ];
}

function updateCodes(definition: Definition): ErrorCode[] {
  const { type, relationships } = definition;
  const changes = Object.entries(relationships).filter(([, { change }]) => change !== undefined);
  return [
    ...bodyCodes(definition, 'update'),
    ...changeCodes(`${type}.update`),
    'id_mismatch',
    ...changes.flatMap(([name, { change }]) => [...suspension(`${type}.${name}`), ...(change?.errors?.replace ?? [])]),
  ];
}

/** What the reader of settings finds in `meta`. */
function settingsCodes({ actions }: Definition, name = ''): ErrorCode[] {
  const action = actions[name];
  if (action === undefined || action.method === 'DELETE') return [];
  const { settings = {}, requiredSettings = [] } = action;
  return [
    'malformed_document',
    'unknown_attribute',
    ...Object.values(settings).flatMap(codesOfSchema),
    ...only(requiredSettings.length > 0, 'required'),
  ];
}

const changeCodes = (operation: string): ErrorCode[] => [...suspension(operation), 'not_found', 'version_mismatch'];

const LINKAGE = { PATCH: 'replace', POST: 'add', DELETE: 'remove' } as const;

function linkageChangeCodes({ definition, relationship: name = '' }: Route, method: keyof typeof LINKAGE): ErrorCode[] {
  const errors = definition.relationships[name]?.change?.errors?.[LINKAGE[method]] ?? [];
  return ['malformed_document', 'type_mismatch', ...changeCodes(`${definition.type}.${name}`), ...errors];
}

/** Those of the protocol that differ by kind of path and method. */
function protocolCodes(route: Route, method: string): ErrorCode[] {
  const { kind, definition, action, relationship = '' } = route;
  const { type, relationships } = definition;
  const isMany = 'many' in (relationships[relationship] ?? {});
  switch (`${kind} ${method}`) {
    case 'collection GET':
      return ['page_size_too_large'];
    case 'collection POST':
      return createCodes(definition);
    case 'resource GET':
      return ['not_found'];
    case 'resource PATCH':
      return updateCodes(definition);
    case 'resource DELETE':
      return changeCodes(`${type}.remove`);
    case 'action POST':
      return [...settingsCodes(definition, action), ...changeCodes(`${type}.${action}`)];
    case 'action DELETE':
      return changeCodes(`${type}.${action}`);
    case 'related GET':
    case 'linkage GET':
      return ['not_found', ...only(isMany, 'page_size_too_large')];
    default:
      return linkageChangeCodes(route, method as keyof typeof LINKAGE);
  }
}

/** Kind of path and method → the operation of the definition. */
const OPERATION_NAMES: Readonly<Record<string, OperationName>> = {
  'collection GET': 'list',
  'collection POST': 'create',
  'resource GET': 'get',
  'resource PATCH': 'update',
  'resource DELETE': 'remove',
};

/** Every error code that a method of a path can be answered with, but for those of `ANYWHERE`. */
export function codesOf(route: Route, method: string): ErrorCode[] {
  const { kind, definition, action } = route;
  const name = OPERATION_NAMES[`${kind} ${method}`];
  const declared = name === undefined ? definition.actions[action ?? ''] : definition.operations[name];
  return [
    ...WITH_CREDENTIAL,
    'permission_denied',
    ...(method === 'GET' ? [] : WRITE),
    ...protocolCodes(route, method),
    ...(declared?.errors ?? []),
  ];
}

/** Those of atomic operations: of everything that they can do, and of targets that they can't. */
export function atomicCodes(registry: Registry): ErrorCode[] {
  const writes = allRoutes(registry).filter(
    ({ kind }) => kind === 'collection' || kind === 'resource' || kind === 'linkage',
  );
  const all = writes.flatMap((route) =>
    route.methods.filter((method) => /PATCH|POST|DELETE/.test(method)).flatMap((method) => codesOf(route, method)),
  );
  return [...new Set<ErrorCode>([...all, 'not_found', 'update_not_offered', 'method_not_allowed'])];
}

/** What stands anywhere in a schema of values can do wrong. */
function codesWithin(schema: Schema): ErrorCode[] {
  const { properties = {}, items } = schema as { properties?: Record<string, Schema>; items?: Schema };
  const below = [...Object.values(properties), ...(items === undefined ? [] : [items])].flatMap(codesWithin);
  return [...codesOfSchema(schema), ...below];
}

/** What the reader of an endpoint's body finds. */
function requestCodes({ schema }: RequestBody): ErrorCode[] {
  const { data, meta } = schema.properties as Record<string, Schema & { properties?: Record<string, Schema> }>;
  if (data?.type === 'array') return ['malformed_document', 'too_short'];
  const { attributes, relationships } = data?.properties ?? {};
  const values = meta ?? attributes ?? {};
  const needs = [values, relationships].some((each) => each?.required !== undefined);
  return [
    'malformed_document',
    'unknown_attribute',
    ...Object.values((values.properties ?? {}) as Record<string, Schema>).flatMap(codesWithin),
    ...only(needs, 'required'),
    ...only(data !== undefined, 'type_mismatch', 'client_id_not_allowed', 'unknown_relationship'),
    ...only(relationships !== undefined, 'not_found'),
  ];
}

/** Every error code that an endpoint can be answered with, but for those of `ANYWHERE`. */
export function endpointCodes(endpoint: Endpoint): ErrorCode[] {
  const { method, path, params = {}, credential, operation, request, upload, errors } = endpoint;
  const isJudged = credential !== 'none' && OPERATIONS[operation] !== undefined;
  const hasIds = [...path.matchAll(/\{(\w+)\}/g)].some(([, name = '']) => params[name] === undefined);
  const writes = isWrite(endpoint);
  return [
    ...ALWAYS,
    ...only(credential === 'required', 'missing_credential'),
    ...only(credential !== 'none', ...CREDENTIAL),
    ...only(isJudged, 'permission_denied'),
    ...(isJudged && writes ? suspension(operation) : []),
    ...only(hasIds, 'not_found'),
    ...only(method !== 'GET', ...BODY),
    ...only(writes, 'conflict'),
    ...only(writes && credential !== 'none', ...IDEMPOTENCY),
    ...(request === undefined ? [] : requestCodes(request)),
    ...only(upload !== undefined, ...FILE),
    ...errors,
  ];
}

/** Likewise for a route of another surface; those about one member of its body are `memberCodes`. */
export function surfaceCodes(route: SurfaceRoute): ErrorCode[] {
  const { method, path, operation, parameters, request, errors = [] } = route;
  const isKeyed = 'run' in route;
  const writes = method !== 'GET';
  return [
    'malformed_request',
    'rate_limited',
    'unavailable',
    ...CREDENTIAL,
    ...only(parameters !== undefined, 'invalid_parameter'),
    ...only(isKeyed, 'missing_credential', 'permission_denied'),
    ...(isKeyed && writes ? suspension(operation) : []),
    ...only(path.includes('{'), 'not_found'),
    ...(writes ? WRITE : []),
    ...only(request !== undefined, 'malformed_document'),
    ...errors,
  ];
}

/** What can be wrong with a member of the body of such a route. */
export function memberCodes({ request, upload, faults = {} }: SurfaceRoute): Record<string, readonly ErrorCode[]> {
  if (upload !== undefined) return { [FILE_PART]: FILE };
  const { properties = {}, required = [] } = (request ?? {}) as {
    properties?: Record<string, Schema>;
    required?: string[];
  };
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      [...codesOfSchema(schema), ...only(required.includes(name), 'required'), ...(faults[name] ?? [])],
    ]),
  );
}
