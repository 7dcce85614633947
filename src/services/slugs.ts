import { randomInt } from 'node:crypto';

/** Names that paths, hosts and mail addresses of a product use for itself: nobody gets them as slug. */
export const RESERVED_SLUGS = [
  'admin',
  'api',
  'app',
  'assets',
  'auth',
  'billing',
  'console',
  'docs',
  'help',
  'internal',
  'login',
  'logout',
  'mail',
  'management',
  'me',
  'media',
  'new',
  'null',
  'public',
  'root',
  'settings',
  'signin',
  'signup',
  'static',
  'status',
  'support',
  'system',
  'undefined',
  'webhook',
  'webhooks',
  'www',
];

const LONGEST = 63;
const SUFFIX_LENGTH = 6;

/** A slug of 2–63 characters from a name; the fallback and a suffix from one that has no Latin letter or digit. */
export function slugFrom(name: string, { fallback = 'org', reserved = RESERVED_SLUGS } = {}): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST)
    .replace(/^-+|-+$/g, '');
  if (slug.length < 2) return withSuffix(slug === '' ? fallback : slug);
  return reserved.includes(slug) ? withSuffix(slug) : slug;
}

/** The slug with six random characters behind it, for when it is taken. */
export function withSuffix(slug: string): string {
  const suffix = Array.from({ length: SUFFIX_LENGTH }, () => randomInt(36).toString(36)).join('');
  return `${slug.slice(0, LONGEST - SUFFIX_LENGTH - 1).replace(/-+$/, '')}-${suffix}`;
}
