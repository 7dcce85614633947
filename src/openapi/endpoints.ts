import { type Endpoint, type EndpointAnswer, isWrite } from '../controllers/endpoints';
import { shapeOf } from '../controllers/sites';
import { capitalize, type Schema } from '../jsonapi/define';
import { MEDIA_TYPE } from '../jsonapi/negotiate';
import { uuid } from '../jsonapi/schemas';
import { OPERATIONS } from '../permissions';
import { accessOf } from './access';
import { answer, HEAD, notModified, REPLAYED } from './answers';
import { endpointCodes } from './codes';
import type { Components, Json, Ref } from './components';
import { errorResponses } from './errors';
import { sampleOf } from './example';
import { headersOf, RATE_LIMIT } from './headers';
import type { Definition, Registry } from './include';
import { fileBody } from './media';
import { header, ownParameters } from './parameters';
import { resourceSchema } from './resource';
import { anyOf, closed, jsonapi, listOf, replayMeta, selfLink } from './schemas';

/** Without a credential, or with one; undefined where one is needed, as everywhere. */
const SECURITY: Readonly<Record<Endpoint['credential'], Json[] | undefined>> = {
  required: undefined,
  optional: [{}, { bearer: [] }, { apiKey: [] }],
  none: [],
};

/** Describes one endpoint; its path parameters have the names that they have in `path`. */
export function describeEndpoint(components: Components, registry: Registry, endpoint: Endpoint, path: string): Json {
  const { method, operation, operationId, credential, request, upload, summary, tag } = endpoint;
  const isRead = method === 'GET';
  const isKeyed = credential !== 'none' && isWrite(endpoint);
  const { words, ...access } =
    credential === 'none' || OPERATIONS[operation] === undefined
      ? { words: 'No credential is needed.' }
      : accessOf(operation);
  const note = credential === 'optional' ? `Without a credential, or with one. With one: ${words}` : words;
  const security = SECURITY[credential];
  const answers = Object.entries(endpoint.responses).map(([status, each]) => [
    status,
    describeAnswer(components, registry, endpoint, status, each),
  ]);
  const hasTag = isRead && Object.values(endpoint.responses).some(({ data }) => data !== undefined);
  return {
    tags: [tag],
    operationId,
    summary,
    description: [endpoint.description, note, isRead ? HEAD : undefined]
      .filter((each) => each !== undefined)
      .join('\n\n'),
    ...access,
    ...(security === undefined ? {} : { security }),
    parameters: [
      ...pathParameters(endpoint, path),
      ...ownParameters(components, operationId, endpoint.parameters),
      ...(hasTag ? [header(components, 'ifNoneMatch')] : []),
      ...(endpoint.ifMatch ? [header(components, 'ifMatch')] : []),
      ...(isKeyed ? [header(components, 'idempotencyKey')] : []),
      header(components, 'requestId'),
    ],
    ...(request === undefined ? {} : { requestBody: describeBody(components, operationId, request) }),
    ...(upload === undefined ? {} : { requestBody: fileBody(components) }),
    responses: {
      ...Object.fromEntries(answers),
      ...(hasTag ? { 304: notModified(components) } : {}),
      ...errorResponses(components, endpointCodes(endpoint)),
    },
  };
}

const namesIn = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);

function pathParameters({ path: own, params = {} }: Endpoint, path: string): Json[] {
  const names = namesIn(path);
  return namesIn(own).map((name, i) => ({ name: names[i], in: 'path', required: true, schema: params[name] ?? uuid }));
}

function describeBody(
  components: Components,
  operationId: string,
  { required, schema }: NonNullable<Endpoint['request']>,
): Json {
  const ref = components.add('schemas', schema, `${capitalize(operationId)}Request`);
  return { required, content: { [MEDIA_TYPE]: { schema: ref, example: sampleOf(schema) } } };
}

function describeAnswer(
  components: Components,
  registry: Registry,
  endpoint: Endpoint,
  status: string,
  given: EndpointAnswer,
): Json {
  const { description, data, mediaType = MEDIA_TYPE, headers = [] } = given;
  const isKeyed = endpoint.credential !== 'none' && isWrite(endpoint);
  const fields = [...headers, ...(data === undefined ? [] : ['ETag']), ...(isKeyed ? [REPLAYED] : [])];
  const schema = bodySchema(components, registry, endpoint, given);
  if (schema === undefined) {
    return { description, headers: headersOf(components, 'X-Request-Id', ...RATE_LIMIT, 'Cache-Control', ...fields) };
  }
  const name = `${capitalize(endpoint.operationId)}Answer`;
  const ref = components.add('schemas', schema, name, `${name}${status}`);
  const content = Object.fromEntries([mediaType].flat().map((each) => [each, { schema: ref }]));
  return answer(components, description, content, ...fields);
}

