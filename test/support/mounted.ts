import express, { type RequestHandler } from 'express';
import pino from 'pino';
import supertest from 'supertest';
import { edge } from '../../src/http/edge';
import { failure } from '../../src/http/failure';
import { Lifecycle } from '../../src/http/lifecycle';
import { Metrics } from '../../src/http/metrics';
import { unknownPath } from '../../src/http/unknownPath';
import { type Answer, MEDIA_TYPE, type TestApp } from './app';
import { faultsOf } from './document';

type Method = 'get' | 'head' | 'options' | 'post' | 'patch' | 'put' | 'delete';

/** Sends a request as the platform, unless `headers` name another credential; answers are held against JSON:API. */
export type Send = (method: Method, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

/** Handlers in the place of the whole surface, for what no type or endpoint of ours does. The log goes to `lines`. */
export function mounted(app: TestApp, handlers: RequestHandler[], lines: Record<string, unknown>[] = []): Send {
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const http = express();
  http.disable('x-powered-by');
  http.disable('etag');
  http.use(edge({ log, metrics: new Metrics(app.db), lifecycle: new Lifecycle() }));
  http.use(...handlers, unknownPath, failure(log));
  const server = supertest(http);
  return async (method, path, body, headers = {}) => {
    const request = server[method](path).set({ Authorization: app.platform.key as string, ...headers });
    if (headers.Authorization === '') request.unset('Authorization');
    if (body !== undefined) request.set('Content-Type', headers['Content-Type'] ?? MEDIA_TYPE);
    const sent = typeof body === 'string' ? body : JSON.stringify(body);
    if (body !== undefined) request.serialize((each: unknown) => each as string).send(sent);
    const answer = await request.buffer(true).parse((res, done) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('end', () => done(null, Buffer.concat(chunks).toString()));
    });
    const text = typeof answer.body === 'string' ? answer.body : '';
    const type = answer.headers['content-type'] ?? '';
    const isDocument = type.startsWith(MEDIA_TYPE) && text !== '';
    const parsed = isDocument ? JSON.parse(text) : undefined;
    if (isDocument) expect(faultsOf(parsed, type)).toEqual([]);
    return { status: answer.status, headers: answer.headers as Record<string, string>, text, body: parsed };
  };
}
