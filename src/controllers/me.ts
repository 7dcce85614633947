import { type RequestHandler, Router } from 'express';
import { callers, callerView } from '../../serializers/callers';
import type { Caller, Services } from '../context';
import { AppError } from '../errors';
import { authenticate } from '../http/authenticate';
import { send } from '../http/send';
import { onlyMethods } from '../http/unknownPath';
import { checkAccept, MEDIA_TYPE } from '../jsonapi/negotiate';
import { entityTag, isUnchanged, resourceDocument } from '../jsonapi/reply';

const PATH = '/public/v2/me';

/** `GET /public/v2/me`: which credential this is, and what it may do. */
export function me(services: Services): Router {
  const show: RequestHandler = async (req, res) => {
    res.locals.route = PATH;
    checkAccept(req.headers.accept);
    const caller = await authenticate(services, req);
    res.locals.caller = caller;
    const [parameter] = Object.keys(req.query);
    if (parameter !== undefined) {
      throw new AppError('invalid_parameter', 'This endpoint has no query parameters.', { parameter });
    }
    const document = resourceDocument(describe(caller), null, { self: PATH });
    const tag = entityTag(1, JSON.stringify(document));
    const headers = { 'Cache-Control': 'private, no-cache', ETag: tag };
    if (isUnchanged(req.headers['if-none-match'], tag)) send(res, 304, undefined, headers);
    else send(res, 200, document, { ...headers, 'Content-Type': MEDIA_TYPE });
  };
  const router = Router();
  // As on every resource that takes no update (JSON:API 1.1, "Updating Resources").
  router.patch('/', () => {
    const headers = { Allow: 'GET, HEAD, OPTIONS' };
    throw new AppError('update_not_offered', 'The caller can’t be changed here.', undefined, { headers });
  });
  router.all('/', onlyMethods('GET', 'HEAD'), show);
  return router;
}

/**
 * Only the relationships that apply: a partner is told its own id although it can't read partners. A user's organizations
 * are a link, since he may have thousands.
 */
function describe(caller: Caller): Record<string, unknown> {
  const fields = ['level', 'name', 'permissions'];
  if (caller.organizationId !== null) fields.push('organization');
  if (caller.partnerId !== null) fields.push('partner');
  if (caller.userId === null) return shown(caller, fields);
  const resource = shown(caller, [...fields, 'user']);
  const organizations = { links: { related: `/public/v2/users/${caller.userId}/organizations` } };
  return { ...resource, relationships: { ...(resource.relationships as object), organizations } };
}

const shown = (caller: Caller, fields: string[]): Record<string, unknown> =>
  callers({ fields: new Set(fields), level: 'platform' }).resource(callerView(caller));
