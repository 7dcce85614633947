import type { ErrorCode } from '../errors';
import { capitalize, type Schema } from '../jsonapi/define';
import { JSON_TYPE, type Surface, type SurfaceRoute } from '../legacy/surface';
import { accessOf } from './access';
import { HEAD, REPLAYED } from './answers';
import { ANYWHERE, memberCodes, surfaceCodes } from './codes';
import type { Components, Json, Ref } from './components';
import { ERROR_HEADERS } from './errors';
import { sampleOf } from './example';
import { headersOf, RATE_LIMIT } from './headers';
import { fileBody } from './media';
import { header, ownParameters } from './parameters';

export const surfaceTags = (surfaces: readonly Surface[]): Json[] =>
  surfaces.map(({ tag, summary }) => ({ name: tag, description: summary }));

/** The paths of the surfaces beside JSON:API, made from their route tables. */
export function surfacePaths(components: Components, surfaces: readonly Surface[]): Record<string, Json> {
  const paths: Record<string, Json> = {};
  for (const surface of surfaces) {
    for (const route of surface.routes) {
      const operation = describe(components, surface, route);
      paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation };
    }
  }
  return paths;
}

function describe(components: Components, surface: Surface, route: SurfaceRoute): Json {
  const { method, operationId, summary, description, operation, parameters, request, upload } = route;
  const isOpen = 'runOpen' in route;
  const { words, ...access } = isOpen ? { words: 'Without a credential, or with one.' } : accessOf(operation);
  const notes = [description, words, method === 'GET' ? HEAD : undefined].filter((note) => note !== undefined);
  return {
    tags: [surface.tag],
    operationId,
    summary,
    description: notes.join('\n\n'),
    ...access,
    ...(isOpen ? { security: [{}, { bearer: [] }, { apiKey: [] }] } : {}),
    parameters: [
      ...pathParameters(surface, route),
      ...ownParameters(components, operationId, parameters),
      ...(method === 'GET' ? [] : [header(components, 'idempotencyKey')]),
      header(components, 'requestId'),
    ],
    ...(request === undefined ? {} : { requestBody: describeBody(components, operationId, request) }),
    ...(upload === undefined ? {} : { requestBody: fileBody(components) }),
    responses: { ...describeAnswer(components, route), ...describeErrors(components, surface, route) },
  };
}

const pathParameters = ({ params }: Surface, { path }: SurfaceRoute): Json[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({ name, in: 'path', required: true, schema: params[name] }));

function describeBody(components: Components, operationId: string, schema: Schema): Json {
  const ref = components.add('schemas', schema, `${capitalize(operationId)}Request`);
  return {
    required: schema.required !== undefined,
    content: { [JSON_TYPE]: { schema: ref, example: exampleOf(schema) } },
  };
}

/** The least that a request must have; one that need not have anything has its first member. */
function exampleOf(schema: Schema): unknown {
  const { properties, required = Object.keys(properties as object).slice(0, 1) } = schema;
  return sampleOf({ ...schema, properties, required });
}

function describeAnswer(components: Components, route: SurfaceRoute): Record<string, Json> {
  const { method, operationId, answer, headers = [] } = route;
  const fields = [...headers, ...(method === 'GET' ? [] : [REPLAYED])];
  const described = {
    description: answer.description,
    headers: headersOf(components, 'X-Request-Id', ...RATE_LIMIT, 'Cache-Control', ...fields),
  };
  if (answer.schema === undefined) return { [answer.status]: described };
  const schema = components.add('schemas', answer.schema, `${capitalize(operationId)}Answer`);
  return { [answer.status]: { ...described, content: { [JSON_TYPE]: { schema } } } };
}

/** One answer for each status that the codes have on the surface, and `default`. */
function describeErrors(components: Components, surface: Surface, route: SurfaceRoute): Record<string, Ref> {
  const byStatus = new Map<number, Set<string>>();
  const note = (code: ErrorCode, field: string | undefined) => {
    const status = surface.errors.status(code);
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(surface.errors.code(code, field)));
  };
  for (const code of surfaceCodes(route)) note(code, undefined);
  for (const [field, codes] of Object.entries(memberCodes(route))) for (const code of codes) note(code, field);
  const statuses = [...byStatus.keys()].sort();
  const responses = statuses.map((status) => {
    const codes = [...(byStatus.get(status) ?? [])].sort();
    const description = codes.map((code) => `\`${code}\``).join(', ');
    const fields = [...RATE_LIMIT, ...(ERROR_HEADERS[status] ?? [])];
    return [status, errorResponse(components, surface, description, codes, fields, `${status}.${codes.join('.')}`)];
  });
  const everywhere = ANYWHERE.map((code) => `${surface.errors.status(code)} \`${code}\``).join(', ');
  const description = `Refused before the operation, or by a fault of the server: ${everywhere}`;
  return {
    ...Object.fromEntries(responses),
    default: errorResponse(components, surface, description, ANYWHERE, [], 'default'),
  };
}

/** @param name of it among the answers of the surface */
function errorResponse(
  components: Components,
  { tag, errors }: Surface,
  description: string,
  codes: readonly string[],
  headers: readonly string[],
  name: string,
): Ref {
  const part = {
    description,
    'x-codes': codes,
    headers: headersOf(components, 'X-Request-Id', ...headers),
    content: { [JSON_TYPE]: { schema: components.add('schemas', errors.schema, errors.name) } },
  };
  return components.add('responses', part, `${tag}.${name}`);
}
