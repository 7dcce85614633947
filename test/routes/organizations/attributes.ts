import { makeKey, makeWebhookSecret } from '../../../src/secrets';

/** What an organization may and may not be given, the same for POST and PATCH (domain sheet 4.1). */

const x = (n: number): string => 'x'.repeat(n);
const keys = (n: number): object => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]));
/** An object that is `depth` objects deep. */
const nested = (depth: number): object => (depth === 1 ? { leaf: true } : { below: nested(depth - 1) });
/** Metadata that is `bytes` long as JSON. */
const sized = (bytes: number): object => ({ a: x(bytes - '{"a":""}'.length) });
const whsec = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 1).toString('base64')}`;

/** The last character of a key changed: looks like one of ours, and its checksum is wrong. */
export const mistyped = (key: string): string => key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');

/** The attribute, what it is about, what is sent, and what is shown where that differs. */
export const ACCEPTED: [attribute: string, about: string, given: unknown, shown?: unknown][] = [
  ['name', 'of one character', 'A'],
  ['name', 'of 120 characters', x(120)],
  ['name', 'of 120 emoji, which count as one character each', '😀'.repeat(120)],
  ['name', 'with blanks around it, which are cut off', `  ${x(120)} `, x(120)],
  ['name', 'in decomposed form, which becomes NFC', 'Cafe\u0301', 'Café'],
  ['name', 'of 120 characters in NFC and 240 as sent', 'e\u0301'.repeat(120), 'é'.repeat(120)],
  ['slug', 'of 2 characters', 'ab'],
  ['slug', 'of 63 characters', 'y'.repeat(63)],
  ['slug', 'with dashes and digits inside', '1-a--b-2'],
  ['externalId', 'of one character', '7'],
  ['externalId', 'of 255 characters', x(255)],
  ['externalId', 'null', null],
  ['kind', 'of 40 characters', x(40)],
  ['countryCode', 'of ISO 3166', 'DE'],
  ['countryCode', 'null', null],
  ['avatarUrl', 'https', 'https://cdn.example.com/a.png?size=2'],
  ['avatarUrl', 'null', null],
  ['primaryDomain', 'a domain', 'example.com'],
  ['primaryDomain', 'null', null],
  ['webhookUrl', 'https with port and query', 'https://hooks.example.com:8443/in?tenant=1'],
  ['webhookUrl', 'http to localhost in local mode', 'http://localhost:8080/in'],
  ['webhookUrl', 'http to 127.0.0.1 in local mode', 'http://127.0.0.1:8080/in'],
  ['webhookUrl', 'http to [::1] in local mode', 'http://[::1]:8080/in'],
  ['metadata', 'empty', {}],
  ['metadata', 'with values of every kind', { a: 'x\ny', b: 1.5, c: true, d: null, e: [1, { f: 'g' }] }],
  ['metadata', 'with 50 keys', keys(50)],
  ['metadata', 'of 16 KiB', sized(16_384)],
  ['metadata', '5 levels deep', nested(5)],
  ['deleteProtection', 'true', true],
  ['legalHold', 'true by a platform caller', true],
];

/** The attribute, what it is about, what is sent, the code, and the pointer below `attributes` where it is not the attribute. */
export const REFUSED: [attribute: string, about: string, given: unknown, code: string, pointer?: string][] = [
  ['webhookUrl', 'http to another host', 'http://example.com/in', 'not_allowed'],
  ['webhookUrl', 'http to a name that begins like loopback', 'http://localhost.example.com/in', 'not_allowed'],
  ['webhookUrl', 'http to a name that begins like 127.0.0.1', 'http://127.0.0.1.example.com/in', 'not_allowed'],
  ['webhookUrl', 'of a private address', 'https://10.0.0.1/in', 'blocked_address'],
  ['webhookUrl', 'of a private address as a number', 'https://0xa9fea9fe/in', 'blocked_address'],
  ['name', 'empty', '', 'too_short'],
  ['name', 'of blanks', '   ', 'too_short'],
  ['name', 'of 121 characters', x(121), 'too_long'],
  ['name', 'of 121 emoji', '😀'.repeat(121), 'too_long'],
  ['name', 'null', null, 'invalid_format'],
  ['name', 'a number', 5, 'invalid_format'],
  ['name', 'with a line break inside', 'a\nb', 'invalid_format'],
  ['name', 'with a NUL', 'a\u0000b', 'invalid_format'],
  ['name', 'with half a surrogate pair', 'a\ud800b', 'invalid_format'],
  ['slug', 'of 1 character', 'a', 'too_short'],
  ['slug', 'of 64 characters', x(64), 'too_long'],
  ['slug', 'with a capital', 'Acme', 'invalid_format'],
  ['slug', 'with a dash in front', '-acme', 'invalid_format'],
  ['slug', 'with a dash at the end', 'acme-', 'invalid_format'],
  ['slug', 'with an underscore', 'ac_me', 'invalid_format'],
  ['slug', 'with another letter than a to z', 'ärmel', 'invalid_format'],
  ['slug', 'reserved', 'admin', 'not_allowed'],
  ['slug', 'null', null, 'invalid_format'],
  ['externalId', 'empty', '', 'too_short'],
  ['externalId', 'of 256 characters', x(256), 'too_long'],
  ['kind', 'empty', '', 'too_short'],
  ['kind', 'of 41 characters', x(41), 'too_long'],
  ['kind', 'null', null, 'invalid_format'],
  ['countryCode', 'in lower case', 'de', 'invalid_format'],
  ['countryCode', 'of no country', 'ZZ', 'invalid_format'],
  ['countryCode', 'of three letters', 'DEU', 'invalid_format'],
  ['avatarUrl', 'http', 'http://example.com/a.png', 'invalid_format'],
  ['avatarUrl', 'of another scheme', 'javascript:alert(1)', 'invalid_format'],
  ['avatarUrl', 'no URL', 'a.png', 'invalid_format'],
  ['avatarUrl', 'with user info', 'https://user:pass@example.com/a.png', 'invalid_format'],
  ['avatarUrl', 'of 2049 characters', `https://example.com/${x(2029)}`, 'too_long'],
  ['primaryDomain', 'of 254 characters', x(254), 'too_long'],
  ['webhookUrl', 'of another scheme', 'ftp://example.com/in', 'invalid_format'],
  ['webhookUrl', 'no URL', 'example.com/in', 'invalid_format'],
  ['webhookUrl', 'with a user name', 'https://user@example.com/in', 'invalid_format'],
  ['webhookUrl', 'with a password', 'https://:pass@example.com/in', 'invalid_format'],
  ['webhookUrl', 'with a fragment', 'https://example.com/in#part', 'invalid_format'],
  ['webhookUrl', 'with an empty fragment', 'https://example.com/in#', 'invalid_format'],
  ['webhookSecret', 'of 15 characters', x(15), 'too_short'],
  ['webhookSecret', 'of 257 characters', x(257), 'too_long'],
  ['webhookSecret', 'whsec_ with what is not base64', `whsec_${'*'.repeat(32)}`, 'invalid_format'],
  ['webhookSecret', 'whsec_ of 23 bytes', whsec(23), 'invalid_format'],
  ['webhookSecret', 'whsec_ of 65 bytes', whsec(65), 'invalid_format'],
  ['webhookSecret', 'with a control character', `${x(16)}\n`, 'invalid_format'],
  ['webhookSecret', 'a number', 5, 'invalid_format'],
  ['token', 'of 21 characters', x(21), 'too_short'],
  ['token', 'of 256 characters', x(256), 'too_long'],
  ['token', 'with a blank', `${x(22)} x`, 'invalid_format'],
  ['token', 'with a letter that is not ASCII', `${x(22)}ä`, 'invalid_format'],
  ['metadata', 'null', null, 'invalid_format'],
  ['metadata', 'a list', [], 'invalid_format'],
  ['metadata', 'with 51 keys', keys(51), 'too_long'],
  ['metadata', 'of more than 16 KiB', sized(16_385), 'too_long'],
  ['metadata', '6 levels deep', nested(6), 'invalid_format', 'metadata/below/below/below/below/below'],
  ['metadata', 'with a key that is no member name', { 'a.b': 1 }, 'invalid_format', 'metadata/a.b'],
  ['metadata', 'with a slash in a key', { 'a/b': 1 }, 'invalid_format', 'metadata/a~1b'],
  ['metadata', 'with a number that JSON does not keep', { n: 2 ** 53 }, 'invalid_format', 'metadata/n'],
  ['token', 'an organization key with a wrong checksum', mistyped(makeKey('sk')), 'invalid_format'],
  ['token', 'a platform key with a wrong checksum', mistyped(makeKey('pk')), 'invalid_format'],
  ['token', 'a key that is too short', 'sk_live_0123456789012345', 'invalid_format'],
  ['deleteProtection', 'a text', 'true', 'invalid_format'],
  ['deleteProtection', 'null', null, 'invalid_format'],
  ['legalHold', 'null', null, 'invalid_format'],
  ['colour', 'unknown', 'red', 'unknown_attribute'],
];

export const GOOD_SECRETS = [
  x(16),
  x(256),
  'any text with blanks, ä and 😀',
  whsec(24),
  whsec(64),
  makeWebhookSecret(),
];
export const GOOD_TOKENS = ['5I9cezE6QPYl8v9jggrN3w', `!${x(253)}~`, makeKey('sk')];
