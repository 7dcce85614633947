import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { Context } from '../context';
import { isPassing } from '../db/constraints';
import { AppError } from '../errors';
import { type Dialect, headersOf, jsonApiErrors } from '../http/failure';
import { withoutToken } from '../http/origin';
import { claimRequest, type RequestIdentity, storeAnswer } from '../services/idempotency';
import { recordRefusal } from '../services/refusals';
import type { Registry } from './include';
import type { Answer } from './resources';

const VISIBLE = /^[\x21-\x7e]{1,255}$/;

/** What follows from the state of the service, and is told again to whoever asks again; the rest was refused before anything began (INV-57). */
const STORED_FAILURES = new Set([402, 409, 410, 412]);

/**
 * The value of `Idempotency-Key`, bare or in double quotes; undefined without the header.
 * @throws AppError `malformed_request`
 */
export function idempotencyKeyOf(req: Request): string | undefined {
  const given = req.headers['idempotency-key'];
  if (given === undefined) return undefined;
  const key = /^"(.*)"$/.exec(String(given))?.[1] ?? String(given);
  if (VISIBLE.test(key)) return key;
  throw new AppError('malformed_request', 'A key has 1–255 visible ASCII characters.', { header: 'Idempotency-Key' });
}

interface Keyed {
  readonly ctx: Context;
  readonly req: Request;
  readonly key: string;
  /** Of the body, or of the file that was uploaded. */
  readonly bytes: Buffer | undefined;
  readonly registry: Registry;
  /** JSON pointers to secrets that are no attributes of a type. */
  readonly secrets?: readonly string[];
  /** How failures that are stored are worded; JSON:API's when it is not given. */
  readonly dialect?: Dialect;
}

/** Without the boundary between parts, which clients make anew for each request. */
const contentTypeOf = ({ 'content-type': given = '' }: Request['headers']): string =>
  given.replace(/^(\s*multipart\/form-data)\b.*$/is, '$1');

function identityOf({ ctx, req, key, bytes }: Keyed): RequestIdentity {
  const { method, originalUrl, headers } = req;
  const [before = '', search = ''] = originalUrl.split(/\?(.*)/s, 2);
  const path = before.replace(/\/$/, '');
  const hash = createHash('sha256');
  for (const part of [method, path, search, contentTypeOf(headers)]) hash.update(`${part}\n`);
  hash.update(bytes ?? '');
  // Signed: nobody who gets at the table can try passwords against the bare hash of a body.
  const fingerprint = ctx.secrets.sign(hash.digest('base64'));
  // Which token it was is in the fingerprint.
  const stored = withoutToken(path);
  return { credentialId: ctx.caller.credentialId, method, path: stored, key, fingerprint };
}

/**
 * Carries a request out once for its key: effect and answer are one transaction, so that a killed process or a cut
 * connection leaves both or neither (INV-56…58).
 * @throws AppError `request_in_progress`, `idempotency_key_reused`, and whatever is not stored
 */
export function once(keyed: Keyed, run: (ctx: Context) => Promise<Answer>): Promise<Answer> {
  const { ctx } = keyed;
  const identity = identityOf(keyed);
  return ctx.db.transaction(async (db) => {
    const stored = await claimRequest(db, identity);
    if (stored !== undefined) return { ...stored, headers: { ...stored.headers, 'Idempotent-Replayed': 'true' } };
    const inside = { ...ctx, db };
    const answer = await db
      .attempt((inner) => run({ ...ctx, db: inner }), true)
      .catch((error) => failed(error, { ...keyed, ctx: inside }));
    await storeAnswer(db, identity, { ...answer, body: withheld(answer, keyed) });
    return answer;
  });
}

/** A failure as an answer to be stored, with what stays of it; thrown on when it is not one of those. */
async function failed(error: unknown, { ctx, dialect = jsonApiErrors }: Keyed): Promise<Answer> {
  if (
    !(error instanceof AppError) ||
    !STORED_FAILURES.has(error.status) ||
    error.faults[0]?.code === 'request_in_progress'
  )
    throw error;
  // What can never be written must not take the answer with it: it is tried again where all refusals are, and not stored.
  // Nobody is refused for good while the database is away: he would have been told what is nowhere.
  await ctx.db
    .attempt((db) => recordRefusal({ ...ctx, db }, error))
    .catch((fault) => Promise.reject(isPassing(fault) ? fault : error));
  const { status, mediaType, document } = dialect(error, ctx.requestId);
  const headers = { ...headersOf(error), 'Content-Type': mediaType, 'Cache-Control': 'no-store' };
  return { status, headers, body: JSON.stringify(document) };
}

/** The body for repetitions: secrets are in one answer only (INV-30). */
function withheld({ body, secretIn }: Answer, { registry, secrets = [] }: Keyed): string | undefined {
  if (secretIn === undefined) return body;
  const copy = structuredClone(secretIn) as {
    data?: unknown;
    'atomic:results'?: { data?: unknown }[];
    meta?: Record<string, unknown>;
  };
  for (const { data } of [copy, ...(copy['atomic:results'] ?? [])]) {
    const { type, attributes } = (data ?? {}) as { type?: string; attributes?: Record<string, unknown> };
    for (const [name, { reveal }] of Object.entries(registry.get(type ?? '')?.attributes ?? {})) {
      if (reveal === 'once' && attributes?.[name] !== undefined) attributes[name] = null;
    }
  }
  for (const pointer of secrets) withhold(copy, pointer.split('/').slice(1));
  return JSON.stringify({ ...copy, meta: { ...copy.meta, secretWithheld: true } });
}

function withhold(document: object, path: readonly string[]): void {
  const [name = '', ...rest] = path;
  if (name === '*') {
    for (const each of Object.values(document)) withhold(each, rest);
    return;
  }
  const parent = document as Record<string, unknown>;
  const value = parent[name];
  if (value === undefined) return;
  if (rest.length === 0) parent[name] = null;
  else if (typeof value === 'object' && value !== null) withhold(value, rest);
}
