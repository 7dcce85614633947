import { createHash } from 'node:crypto';
import { hashKey, isCredential, type KeyKind, keyStart, makeKey, makeWebhookSecret, Secrets } from '../../src/secrets';

const KINDS: KeyKind[] = ['sk', 'pk', 'pat', 'at', 'rt', 'inv', 'pwr'];
/** Made with another implementation of CRC-32 and base62 (Python's zlib). */
const KNOWN = [
  'sk_live_0123456789ABCDEFGHIJKLMNOPQRST4KxuAM',
  'pk_test_abcdefghijklmnopqrstuvwxyzABCD1HAZOP',
  'inv_live_0000000000000000000000000000000BKA9j',
  'at_live_00000000000000000000000000005600lFTP',
];

describe('a made key', () => {
  test.each(KINDS.flatMap((kind) => [[kind, 'live'] as const, [kind, 'test'] as const]))(
    '%s_%s_ has 30 random characters and 6 of checksum',
    (kind, environment) => {
      const key = makeKey(kind, environment);
      expect(key).toMatch(new RegExp(`^${kind}_${environment}_[0-9A-Za-z]{36}$`));
      expect(isCredential(key)).toBe(true);
      expect(keyStart(key)).toBe(key.slice(0, `${kind}_${environment}_`.length + 4));
    },
  );

  test('is live when nothing else is said, and never the same twice', () => {
    const keys = Array.from({ length: 1000 }, () => makeKey('sk'));
    expect(new Set(keys).size).toBe(1000);
    expect(keys.every((key) => key.startsWith('sk_live_'))).toBe(true);
  });

  test('uses every character of base62 at every place', () => {
    const keys = Array.from({ length: 3000 }, () => makeKey('sk'));
    for (let place = 8; place < 38; place++) expect(new Set(keys.map((key) => key[place])).size).toBe(62);
  });
});

describe('the checksum', () => {
  test.each(KNOWN)('is CRC-32 of all before it in base62, padded with 0: %s', (key) => {
    expect(isCredential(key)).toBe(true);
  });

  test('finds every single changed character, and every two that are swapped', () => {
    const key = makeKey('sk');
    for (let i = 'sk_live_'.length; i < key.length; i++) {
      const changed = key.slice(0, i) + (key[i] === 'a' ? 'b' : 'a') + key.slice(i + 1);
      expect(isCredential(changed)).toBe(false);
      const swapped = key.slice(0, i - 1) + key[i] + key[i - 1] + key.slice(i + 1);
      if (swapped !== key && i > 'sk_live_'.length) expect(isCredential(swapped)).toBe(false);
    }
  });

  test('is of the prefix too', () => {
    const key = makeKey('sk');
    for (const other of [key.replace('sk_', 'pk_'), key.replace('_live_', '_test_'), key.replace('sk_', 'inv_')]) {
      expect(isCredential(other)).toBe(false);
    }
  });
});

describe('a look-alike is no credential', () => {
  const key = makeKey('sk');
  test.each([
    ['one character less', key.slice(0, -1)],
    ['one character more', `${key}0`],
    ['nothing behind the prefix', 'sk_live_'],
    ['a dash in the random part', 'sk_live_-123456789abcdefghijklmnopqrstuvwxyz'],
    ['a token of 22 characters that begins like a key', 'sk_live_56QPYl8v9jggrN'],
    ['a long text that begins like a key', `pk_test_${'x'.repeat(100)}`],
  ])('%s', (_title, text) => {
    expect(isCredential(text)).toBe(false);
  });
});

describe('a foreign credential has 22 to 255 visible ASCII characters', () => {
  test.each<[string, string, boolean]>([
    ['the seed document’s token', '5I9cezE6QPYl8v9jggrN3w', true],
    ['22 characters', 'x'.repeat(22), true],
    ['255 characters', 'x'.repeat(255), true],
    ['the first and the last visible character', `!${'x'.repeat(20)}~`, true],
    ['a prefix of ours in capitals', `SK_LIVE_${'x'.repeat(36)}`, true],
    ['a prefix of no kind', `xy_live_${'x'.repeat(36)}`, true],
    ['21 characters', 'x'.repeat(21), false],
    ['256 characters', 'x'.repeat(256), false],
    ['a blank', `${'x'.repeat(22)} x`, false],
    ['a line break at the end', `${'x'.repeat(22)}\n`, false],
    ['a letter that is not ASCII', `${'x'.repeat(22)}é`, false],
    ['a control character', `${'x'.repeat(22)}\u007f`, false],
    ['nothing', '', false],
  ])('%s', (_title, text, expected) => {
    expect(isCredential(text)).toBe(expected);
  });

  test('shows its first four characters', () => {
    expect(keyStart('5I9cezE6QPYl8v9jggrN3w')).toBe('5I9c');
  });
});

test('a key is stored as its SHA-256 [INV-29]', () => {
  const key = makeKey('sk');
  expect(hashKey(key)).toEqual(createHash('sha256').update(key).digest());
  expect(hashKey('ä')).toHaveLength(32);
});

test('a webhook secret is whsec_ and 32 random bytes in base64', () => {
  const secret = makeWebhookSecret();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32);
  expect(makeWebhookSecret()).not.toBe(secret);
});

describe('encryption', () => {
  const secrets = new Secrets(Buffer.alloc(32, 7));
  const PURPOSE = 'organizations/1/webhookSecret';

  test.each(['', 'short', 'ä and 😀', 'x'.repeat(10_000)])('gives back what it was given: %.20s', (text) => {
    expect(secrets.decrypt(secrets.encrypt(text, PURPOSE), PURPOSE)).toBe(text);
  });

  test('is never the same twice, and does not hold the text', () => {
    const [one, two] = [secrets.encrypt('a secret', PURPOSE), secrets.encrypt('a secret', PURPOSE)];
    expect(one.equals(two)).toBe(false);
    expect(one.includes('a secret')).toBe(false);
    expect(one[0]).toBe(1);
  });

  test('is bound to its purpose and its key', () => {
    const bytes = secrets.encrypt('a secret', PURPOSE);
    expect(() => secrets.decrypt(bytes, 'organizations/2/webhookSecret')).toThrow();
    expect(() => secrets.decrypt(bytes, '')).toThrow();
    expect(() => new Secrets(Buffer.alloc(32, 8)).decrypt(bytes, PURPOSE)).toThrow();
  });

  test('notices every changed byte behind the version, and every missing one', () => {
    const bytes = secrets.encrypt('a secret', PURPOSE);
    for (let i = 1; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] as number) ^ 1;
      expect(() => secrets.decrypt(changed, PURPOSE)).toThrow();
    }
    for (const length of [0, 1, 13, 28, bytes.length - 1]) {
      expect(() => secrets.decrypt(bytes.subarray(0, length), PURPOSE)).toThrow();
    }
  });

  test('takes a key of 32 bytes and no other', () => {
    expect(() => new Secrets(Buffer.alloc(16)).encrypt('x', PURPOSE)).toThrow();
  });
});
