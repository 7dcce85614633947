import express, { type Express } from 'express';
import type { Logger } from 'pino';
import type { Services } from './context';
import { serveEndpoints } from './controllers/endpoints';
import { me } from './controllers/me';
import { OPERATIONS_PATH, operations } from './controllers/operations';
import { resources } from './controllers/resources';
import { docs } from './docs/page';
import { checkEndpoints, endpoints } from './endpoints';
import { edge } from './http/edge';
import { type Dialect, failure, jsonApiErrors } from './http/failure';
import { health, type ReadinessCheck } from './http/health';
import type { Lifecycle } from './http/lifecycle';
import { media } from './http/media';
import type { Metrics } from './http/metrics';
import { unknownPath } from './http/unknownPath';
import { surfaces } from './legacy';
import { serveSurface } from './legacy/serve';
import { dialectOf, surfaceOf } from './legacy/surface';
import { checkRegistry, registry } from './resources';

export interface AppParts {
  readonly services: Services;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly checkReadiness: ReadinessCheck;
}

/** The whole HTTP surface: middleware in its order, and what is mounted where (contract 3). */
export function createApp({ services, log, metrics, lifecycle, checkReadiness }: AppParts): Express {
  checkRegistry();
  checkEndpoints(endpoints);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', services.config.trustProxy);

  app.use(edge({ log, metrics, lifecycle }));
  if (services.config.role !== 'worker') {
    // Both know their whole paths. Mounted at a prefix, Express would cut the URL and mend it again on every
    // request, a tenth of a small one's time.
    app.use(serveEndpoints(services, endpoints, registry));
    app.use(resources(services, registry));
    app.use('/public/v2/me', me(services));
    app.all(OPERATIONS_PATH, operations(services, registry));
    for (const surface of surfaces) app.use(serveSurface(services, surface));
    app.use(media(services));
    app.use(docs(registry, endpoints));
  }
  app.use(health(checkReadiness, lifecycle, metrics));
  app.use(unknownPath);
  app.use(failure(log, errorsOf));
  return app;
}

/** Errors are worded as the surface that was asked does. */
function errorsOf(url: string): Dialect {
  const surface = surfaceOf(surfaces, url);
  return surface === undefined ? jsonApiErrors : dialectOf(surface);
}
