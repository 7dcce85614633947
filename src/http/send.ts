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
  // Name, value, name, value: the form that Node copies least of.
  const all: (string | number)[] = [];
  for (const name in headers) all.push(name, headers[name] as string);
  all.push('Vary', 'Accept', 'X-Content-Type-Options', 'nosniff', 'X-Request-Id', res.locals.requestId);
  const { verdict } = res.locals;
  if (verdict !== undefined) all.push(...rateLimitFields(verdict));
  if (body !== undefined) all.push('Content-Length', Buffer.byteLength(body));
  res.writeHead(status, all as never);
  if (body === undefined || res.req.method === 'HEAD') res.end();
  else res.end(body);
}
