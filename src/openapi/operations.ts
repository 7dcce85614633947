import type { Route } from '../controllers/routes';
import type { ResourceDefinition } from '../jsonapi/define';
import { MEDIA_TYPE } from '../jsonapi/negotiate';
import { accessOf } from './access';
import { type Components, capitalize, type Json, nameOf, type Ref } from './components';
import { codesOf, errorResponses } from './errors';
import { exampleOf } from './example';
import { headersOf, RATE_LIMIT } from './headers';
import type { Registry } from './include';
import {
  documentParameters,
  filterNotes,
  idParameter,
  ifMatch,
  ifNoneMatch,
  listParameters,
  purgeParameter,
  requestId,
} from './parameters';

type Definition = ResourceDefinition<never>;

/** What differs between the kinds of operation. */
interface Parts {
  parameters: Ref[];
  requestBody?: Json;
  responses: Record<string, Json | Ref>;
  notes?: string[];
}

interface Task {
  components: Components;
  definition: Definition;
  registry: Registry;
}

/** An answer with a JSON:API document. */
export function answer(components: Components, description: string, schema: string, ...headers: string[]): Json {
  return {
    description,
    headers: headersOf(components, 'X-Request-Id', ...RATE_LIMIT, 'Cache-Control', ...headers),
    content: { [MEDIA_TYPE]: { schema: { $ref: `#/components/schemas/${schema}` } } },
  };
}

/** The answer to `If-None-Match` when nothing has changed. */
export const notModified = (components: Components, counted: readonly string[] = RATE_LIMIT): Ref =>
  components.add(
    'responses',
    { description: 'Not modified.', headers: headersOf(components, 'X-Request-Id', ...counted, 'ETag') },
    '304',
    '304.uncounted',
  );

const deleted = (components: Components): Ref =>
  components.add(
    'responses',
    { description: 'Done; there is no body.', headers: headersOf(components, 'X-Request-Id', ...RATE_LIMIT) },
    '204',
  );

function bodyOf(definition: Definition, purpose: 'create' | 'update'): Json {
  const schema = { $ref: `#/components/schemas/${nameOf(definition.type)}${capitalize(purpose)}` };
  return { required: true, content: { [MEDIA_TYPE]: { schema, example: exampleOf(definition, purpose) } } };
}

/** Said of every GET: HEAD has no entry of its own. */
export const HEAD = '`HEAD` answers the same without a body.';

const list = ({ components, definition, registry }: Task): Parts => ({
  parameters: listParameters(components, definition, registry),
  responses: { 200: answer(components, 'One page.', `${nameOf(definition.type)}List`) },
  notes: [HEAD, filterNotes(definition)],
});

const get = ({ components, definition, registry }: Task): Parts => ({
  parameters: [
    idParameter(components),
    ...documentParameters(components, definition, registry),
    ifNoneMatch(components),
  ],
  responses: {
    200: answer(components, 'The resource.', `${nameOf(definition.type)}Document`, 'ETag'),
    304: notModified(components),
  },
  notes: [HEAD],
});

const create = ({ components, definition, registry }: Task): Parts => ({
  parameters: documentParameters(components, definition, registry),
  requestBody: bodyOf(definition, 'create'),
  responses: {
    201: answer(components, 'The new resource.', `${nameOf(definition.type)}Created`, 'ETag', 'Location'),
  },
});

const changed = ({ components, definition, registry }: Task): Parts => ({
  parameters: [idParameter(components), ...documentParameters(components, definition, registry), ifMatch(components)],
  responses: { 200: answer(components, 'The resource as it is now.', `${nameOf(definition.type)}Document`, 'ETag') },
});

const update = (task: Task): Parts => ({ ...changed(task), requestBody: bodyOf(task.definition, 'update') });

const remove = ({ components, definition }: Task): Parts => ({
  parameters: [idParameter(components), ...purgeParameter(components, definition), ifMatch(components)],
  responses: { 204: deleted(components) },
});

function act(task: Task): Parts {
  const settings = { type: 'object', properties: { meta: { type: 'object', description: 'Settings of the action.' } } };
  const schema = task.components.add('schemas', settings, 'Action');
  const requestBody = { required: false, content: { [MEDIA_TYPE]: { schema } } };
  return { ...changed(task), requestBody };
}

type Name = 'list' | 'get' | 'create' | 'update' | 'remove';

const PARTS: Readonly<Record<Name, (task: Task) => Parts>> = { list, get, create, update, remove };
const NAMES: Readonly<Record<string, Name>> = {
  'collection GET': 'list',
  'collection POST': 'create',
  'resource GET': 'get',
  'resource PATCH': 'update',
  'resource DELETE': 'remove',
};

function operationId(name: string, type: string): string {
  if (name === 'list') return `list${capitalize(type)}`;
  return `${name === 'remove' ? 'delete' : name}${nameOf(type)}`;
}

function operation(
  components: Components,
  registry: Registry,
  { definition, action }: Route,
  name: Name | undefined,
): Json {
  const { type, operations, actions } = definition;
  const key = name ?? (action as string);
  const task = { components, definition, registry };
  const { parameters, requestBody, responses, notes = [] } = name === undefined ? act(task) : PARTS[name](task);
  const { words, ...access } = accessOf(`${type}.${key}`);
  return {
    tags: [type],
    operationId: operationId(key, type),
    summary: (name === undefined ? actions[key] : operations[name])?.summary,
    description: [words, ...notes].join('\n\n'),
    ...access,
    parameters: [...parameters, requestId(components)],
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: { ...responses, ...errorResponses(components, codesOf(definition, key)) },
  };
}

/** The operations of one path. HEAD and OPTIONS follow from the others and have no entry of their own. */
export function pathItem(components: Components, registry: Registry, route: Route): Json {
  const methods = route.methods.filter((method) => method !== 'HEAD' && method !== 'OPTIONS');
  return Object.fromEntries(
    methods.map((method) => [
      method.toLowerCase(),
      operation(components, registry, route, NAMES[`${route.kind} ${method}`]),
    ]),
  );
}
