import { ERRORS, type ErrorCode } from '../errors';
import { MEDIA_TYPE } from '../jsonapi/negotiate';
import { ANYWHERE } from './codes';
import type { Components, Json, Ref } from './components';
import { headersOf, RATE_LIMIT } from './headers';
import { closed, jsonapi } from './schemas';

const CODES = Object.keys(ERRORS) as ErrorCode[];

const wordsOf = (codes: readonly ErrorCode[]): string =>
  codes.map((code) => `\`${code}\` (${ERRORS[code][1]})`).join(', ');

/** Header fields that an error answer of a status has beside the request id and those of rate limits. */
export const ERROR_HEADERS: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  405: ['Allow'],
  409: ['Idempotent-Replayed?', 'Retry-After?'],
  412: ['Idempotent-Replayed?'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};
/** Refused before the request is counted. */
const UNCOUNTED = new Set<number>([ERRORS.not_acceptable[0]]);

/** An error answer with its codes, for people and, as `x-codes`, for programs. */
const response = (
  components: Components,
  description: string,
  codes: readonly ErrorCode[],
  headers: string[],
): Json => ({
  description,
  'x-codes': codes,
  headers: headersOf(components, 'X-Request-Id', ...headers),
  content: { [MEDIA_TYPE]: { schema: errorDocument(components) } },
});

/** One answer for each status that the codes have, and `default`. Operations with the same codes share their answers. */
export function errorResponses(components: Components, codes: readonly ErrorCode[]): Record<string, Ref> {
  const given = new Set(codes);
  const ordered = CODES.filter((code) => given.has(code));
  const responses: Record<string, Ref> = {};
  for (const status of [...new Set(ordered.map((code) => ERRORS[code][0]))].sort()) {
    const same = ordered.filter((code) => ERRORS[code][0] === status);
    const description = same.map((code) => `\`${code}\``).join(', ');
    const headers = [...(UNCOUNTED.has(status) ? [] : RATE_LIMIT), ...(ERROR_HEADERS[status] ?? [])];
    const part = response(components, description, same, headers);
    responses[status] = components.add('responses', part, [status, ...same].join('.'));
  }
  return { ...responses, default: anywhere(components) };
}

/** The answer to requests that no operation gets to see. */
export function anywhere(components: Components): Ref {
  const codes = ANYWHERE.map((code) => `${ERRORS[code][0]} \`${code}\``).join(', ');
  const description = `Refused before the operation, or by a fault of the server: ${codes}`;
  return components.add('responses', response(components, description, ANYWHERE, []), 'default');
}

const errorDocument = (components: Components): Ref => components.once('errors', () => describeErrors(components));

const describeErrors = (components: Components): Ref =>
  components.add(
    'schemas',
    {
      ...closed({
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
  const schema = closed(
    {
      id: { ...text, description: 'Of the request: the same as in X-Request-Id and in the log.' },
      links: { ...closed({ type: text }), description: 'A page about this kind of fault.' },
      status: { ...text, enum: statuses.map(String) },
      code: { ...text, enum: CODES, description: `Stable; tells the faults apart:\n\n${table.join('\n')}` },
      title: { ...text, description: 'The same for every fault with this code.' },
      detail: { ...text, description: 'What was wrong this time.' },
      source: {
        ...closed({ pointer: text, parameter: text, header: text }, ['pointer', 'parameter', 'header']),
        minProperties: 1,
        maxProperties: 1,
        description: 'Where in the request: one of a JSON pointer into the body, a query parameter, a header field.',
      },
      meta: { type: 'object' },
    },
    ['links', 'source', 'meta'],
  );
  return components.add('schemas', schema, 'Error');
}
