import type { RequestHandler } from 'express';
import { AppError, notFound } from '../errors';

/** A path that nothing is mounted at. */
export const unknownPath: RequestHandler = (req, _res, next) => next(unknownPathError(req.originalUrl));

function unknownPathError(url: string): AppError {
  try {
    decodeURIComponent(url.split('?', 1)[0] ?? '');
  } catch {
    return new AppError('malformed_request', 'The path has percent-encoding that is not UTF-8.');
  }
  return notFound('There is nothing at this path.');
}

/** Refuses every method but these, for handlers that stand beside the resource types. */
export function onlyMethods(...methods: string[]): RequestHandler {
  const allowed = [...methods, 'OPTIONS'].join(', ');
  return (req, res, next) => {
    if (methods.includes(req.method)) next();
    else if (req.method === 'OPTIONS')
      res.writeHead(204, { Allow: allowed, Vary: 'Accept', 'X-Request-Id': res.locals.requestId }).end();
    else
      next(new AppError('method_not_allowed', `Allowed here: ${allowed}.`, undefined, { headers: { Allow: allowed } }));
  };
}
