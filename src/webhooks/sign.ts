// Signatures of the Standard Webhooks specification, and the older one of the body alone.
import { createHmac, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';
/** A whole seed, so that a secret which somebody chose and that only begins like this is still a secret. */
const SIGNING_KEY = /^whsk_([A-Za-z0-9+/]{43}=)$/;
/** DER of an ed25519 key up to its 32 bytes (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_LENGTH = 12;

/** The key of HMAC: behind `whsec_` the bytes that the base64 stands for, of any other text its UTF-8 bytes (domain sheet 4.1). */
export function hmacKeyOf(secret: string): Buffer {
  return secret.startsWith(SECRET_PREFIX)
    ? Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8');
}

/** A private ed25519 key: `whsk_` and its seed of 32 bytes in base64. It never leaves the installation. */
export const makeSigningKey = (): string => `whsk_${randomBytes(32).toString('base64')}`;

/**
 * What receivers verify with: `whpk_` and 32 bytes in base64.
 * @throws Error when the secret is no private key
 */
export function publicKeyOf(secret: string): string {
  const key = signingKeyOf(secret);
  if (key === undefined) throw new Error('Only a private key has a public one.');
  const bytes = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_LENGTH);
  return `whpk_${bytes.toString('base64')}`;
}

/** What may be shown of a secret: four characters, behind the prefix where there is one; of a private key those of the public one. */
export function secretStart(secret: string): string {
  if (SIGNING_KEY.test(secret)) return publicKeyOf(secret).slice(0, 'whpk_'.length + 4);
  return secret.slice(0, (secret.startsWith(SECRET_PREFIX) ? SECRET_PREFIX.length : 0) + 4);
}

/**
 * The value of `webhook-signature` (domain sheet 9.5): one signature for each secret in the order given, newest first,
 * so that a receiver with any of them can verify. `v1` is HMAC-SHA256, `v1a` ed25519, for a private key.
 * @param timestampSeconds the value of `webhook-timestamp`, Unix time of this attempt
 * @param body exactly what is sent (INV-40)
 */
export function signatureOf(
  secrets: readonly string[],
  messageId: string,
  timestampSeconds: number,
  body: Buffer | string,
): string {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  const content = Buffer.concat([Buffer.from(`${messageId}.${timestampSeconds}.`, 'utf8'), bytes]);
  return secrets.map((secret) => signatureBy(secret, content)).join(' ');
}

function signatureBy(secret: string, content: Buffer): string {
  const key = signingKeyOf(secret);
  if (key !== undefined) return `v1a,${sign(null, content, key).toString('base64')}`;
  return `v1,${createHmac('sha256', hmacKeyOf(secret)).update(content).digest('base64')}`;
}

function signingKeyOf(secret: string): KeyObject | undefined {
  const [, seed] = SIGNING_KEY.exec(secret) ?? [];
  if (seed === undefined) return undefined;
  return createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(seed, 'base64')]), format: 'der', type: 'pkcs8' });
}

/** The signature of receivers of `/v1`: HMAC-SHA256 of the body in lower-case hex; the key is the secret as it was shown, prefix and all. */
export function legacySignature(secret: string, body: Buffer | string): string {
  return createHmac('sha256', Buffer.from(secret, 'utf8')).update(body).digest('hex');
}
