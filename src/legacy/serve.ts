import type { Request, RequestHandler } from 'express';
import type { Context, Services } from '../context';
import { idempotencyKeyOf, once } from '../controllers/idempotency';
import { type Answer, contextOf, send, splitUrl } from '../controllers/resources';
import { decodePath } from '../controllers/routes';
import { AppError, type Fault, notFound } from '../errors';
import { readBody } from '../http/body';
import { originOf } from '../http/origin';
import { sendText } from '../http/send';
import { checkMultipart, receive } from '../http/upload';
import type { Schema } from '../jsonapi/define';
import { isObject, parseJson } from '../jsonapi/json';
import { bad, MOST_INTEGER, parameters, readParameter } from '../jsonapi/parameters';
import { compile, isUuid } from '../jsonapi/schemas';
import { normalize, schemaFaults, type Values } from '../jsonapi/values';
import {
  type Asked,
  type At,
  dialectOf,
  JSON_TYPE,
  owns,
  type Reply,
  type Surface,
  type SurfaceRoute,
} from './surface';

interface Site {
  readonly template: string;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  /** Method → route; HEAD is there with GET. */
  readonly routes: ReadonlyMap<string, SurfaceRoute>;
  readonly allow: string;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

function sitesOf({ routes }: Surface): Site[] {
  // What is written out is more than what a parameter stands for: `/organization/list`.
  const templates = [...new Set(routes.map(({ path }) => path))].sort(
    (a, b) => a.split('{').length - b.split('{').length,
  );
  return templates.map((template) => {
    const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    const own = routes.filter(({ path }) => path === template);
    const methods = own.flatMap((route) =>
      (route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]).map((method) => [method, route] as const),
    );
    const byMethod = new Map(methods);
    return {
      template,
      pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '([^/]+)')}/?$`),
      names,
      routes: byMethod,
      allow: [...METHODS.filter((method) => byMethod.has(method)), 'OPTIONS'].join(', '),
    };
  });
}

/** The Express handler of a surface: its routes, and errors for all else below its prefix. */
export function serveSurface(services: Services, surface: Surface): RequestHandler {
  const sites = sitesOf(surface);
  const readers = new Map(surface.routes.map((route) => [route, bodyReader(route.request)]));
  return async (req, res, next) => {
    if (!owns(surface, req.originalUrl)) return next();
    const { path, search } = splitUrl(req.originalUrl);
    const plain = path.includes('%') ? decodePath(path) : path;
    const site = sites.find(({ pattern }) => pattern.test(plain));
    if (site === undefined) throw notFound('There is nothing at this path.');
    res.locals.route = site.template;
    if (req.method === 'OPTIONS') return sendText(res, 204, undefined, { Allow: site.allow });
    const route = site.routes.get(req.method);
    if (route === undefined) throw notOffered(site);
    if (hasBody(req)) (route.upload === undefined ? checkJson : checkMultipart)(req.headers['content-type']);
    const ctx = await contextFor(services, route, { req, res });
    const key = ctx !== null && route.method !== 'GET' ? idempotencyKeyOf(req) : undefined;
    const params = () => readParams(surface, site, plain);
    const { bytes, stored } = await bodyOf(route, ctx, params, { req, res });
    const ask = (): Asked => ({
      params: params(),
      query: readQuery(search, route.parameters ?? {}),
      body: () => readers.get(route)?.(bytes) ?? {},
      stored,
    });
    const perform = (inside: Context | null) => answer(services, route, inside, ask, { req, res });
    const { secrets, turnsBy } = route;
    const dialect = dialectOf(surface);
    const work = () =>
      ctx === null || key === undefined
        ? perform(ctx)
        : once({ ctx, req, key, bytes, registry: new Map(), secrets, dialect }, perform);
    const name = turnsBy === undefined ? undefined : params()[turnsBy];
    send(req, res, await (name === undefined ? work() : services.db.inTurn(name, work)));
  };
}

/** What the request brings: a file is stored already. */
async function bodyOf(
  { method, upload }: SurfaceRoute,
  ctx: Context | null,
  params: () => Asked['params'],
  { req, res }: At,
): Promise<{ bytes: Buffer | undefined; stored: string }> {
  if (method === 'GET') return { bytes: undefined, stored: '' };
  if (ctx === null || upload === undefined) return { bytes: await readBody(req, res), stored: '' };
  return receive(upload, ctx, params(), { req, res });
}

function notOffered({ allow }: Site): AppError {
  return new AppError('method_not_allowed', `Allowed here: ${allow}.`, undefined, { headers: { Allow: allow } });
}

/** @param ctx inside the transaction of an `Idempotency-Key` */
async function answer(
  services: Services,
  route: SurfaceRoute,
  ctx: Context | null,
  ask: () => Asked,
  at: At,
): Promise<Answer> {
  try {
    if ('run' in route) return rendered(await route.run(ctx as Context, ask()));
    const origin = originOf(services, at.req);
    const open = { ...services, db: ctx?.db ?? services.db, requestId: at.res.locals.requestId, origin };
    return rendered(await route.runOpen(ctx, open, ask(), at));
  } catch (error) {
    throw inBody(error, route.names ?? {});
  }
}

/** Also for PUT, which JSON:API does not have. */
const hasBody = ({ method, headers }: Request): boolean =>
  method !== 'GET' &&
  method !== 'HEAD' &&
  (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0');

/**
 * Who asks; null for a stranger, where those are admitted. Clients of these surfaces send no `Idempotency-Key`: settings
 * that ask for one do not bind them.
 */
async function contextFor(services: Services, route: SurfaceRoute, { req, res }: At): Promise<Context | null> {
  if ('runOpen' in route && (req.headers.authorization ?? '').trim() === '') return null;
  const { operation } = route;
  return { ...(await contextOf(services, req, res, () => ({ operation }))), isKeyed: true };
}

/** JSON by any of its names, or by none: a client that sends no type has only one that it could mean. */
function checkJson(header: string | undefined): void {
  if (header === undefined || header.trim() === '') return;
  const [type = '', ...others] = header.toLowerCase().split(';');
  const charset = others.map((each) => each.trim()).find((each) => each.startsWith('charset='));
  const isJson = /^\s*application\/(?:[\w.-]+\+)?json\s*$/.test(type);
  if (isJson && (charset === undefined || /^charset="?utf-8"?$/.test(charset))) return;
  throw new AppError('unsupported_media_type', `Send ${JSON_TYPE} in UTF-8.`, { header: 'Content-Type' });
}

/** @throws AppError `not_found`: a malformed id names nothing */
function readParams({ params: schemas }: Surface, { pattern, names }: Site, path: string): Record<string, string> {
  const values = pattern.exec(path)?.slice(1) ?? [];
  return Object.fromEntries(
    names.map((name, i) => {
      const value = values[i] as string;
      const schema = schemas[name];
      if (schema?.type === 'integer' && !(/^[1-9]\d{0,9}$/.test(value) && Number(value) <= MOST_INTEGER)) {
        throw notFound();
      }
      if (schema?.format !== 'uuid') return [name, value];
      if (!isUuid(value)) throw notFound();
      return [name, value.toLowerCase()];
    }),
  );
}

/** @throws AppError `invalid_parameter` */
function readQuery(search: string, declared: Readonly<Record<string, Schema>>): Record<string, number> {
  const values: Record<string, number> = {};
  for (const parameter of search === '' ? [] : parameters(search)) {
    const { name } = parameter;
    const schema = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (schema === undefined) continue;
    if (Object.hasOwn(values, name)) throw bad(name, 'This parameter is given twice.');
    values[name] = readParameter(parameter, schema) as number;
  }
  return values;
}

const WHOLE = { pointer: '', parent: '' };

/** Reads bodies of one schema, compiled once; no body is an empty one. */
function bodyReader(schema: Schema | undefined): (bytes: Buffer | undefined) => Values {
  if (schema === undefined) return () => ({});
  const validate = compile(schema);
  const properties = schema.properties as Record<string, Schema>;
  return (bytes) => {
    const given = bytes === undefined || bytes.length === 0 ? {} : parseJson(bytes);
    if (!isObject(given)) throw new AppError('malformed_document', 'The body must be a JSON object.');
    const known = Object.keys(properties).filter((name) => Object.hasOwn(given, name));
    const values = Object.fromEntries(known.map((name) => [name, normalize(given[name], properties[name] as Schema)]));
    const faults = schemaFaults(validate, values, WHOLE, true);
    if (faults.length > 0) throw AppError.of(faults);
    return values;
  };
}

const PLACE = /^\/data(?:\/(?:attributes|relationships)(?:\/([^/]+))?)?/;

/** Services point at where things stand in a JSON:API document, in its words; here it is a member of the body. */
function inBody(error: unknown, names: Readonly<Record<string, string>>): unknown {
  if (!(error instanceof AppError)) return error;
  return error.map((fault: Fault) => {
    const place = PLACE.exec(fault.source?.pointer ?? '');
    if (place === null) return fault;
    const attribute = place[1] ?? (fault.meta?.attribute as string | undefined);
    if (attribute === undefined) return { ...fault, source: undefined };
    const name = names[attribute] ?? attribute;
    const detail = fault.detail.replace(new RegExp(`\\b${attribute}\\b`, 'g'), name);
    return { ...fault, detail, source: { pointer: `/${name}` } };
  });
}

function rendered({ status, body, headers, secret }: Reply): Answer {
  const fields = { 'Cache-Control': secret === true ? 'no-store' : 'private, no-cache', ...headers };
  if (body === undefined) return { status, headers: fields, body: undefined };
  const text = JSON.stringify(body);
  const shown = secret === true ? (body as Record<string, unknown>) : undefined;
  return { status, headers: { ...fields, 'Content-Type': JSON_TYPE }, body: text, secretIn: shown };
}
