import express, { type Express } from 'express';
import pino from 'pino';
import supertest from 'supertest';
import { docs } from '../src/docs/page';
import { endpoints } from '../src/endpoints';
import { failure } from '../src/http/failure';
import { buildOpenApi } from '../src/openapi/build';
import { registry } from '../src/resources';

const OPENAPI = '/public/v2/openapi.json';
const PATHS = ['/docs', '/docs/scalar.js', '/docs/init.js', OPENAPI];

let route: string | undefined;

function createApp(): Express {
  const app = express();
  app.disable('etag');
  app.use((_req, res, next) => {
    res.locals.requestId = 'request-1';
    res.on('finish', () => {
      route = res.locals.route;
    });
    next();
  });
  app.use(docs(registry, endpoints));
  app.use(failure(pino({ enabled: false })));
  return app;
}

const client = supertest(createApp());

test('the page loads its scripts from this host only, and the browser is told so', async () => {
  const { status, headers, text } = await client.get('/docs');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers['content-security-policy']).toBe(
    "default-src 'none';script-src 'self';style-src 'unsafe-inline';img-src 'self' data:;connect-src 'self';" +
      "base-uri 'none';form-action 'none';frame-ancestors 'none'",
  );
  expect(headers).not.toHaveProperty('strict-transport-security');
  expect(text).not.toMatch(/https?:\/\//);
  const scripts = [...text.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)];
  expect(scripts).toHaveLength(2);
  for (const [, attributes, inline] of scripts) {
    expect(inline).toBe('');
    expect(attributes).toMatch(/^ src="\/docs\/[^"]+"$/);
  }
});

test('the reference is set up to ask no other host for anything', async () => {
  const { text } = await client.get('/docs/init.js');
  const [, settings = ''] = /createApiReference\('#reference', (.*)\);/.exec(text) ?? [];
  expect(JSON.parse(settings)).toEqual({
    url: OPENAPI,
    withDefaultFonts: false,
    proxyUrl: '',
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    hideClientButton: true,
    showDeveloperTools: 'never',
  });
});

test('the script is kept for a year under the version that the page asks for, else asked for again', async () => {
  const { text } = await client.get('/docs');
  const [, versioned = ''] = /src="(\/docs\/scalar\.js\?v=[^"]+)"/.exec(text) ?? [];
  const kept = await client.head(versioned);
  expect(kept.status).toBe(200);
  expect(kept.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
    'x-request-id': 'request-1',
  });
  expect(Number(kept.headers['content-length'])).toBeGreaterThan(1_000_000);
  for (const path of ['/docs/scalar.js', '/docs/scalar.js?v=other']) {
    expect((await client.head(path)).headers['cache-control']).toBe('public, no-cache');
  }
});

test('the description is the built document, for a minute', async () => {
  const { status, headers, body } = await client.get(OPENAPI);
  expect(status).toBe(200);
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'public, max-age=60' });
  expect(body).toEqual(JSON.parse(JSON.stringify(buildOpenApi(registry, endpoints))));
});

describe.each(PATHS)('%s', (path) => {
  test('has a strong ETag and answers 304 to it', async () => {
    const { etag = '' } = (await client.head(path)).headers;
    expect(etag).toMatch(/^"[\w-]+"$/);
    const again = await client.get(path).set('If-None-Match', etag);
    expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag]);
    expect((await client.head(path).set('If-None-Match', '"other"')).status).toBe(200);
  });

  test('answers HEAD as GET, without the body', async () => {
    const get = await client.get(path);
    const head = await client.head(path);
    expect(head.status).toBe(200);
    expect(head.text ?? '').toBe('');
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect(head.headers['content-type']).toBe(get.headers['content-type']);
  });

  test('is the same with a slash at the end, and is measured under its template', async () => {
    const { etag } = (await client.head(path)).headers;
    expect((await client.head(`${path}/`)).headers.etag).toBe(etag);
    expect(route).toBe(path);
  });

  test('refuses other methods with Allow', async () => {
    const { status, headers, body } = await client.post(path);
    expect([status, headers.allow, body.errors[0].code]).toEqual([405, 'GET, HEAD, OPTIONS', 'method_not_allowed']);
    expect(route).toBe(path);
    const options = await client.options(path);
    expect([options.status, options.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS']);
  });
});
