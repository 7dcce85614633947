import { createHash } from 'node:crypto';
import type { AuditEvent } from '../../entities';
import type { CheckpointLine, EndLine, ExportLine, RowLine, Statement } from '../audit/lines';
import { exportText, INSTALLATION, type SignedCheckpoint } from '../audit/seal';
import type { Context } from '../context';
import { Values, whereSql } from '../db/conditions';
import type { Row } from '../db/database';
import { visibleOrganization } from '../db/select';
import type { Table } from '../db/table';
import { AppError, notFound } from '../errors';
import type { Condition } from '../selection';
import { authorize } from './access';
import { CHECKPOINT_COLUMNS, readCheckpoint, sealHeads } from './auditCheckpoints';
import { auditTable, conditionText, knownActorSql, recordUse, tracing } from './auditTrail';
import { type Verification, verifyChain } from './auditVerification';

/** Rows that are in memory at a time. */
const PART = 500;
const ORGANIZATION = { parameter: 'filter[organizationId]' };

/** What is read of each row, in the order of the line. */
const READABLE = [
  'id',
  'organizationId',
  'sequence',
  'action',
  'outcome',
  'actor',
  'targets',
  'context',
  'changes',
  'metadata',
  'occurredAt',
  'prevHash',
  'hash',
] as const;

/**
 * The chain that a request names, for somebody who may do this with it; an operator who names none means the installation's.
 * @throws AppError `invalid_parameter`, `not_found`, `permission_denied`
 */
async function chainFor(ctx: Context, operation: string, organizationId: string | undefined): Promise<string> {
  const { caller, db } = ctx;
  if (organizationId === undefined) {
    if (caller.level === 'platform') return INSTALLATION;
    throw new AppError('invalid_parameter', 'Name the organization whose audit trail is meant.', ORGANIZATION);
  }
  const { list, bind } = new Values();
  const id = bind(organizationId);
  const sees = caller.level === 'platform' ? 'true' : visibleOrganization(caller, 's.organization_id', bind);
  const [found] = await db.query(
    `select 1 from event_sequences s where s.organization_id = ${id}::uuid and ${sees}`,
    list,
  );
  if (found === undefined) throw notFound('There is no such organization.', ORGANIZATION);
  await authorize(ctx, operation, { organizationId }, false);
  return organizationId;
}

/**
 * Recomputes the audit trail of an organization, or of the installation, and tells in it that this was done (INV-54).
 * @throws AppError `invalid_parameter`, `not_found`, `permission_denied`
 */
export async function verifyAuditTrail(ctx: Context, organizationId: string | undefined): Promise<Verification> {
  const chain = await chainFor(ctx, 'auditEvents.verify', organizationId);
  const verification = await verifyChain(ctx, chain);
  const { ok, checked, lastSequence } = verification;
  const metadata = { chain, ok: String(ok), checked: String(checked), lastSequence: String(lastSequence) };
  await tracing(ctx, chain, (inside, where) => recordUse(inside, 'audit.verified', where, metadata));
  return verification;
}

/** An export that may begin. */
export interface OpenExport {
  readonly chain: string;
  /** Which rows; empty: all of them. */
  readonly conditions: readonly Condition[];
  /** Up to where; the row that tells of this export is within. */
  readonly head: SignedCheckpoint;
}

/**
 * Tells in the audit trail that it is exported, before anything of it is sent (INV-54), and signs how far it goes.
 * @throws AppError `invalid_parameter`, `not_found`, `permission_denied`
 */
export async function openExport(
  ctx: Context,
  organizationId: string | undefined,
  conditions: readonly Condition[],
  format: string,
): Promise<OpenExport> {
  const chain = await chainFor(ctx, 'auditEvents.export', organizationId);
  const query = conditions.map(conditionText).join('&');
  await tracing(ctx, chain, async (inside, where) => {
    const range = 'select audit_from, audit_last + 1 from event_sequences where organization_id = $1';
    const [[from, to] = [1, 1]] = await inside.db.query(range, [chain]);
    const told = { chain, format, rows: `${from}–${to}`, ...(query === '' ? {} : { query }) };
    await recordUse(inside, 'audit.exported', where, told);
  });
  // Behind the commit: a row of the installation's chain is written with it.
  const [head] = await ctx.db.query(
    "select organization_id, audit_last, encode(audit_hash, 'hex') from event_sequences where organization_id = $1",
    [chain],
  );
  const [sealed] = await sealHeads(ctx, [head as never]);
  return { chain, conditions, head: sealed as SignedCheckpoint };
}

const organizationOf = (chain: string): string | null => (chain === INSTALLATION ? null : chain);

