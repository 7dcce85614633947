import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { isPassing } from '../db/constraints';
import { AppError } from '../errors';
import { errorDocument } from '../jsonapi/errors';
import { MEDIA_TYPE } from '../jsonapi/negotiate';
import { recordRefusal } from '../services/refusals';
import { send } from './send';

/** Seconds after which a client may try again when the database is away. */
const RETRY_AFTER = '5';

/** Express's and Node's own errors as ours; anything unknown is our fault and says nothing of its cause. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { status } = error as { status?: number };
  if (status === 400) return new AppError('malformed_request', 'The request can’t be read.');
  return new AppError('internal_error', 'Something went wrong here. The id finds it in the log.');
}

/** Header fields that go with the status (RFC 9110). */
export function headersOf(error: AppError): Record<string, string> {
  const headers: Record<string, string> = { ...error.headers };
  if (error.status === 401) headers['WWW-Authenticate'] = 'Bearer';
  if (error.status === 503) headers['Retry-After'] = RETRY_AFTER;
  return headers;
}

/** An error as a surface words it. */
export interface Worded {
  readonly status: number;
  readonly mediaType: string;
  readonly document: Record<string, unknown>;
}

/** How a surface words errors. */
export type Dialect = (error: AppError, requestId: string) => Worded;

export const jsonApiErrors: Dialect = (error, requestId) => ({
  status: error.status,
  mediaType: MEDIA_TYPE,
  document: errorDocument(error, requestId),
});

/**
 * The last handler: every throw of every layer ends here and becomes an answer.
 * @param dialectOf how errors of requests to a URL are worded
 */
export function failure(log: Logger, dialectOf: (url: string) => Dialect = () => jsonApiErrors) {
  return async (error: unknown, req: Request, res: Response, _next: NextFunction): Promise<void> => {
    let answer = asAppError(error);
    const { requestId, ctx } = res.locals;
    if (ctx !== undefined) {
      await recordRefusal(ctx, answer).catch((fault) => {
        log.error({ requestId, err: fault }, 'a refusal was not recorded');
        // He was refused for nothing that stays: he may ask again.
        if (isPassing(fault)) answer = asAppError(fault);
      });
    }
    if (answer.status >= 500) {
      log.error(
        { requestId, route: res.locals.route, err: answer.status === 503 ? answer.cause : error },
        'request failed',
      );
    }
    if (res.headersSent) {
      // Half an answer can't be taken back: cutting the connection tells the client that it is not whole.
      res.destroy();
      return;
    }
    const { status, mediaType, document } = dialectOf(req.originalUrl)(answer, requestId);
    const headers = { ...headersOf(answer), 'Cache-Control': 'no-store' };
    send(res, status, document, { 'Content-Type': mediaType, ...headers });
  };
}
