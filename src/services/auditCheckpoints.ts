import { v7 as uuidv7 } from 'uuid';
import type { SignedCheckpoint } from '../audit/seal';
import type { Services } from '../context';
import type { Database, Row } from '../db/database';

/** Chains that one statement looks at, or rows of the trail. */
const PART = 1_000;
/** Parts of one sweep at the most: what is left is signed by the next one. */
const MOST_PARTS = 50;
/** For which a row may have been written and not committed. */
const LATE_MS = 60_000;

type SealContext = Pick<Services, 'db' | 'secrets' | 'now'>;

/** The form in which times are signed. */
const timeOf = (at: Date): string => at.toISOString().replace('Z', '+00:00');

/** How far a chain has come: id of the organization, number and hash of its newest row. */
export type Head = readonly [organizationId: string, sequence: number, hash: string];

export const CHECKPOINT_COLUMNS = `c.organization_id, c.sequence, encode(c.hash, 'hex'), c.is_start,
  json_time_ms(c.signed_at), c.key_id, encode(c.signature, 'base64')`;

/** Of a row with those columns. */
export function readCheckpoint([
  organizationId,
  sequence,
  hash,
  isStart,
  signedAt,
  keyId,
  signature,
]: Row): SignedCheckpoint {
  // PostgreSQL breaks base64 into lines.
  const text = String(signature).replace(/\s/g, '');
  return { organizationId, sequence, hash, isStart, signedAt, keyId, signature: text } as SignedCheckpoint;
}

/** Signs how far these chains have come, or from where on they are kept; what is signed already stays as it is. */
export async function sealHeads(
  { db, secrets, now }: SealContext,
  heads: readonly Head[],
  isStart = false,
): Promise<SignedCheckpoint[]> {
  if (heads.length === 0) return [];
  const signedAt = timeOf(now());
  const sealed = heads.map(([organizationId, sequence, hash]) =>
    secrets.sealer.seal({ organizationId, sequence, hash, isStart, signedAt }),
  );
  const of = <K extends keyof SignedCheckpoint>(key: K) => sealed.map((each) => each[key]);
  await db.query(
    `insert into audit_checkpoints (id, organization_id, sequence, hash, is_start, signed_at, key_id, signature)
     select id, organization_id, sequence, decode(hash, 'hex'), $5::boolean, $6::timestamptz, key_id, decode(signature, 'base64')
     from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $7::text[], $8::text[])
       c (id, organization_id, sequence, hash, key_id, signature)
     on conflict do nothing`,
    [
      sealed.map(() => uuidv7()),
      of('organizationId'),
      of('sequence'),
      of('hash'),
      isStart,
      signedAt,
      of('keyId'),
      of('signature'),
    ],
  );
  return sealed;
}

const UNSEALED = `select s.organization_id, s.audit_last, encode(s.audit_hash, 'hex') from event_sequences s
  where s.audit_last > 0 and not exists (select 1 from audit_checkpoints c
    where c.organization_id = s.organization_id and c.sequence = s.audit_last and not c.is_start)`;

/** Every chain, once when a process starts: those that have grown while none was there. */
async function sealAll(ctx: SealContext): Promise<void> {
  let after: string | null = null;
  let heads: readonly Row[];
  do {
    heads = await ctx.db.query(
      `${UNSEALED} and ($1::uuid is null or s.organization_id > $1) order by s.organization_id limit ${PART}`,
      [after],
    );
    await sealHeads(ctx, heads as unknown as Head[]);
    after = (heads.at(-1)?.[0] as string | undefined) ?? null;
  } while (heads.length === PART);
}

/** A place in the trail of all, by time. */
interface Place {
  readonly at: string;
  readonly id: string;
}

const NIL_ID = '00000000-0000-0000-0000-000000000000';

async function nextPart(db: Database, { at, id }: Place): Promise<readonly Row[]> {
  return db.query(
    `select organization_id, json_time_ms(occurred_at), id from audit_events where (occurred_at, id) > ($1::timestamptz, $2::uuid)
     order by occurred_at, id limit ${PART}`,
    [at, id],
  );
}

/**
 * A sweep that signs the newest row of each chain that has grown since the last one: what has been written meanwhile is found by
 * its time, however many chains there are. Several processes may do so at once.
 */
export function headSealer(ctx: SealContext): () => Promise<void> {
  let since: Place | null = null;
  return async () => {
    const began = timeOf(new Date(ctx.now().getTime() - LATE_MS));
    if (since === null) {
      await sealAll(ctx);
      since = { at: began, id: NIL_ID };
      return;
    }
    let place: Place = since;
    for (let part = 0; part < MOST_PARTS; part++) {
      const rows = await nextPart(ctx.db, place);
      const grown = [...new Set(rows.map(([organizationId]) => organizationId as string))];
      const heads = await ctx.db.query(`${UNSEALED} and s.organization_id = any($1::uuid[])`, [grown]);
      await sealHeads(ctx, heads as unknown as Head[]);
      const last = rows.at(-1);
      if (last !== undefined) place = { at: last[1] as string, id: last[2] as string };
      if (rows.length < PART) {
        // Numbers are given out under a lock that is held to the commit: a row may come to light late.
        since = { at: place.at < began ? place.at : began, id: NIL_ID };
        return;
      }
    }
    since = place;
  };
}
