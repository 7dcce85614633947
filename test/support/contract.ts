import { ERRORS, type ErrorCode } from '../../src/errors';
import { surfaces } from '../../src/legacy';
import { surfaceOf } from '../../src/legacy/surface';
import { queryFaults } from './contractQuery';
import { isJson } from './document';
import { type Any, description, resolve, schemaFaults } from './openapi';

/**
 * Says where an answer of the service, and the request that it was given to, differ from the OpenAPI document. Every
 * request of every test comes by, so all is looked up and compiled once.
 */

export interface Exchange {
  /** In lower case. */
  method: string;
  /** With the query. */
  path: string;
  /** Of the request. */
  contentType: string | undefined;
  /** Body of the request, as it was sent. */
  sent: string | Buffer | undefined;
  status: number;
  headers: Record<string, string>;
  text: string;
  /** Of the answer, when it is JSON. */
  body: Any;
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/**
 * Templates with their items; names can be written in kebab case, and every type is at `/public/v2/{type}`, too. What is
 * written out comes before what a parameter stands for.
 */
const templates = Object.entries(description.paths).sort(([a], [b]) => a.split('{').length - b.split('{').length);
const items = templates.map(([template, item]) => {
  const segments = template.split('/').map((segment) => {
    if (segment.startsWith('{')) return '[^/]+';
    return kebab(segment) === segment ? segment.replaceAll('.', '\\.') : `(?:${segment}|${kebab(segment)})`;
  });
  const path = segments.join('/').replace('/management/', '/(?:management/)?');
  return { pattern: new RegExp(`^${path}/?$`), item: item as Any };
});
const found = new Map<string, Any>();

/** The methods of a path; undefined when it is none of the document's. */
export function itemOf(path: string): Any {
  if (!found.has(path)) found.set(path, items.find(({ pattern }) => pattern.test(path))?.item);
  return found.get(path);
}

/** Refused before the operation: the same everywhere. */
const ANYWHERE: string[] = description.components.responses.default['x-codes'];
/** For people; they are not part of the API. */
const PAGES = /^\/docs(?:\/|$)/;

interface ErrorForm {
  schema: { $ref: string };
  codes: (exchange: Exchange) => { status: string; code: string }[];
}

const form = (schema: string, codes: ErrorForm['codes']): ErrorForm => ({
  schema: { $ref: `#/components/schemas/${schema}` },
  codes,
});
const only = (code: string | undefined, { status }: Exchange) =>
  code === undefined ? [] : [{ status: String(status), code }];

/** How the surfaces beside JSON:API word errors. On `/api` they have no code: the status is all there is. */
const FORMS: Record<string, ErrorForm> = {
  v1: form('V1Error', (exchange) => only(exchange.body?.code, exchange)),
  organization: form('OrganizationError', (exchange) => only(exchange.body?.error?.code, exchange)),
  api: form('ApiError', () => []),
};
const JSON_API = form('ErrorDocument', ({ body }) => body?.errors ?? []);

const formOf = ({ path }: Exchange): ErrorForm => FORMS[surfaceOf(surfaces, path)?.tag ?? ''] ?? JSON_API;
const ANYWHERE_STATUSES = ANYWHERE.map((code) => ERRORS[code as ErrorCode][0]);

/** An answer where the document has no operation: nothing but a refusal. */
function refusalFaults(exchange: Exchange, item: Any): string[] {
  const { status, headers, body, method } = exchange;
  const { schema, codes: codesIn } = formOf(exchange);
  const codes = codesIn(exchange).map(({ code }) => code);
  const formFaults = () => (method === 'head' && body === undefined ? [] : schemaFaults(schema, body, 'body'));
  if (codes.length > 0 && codes.every((code) => ANYWHERE.includes(code))) return formFaults();
  if (schema === FORMS.api?.schema && ANYWHERE_STATUSES.includes(status as never)) return formFaults();
  if (item === undefined) return status === 404 ? formFaults() : ['the path is not described'];
  if (headers.allow === undefined) return ['the method is not described, and there is no Allow'];
  if (codes.length === 0) return status === 405 ? formFaults() : ['the method is not described'];
  const expected = status === 403 ? 'update_not_offered' : 'method_not_allowed';
  return codes[0] === expected ? formFaults() : ['the method is not described'];
}

/** Codes that are not listed for the operation and the status that each fault has of its own. */
function codeFaults(exchange: Exchange, operation: Any): string[] {
  if (exchange.status < 400) return [];
  return formOf(exchange)
    .codes(exchange)
    .flatMap(({ status, code }) => {
      const listed = [operation.responses[status], operation.responses.default].flatMap(
        (response) => resolve(response)?.['x-codes'] ?? [],
      );
      return listed.includes(code) ? [] : [`the code ${code} is not described for ${status}`];
    });
}

function bodyFaults({ method, status, headers, text, body }: Exchange, { content }: Any): string[] {
  if (method === 'head' || content === undefined) return text === '' ? [] : [`there is a body with ${status}`];
  const type = headers['content-type'] ?? '';
  // Parameters matter where they are JSON:API's.
  const described = content[type] ?? (type.startsWith('application/') ? undefined : content[type.split(';')[0] ?? '']);
  if (described === undefined) return [`the media type ${type} is not described`];
  return isJson(type) ? schemaFaults(described.schema, body, 'body') : [];
}

function answerFaults(exchange: Exchange, operation: Any): string[] {
  const { status, headers } = exchange;
  const given = operation.responses[status] ?? (status >= 400 ? operation.responses.default : undefined);
  if (given === undefined) return ['the status is not described'];
  const response = resolve(given);
  const missing = Object.entries(response.headers).filter(
    ([name, field]) => resolve(field).required === true && headers[name.toLowerCase()] === undefined,
  );
  return [
    ...missing.map(([name]) => `there is no ${name}`),
    ...bodyFaults(exchange, response),
    ...codeFaults(exchange, operation),
  ];
}

/** A media type in the one form that the document has; a profile in a request means nothing. */
function mediaTypeOf(contentType: string): string {
  const type = contentType.split(';', 1)[0]?.toLowerCase();
  const [, ext] = /;\s*ext="?([^";]+)/i.exec(contentType) ?? [];
  return ext === undefined ? `${type}` : `${type};ext="${ext}"`;
}

