import { createHash } from 'node:crypto';
import { isRowLine, judgeRow } from './exportedRow';
import { Findings, MOST_PROBLEMS, type ProblemKind } from './findings';
import { type CheckpointLine, checkpointOf, type EndLine, parsed, type RowLine, type Statement } from './lines';
import { exportText, INSTALLATION, NO_HASH, PublicKey, type SignedCheckpoint, sealFault } from './seal';

export interface LineProblem {
  readonly kind: ProblemKind;
  /** Of the file, from 1; null: of what is not there. */
  readonly line: number | null;
  /** Of the row, or where it should be; null where none can be told. */
  readonly sequence: number | null;
  readonly detail: string;
}

/** What came of verifying a file. */
export interface ExportVerdict {
  readonly problems: readonly LineProblem[];
  readonly isCut: boolean;
  readonly rows: number;
  readonly checkpoints: number;
  /** Null: of the installation, or none was told. */
  readonly organizationId: string | null;
  readonly lastSequence: number | null;
  /** By its own account rows were left out. */
  readonly isPartial: boolean;
  /** The key that its signatures were verified with is from the file itself. */
  readonly isOwnKey: boolean;
  /** Of the key; null when there was none. */
  readonly keyId: string | null;
  /** Nothing in it is a line of an export. */
  readonly isForeign: boolean;
}

/** A row that was read. */
interface Seen {
  readonly sequence: number;
  readonly line: number;
  readonly hash: string;
}

/**
 * Verifies an export, in constant memory.
 * @param lines without their ends
 * @param key to verify signatures with; null: the one that the file names
 */
export async function verifyExport(lines: AsyncIterable<string>, key: PublicKey | null): Promise<ExportVerdict> {
  const check = new ExportCheck(key);
  for await (const line of lines) check.take(line);
  return check.end();
}

/** Verifies an export line by line, without a database. */
export class ExportCheck {
  private readonly own = new Findings<LineProblem & { sequence: never }>();
  /** What counts only when no rows were left out. */
  private readonly ofChain: LineProblem[] = [];
  private readonly digest = createHash('sha256');
  private line = 0;
  private rows = 0;
  private checkpoints = 0;
  private known = false;
  private isOwnKey = false;
  private chain: string | null = null;
  private start: SignedCheckpoint | null = null;
  /** The rows with the highest number so far; one unless somebody put another beside it. */
  private current: Seen[] = [];
  /** A row that is further on than the next one should be. */
  private ahead: Seen | null = null;
  /** Rows that stand before others which belong before them. */
  private readonly displaced = new Map<number, Seen>();
  private readonly missing = new Set<number>();
  private readonly flagged = new Set<number>();
  private statement: Statement | null = null;
  private isEnded = false;

  /** @param key to verify signatures with; null: the one that the file names */
  constructor(private key: PublicKey | null) {}

  /** The next line, without its end. */
  take(text: string): void {
    this.line++;
    if (this.isEnded) {
      this.fault('inserted', null, 'It stands behind the end of the export.');
      return;
    }
    const line = parsed(text);
    if (line !== null && isRowLine(line)) this.takeRow(line as unknown as RowLine);
    else if (line?.type === 'auditCheckpoints') this.takeCheckpoint(line as unknown as CheckpointLine | EndLine);
    else this.fault('changed', this.next(), 'This is no line of an export.');
  }

  end(): ExportVerdict {
    if (!this.isEnded) {
      this.settle();
      const detail = 'The file has no end: whatever followed was cut off.';
      this.report({ kind: 'cut_off', line: null, sequence: this.next(), detail });
    }
    const isPartial = this.statement?.partial === true;
    const problems = [...this.own.list, ...(isPartial ? [] : [...this.ofChain, ...this.gaps()])];
    problems.sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
    return {
      problems: problems.slice(0, MOST_PROBLEMS),
      isCut: this.own.isCut || problems.length > MOST_PROBLEMS,
      rows: this.rows,
      checkpoints: this.checkpoints,
      organizationId: this.chain === INSTALLATION ? null : this.chain,
      lastSequence: this.current[0]?.sequence ?? null,
      isPartial,
      isOwnKey: this.isOwnKey,
      keyId: this.key?.keyId ?? null,
      isForeign: !this.known,
    };
  }

  private report(problem: LineProblem): void {
    this.own.add(problem as never);
  }

  private fault(kind: ProblemKind, sequence: number | null, detail: string, line = this.line): void {
    this.report({ kind, line, sequence, detail });
  }

  private ofPlace(kind: ProblemKind, { sequence, line }: Seen, detail: string): void {
    if (this.ofChain.length <= MOST_PROBLEMS) this.ofChain.push({ kind, line, sequence, detail });
  }

  /** The number that the next row should have. */
  private next(): number {
    const [last] = this.current;
    return last === undefined ? (this.start?.sequence ?? 0) + 1 : last.sequence + 1;
  }

  private takeRow(row: RowLine): void {
    this.known = true;
    this.rows++;
    this.digest.update(row.hash, 'hex');
    const { organizationId, sequence, fits, faults } = judgeRow(row);
    for (const fault of faults) this.fault('changed', sequence, fault);
    if (!fits) this.flagged.add(this.line);
    this.chain ??= organizationId;
    if (this.chain !== organizationId) {
      this.fault('inserted', sequence, 'It is of the chain of another organization.');
      return;
    }
    this.place({ sequence, line: this.line, hash: row.hash }, fits ? row.prevHash : null);
  }

