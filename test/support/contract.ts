import { queryFaults } from './contractQuery';
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
  sent: string | undefined;
  status: number;
  headers: Record<string, string>;
  text: string;
  /** Of the answer, when it is JSON. */
  body: Any;
}

/** Lines of JSON are none. */
export const isJson = (type: string): boolean => /[/+]json\b/.test(type);

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
function itemOf(path: string): Any {
  if (!found.has(path)) found.set(path, items.find(({ pattern }) => pattern.test(path))?.item);
  return found.get(path);
}

const ERRORS = { $ref: '#/components/schemas/ErrorDocument' };
/** Refused before the operation: the same everywhere. */
const ANYWHERE: string[] = description.components.responses.default['x-codes'];
/** For people; they are not part of the API. */
const PAGES = /^\/docs(?:\/|$)/;

const codesIn = (body: Any): { status: string; code: string }[] => body?.errors ?? [];

/** An answer where the document has no operation: nothing but a refusal. */
function refusalFaults({ status, headers, body }: Exchange, item: Any): string[] {
  const codes = codesIn(body).map(({ code }) => code);
  if (codes.length > 0 && codes.every((code) => ANYWHERE.includes(code))) return schemaFaults(ERRORS, body, 'body');
  if (item === undefined) return status === 404 ? schemaFaults(ERRORS, body, 'body') : ['the path is not described'];
  if (headers.allow === undefined) return ['the method is not described, and there is no Allow'];
  const expected = status === 403 ? 'update_not_offered' : 'method_not_allowed';
  return codes[0] === expected ? schemaFaults(ERRORS, body, 'body') : ['the method is not described'];
}

/** Codes that are not listed for the operation and the status that each fault has of its own. */
function codeFaults(operation: Any, body: Any): string[] {
  return codesIn(body).flatMap(({ status, code }) => {
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
  const { status, headers, body } = exchange;
  const given = operation.responses[status] ?? (status >= 400 ? operation.responses.default : undefined);
  if (given === undefined) return ['the status is not described'];
  const response = resolve(given);
  const missing = Object.entries(response.headers).filter(
    ([name, field]) => resolve(field).required === true && headers[name.toLowerCase()] === undefined,
  );
  return [
    ...missing.map(([name]) => `there is no ${name}`),
    ...bodyFaults(exchange, response),
    ...codeFaults(operation, body),
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
