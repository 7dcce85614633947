import { createHmac, createPublicKey, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { makeWebhookSecret } from '../../src/secrets';
import {
  hmacKeyOf,
  legacySignature,
  makeSigningKey,
  publicKeyOf,
  secretStart,
  signatureOf,
} from '../../src/webhooks/sign';

const ID = '018f2f3e-7f2a-7c31-9f0e-5f6f6e0f6a11';
const BODIES = [
  '{"type":"member.updated","data":{}}',
  '{"name":"Zoë 😀 𝒳 \\u0000 \u2028"}',
  '{}',
  '  {"a" : 1}\n',
  'x'.repeat(100_000),
];
const now = () => Math.floor(Date.now() / 1000);

/** As the sender does, for the library that receivers use. */
function headersOf(secrets: readonly string[], body: Buffer | string, timestamp = now()): Record<string, string> {
  return {
    'webhook-id': ID,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatureOf(secrets, ID, timestamp, body),
  };
}

/** The other way to the same bytes: a JWK. */
function verifyEd25519(publicKey: string, content: string, signature: string): boolean {
  const x = Buffer.from(publicKey.replace(/^whpk_/, ''), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, Buffer.from(content), key, Buffer.from(signature.replace(/^v1a,/, ''), 'base64'));
}

describe('v1', () => {
  test('is that of the specification’s example', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    expect(signatureOf([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}')).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  test.each(BODIES)('verifies with the library, whatever the body: %.30s', (body) => {
    const secret = makeWebhookSecret();
    const receiver = new Webhook(secret);
    for (const sent of [body, Buffer.from(body)]) {
      expect(() => receiver.verify(body, headersOf([secret], sent), { jsonParse: false })).not.toThrow();
      expect(() => receiver.verify(`${body} `, headersOf([secret], sent), { jsonParse: false })).toThrow('No matching');
    }
  });

  test('is of the id and the time too', () => {
    const secret = makeWebhookSecret();
    const headers = headersOf([secret], '{}');
    const verifyWith = (changes: object) => () => new Webhook(secret).verify('{}', { ...headers, ...changes });
    expect(verifyWith({})()).toEqual({});
    expect(verifyWith({ 'webhook-id': 'other' })).toThrow('No matching');
    expect(verifyWith({ 'webhook-timestamp': String(now() - 10) })).toThrow('No matching');
    expect(verifyWith(headersOf([secret], '{}', now() - 301))).toThrow('too old');
  });

  test('is of the bytes, even where they are no text', () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00]);
    const content = Buffer.concat([Buffer.from(`${ID}.1.`), bytes]);
    const expected = createHmac('sha256', 'a secret of my own').update(content).digest('base64');
    expect(signatureOf(['a secret of my own'], ID, 1, bytes)).toBe(`v1,${expected}`);
  });

  test.each([
    'sixteen letters!',
    'Gehëimnis mit Ümläuten 😀',
    'x'.repeat(256),
    'bWFkZSBvZiBiYXNlNjQ=',
    'WHSEC_in capitals',
  ])('has the UTF-8 bytes of a secret without whsec_ as its key: %.30s', (secret) => {
    expect(hmacKeyOf(secret).equals(Buffer.from(secret, 'utf8'))).toBe(true);
    const receiver = new Webhook(new TextEncoder().encode(secret), { format: 'raw' });
    expect(receiver.verify('{"a":1}', headersOf([secret], '{"a":1}'))).toEqual({ a: 1 });
  });

  test.each([24, 25, 26, 32, 64])('has the bytes behind whsec_ as its key: %i of them', (length) => {
    const bytes = Buffer.alloc(length, 0xfb);
    const secret = `whsec_${bytes.toString('base64')}`;
    expect(hmacKeyOf(secret).equals(bytes)).toBe(true);
    expect(new Webhook(secret).verify('{}', headersOf([secret], '{}'))).toEqual({});
  });
});

test('during a rotation each receiver verifies with the secret it has, newest first (INV-33)', () => {
  const secrets = [makeWebhookSecret(), makeWebhookSecret(), 'an older one, as text'];
  const headers = headersOf(secrets, '{"a":1}', now());
  const parts = headers['webhook-signature']?.split(' ');
  expect(parts).toHaveLength(3);
  secrets.forEach((secret, place) => {
    expect(parts?.[place]).toBe(signatureOf([secret], ID, Number(headers['webhook-timestamp']), '{"a":1}'));
    expect(new Webhook(hmacKeyOf(secret), { format: 'raw' }).verify('{"a":1}', headers)).toEqual({ a: 1 });
  });
  expect(() => new Webhook(makeWebhookSecret()).verify('{"a":1}', headers)).toThrow('No matching');
});

describe('v1a', () => {
  test('signs and shows its public key as RFC 8032 has it', () => {
    // Its first example: an empty message has no place here, so the key alone.
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const point = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
    expect(publicKeyOf(`whsk_${seed.toString('base64')}`)).toBe(`whpk_${point.toString('base64')}`);
  });

  test.each(BODIES)('verifies with the public key alone, whatever the body: %.30s', (body) => {
    const key = makeSigningKey();
    expect(key).toMatch(/^whsk_[A-Za-z0-9+/]{43}=$/);
    const publicKey = publicKeyOf(key);
    expect(publicKey).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/);
    const signature = signatureOf([key], ID, 1_700_000_000, body);
    expect(signature).toMatch(/^v1a,[A-Za-z0-9+/]{86}==$/);
    expect(verifyEd25519(publicKey, `${ID}.1700000000.${body}`, signature)).toBe(true);
    expect(verifyEd25519(publicKey, `${ID}.1700000001.${body}`, signature)).toBe(false);
    expect(verifyEd25519(publicKeyOf(makeSigningKey()), `${ID}.1700000000.${body}`, signature)).toBe(false);
  });

  test('stands beside v1 when an endpoint changes from one to the other', () => {
    const secrets = [makeSigningKey(), makeWebhookSecret()] as const;
    const headers = headersOf(secrets, '{"a":1}');
    expect(new Webhook(secrets[1]).verify('{"a":1}', headers)).toEqual({ a: 1 });
    const [first = ''] = headers['webhook-signature']?.split(' ') ?? [];
    expect(verifyEd25519(publicKeyOf(secrets[0]), `${ID}.${headers['webhook-timestamp']}.{"a":1}`, first)).toBe(true);
  });

  test.each([
    'whsk_is how my own secret begins',
    `whsk_${'A'.repeat(44)}`,
    `${makeSigningKey()}x`,
    makeWebhookSecret(),
  ])('is for whole private keys only: %s', (secret) => {
    expect(signatureOf([secret], ID, 1, '{}')).toMatch(/^v1,/);
    expect(() => publicKeyOf(secret)).toThrow('Only a private key');
  });
});

test('of a secret four characters are shown, and of a private key those of the public one', () => {
  const key = makeSigningKey();
  expect(secretStart('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')).toBe('whsec_MfKQ');
  expect(secretStart('a secret of my own')).toBe('a se');
  expect(secretStart(key)).toBe(publicKeyOf(key).slice(0, 9));
});

describe('the signature of /v1', () => {
  test('is that of RFC 4231, in lower-case hex', () => {
    expect(legacySignature('Jefe', 'what do ya want for nothing?')).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });

  test('has the secret as shown for its key, whsec_ and all', () => {
    const secret = makeWebhookSecret();
    const body = '{"name":"Zoë"}';
    const expected = createHmac('sha256', secret).update(body).digest('hex');
    expect(legacySignature(secret, body)).toBe(expected);
    expect(legacySignature(secret, Buffer.from(body))).toBe(expected);
  });
});