  /** @param before hash of the row before it; null when what it says can't be relied on */
  private place(seen: Seen, before: string | null): void {
    const { ahead } = this;
    if (ahead !== null && (seen.sequence > ahead.sequence || seen.sequence < this.next())) this.settle();
    else if (ahead !== null) {
      this.ahead = null;
      this.displaced.set(ahead.sequence, ahead);
      this.ofPlace('swapped', ahead, `It stands before row ${seen.sequence}.`);
      if (seen.sequence === ahead.sequence - 1)
        this.ofPlace('swapped', seen, `It stands behind row ${ahead.sequence}.`);
    }
    for (let found = this.displaced.get(this.next()); found !== undefined; found = this.displaced.get(this.next())) {
      this.displaced.delete(found.sequence);
      this.current = [found];
    }
    const expected = this.next();
    if (seen.sequence > expected) {
      this.ahead = seen;
    } else if (seen.sequence === expected) {
      this.judgeBefore(seen, before);
      this.current = [seen];
    } else if (seen.sequence === this.current[0]?.sequence) {
      this.current.push(seen);
    } else if (this.missing.delete(seen.sequence)) {
      this.ofPlace('swapped', seen, `It stands behind row ${expected - 1}.`);
    } else {
      this.ofPlace('inserted', seen, `Row ${seen.sequence} was there already, or is not of this export.`);
    }
  }

  /** A row further on was no row out of its place: those before it are missing. */
  private settle(): void {
    const { ahead } = this;
    if (ahead === null) return;
    for (let gone = this.next(); gone < ahead.sequence && this.missing.size <= MOST_PROBLEMS; gone++)
      this.missing.add(gone);
    this.current = [ahead];
    this.ahead = null;
  }

  private gaps(): LineProblem[] {
    const detailOf = (sequence: number) => `There is no row ${sequence}.`;
    return [...this.missing].map((sequence) => ({ kind: 'missing', line: null, sequence, detail: detailOf(sequence) }));
  }

  private judgeBefore(seen: Seen, before: string | null): void {
    if (before === null) return;
    if (this.current.length > 0) {
      this.choose(before, (other) =>
        this.ofPlace('changed', other, `Row ${seen.sequence} was made behind another one than this.`),
      );
    } else if (before !== (this.start?.hash ?? NO_HASH))
      this.ofPlace('changed', seen, 'It was not made to begin this chain.');
  }

  /** Of several rows with one number the one with this hash is right. */
  private choose(hash: string, none: (seen: Seen) => void): void {
    const isThere = this.current.some((each) => each.hash === hash);
    for (const each of this.current) {
      if (each.hash === hash || this.flagged.has(each.line)) continue;
      if (isThere)
        this.ofPlace('inserted', each, `There is another row ${each.sequence}, and what follows was made behind that.`);
      else none(each);
    }
    this.flagged.clear();
  }

  private takeCheckpoint(line: CheckpointLine | EndLine): void {
    this.known = true;
    this.checkpoints++;
    const { kind, sequence, hash } = line;
    const fault = this.sealFaultOf(line);
    if (fault !== undefined) this.fault('bad_checkpoint', Number(sequence) || null, fault);
    if (kind === 'end') this.takeEnd(line);
    else if (fault === undefined && kind === 'start' && this.rows === 0) this.start = checkpointOf(line);
    else if (fault === undefined && kind === 'passed') {
      const rows = [...(this.ahead === null ? this.current : [this.ahead])].filter(
        (each) => each.sequence === sequence,
      );
      if (rows.length === 0 || rows.some((each) => each.hash === hash || this.flagged.has(each.line))) return;
      const detail = `It has another hash than when it was signed at ${line.signedAt}: it, or rows before it, were written anew.`;
      for (const each of rows) this.ofPlace('rewritten', each, detail);
    }
  }

  private sealFaultOf(line: CheckpointLine | EndLine): string | undefined {
    try {
      if (this.key === null) {
        this.key = new PublicKey(line.publicKey);
        this.isOwnKey = true;
      }
      const checkpoint = checkpointOf(line);
      this.chain ??= checkpoint.organizationId;
      return checkpoint.organizationId === this.chain
        ? sealFault(checkpoint, this.key)
        : 'The checkpoint is of the chain of another organization.';
    } catch {
      return 'This is no checkpoint.';
    }
  }

  private takeEnd(line: EndLine): void {
    this.isEnded = true;
    this.settle();
    if (this.key?.fits(exportText(String(line.statement)), String(line.statementSignature)) !== true) {
      this.fault('bad_checkpoint', null, 'The signature of what the export says of itself is wrong.');
    }
    const statement = parsed(String(line.statement)) as unknown as Statement | null;
    this.statement = statement;
    if (statement === null) return;
    if (!statement.partial) this.judgeEnd(line);
    const isWhole = statement.rows === this.rows && statement.digest === this.digest.digest('hex');
    if (isWhole || this.own.list.length > 0 || (!statement.partial && this.ofChain.length + this.missing.size > 0))
      return;
    const detail = `These are not the ${statement.rows} rows that were exported, or not in their order.`;
    this.fault(this.rows < statement.rows ? 'missing' : 'changed', null, detail);
  }

  /** The last row against the one that was the newest. */
  private judgeEnd({ sequence, hash }: EndLine): void {
    const last = this.next() - 1;
    const detail = `Row ${sequence} was there when the export began.`;
    for (let gone = last + 1; gone <= sequence && gone - last <= MOST_PROBLEMS; gone++) {
      this.ofChain.push({ kind: 'cut_off', line: null, sequence: gone, detail });
    }
    if (last === sequence)
      this.choose(hash, (each) => this.ofPlace('changed', each, 'The newest row had another hash.'));
    else if (last > sequence)
      for (const each of this.current) this.ofPlace('inserted', each, `The newest row was ${sequence}.`);
  }
}
