import type { Context } from '../context';
import { AppError } from '../errors';
import type { QueryParameters } from '../jsonapi/define';
import type { Endpoint } from '../jsonapi/query';
import { allow } from '../permissions';
import type { Handler } from './call';
import { type Definition, type Registry, readsOf } from './include';
import { get, linkage, list, related } from './reading';
import type { Route } from './routes';
import { act, changeLinkage, create, remove, update } from './writing';

const HANDLERS: Readonly<Record<Route['kind'], Readonly<Record<string, Handler>>>> = {
  collection: { GET: list, POST: create },
  resource: { GET: get, PATCH: update, DELETE: remove },
  action: { POST: act, DELETE: act },
  related: { GET: related },
  linkage: { GET: linkage, PATCH: changeLinkage, POST: changeLinkage, DELETE: changeLinkage },
};

/** What a method does at a path that offers it; HEAD is GET without the body. */
export const handlerOf = ({ kind }: Route, method: string): Handler =>
  HANDLERS[kind][method === 'HEAD' ? 'GET' : method] as Handler;

/** @throws AppError for a method that the path does not offer */
export function checkOffered({ methods, refused }: Pick<Route, 'methods' | 'refused'>, method: string): void {
  if (methods.includes(method)) return;
  const headers = { Allow: methods.join(', ') };
  // JSON:API 1.1, "Updating Resources" and "Updating Relationships": an update that is not supported is 403.
  if (refused.includes(method)) {
    throw new AppError('update_not_offered', 'This can’t be changed here.', undefined, { headers });
  }
  throw new AppError('method_not_allowed', `Allowed here: ${headers.Allow}.`, undefined, { headers });
}

const NO_PARAMETERS: QueryParameters = {};

function declaredParameters(
  { operations }: Definition,
  kind: Route['kind'],
  method: string,
): QueryParameters | undefined {
  if (kind === 'collection' && method === 'POST') return operations.create?.parameters;
  return kind === 'resource' && method === 'DELETE' ? operations.remove?.parameters : undefined;
}

/** Which query parameters a call takes. */
export function endpointOf(
  ctx: Context,
  registry: Registry,
  { kind, definition, relationship: name }: Route,
  method: string,
  cursors: boolean,
): Endpoint {
  const reads = method === 'GET' || method === 'HEAD';
  const relationship = name === undefined ? undefined : definition.relationships[name];
  const primary = registry.get(relationship?.type ?? '') ?? definition;
  const isMany = relationship !== undefined && 'many' in relationship;
  const { remove } = definition.operations;
  const own: string[] = [];
  if (kind === 'resource' && reads) own.push('withCapabilities');
  if (kind === 'resource' && method === 'DELETE' && remove?.purge !== undefined) own.push('purgeNow');
  return {
    definition: primary as Definition,
    linkage: kind === 'linkage' && name !== undefined ? { of: definition, name } : undefined,
    registry,
    list: reads && (kind === 'collection' || isMany),
    document: method !== 'DELETE' && !(kind === 'linkage' && !reads),
    own,
    parameters: declaredParameters(definition, kind, method) ?? NO_PARAMETERS,
    cursors,
    reads: readsOf(ctx),
    allowRead: (type) => allow(ctx.caller, `${type}.get`),
  };
}
