import type { Components, Ref } from './components';

const HEADERS: Readonly<Record<string, string>> = {
  'X-Request-Id': 'Id of the request: in the log, and in the error object.',
  ETag: 'Strong; changes with the resource, and with what of it is shown.',
  Location: 'URL of the resource that was made.',
  'Cache-Control': '`no-store` where a secret is shown.',
  'RateLimit-Policy':
    'What is counted, and how much of it: `"default";q=600;w=60` are 600 requests of the credential in 60 seconds. Not when the limit is off.',
  RateLimit: 'What is left of it: `"default";r=599;t=60` are 599 requests in the next 60 seconds.',
  'Retry-After': 'Seconds after which to try again.',
  'WWW-Authenticate': 'Always `Bearer`.',
};

/** Of answers to a request that was counted. */
export const RATE_LIMIT = ['RateLimit-Policy', 'RateLimit'] as const;

/** Header fields of an answer, by name. */
export const headersOf = (components: Components, ...names: string[]): Record<string, Ref> =>
  Object.fromEntries(
    names.map((name) => [
      name,
      components.add('headers', { description: HEADERS[name], schema: { type: 'string' } }, name),
    ]),
  );
