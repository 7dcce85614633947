import { type RequestHandler, Router } from 'express';
import type { Lifecycle } from './lifecycle';
import type { Metrics } from './metrics';
import { sendText } from './send';
import { onlyMethods } from './unknownPath';

/** Resolves when the database answers and has every migration; rejects else. */
export type ReadinessCheck = () => Promise<void>;

const JSON_TYPE = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };

/** `/livez`, `/readyz`, `/metrics`: for the operator's tools, without a credential. */
export function health(check: ReadinessCheck, lifecycle: Lifecycle, metrics: Metrics): Router {
  const router = Router();
  const route = (path: string, handler: RequestHandler) =>
    router.all(path, onlyMethods('GET', 'HEAD'), (req, res, next) => {
      res.locals.route = path;
      return handler(req, res, next);
    });
  route('/livez', (_req, res) => sendText(res, 200, '{"status":"ok"}', JSON_TYPE));
  route('/readyz', async (_req, res) => {
    const status = await statusOf(check, lifecycle);
    sendText(res, status === 'ready' ? 200 : 503, JSON.stringify({ status }), {
      ...JSON_TYPE,
      ...(status === 'ready' ? {} : { 'Retry-After': '5' }),
    });
  });
  route('/metrics', async (_req, res) =>
    sendText(res, 200, await metrics.registry.metrics(), {
      'Content-Type': metrics.registry.contentType,
      'Cache-Control': 'no-store',
    }),
  );
  return router;
}

async function statusOf(check: ReadinessCheck, { isDraining }: Lifecycle): Promise<string> {
  if (isDraining) return 'draining';
  try {
    await check();
    return 'ready';
  } catch {
    return 'database unavailable';
  }
}
