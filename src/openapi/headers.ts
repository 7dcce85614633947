import type { Components, Ref } from './components';

const HEADERS: Readonly<Record<string, string>> = {
  'X-Request-Id': 'Id of the request: in the log, and in the error object.',
  ETag: 'Strong; changes with the resource, and with what of it is shown.',
  Location: 'URL of the resource that was made.',
  'Cache-Control': '`no-store` where a secret is shown.',
  'Retry-After': 'Seconds after which to try again.',
  'WWW-Authenticate': 'Always `Bearer`.',
};

/** Header fields of an answer, by name. */
export const headersOf = (components: Components, ...names: string[]): Record<string, Ref> =>
  Object.fromEntries(
    names.map((name) => [
      name,
      components.add('headers', { description: HEADERS[name], schema: { type: 'string' } }, name),
    ]),
  );
