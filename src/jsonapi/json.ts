import { AppError } from '../errors';

/** No document of ours needs more; parsers and printers that recurse die of many. */
const DEEPEST = 32;
const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [34, 92, 91, 93, 123, 125];
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** A key as a part of a JSON pointer (RFC 6901). */
export const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) quoted = true;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
  }
  return deepest;
}

/**
 * Parses a body.
 * @throws AppError `malformed_document` for what is not JSON in UTF-8 or is nested deeper than 32 levels
 */
export function parseJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new AppError('malformed_document', 'The body is not UTF-8.');
  }
  if (text.trim() === '') throw new AppError('malformed_document', 'The body is empty; send a document.');
  if (depthOf(text) > DEEPEST)
    throw new AppError('malformed_document', `The body is nested deeper than ${DEEPEST} levels.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's message quotes the body: what is in it may be a secret.
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    throw new AppError(
      'malformed_document',
      `The body is not JSON${position === undefined ? '' : `: see position ${position}`}.`,
    );
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
