import { AppError } from '../errors';

/** What clients get when images can't be kept or read; why is for the log. */
export function storeError(cause: unknown): AppError {
  const error = new AppError('unavailable', 'The store of images does not answer as it should: try again later.');
  error.cause = cause;
  return error;
}
