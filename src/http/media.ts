import { pipeline } from 'node:stream/promises';
import { type RequestHandler, type Response, Router } from 'express';
import type { Services } from '../context';
import { notFound } from '../errors';
import { isUnchanged } from '../jsonapi/reply';
import { MEDIA_PATH, mediaTypeOf } from '../media/names';
import { imageSize } from '../services/media';
import { clientAddress, networkOf } from './address';
import { enforce, rateLimitFields } from './rateLimit';
import { onlyMethods } from './unknownPath';

/** Of every image (domain sheet 9.7): nothing in it may be run, whatever a browser takes it for; any page may show it. */
const FIELDS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Content-Disposition': 'inline',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  // What a name stands for never changes.
  'Cache-Control': 'public, max-age=31536000, immutable',
};

/** Uploaded images, for everybody. */
export function media(services: Services): Router {
  const router = Router();
  const name: RequestHandler = (_req, res, next) => {
    res.locals.route = `${MEDIA_PATH}/{name}`;
    next();
  };
  router.all(`${MEDIA_PATH}/:name`, name, onlyMethods('GET', 'HEAD'), serve(services));
  return router;
}

const serve =
  (services: Services): RequestHandler =>
  async (req, res) => {
    const { limiter } = services;
    if (limiter !== null) {
      const network = networkOf(clientAddress(services, req));
      enforce(res, await limiter.take(limiter.policies.default, network));
    }
    const name = req.params.name as string;
    const type = mediaTypeOf(name);
    const size = type === undefined ? undefined : await imageSize(services, name);
    if (type === undefined || size === undefined) throw notFound('There is no such image.');
    const tag = `"${name.slice(0, 64)}"`;
    if (isUnchanged(req.headers['if-none-match'], tag)) {
      begin(res, 304, { ETag: tag, 'Cache-Control': FIELDS['Cache-Control'] });
      res.end();
      return;
    }
    const image = await services.media.open(name);
    if (image === null) throw notFound('There is no such image.');
    begin(res, 200, { ...FIELDS, 'Content-Type': type, 'Content-Length': String(size), ETag: tag });
    if (req.method === 'HEAD') {
      image.destroy();
      res.end();
      return;
    }
    await pipeline(image, res).catch((error) => {
      // The client has gone away: stores that break off say so with an error of their own.
      if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
  };

/** Not `send`: what is cached for all does not vary by `Accept`. */
function begin(res: Response, status: number, fields: Record<string, string>): void {
  const { requestId, verdict } = res.locals;
  const all = [...Object.entries(fields).flat(), 'X-Request-Id', requestId];
  res.writeHead(status, verdict === undefined ? all : [...all, ...rateLimitFields(verdict)]);
}
