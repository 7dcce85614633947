import { hash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type RequestHandler, type Response, Router } from 'express';
import helmet from 'helmet';
import type { Endpoint } from '../controllers/endpoints';
import { sendText } from '../http/send';
import { onlyMethods } from '../http/unknownPath';
import type { ResourceDefinition } from '../jsonapi/define';
import { isUnchanged } from '../jsonapi/reply';
import { buildOpenApi } from '../openapi/build';

const OPENAPI = '/public/v2/openapi.json';

/**
 * Scalar's switches: with these it asks no other host for anything, no fonts, no proxy, no telemetry, and offers none of
 * the services of its makers.
 */
const SETTINGS = {
  url: OPENAPI,
  withDefaultFonts: false,
  proxyUrl: '',
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: 'never',
};

const INIT = `Scalar.createApiReference('#reference', ${JSON.stringify(SETTINGS)});\n`;

/**
 * The browser holds the page to this host. Styles are the one thing that Scalar writes into the page. It tries once
 * whether it may compile code and does without where, as here, it may not; browsers note that as a refusal.
 */
const guard = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // For the operator to say: it binds every page of the host, for months.
  strictTransportSecurity: false,
});

/** The build copies the script beside the compiled files; in a run from source it is where npm put it. */
function findScript(): string {
  const built = join(__dirname, '..', '..', 'docs', 'scalar.js');
  return existsSync(built) ? built : require.resolve('@scalar/api-reference/browser/standalone.js');
}

interface Text {
  body: string;
  /** Strong, from the content. */
  tag: string;
}

const tagOf = (content: string | Buffer): string => `"${hash('sha1', content, 'base64url')}"`;

/** Made when it is first asked for, then kept: most processes never show the page. */
function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

const text = (make: () => string): (() => Text) =>
  once(() => {
    const body = make();
    return { body, tag: tagOf(body) };
  });

const script = once(() => {
  const path = findScript();
  return { path, tag: tagOf(readFileSync(path)) };
});

const versionOf = (tag: string): string => tag.slice(1, 9);

const page = text(
  () => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Guildhall API</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="reference"></div>
<noscript>This page needs JavaScript. The description itself is at <a href="${OPENAPI}">${OPENAPI}</a>.</noscript>
<script src="/docs/scalar.js?v=${versionOf(script().tag)}"></script>
<script src="/docs/init.js"></script>
</body>
</html>
`,
);
const init = text(() => INIT);

/** Answers with a text that changes with the program only. */
function show(content: () => Text, type: string, maxAgeSeconds: number): RequestHandler {
  return (req, res) => {
    const { body, tag } = content();
    const headers = { ETag: tag, 'Cache-Control': `public, max-age=${maxAgeSeconds}` };
    if (isUnchanged(req.headers['if-none-match'], tag)) sendText(res, 304, undefined, headers);
    else sendText(res, 200, body, { ...headers, 'Content-Type': type });
  };
}

/** The page asks for its script by version, so that browsers may keep it for ever and still get the next one. */
const showScript: RequestHandler = (req, res) => {
  const { path, tag } = script();
  const isVersion = req.query.v === versionOf(tag);
  setHeaders(res, {
    ETag: tag,
    'Cache-Control': isVersion ? 'public, max-age=31536000, immutable' : 'public, no-cache',
    'Content-Type': 'text/javascript; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': res.locals.requestId,
  });
  // With a root: without one, a clone in a folder whose name begins with a dot would be a hidden file.
  res.sendFile(basename(path), { root: dirname(path), cacheControl: false, lastModified: false });
};

function setHeaders(res: Response, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}

/** `/docs`, the description for people, and `/public/v2/openapi.json`, the one for programs. Neither needs a credential. */
export function docs(registry: ReadonlyMap<string, ResourceDefinition<never>>, endpoints: readonly Endpoint[]): Router {
  const description = text(() => JSON.stringify(buildOpenApi(registry, endpoints)));
  const router = Router();
  const route = (path: string, ...handlers: RequestHandler[]) => {
    const name: RequestHandler = (_req, res, next) => {
      res.locals.route = path;
      next();
    };
    router.all(path, name, onlyMethods('GET', 'HEAD'), ...handlers);
  };
  route('/docs', guard, show(page, 'text/html; charset=utf-8', 60));
  route('/docs/scalar.js', showScript);
  route('/docs/init.js', show(init, 'text/javascript; charset=utf-8', 60));
  route(OPENAPI, show(description, 'application/json', 60));
  return router;
}
