import express, { type Request, type Response } from 'express';
import { AppError } from '../errors';

/** Bytes of a body at the most (domain sheet 10: `too_large`). */
const LIMIT = 1_048_576;

const parse = express.raw({ type: () => true, limit: LIMIT, inflate: false });

const tooLarge = (): AppError => new AppError('too_large', `A body has at most ${LIMIT} bytes.`);

const PARSER_ERRORS: Readonly<Record<string, () => AppError>> = {
  'entity.too.large': tooLarge,
  'encoding.unsupported': () =>
    new AppError('unsupported_media_type', 'Send the body without Content-Encoding.', { header: 'Content-Encoding' }),
  'request.aborted': () => new AppError('malformed_request', 'The request was cut off.'),
  'request.size.invalid': () =>
    new AppError('malformed_request', 'The body is not as long as Content-Length says.', { header: 'Content-Length' }),
};

/**
 * The bytes of the body; called on write routes only, after authentication.
 * @throws AppError `too_large`, `unsupported_media_type` for a content encoding, `malformed_request`
 */
export function readBody(req: Request, res: Response): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // The parser would say so only when it has received all of it.
    if (Number(req.headers['content-length']) > LIMIT) return reject(tooLarge());
    parse(req, res, (error?: unknown) => {
      if (error === undefined) resolve(Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0));
      else reject(PARSER_ERRORS[(error as { type?: string }).type ?? '']?.() ?? error);
    });
  });
}
