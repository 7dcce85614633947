import type { Components, Json, Ref } from './components';
import type { Content } from './documents';
import { headersOf, RATE_LIMIT } from './headers';

/** Of every answer to a request that changes something: those are stored for their `Idempotency-Key`. */
export const REPLAYED = 'Idempotent-Replayed?';

/** An answer with a JSON:API document. */
export const answer = (components: Components, description: string, content: Content, ...headers: string[]): Json => ({
  description,
  headers: headersOf(components, 'X-Request-Id', ...RATE_LIMIT, 'Cache-Control', ...headers),
  content,
});

/** The answer to `If-None-Match` when nothing has changed. */
export const notModified = (components: Components, counted: readonly string[] = RATE_LIMIT): Ref =>
  components.add(
    'responses',
    { description: 'Not modified.', headers: headersOf(components, 'X-Request-Id', ...counted, 'ETag') },
    '304',
    '304.uncounted',
  );

export const deleted = (components: Components): Ref =>
  components.add(
    'responses',
    {
      description: 'Done; there is no body.',
      headers: headersOf(components, 'X-Request-Id', ...RATE_LIMIT, REPLAYED),
    },
    '204',
  );

/** Said of every GET: HEAD has no entry of its own. */
export const HEAD = '`HEAD` answers the same without a body.';