function bodySchema(
  components: Components,
  registry: Registry,
  { secrets }: Endpoint,
  { schema, meta, data }: EndpointAnswer,
): Schema | undefined {
  if (meta !== undefined) {
    const shown = secrets === undefined ? meta : { anyOf: [meta, replayMeta(components)] };
    return closed({ meta: shown, jsonapi: jsonapi(components) });
  }
  if (data === undefined) return schema;
  const resource = (type: string): Ref => resourceSchema(components, registry.get(type) as Definition);
  const included = (data.included ?? []).map(resource);
  const members = {
    data: resource(data.type),
    ...(included.length === 0 ? {} : { included: listOf(anyOf(included)) }),
    meta: replayMeta(components),
    links: selfLink(components),
    jsonapi: jsonapi(components),
  };
  return closed(members, ['meta', 'links']);
}

/** Adds the endpoints to the paths of the resource types; where both have a method, it is one operation for both. */
export function addEndpoints(
  components: Components,
  registry: Registry,
  paths: Record<string, Json>,
  endpoints: readonly Endpoint[],
): void {
  for (const endpoint of endpoints) {
    const path = Object.keys(paths).find((each) => shapeOf(each) === shapeOf(endpoint.path)) ?? endpoint.path;
    const item = paths[path] ?? {};
    const method = endpoint.method.toLowerCase();
    const described = describeEndpoint(components, registry, endpoint, path);
    const own = item[method] as Json | undefined;
    paths[path] = { ...item, [method]: own === undefined ? described : combined(components, own, described) };
  }
}

type Responses = Record<string, Json & { content?: Record<string, { schema: Ref }>; headers?: Json }>;

/** The operation of a resource type, and of the endpoint that answers the same requests for other ids. */
function combined(components: Components, own: Json, other: Json): Json {
  const [mine, its] = [own.responses as Responses, other.responses as Responses];
  const codes = [...codesIn(components, mine), ...codesIn(components, its)];
  const good = [...new Set([...Object.keys(mine), ...Object.keys(its)])].filter((status) => status < '400');
  const responses = good.map((status) => [
    status,
    eitherOf(components, `${capitalize(String(own.operationId))}Answer`, mine[status], its[status]),
  ]);
  return {
    ...own,
    description: `${own.description}\n\n${other.summary}: ${other.description}`,
    ...(other.security === undefined ? {} : { security: SECURITY.optional }),
    parameters: eitherParameters(components, own.parameters as (Ref | Json)[], other.parameters as (Ref | Json)[]),
    responses: { ...Object.fromEntries(responses), ...errorResponses(components, codes as never) },
  };
}

function codesIn({ parts }: Components, responses: Responses): unknown[] {
  return Object.entries(responses).flatMap(([status, response]) => {
    const name =
      String(response.$ref ?? '')
        .split('/')
        .at(-1) ?? '';
    const codes = parts.responses[name]?.['x-codes'] as unknown[] | undefined;
    return status >= '400' && status !== 'default' ? (codes ?? []) : [];
  });
}

function eitherOf(
  components: Components,
  name: string,
  mine: Responses[string] | undefined,
  its: Responses[string] | undefined,
): Json {
  if (mine === undefined || its === undefined || mine.$ref !== undefined) return (mine ?? its) as Json;
  const schemas = [mine, its].flatMap(({ content }) => content?.[MEDIA_TYPE]?.schema ?? []);
  const headers = Object.entries(mine.headers ?? {}).filter(([name]) => its.headers?.[name] !== undefined);
  return {
    ...mine,
    description: `${mine.description} ${its.description}`,
    headers: Object.fromEntries(headers),
    content: {
      ...its.content,
      ...mine.content,
      [MEDIA_TYPE]: { schema: components.add('schemas', anyOf(schemas), name) },
    },
  };
}

function eitherParameters(components: Components, mine: (Ref | Json)[], its: (Ref | Json)[]): (Ref | Json)[] {
  const resolved = (part: Ref | Json): Json =>
    '$ref' in part ? (components.parts.parameters[String(part.$ref).split('/').at(-1) ?? ''] as Json) : part;
  const keyOf = (part: Ref | Json): string => `${resolved(part).in} ${resolved(part).name}`;
  const others = new Map(its.map((each) => [keyOf(each), each]));
  const both = mine.map((each) => {
    const same = others.get(keyOf(each));
    others.delete(keyOf(each));
    if (same === undefined || resolved(each).in !== 'path') return each;
    return { ...resolved(each), schema: { anyOf: [resolved(each).schema, resolved(same).schema] } };
  });
  return [...both, ...others.values()];
}
