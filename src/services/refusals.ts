import type { Context } from '../context';
import { Values } from '../db/conditions';
import { whoSql } from '../db/shape';
import type { Bind } from '../db/table';
import type { AppError } from '../errors';
import { sensitiveRightOf } from '../permissions';
import { organizationTable } from './organizations';

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
  const operation = error.operation ?? ctx.attempt?.operation;
  if (outcome === null || operation === undefined) return;
  const permission = sensitiveRightOf(operation);
  if (permission === null) return;
  const metadata = { permission, code: error.faults[0]?.code };
  await ctx.db.transaction((db) => recordAttempt({ ...ctx, db }, operation, outcome, metadata));
}

async function recordAttempt(ctx: Context, operation: string, outcome: string, metadata: object): Promise<void> {
  const list: unknown[] = [];
  const bind: Bind = (value) => `$${list.push(value)}`;
  const { target } = ctx.attempt ?? {};
  const subject = target === undefined ? 'null' : `array[${bind(target)}::jsonb]`;
  const chain = await chainOf(ctx);
  if (chain === undefined) return;
  await ctx.db.query(
    `select record_audit(${bind(operation)}, ${bind(chain)}::uuid, ${bind(outcome)}, ${subject}, null, ${whoSql(ctx, bind)}, ${bind(metadata)}::jsonb)`,
    list,
  );
}

/**
 * Whose chain it is for: that of the caller's own organization, else of the one that he tried it in, if he sees it; null:
 * that of the installation. Nobody writes into the chain of another tenant (INV-18), and of what is not in his own organization
 * a key leaves nothing there (undefined): it was refused for its body before anybody looked for it.
 */
async function chainOf({ attempt = {}, caller, db, shapes }: Context): Promise<string | null | undefined> {
  const { target, organizationId } = attempt;
  const { list, bind } = new Values();
  const shape = shapes.get(target?.type ?? '');
  const ofTarget =
    shape && shape.organization !== null ? `select ${shape.organization} from ${shape.table} t where t.id = ` : null;
  if (caller.organizationId !== null) {
    if (ofTarget === null) return caller.organizationId;
    // Rows of another and rows that are nowhere are the same to him; those of none are everybody's, as system roles are.
    const [row] = await db.query(`${ofTarget}$1`, [target?.id]);
    return row !== undefined && (row[0] ?? caller.organizationId) === caller.organizationId
      ? caller.organizationId
      : undefined;
  }
  const of =
    organizationId !== undefined
      ? `${bind(organizationId)}::uuid`
      : ofTarget === null
        ? null
        : `(${ofTarget}${bind(target?.id)})`;
  if (of === null) return null;
  const visible = organizationTable.options.visible(caller, bind, true, false);
  const [row] = await db.query(`select t.id from organizations t where t.id = ${of} and (${visible})`, list);
  return (row?.[0] as string | undefined) ?? null;
}
