import type { Components, Ref } from './components';

const HEADERS: Readonly<Record<string, string>> = {
  'X-Request-Id': 'Id of the request: in the log, and in the error object.',
  ETag: 'Strong; changes with the resource, and with what of it is shown.',
  Link: 'The first and last page of the list, and those before and behind this one.',
  'X-Total-Count': 'Rows of all pages.',
  Location: 'URL of the resource that was made.',
  Allow: 'Methods that can be used here; with `withCapabilities=true` those that this caller may use.',
  'Cache-Control': '`no-store` where a secret is shown.',
  'Idempotent-Replayed':
    'Always `true`: this is the answer that was stored for the `Idempotency-Key`, and nothing was done.',
  'RateLimit-Policy':
    'What is counted, and how much of it: `"default";q=600;w=60` are 600 requests of the credential in 60 seconds. A key with a limit of its own has the policy `"key"`, sensitive calls have others. Not when the limit is off.',
  RateLimit: 'What is left of it: `"default";r=599;t=60` are 599 requests in the next 60 seconds.',
  'Retry-After': 'Seconds after which to try again.',
  'X-Content-Type-Options': 'Always `nosniff`.',
  'Content-Security-Policy': 'Nothing in the image may be loaded or run.',
  'Cross-Origin-Resource-Policy': 'Always `cross-origin`: any page may show the image.',
  'WWW-Authenticate': 'Always `Bearer`.',
};

/** Of answers to a request that was counted. */
export const RATE_LIMIT = ['RateLimit-Policy?', 'RateLimit?'] as const;

/** Header fields of an answer, by name; a name with `?` behind it is not in every one. */
export function headersOf(components: Components, ...names: string[]): Record<string, Ref> {
  const fields = names.map((each) => {
    const name = each.replace('?', '');
    const part = { description: HEADERS[name], schema: { type: 'string' } };
    const isSometimes = each !== name;
    return [
      name,
      components.add('headers', isSometimes ? part : { ...part, required: true }, name, `${name}.optional`),
    ];
  });
  return Object.fromEntries(fields);
}
