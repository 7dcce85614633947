import { type AppError, ERRORS } from '../errors';

const VERSION = { version: '1.1' };

/**
 * An error as a JSON:API error document.
 * @param requestId the id of every error object, the same as in `X-Request-Id` and in the log
 */
export function errorDocument(error: AppError, requestId: string): Record<string, unknown> {
  return {
    errors: error.faults.map(({ code, detail, source, meta, links }) => ({
      id: requestId,
      ...(links === undefined ? {} : { links }),
      status: String(ERRORS[code][0]),
      code,
      title: ERRORS[code][1],
      detail,
      ...(source === undefined ? {} : { source }),
      ...(meta === undefined ? {} : { meta }),
    })),
    jsonapi: VERSION,
  };
}