/** Texts are judged as they are stored. */
const asStored = (_key: string, value: unknown): unknown =>
  typeof value === 'string' ? value.trim().normalize('NFC') : value;

/** A request that was carried out must be one that the document allows. */
function requestFaults({ path, contentType = '', sent }: Exchange, operation: Any): string[] {
  const faults = queryFaults(path, operation);
  const { requestBody } = operation;
  if (requestBody === undefined) return faults;
  if (sent === undefined || sent === '') return requestBody.required ? [...faults, 'the request has no body'] : faults;
  const described = requestBody.content[mediaTypeOf(contentType)];
  if (described === undefined) return [...faults, `requests of ${contentType} are not described`];
  // What is no JSON is read by its endpoint alone.
  if (!isJson(contentType) || Buffer.isBuffer(sent)) return faults;
  return [...faults, ...schemaFaults(described.schema, JSON.parse(sent, asStored), 'the request')];
}

/** @returns empty list: the exchange is as the document describes it */
export function contractFaults(exchange: Exchange): string[] {
  const { method, status, path, headers } = exchange;
  const plain = decodePath(path.split('?', 1)[0] as string);
  const item = itemOf(plain);
  if (item === undefined && PAGES.test(plain)) return [];
  if (method === 'options' && item !== undefined && status === 204) return headers.allow ? [] : ['there is no Allow'];
  const operation = item?.[method === 'head' ? 'get' : method];
  if (operation === undefined) return refusalFaults(exchange, item);
  const faults = answerFaults(exchange, operation);
  return status < 400 ? [...faults, ...requestFaults(exchange, operation)] : faults;
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
