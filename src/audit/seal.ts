// Signatures of the audit trail: Ed25519 (RFC 8032), with a key that is made from SECRET_KEY and is nowhere in the database.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify as verifySignature,
} from 'node:crypto';

/** DER of an ed25519 key up to its 32 bytes (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** The nil UUID stands for the installation, whose chain holds what is of no organization. */
export const INSTALLATION = '00000000-0000-0000-0000-000000000000';
/** What the first row of a chain has as the hash before it. */
export const NO_HASH = '00'.repeat(32);

/** How far a chain had come at a time, signed. */
export interface Checkpoint {
  /** The nil UUID: the installation. */
  readonly organizationId: string;
  /** Of the row that was the newest; of a start, of the last one that was removed. */
  readonly sequence: number;
  /** Of that row, hex. */
  readonly hash: string;
  /** Those up to this row were removed, as their time was over. */
  readonly isStart: boolean;
  /** As `2026-01-02T03:04:05.678+00:00`. */
  readonly signedAt: string;
}

export interface SignedCheckpoint extends Checkpoint {
  readonly keyId: string;
  /** Base64. */
  readonly signature: string;
}

/** The text that the signature of a checkpoint is of. */
export const checkpointText = ({ organizationId, sequence, hash, isStart, signedAt }: Checkpoint): string =>
  ['guildhall audit 1', isStart ? 'start' : 'head', organizationId, sequence, hash, signedAt].join('\n');

/** The same of what an export says of itself, a JSON text. */
export const exportText = (statement: string): string => `guildhall audit export 1\n${statement}`;

/** First 16 hex digits of SHA-256 of the 32 bytes of a public key. */
const keyIdOf = (publicKey: string): string =>
  createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex').slice(0, 16);

/** Whoever has the public key can tell what was signed with the other half. */
export class PublicKey {
  readonly keyId: string;
  private readonly key: KeyObject;

  /**
   * @param text 32 bytes in base64
   * @throws Error in one sentence for anything else
   */
  constructor(readonly text: string) {
    if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) throw new Error('A public key is 32 bytes in base64.');
    this.keyId = keyIdOf(text);
    const der = Buffer.concat([SPKI, Buffer.from(text, 'base64')]);
    this.key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  }

  /** @param signature base64 */
  fits(text: string, signature: string): boolean {
    const bytes = Buffer.from(signature, 'base64');
    return bytes.length === 64 && verifySignature(null, Buffer.from(text, 'utf8'), this.key, bytes);
  }
}

/** What SECRET_KEY signs the audit trail with. */
export class Sealer {
  readonly publicKey: PublicKey;
  private readonly key: KeyObject;

  /** @param secretKey 32 bytes */
  constructor(secretKey: Buffer) {
    const seed = Buffer.from(hkdfSync('sha256', secretKey, '', 'audit signatures', 32));
    this.key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(this.key).export({ format: 'der', type: 'spki' });
    this.publicKey = new PublicKey(spki.subarray(SPKI.length).toString('base64'));
  }

  /** @returns base64 */
  sign(text: string): string {
    return sign(null, Buffer.from(text, 'utf8'), this.key).toString('base64');
  }

  seal(checkpoint: Checkpoint): SignedCheckpoint {
    return { ...checkpoint, keyId: this.publicKey.keyId, signature: this.sign(checkpointText(checkpoint)) };
  }
}

/** Why a checkpoint proves nothing; undefined: it is what it was when it was signed. */
export function sealFault(checkpoint: SignedCheckpoint, key: PublicKey): string | undefined {
  if (checkpoint.keyId !== key.keyId) return `The checkpoint was signed with another key, ${checkpoint.keyId}.`;
  return key.fits(checkpointText(checkpoint), checkpoint.signature)
    ? undefined
    : 'The signature of the checkpoint is wrong.';
}
