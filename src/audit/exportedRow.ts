import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { RowLine } from './lines';
import { INSTALLATION } from './seal';

/** What is hashed of a row: the text of `record`, read. */
interface HashedRow {
  readonly id: string;
  readonly organizationId: string;
  readonly sequence: number;
  readonly action: string;
  readonly outcome: string;
  readonly occurredAt: string;
  readonly actor: { readonly type: string; readonly id: string | null };
  readonly actorDigest: string | null;
  readonly subjectDigest: string | null;
  readonly targets: readonly { readonly type: string; readonly id: string; readonly name?: string }[];
  readonly changes: readonly { readonly field: string }[];
  readonly context: Readonly<Record<string, string | null>>;
  readonly metadata: object;
}

interface ActorPersonal {
  readonly ip?: string | null;
  readonly name?: string | null;
  readonly userAgent?: string | null;
}

interface SubjectPersonal {
  readonly name?: string | null;
  readonly changes?: readonly { readonly field: string }[];
}

/** What came of judging one row by itself. */
export interface JudgedRow {
  /** Of the chain, by what is hashed. */
  readonly organizationId: string;
  readonly sequence: number;
  /** The record is what the hash is of: what it says of its place can be relied on. */
  readonly fits: boolean;
  /** A sentence for each thing that is wrong. */
  readonly faults: readonly string[];
}

const sha256 = (...parts: (string | Buffer)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

/** Whether a line has what a row needs to be judged. */
export function isRowLine(line: Record<string, unknown>): boolean {
  const { type, sequence, record, hash, prevHash } = line;
  return (
    type === 'auditEvents' &&
    Number.isSafeInteger(sequence) &&
    typeof record === 'string' &&
    isHash(hash) &&
    isHash(prevHash)
  );
}

/** The part that is personal, if it is there and what its digest is of. */
function personalOf(
  name: string,
  text: string | null,
  salt: string | null,
  digest: string | null,
): object | string | null {
  if (text === null && salt === null) return null;
  if (typeof text !== 'string' || typeof salt !== 'string' || digest === null) return `${name} is there in part.`;
  if (sha256(Buffer.from(salt, 'hex'), text) !== digest) return `${name} is not what its digest was made of.`;
  return JSON.parse(text) as object;
}

/** What a line must show of a row. */
function shownOf(hashed: HashedRow, actor: ActorPersonal | null, subject: SubjectPersonal | null): Partial<RowLine> {
  const { id, organizationId, sequence, action, outcome, occurredAt, metadata, context } = hashed;
  const changes = [...hashed.changes, ...(subject?.changes ?? [])];
  return {
    id,
    organizationId: organizationId === INSTALLATION ? null : organizationId,
    sequence,
    action,
    outcome,
    occurredAt,
    metadata: metadata as RowLine['metadata'],
    actor: { ...hashed.actor, name: actor?.name ?? null },
    context: { ip: actor?.ip ?? null, userAgent: actor?.userAgent ?? null, ...context } as RowLine['context'],
    targets: hashed.targets.map(({ type, id: target, name }, i) => ({
      type,
      id: target,
      name: name ?? (i === 0 ? subject?.name : undefined) ?? null,
    })),
    changes: changes.sort((a, b) => (a.field < b.field ? -1 : 1)) as unknown as RowLine['changes'],
  };
}

/** Judges a row by itself: hash, digests, and that it shows what was hashed. */
export function judgeRow(line: RowLine): JudgedRow {
  const fits = sha256(line.prevHash, line.record) === line.hash;
  const broken = (fault: string): JudgedRow => ({
    organizationId: line.organizationId ?? INSTALLATION,
    sequence: line.sequence,
    fits: false,
    faults: [fault],
  });
  if (!fits) return broken('The row is not what its hash was made of.');
  try {
    const hashed = JSON.parse(line.record) as HashedRow;
    const actor = personalOf('actorPersonal', line.actorPersonal, line.actorSalt, hashed.actorDigest);
    const subject = personalOf('subjectPersonal', line.subjectPersonal, line.subjectSalt, hashed.subjectDigest);
    const faults = [actor, subject].filter((part) => typeof part === 'string');
    const shown = faults.length > 0 ? {} : shownOf(hashed, actor as ActorPersonal, subject as SubjectPersonal);
    const differing = Object.entries(shown).flatMap(([name, value]) =>
      isDeepStrictEqual(line[name as keyof RowLine], value) ? [] : [name],
    );
    if (differing.length > 0) faults.push(`It shows another ${differing.join(' and ')} than was hashed.`);
    return { organizationId: hashed.organizationId, sequence: hashed.sequence, fits, faults };
  } catch {
    return broken('The record is none of this service.');
  }
}
