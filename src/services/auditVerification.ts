import { MOST_PROBLEMS, type Problem } from '../audit/findings';
import { type SignedCheckpoint, sealFault } from '../audit/seal';
import { type Head, judgeStrays, type Link, Walk } from '../audit/walk';
import type { Services } from '../context';
import type { Row } from '../db/database';
import { CHECKPOINT_COLUMNS, readCheckpoint } from './auditCheckpoints';

/** Rows that one statement recomputes. */
const PART = 2_000;

/** What came of recomputing a chain. */
export interface Verification {
  readonly ok: boolean;
  /** Rows that were there. */
  readonly checked: number;
  /** Null of a chain without rows. */
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
  readonly lastHash: string | null;
  /** Signed checkpoints that were compared. */
  readonly checkpoints: number;
  /** That they are signed with, as `guildhall verify` takes it. */
  readonly publicKey: string;
  readonly problems: readonly Problem[];
  /** There are more problems than are listed. */
  readonly truncated: boolean;
}

type Verifier = Pick<Services, 'db' | 'secrets'>;

/** Salt and text are there together or not at all (INV-53). */
const digestSql = (part: string): string =>
  `((a.${part}_personal is null and a.${part}_salt is null)
    or coalesce(a.${part}_digest = sha256(a.${part}_salt || convert_to(a.${part}_personal, 'UTF8')), false))`;

const LINKS = `select a.sequence, a.id, encode(a.prev_hash, 'hex'), encode(a.hash, 'hex'),
    a.hash = audit_hash(a.prev_hash, audit_record(a)), ${digestSql('actor')} and ${digestSql('subject')},
    a.target_type is not distinct from a.targets#>>'{0,type}' and a.target_id::text is not distinct from a.targets#>>'{0,id}'
      and a.person_id::text is not distinct from
        case a.targets#>>'{0,type}' when 'users' then a.targets#>>'{0,id}' else a.targets#>>'{1,id}' end
  from audit_events a where a.organization_id = $1`;

const readLink = ([sequence, id, prevHash, hash, fits, hasDigests, isDerived]: Row): Link =>
  ({ sequence, id, prevHash, hash, fits, hasDigests, isDerived }) as Link;

async function headOf({ db }: Verifier, chain: string): Promise<Head> {
  const [row] = await db.query(
    "select audit_last, audit_from, encode(audit_hash, 'hex') from event_sequences where organization_id = $1",
    [chain],
  );
  const [last = 0, from = 1, hash = null] = (row ?? []) as [number?, number?, (string | null)?];
  return { last, from, hash };
}

/**
 * Recomputes a chain, part by part: hashes, links, digests, numbers, its head and its signed checkpoints. What is written
 * meanwhile is not looked at.
 * @param chain id of the organization; the nil UUID is the installation
 */
export async function verifyChain(ctx: Verifier, chain: string): Promise<Verification> {
  const head = await headOf(ctx, chain);
  const walk = new Walk(head, await startOf(ctx, chain, head));
  let after = -1;
  let rows: readonly Row[];
  do {
    const part = `${LINKS} and a.sequence > $2 and a.sequence <= $3 order by a.sequence limit ${PART}`;
    rows = await ctx.db.query(part, [chain, after, head.last]);
    const links = rows.map(readLink);
    for (const link of links) walk.take(link);
    const upto = rows.length === PART ? (links.at(-1)?.sequence as number) : null;
    await takeCheckpoints(ctx, walk, chain, [after, upto], links);
    after = upto ?? after;
  } while (rows.length === PART);
  walk.end();
  const now = await judgeBeyond(ctx, walk, chain);
  const problems = [...walk.findings.list, ...judgeStrays(walk.strays, await placesOf(ctx, chain, walk.strays))]
    // Rows that were removed meanwhile, because their time was over, are not missing.
    .filter(({ sequence }) => now.from === head.from || sequence >= now.from)
    .sort((a, b) => a.sequence - b.sequence);
  return {
    ok: problems.length === 0,
    checked: walk.checked,
    firstSequence: walk.first?.sequence ?? null,
    lastSequence: walk.last?.sequence ?? null,
    lastHash: walk.last?.hash ?? null,
    checkpoints: walk.checkpoints,
    publicKey: ctx.secrets.sealer.publicKey.text,
    problems: problems.slice(0, MOST_PROBLEMS),
    truncated: walk.findings.isCut || problems.length > MOST_PROBLEMS,
  };
}

/** What was signed when the rows before the first one were removed. */
async function startOf({ db, secrets }: Verifier, chain: string, { from }: Head): Promise<SignedCheckpoint | null> {
  const [row] = await db.query(
    `select ${CHECKPOINT_COLUMNS} from audit_checkpoints c where c.organization_id = $1 and c.sequence = $2 and c.is_start`,
    [chain, from - 1],
  );
  const found = row === undefined ? null : readCheckpoint(row);
  return found === null || sealFault(found, secrets.sealer.publicKey) !== undefined ? null : found;
}

/** Those of a part of the chain, or of all that is behind it. */
async function takeCheckpoints(
  { db, secrets }: Verifier,
  walk: Walk,
  chain: string,
  [after, upto]: readonly [number, number | null],
  links: readonly Link[],
): Promise<void> {
  const hashes = new Map(links.map(({ sequence, hash }) => [sequence, hash]));
  let last: readonly [number, boolean] = [after, true];
  let rows: readonly Row[];
  do {
    rows = await db.query(
      `select ${CHECKPOINT_COLUMNS} from audit_checkpoints c where c.organization_id = $1 and (c.sequence, c.is_start) > ($2, $3)
         and ($4::bigint is null or c.sequence <= $4) order by c.sequence, c.is_start limit ${PART}`,
      [chain, ...last, upto],
    );
    for (const row of rows) {
      const checkpoint = readCheckpoint(row);
      const { sequence, isStart } = checkpoint;
      walk.takeCheckpoint(checkpoint, sealFault(checkpoint, secrets.sealer.publicKey), hashes.get(sequence));
      last = [sequence, isStart];
    }
  } while (rows.length === PART);
}

/**
 * Rows behind the head of the chain, found in one statement with it: there may be more of both by now.
 * @returns the head as it is now
 */
async function judgeBeyond(ctx: Verifier, walk: Walk, chain: string): Promise<Head> {
  const now = await headOf(ctx, chain);
  const rows = await ctx.db.query(
    `select a.sequence, a.id from audit_events a where a.organization_id = $1 and a.sequence > coalesce(
       (select s.audit_last from event_sequences s where s.organization_id = $1), 0)
     order by a.sequence limit ${MOST_PROBLEMS + 1}`,
    [chain],
  );
  walk.judgeBeyond(now.last, rows as unknown as [number, string][]);
  return now;
}

/** With which number rows that do not fit would: those are tried that others of them have, and the next ones. */
async function placesOf(
  { db }: Verifier,
  chain: string,
  strays: ReadonlyMap<number, Problem>,
): Promise<ReadonlyMap<number, number>> {
  if (strays.size === 0) return new Map();
  const rows = await db.query(
    `select a.sequence, n.place from audit_events a cross join lateral (
         select unnest($2::bigint[]) union select a.sequence - 1 union select a.sequence + 1) n (place)
     where a.organization_id = $1 and a.sequence = any($2::bigint[]) and n.place <> a.sequence
       and a.hash = audit_hash(a.prev_hash, audit_record(jsonb_populate_record(a, jsonb_build_object('sequence', n.place))))`,
    [chain, [...strays.keys()]],
  );
  return new Map(rows as unknown as [number, number][]);
}
