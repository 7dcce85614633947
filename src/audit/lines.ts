import { INSTALLATION, type SignedCheckpoint } from './seal';

/** A row in an export: what the API shows of it, and what its hash is of. */
export interface RowLine {
  readonly type: 'auditEvents';
  readonly id: string;
  /** Null: of the installation. */
  readonly organizationId: string | null;
  readonly sequence: number;
  readonly action: string;
  readonly outcome: string;
  readonly actor: { readonly type: string; readonly id: string | null; readonly name: string | null };
  readonly targets: readonly { readonly type: string; readonly id: string; readonly name: string | null }[];
  readonly context: Readonly<
    Record<'ip' | 'userAgent' | 'requestId' | 'credentialId' | 'method' | 'path', string | null>
  >;
  readonly changes: readonly { readonly field: string; readonly from: unknown; readonly to: unknown }[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly occurredAt: string;
  readonly prevHash: string;
  readonly hash: string;
  /** The text that is hashed behind `prevHash`. */
  readonly record: string;
  /** What the digests in the record are of, behind the salts (hex); null when it is gone or not for the caller. */
  readonly actorPersonal: string | null;
  readonly actorSalt: string | null;
  readonly subjectPersonal: string | null;
  readonly subjectSalt: string | null;
}

/** A checkpoint: of a row that stands before it (`passed`), or of the last one that was removed in its time (`start`). */
export interface CheckpointLine extends Omit<SignedCheckpoint, 'organizationId' | 'isStart'> {
  readonly type: 'auditCheckpoints';
  readonly kind: 'start' | 'passed';
  readonly organizationId: string | null;
  /** 32 bytes in base64. */
  readonly publicKey: string;
}

/** The last line: the newest row when the export began, and what the export says of itself. */
export interface EndLine extends Omit<CheckpointLine, 'kind'> {
  readonly kind: 'end';
  /** JSON text of a `Statement`; what is signed is this text. */
  readonly statement: string;
  readonly statementSignature: string;
}

/** What an export says of itself. */
export interface Statement {
  readonly organizationId: string | null;
  readonly exportedAt: string;
  /** Rows were left out, by `filter`: each can be verified, the chain can't. */
  readonly partial: boolean;
  readonly filter: string | null;
  readonly rows: number;
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
  /** SHA-256 of the hashes of the rows, one behind the other. */
  readonly digest: string;
}

export type ExportLine = RowLine | CheckpointLine | EndLine;

/** An object of JSON, or null for any other text. */
export function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** What of a line its signature is of. */
export function checkpointOf({
  organizationId,
  sequence,
  hash,
  kind,
  signedAt,
  keyId,
  signature,
}: CheckpointLine | EndLine): SignedCheckpoint {
  return {
    organizationId: organizationId ?? INSTALLATION,
    sequence,
    hash,
    isStart: kind === 'start',
    signedAt,
    keyId,
    signature,
  };
}