function checkpointLine({ secrets }: Context, checkpoint: SignedCheckpoint): CheckpointLine {
  const { organizationId, isStart, ...others } = checkpoint;
  return {
    type: 'auditCheckpoints',
    kind: isStart ? 'start' : 'passed',
    organizationId: organizationOf(organizationId),
    ...others,
    publicKey: secrets.sealer.publicKey.text,
  };
}

/** The rows of an export, its checkpoints each behind its row, and at last what it says of itself. */
export async function* exportLines(ctx: Context, open: OpenExport): AsyncGenerator<ExportLine> {
  const { chain, conditions, head } = open;
  const isPartial = conditions.length > 0;
  const digest = createHash('sha256');
  const seen = { rows: 0, first: null as number | null, last: null as number | null };
  for await (const line of isPartial ? rowsOf(ctx, open) : chainOf(ctx, open)) {
    if (line.type === 'auditEvents') {
      digest.update(line.hash, 'hex');
      seen.rows++;
      seen.first ??= line.sequence;
      seen.last = line.sequence;
    }
    yield line;
  }
  const statement: Statement = {
    organizationId: organizationOf(chain),
    exportedAt: head.signedAt,
    partial: isPartial,
    filter: isPartial ? conditions.map(conditionText).join('&') : null,
    rows: seen.rows,
    firstSequence: seen.first,
    lastSequence: seen.last,
    digest: digest.digest('hex'),
  };
  const text = JSON.stringify(statement);
  const { sealer } = ctx.secrets;
  const end: EndLine = {
    ...checkpointLine(ctx, head),
    kind: 'end',
    statement: text,
    statementSignature: sealer.sign(exportText(text)),
  };
  yield end;
}

/** The whole chain: checkpoints stand behind their rows, so that whoever reads them needs no memory. */
async function* chainOf(ctx: Context, open: OpenExport): AsyncGenerator<RowLine | CheckpointLine> {
  let last = -1;
  for await (const part of partsOf(ctx, open)) {
    const upto = part.at(-1)?.sequence ?? open.head.sequence;
    const checkpoints = await checkpointsOf(ctx, open, last, upto);
    for (const row of part) {
      while ((checkpoints[0]?.sequence ?? upto) < row.sequence)
        yield checkpointLine(ctx, checkpoints.shift() as SignedCheckpoint);
      yield row;
    }
    for (const each of checkpoints) yield checkpointLine(ctx, each);
    last = upto;
  }
}

async function* rowsOf(ctx: Context, open: OpenExport): AsyncGenerator<RowLine> {
  for await (const part of partsOf(ctx, open)) yield* part;
}

async function* partsOf(ctx: Context, { chain, conditions, head }: OpenExport): AsyncGenerator<RowLine[]> {
  const own: Condition[] = [{ field: 'organizationId', operator: 'eq', value: chain }, ...conditions];
  let after = -1;
  let part: RowLine[];
  do {
    const { list, bind } = new Values();
    const known = knownActorSql(ctx.caller, bind);
    const columns = auditTable.selectList(READABLE, ctx.caller, bind);
    const where = whereSql(ctx, auditTable as unknown as Table, own, bind);
    const rows = await ctx.db.query(
      `select ${columns}, audit_record(t), case when ${known} then t.actor_personal end,
         case when ${known} then encode(t.actor_salt, 'hex') end, t.subject_personal, encode(t.subject_salt, 'hex')
       from audit_events t where ${where} and t.sequence > ${bind(after)} and t.sequence <= ${bind(head.sequence)}
       order by t.sequence limit ${PART}`,
      list,
    );
    part = rows.map(rowLine);
    yield part;
    after = part.at(-1)?.sequence ?? after;
  } while (part.length === PART);
}

function rowLine(row: Row): RowLine {
  const shown = auditTable.read(READABLE, row) as unknown as Pick<AuditEvent, (typeof READABLE)[number]>;
  const [record, actorPersonal, actorSalt, subjectPersonal, subjectSalt] = row.slice(READABLE.length);
  const proof = { record, actorPersonal, actorSalt, subjectPersonal, subjectSalt };
  return { type: 'auditEvents', ...shown, ...proof } as unknown as RowLine;
}

/** Those behind a row and up to another, but for the head: that is the last line. */
async function checkpointsOf(
  { db }: Context,
  { chain, head }: OpenExport,
  after: number,
  upto: number,
): Promise<SignedCheckpoint[]> {
  const rows = await db.query(
    `select ${CHECKPOINT_COLUMNS} from audit_checkpoints c join event_sequences s on s.organization_id = c.organization_id
     where c.organization_id = $1 and c.sequence > $2 and c.sequence <= $3 and c.sequence < $4
       and (not c.is_start or c.sequence = s.audit_from - 1) order by c.sequence, c.is_start`,
    [chain, after, upto, head.sequence],
  );
  return rows.map(readCheckpoint);
}
