import type { Request, Response } from 'express';
import multer, { MulterError, memoryStorage } from 'multer';
import type { Context } from '../context';
import { AppError } from '../errors';
import { Turns } from '../turns';

/** Bytes of a file at the most (domain sheet 9.7). */
export const MOST_FILE_BYTES = 5 * 1_048_576;
/** The same of all that is around it. */
const MOST_AROUND_BYTES = 65_536;
/** The part that holds the file. */
export const FILE_PART = 'file';

/** Requests whose file is in memory, from its first byte until it is stored. */
const MOST_AT_ONCE = 32;
const receiving = new Turns({
  atOnce: MOST_AT_ONCE,
  waiting: 0,
  refusal: 'Too many files are being received at once: try again later.',
});

/** A request that brings one file, in multipart/form-data. */
export interface Upload {
  /** Whether the caller may send it: judged before it is read. */
  readonly admit: (ctx: Context, params: Readonly<Record<string, string>>) => Promise<void>;
  /** Stores it, outside of the transaction of an `Idempotency-Key`; gives back its name. */
  readonly store: (ctx: Context, bytes: Buffer) => Promise<string>;
}

/** What came of an upload. */
export interface Received {
  readonly bytes: Buffer;
  /** Name of what was stored. */
  readonly stored: string;
}

const parse = multer({
  storage: memoryStorage(),
  limits: {
    fileSize: MOST_FILE_BYTES,
    files: 1,
    fields: 20,
    fieldSize: 1_024,
    fieldNameSize: 100,
    fieldNestingDepth: 0,
    fieldArrayIndexLimit: 0,
  },
}).single(FILE_PART);

const SOURCE = { pointer: `/${FILE_PART}` };
const tooLarge = () => new AppError('too_large', `A file has at most ${MOST_FILE_BYTES} bytes.`, SOURCE);
const malformed = (detail: string) => new AppError('malformed_request', detail);

/** multer's own, whose errors carry no status; what it does not name is that the body can't be read. */
const FAULTS: Readonly<Record<string, () => AppError>> = {
  LIMIT_FILE_SIZE: tooLarge,
  LIMIT_FIELD_VALUE: () => new AppError('too_large', 'A field beside the file has at most 1024 bytes.'),
  LIMIT_FIELD_COUNT: () => malformed('There are too many fields beside the file.'),
  LIMIT_FILE_COUNT: () => malformed('There must be one file.'),
  LIMIT_UNEXPECTED_FILE: () => malformed(`There must be one file, in the part ${FILE_PART}.`),
};

/**
 * Bodies must be labelled as multipart/form-data.
 * @throws AppError `unsupported_media_type`
 */
export function checkMultipart(header: string | undefined): void {
  if (/^\s*multipart\/form-data\s*(;|$)/i.test(header ?? '')) return;
  throw new AppError('unsupported_media_type', 'Send multipart/form-data.', { header: 'Content-Type' });
}

/**
 * Reads and stores the file of a request, for a caller who may send it.
 * @throws AppError `too_large`, `required`, `malformed_request`, `unsupported_media_type` for a content encoding,
 * `unavailable` when too many are being received, and what `upload` says of the caller and the file
 */
export async function receive(
  upload: Upload,
  ctx: Context,
  params: Readonly<Record<string, string>>,
  { req, res }: { req: Request; res: Response },
): Promise<Received> {
  await upload.admit(ctx, params);
  return receiving.take(async () => {
    const bytes = await readFile(req, res);
    return { bytes, stored: await upload.store(ctx, bytes) };
  });
}

async function readFile(req: Request, res: Response): Promise<Buffer> {
  if (Number(req.headers['content-length']) > MOST_FILE_BYTES + MOST_AROUND_BYTES) throw tooLarge();
  if (req.headers['content-encoding'] !== undefined) {
    const source = { header: 'Content-Encoding' };
    throw new AppError('unsupported_media_type', 'Send the body without Content-Encoding.', source);
  }
  await new Promise<void>((resolve, reject) => {
    parse(req, res, (error?: unknown) => (error === undefined || error === null ? resolve() : reject(faultOf(error))));
  });
  if (req.file !== undefined) return req.file.buffer;
  const detail = `The part ${FILE_PART} with a file is missing.`;
  throw new AppError('required', detail, { pointer: '' }, { meta: { attribute: FILE_PART, message: detail } });
}

function faultOf(error: unknown): AppError {
  const known = error instanceof MulterError ? FAULTS[error.code] : undefined;
  return known?.() ?? malformed('The body is no whole multipart/form-data.');
}
