import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  randomInt,
} from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Sealer } from './audit/seal';

/** What a key is for: `sk` organization, `pk` platform and partner, `pat` personal, `at` access, `rt` refresh, `inv` invitation, `pwr` password reset. */
export type KeyKind = 'sk' | 'pk' | 'pat' | 'at' | 'rt' | 'inv' | 'pwr';
export type KeyEnvironment = 'live' | 'test';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 30;
const CHECKSUM_LENGTH = 6;
const FORM = /^(?:sk|pk|pat|at|rt|inv|pwr)_(?:live|test)_[0-9A-Za-z]{36}$/;
/** What looks like one of our keys, of whatever length: such a text is one with a good checksum or none at all. */
const LOOKS_LIKE_KEY = /^(?:sk|pk|pat|at|rt|inv|pwr)_(?:live|test)_/;

/** CRC-32 of a text in base62, left-padded to six characters: enough for 62^6 > 2^32. */
function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    digits = BASE62[rest % 62] + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** A new key: 178 random bits, and a checksum that tells a mistyped key from a wrong one without a look-up (domain sheet 9.2). */
export function makeKey(kind: KeyKind, environment: KeyEnvironment = 'live'): string {
  let body = `${kind}_${environment}_`;
  for (let i = 0; i < RANDOM_LENGTH; i++) body += BASE62[randomInt(62)];
  return body + checksum(body);
}

/** Whether `text` can be a credential at all: a key of ours with its checksum, or a foreign one of 22–255 visible ASCII characters. */
export function isCredential(text: string): boolean {
  if (LOOKS_LIKE_KEY.test(text)) {
    return FORM.test(text) && checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH);
  }
  return /^[\x21-\x7e]{22,255}$/.test(text);
}

/** What may be shown of a key: its prefix and the first four characters of the random part. */
export function keyStart(key: string): string {
  const prefix = LOOKS_LIKE_KEY.exec(key)?.[0] ?? '';
  return key.slice(0, prefix.length + 4);
}

/** SHA-256, the only form in which keys are stored (INV-29). */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

/** A webhook secret: `whsec_` and 32 random bytes in base64. */
export function makeWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/**
 * What SECRET_KEY is for: encrypting what must be read again (webhook secrets), signing what clients hand back, and sealing
 * the audit trail.
 */
export class Secrets {
  private readonly signingKey: Buffer;
  /** Signs so that others can verify. */
  readonly sealer: Sealer;

  /** @param key 32 bytes */
  constructor(private readonly key: Buffer) {
    this.signingKey = Buffer.from(hkdfSync('sha256', key, '', 'signatures', 32));
    this.sealer = new Sealer(key);
  }

  /** 32 bytes that only holders of the key can make: HMAC-SHA256. */
  sign(text: string): Buffer {
    return createHmac('sha256', this.signingKey).update(text).digest();
  }

  /**
   * AES-256-GCM, bound to the row by `purpose`.
   * @returns version byte 1, 12 bytes nonce, 16 bytes tag, cipher text
   */
  encrypt(text: string, purpose: string): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce).setAAD(Buffer.from(purpose));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.of(1), nonce, cipher.getAuthTag(), body]);
  }

  /** Throws when the key, the purpose or the bytes are not those of `encrypt`. */
  decrypt(bytes: Buffer, purpose: string): string {
    const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(1, 13));
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(13, 29));
    return Buffer.concat([decipher.update(bytes.subarray(29)), decipher.final()]).toString('utf8');
  }
}
