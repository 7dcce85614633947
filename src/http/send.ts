import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { rateLimitFields } from './rateLimit';

/**
 * Sends a document with its length. Not `res.json`: it would add `charset`, which JSON:API forbids, and an ETag of its own.
 * @param document undefined for answers without a body
 */
export function send(res: Response, status: number, document: unknown, headers: Record<string, string>): void {
  const body = document === undefined ? undefined : JSON.stringify(document);
  sendText(res, status, body, headers);
}

/** The same for a body that is text already. */
export function sendText(
  res: Response,
  status: number,
  body: string | undefined,
  headers: Record<string, string>,
): void {
  const all = fieldsOf(res, headers);
  if (body !== undefined) all.push('Content-Length', Buffer.byteLength(body));
  res.writeHead(status, all as never);
  if (body === undefined || res.req.method === 'HEAD') res.end();
  else res.end(body);
}

/** Header fields of an answer as name, value, name, value: the form that Node copies least of. */
function fieldsOf(res: Response, headers: Record<string, string>): (string | number)[] {
  const all: (string | number)[] = [];
  for (const name in headers) all.push(name, headers[name] as string);
  all.push('Vary', 'Accept', 'X-Content-Type-Options', 'nosniff', 'X-Request-Id', res.locals.requestId);
  const { verdict } = res.locals;
  if (verdict !== undefined) all.push(...rateLimitFields(verdict));
  return all;
}

/**
 * Sends a body of unknown length, part by part, as fast as the client takes it. What fails before the first part can
 * still be answered with an error; later the connection is cut, which tells the client that it has not got all.
 */
export async function sendStream(
  res: Response,
  status: number,
  parts: AsyncIterable<string>,
  headers: Record<string, string>,
): Promise<void> {
  const iterator = parts[Symbol.asyncIterator]();
  const first = res.req.method === 'HEAD' ? undefined : await iterator.next();
  res.writeHead(status, fieldsOf(res, headers) as never);
  if (first === undefined || first.done === true) {
    await iterator.return?.();
    res.end();
    return;
  }
  const rest = { [Symbol.asyncIterator]: () => iterator };
  async function* all() {
    yield first?.value as string;
    yield* rest;
  }
  await pipeline(Readable.from(all()), res);
}
