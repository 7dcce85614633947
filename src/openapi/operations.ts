import { movesMoney, type Route } from '../controllers/routes';
import { type Action, actionWords, capitalize, type DocumentMeta } from '../jsonapi/define';
import { accessOf } from './access';
import { answer, deleted, HEAD, notModified, REPLAYED } from './answers';
import { codesOf } from './codes';
import { type Components, type Json, nameOf } from './components';
import { Documents } from './documents';
import { errorResponses } from './errors';
import { jsonFilters, jsonFiltersNote } from './filters';
import type { Registry } from './include';
import {
  capabilitiesParameter,
  documentParameters,
  header,
  idempotencyKey,
  idParameter,
  listParameters,
  ownParameters,
  purgeParameter,
} from './parameters';
import { changeLinkage, getLinkage, getRelated } from './relationships';
import { actionBody, resourceBody } from './requests';
import type { Parts, Task } from './task';

function list({ components, registry, documents, definition }: Task): Parts {
  return {
    operationId: `list${capitalize(definition.type)}`,
    summary: definition.operations.list?.summary,
    access: accessOf(`${definition.type}.list`),
    parameters: [
      ...listParameters(components, registry, definition),
      ...documentParameters(components, registry, definition),
    ],
    responses: { 200: answer(components, 'One page.', documents.list(definition)) },
    listOf: definition,
  };
}

function get({ components, registry, documents, definition }: Task): Parts {
  return {
    operationId: `get${nameOf(definition.type)}`,
    summary: definition.operations.get?.summary,
    access: accessOf(`${definition.type}.get`),
    parameters: [
      ...documentParameters(components, registry, definition),
      capabilitiesParameter(components),
      header(components, 'ifNoneMatch'),
    ],
    responses: {
      200: answer(components, 'The resource.', documents.resource(definition), 'ETag', 'Allow?'),
      304: notModified(components),
    },
  };
}

function create({ components, registry, documents, definition }: Task): Parts {
  const headers = ['ETag', 'Location', REPLAYED];
  return {
    operationId: `create${nameOf(definition.type)}`,
    summary: definition.operations.create?.summary,
    access: accessOf(`${definition.type}.create`),
    parameters: [
      ...documentParameters(components, registry, definition),
      ...ownParameters(components, definition.type, definition.operations.create?.parameters),
    ],
    requestBody: resourceBody(components, definition, 'create'),
    responses: {
      201: answer(
        components,
        'The new resource.',
        documents.created(definition, definition.operations.create?.documentMeta),
        ...headers,
      ),
    },
  };
}

/** What changes a resource and shows it. */
function changed(
  { components, registry, documents, definition }: Task,
  said?: { by: string; meta: DocumentMeta<never> },
): Pick<Parts, 'parameters' | 'responses'> {
  const resource = documents.resource(definition, false, said);
  return {
    parameters: [...documentParameters(components, registry, definition), header(components, 'ifMatch')],
    responses: { 200: answer(components, 'The resource as it is now.', resource, 'ETag', REPLAYED) },
  };
}

function update(task: Task): Parts {
  const { components, definition } = task;
  return {
    operationId: `update${nameOf(definition.type)}`,
    summary: definition.operations.update?.summary,
    access: accessOf(`${definition.type}.update`),
    requestBody: resourceBody(components, definition, 'update'),
    ...changed(task),
  };
}

function act(task: Task): Parts {
  const { components, definition, documents, action: name } = task;
  const action = definition.actions[name] as Action<never>;
  const [object, verb] = actionWords(name, action);
  const operationId = `${verb}${nameOf(definition.type)}${capitalize(object)}`;
  const parts = { operationId, summary: action.summary, access: accessOf(`${definition.type}.${name}`) };
  if (action.method === 'DELETE') {
    return { ...parts, parameters: [header(components, 'ifMatch')], responses: { 204: deleted(components) } };
  }
  const requestBody = actionBody(components, action, capitalize(operationId));
  const { documentMeta } = action;
  const said = documentMeta === undefined ? undefined : { by: capitalize(operationId), meta: documentMeta };
  if (action.status !== 201) return { ...parts, requestBody, ...changed(task, said) };
  const { parameters } = changed(task);
  const headers = ['ETag', 'Location', REPLAYED];
  const made = answer(components, 'The new resource.', documents.created(definition, documentMeta), ...headers);
  return { ...parts, requestBody, parameters, responses: { 201: made } };
}

function remove({ components, definition }: Task): Parts {
  return {
    operationId: `delete${nameOf(definition.type)}`,
    summary: definition.operations.remove?.summary,
    access: accessOf(`${definition.type}.remove`),
    parameters: [
      ...purgeParameter(components, definition),
      ...ownParameters(components, definition.type, definition.operations.remove?.parameters),
      header(components, 'ifMatch'),
    ],
    responses: { 204: deleted(components) },
  };
}

const KINDS: Readonly<Record<string, (task: Task) => Parts>> = {
  'collection GET': list,
  'collection POST': create,
  'resource GET': get,
  'resource PATCH': update,
  'resource DELETE': remove,
  'action POST': act,
  'action DELETE': act,
  'related GET': getRelated,
  'linkage GET': getLinkage,
  'linkage PATCH': changeLinkage,
  'linkage POST': changeLinkage,
  'linkage DELETE': changeLinkage,
};

function operation(components: Components, registry: Registry, route: Route, method: string): Json {
  const { kind, definition, action = '', relationship: name = '', refused } = route;
  const documents = new Documents(components, registry);
  const task: Task = { components, registry, documents, definition, method, action, name };
  const parts = (KINDS[`${kind} ${method}`] as (task: Task) => Parts)(task);
  const { words, ...access } = parts.access;
  const { listOf, requestBody } = parts;
  const isRead = method === 'GET';
  const notes = [
    words,
    ...(isRead ? [HEAD] : []),
    ...(isRead && refused.length > 0 ? [`Takes no ${refused.join(', ')}: 403 \`update_not_offered\`.`] : []),
    ...(listOf === undefined ? [] : [jsonFiltersNote(listOf, registry)]),
  ];
  return {
    tags: [definition.type],
    operationId: parts.operationId,
    summary: parts.summary,
    description: notes.filter((note) => note !== undefined).join('\n\n'),
    ...access,
    ...(listOf === undefined ? {} : { 'x-json-filters': jsonFilters(listOf, registry) }),
    parameters: [
      ...(kind === 'collection' ? [] : [idParameter(components, definition)]),
      ...parts.parameters,
      ...(isRead ? [] : [idempotencyKey(components, movesMoney(route, method))]),
      header(components, 'requestId'),
    ],
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: { ...parts.responses, ...errorResponses(components, codesOf(route, method)) },
  };
}

/** The operations of one path. HEAD and OPTIONS follow from the others and have no entry of their own. */
export function pathItem(components: Components, registry: Registry, route: Route): Json {
  const methods = route.methods.filter((method) => method !== 'HEAD' && method !== 'OPTIONS');
  return Object.fromEntries(
    methods.map((method) => [method.toLowerCase(), operation(components, registry, route, method)]),
  );
}
