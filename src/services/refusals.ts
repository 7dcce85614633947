import type { Context } from '../context';
import type { Database } from '../db/database';
import { shapeOf, whoSql } from '../db/shape';
import type { Bind } from '../db/table';
import type { AppError } from '../errors';
import { OPERATIONS, SENSITIVE } from '../permissions';

/** Answers to somebody who may do it, and could not as things were. */
const FAILED = new Set([402, 409, 412, 422]);

/**
 * What stays of a request that was refused: its aftermath, else an audit row when it tried what takes a sensitive
 * permission (INV-54). In a transaction of its own, unless `ctx` is in one.
 */
export async function recordRefusal(ctx: Context, error: AppError): Promise<void> {
  const { aftermath } = error;
  if (aftermath !== undefined) return ctx.db.transaction((db) => aftermath({ ...ctx, db }));
  const outcome = error.status === 403 ? 'denied' : FAILED.has(error.status) ? 'failed' : null;
  const { operation } = ctx.attempt ?? {};
  const permission = OPERATIONS[operation ?? '']?.permission ?? null;
  if (outcome === null || operation === undefined || permission === null || !SENSITIVE.has(permission)) return;
  const metadata = { permission, code: error.faults[0]?.code };
  await ctx.db.transaction((db) => recordAttempt({ ...ctx, db }, operation, outcome, metadata));
}

async function recordAttempt(ctx: Context, operation: string, outcome: string, metadata: object): Promise<void> {
  const list: unknown[] = [];
  const bind: Bind = (value) => `$${list.push(value)}`;
  const { target } = ctx.attempt ?? {};
  const subject = target === undefined ? 'null' : `array[${bind(target)}::jsonb]`;
  const chain = bind(await chainOf(ctx));
  await ctx.db.query(
    `select record_audit(${bind(operation)}, ${chain}::uuid, ${bind(outcome)}, ${subject}, null, ${whoSql(ctx, bind)}, ${bind(metadata)}::jsonb)`,
    list,
  );
}

/** Whose chain it is for; null: that of the installation. */
async function chainOf({ attempt = {}, caller, db, shapes }: Context): Promise<string | null> {
  const known = attempt.organizationId ?? caller.organizationId;
  if (known !== null || attempt.target === undefined) return known;
  const { type, id } = attempt.target;
  const { table, organization } = shapeOf(shapes, type);
  return organization === null
    ? null
    : organizationOf(db, `select ${organization} from ${table} t where t.id = $1`, id);
}

async function organizationOf(db: Database, sql: string, id: string): Promise<string | null> {
  const [row] = await db.query(sql, [id]);
  return (row?.[0] as string | null | undefined) ?? null;
}
