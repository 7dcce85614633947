import type { AuditAction } from '../auditActions';
import type { Context } from '../context';
import { AppError, notFound } from '../errors';
import type { EventType } from '../eventTypes';
import { type Cause, causeSql, shapeOf } from './shape';
import { type Bind, type Table } from './table';

/** A value made by the database: SQL in which the row as it was is `old`. */
export class Expression {
  constructor(readonly sql: (bind: Bind) => string) {}
}

export type Changes<Entity> = { [Property in keyof Entity]?: Entity[Property] | Expression };

/** A condition on the row as it was (`old`), and what is thrown when it is false. */
export interface Guard {
  sql: (bind: Bind) => string;
  error: () => Error;
}

/** Tags from `If-Match`, `['*']` for any version, undefined without the header. */
export type IfMatch = readonly (number | '*')[] | undefined;

/** The guard for `If-Match`: the row has one of the versions that the client holds (INV-59). */
export function versionGuard(ifMatch: IfMatch): Guard[] {
  if (ifMatch === undefined || ifMatch.includes('*')) return [];
  return [
    {
      sql: (bind) => `old.version = any(${bind(ifMatch)}::integer[])`,
      error: () =>
        new AppError('version_mismatch', 'The resource has changed since the version in If-Match.', {
          header: 'If-Match',
        }),
    },
  ];
}

const valueSql = (value: unknown, bind: Bind): string => (value instanceof Expression ? value.sql(bind) : bind(value));

/** `insert into … values …` of an entity's columns, without `returning`. */
export function insertSql<Entity extends object>(table: Table<Entity>, values: Changes<Entity>, bind: Bind): string {
  const generic = table as unknown as Table;
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const columns = given.map(([property]) => generic.columns.get(property)).join(', ');
  return `insert into ${table.name} as t (${columns}) values (${given.map(([, value]) => valueSql(value, bind)).join(', ')})`;
}

/**
 * Inserts one row in one statement and gives it back whole.
 * @param told what is told in the same statement, of a type whose rows need no others to be shown
 * @throws AppError of the constraint that refuses it
 */
export async function insertRow<Entity extends object>(
  ctx: Pick<Context, 'db' | 'caller' | 'shapes'> & Cause,
  table: Table<Entity>,
  values: Changes<Entity>,
  told?: Pick<ToldChange, 'kind' | 'type'>,
): Promise<Entity> {
  const list: unknown[] = [];
  const bind: Bind = (value) => `$${list.push(value)}`;
  const insert = insertSql(table, values, bind);
  const columns = table.selectList(table.properties, ctx.caller, bind);
  const sql =
    told === undefined
      ? `${insert} returning ${columns}`
      : `with made as (${insert} returning *) select ${columns}, ${creationSql(told, ctx, bind)} from made t`;
  const [row] = await ctx.db.query(sql, list);
  return table.read(table.properties, row ?? []);
}

function creationSql(
  { kind, type }: Pick<ToldChange, 'kind' | 'type'>,
  ctx: Pick<Context, 'shapes'> & Cause,
  bind: Bind,
) {
  const { sql, organization } = shapeOf(ctx.shapes, type);
  return `record_events(array[${bind(kind)}], ${organization ?? 'null'}::uuid, array[${sql}], null, ${causeSql(ctx, bind)})`;
}

/**
 * Changes one visible row in one statement: it is locked, the guards are judged on what the lock found, and the change
 * is written only when all of them hold. No changes: the guards are judged and the row is read.
 * @param among SQL on `t` for the rows that are meant, instead of the visible ones that are not retired
 * @param told what is told in the same statement when something has changed (INV-36)
 * @returns the row as it is now
 * @throws AppError `not_found` when the caller can't see the row, else that of the first guard that fails
 */
export async function updateRow<Entity extends object>(
  ctx: Context,
  table: Table<Entity>,
  id: string,
  changes: Changes<Entity>,
  guards: readonly Guard[] = [],
  among?: (bind: Bind) => string,
  told?: ToldChange,
): Promise<Entity> {
  const list: unknown[] = [];
  const bind: Bind = (value) => `$${list.push(value)}`;
  const target = `t.id = ${bind(id)} and ${among === undefined ? liveRows(ctx, table, bind) : among(bind)}`;
  const columns = table.selectList(table.properties, ctx.caller, bind);
  const set = assignments(table as unknown as Table, changes, bind);
  if (set !== '' && told === undefined && guards.length === 0 && !looksBack(changes)) {
    const [row] = await ctx.db.query(`update ${table.name} t set ${set} where ${target} returning ${columns}`, list);
    if (row === undefined) throw notFound();
    return table.read(table.properties, row);
  }
  const checks = guards.map((guard) => `coalesce(${guard.sql(bind)}, false)`).join(', ');
  const shape = told === undefined ? undefined : shapeOf(ctx.shapes, told.type);
  const of =
    told?.organizations === undefined
      ? (shape?.organization ?? 'null::uuid')
      : `array(${told.organizations} order by 1)`;
  const before =
    shape === undefined ? '' : `, (select ${shape.partOf(Object.keys(changes))} from (select old.*) t) as before`;
  const locked = `with old as (select t.* from ${table.name} t where ${target} for no key update),
    judged as (select old.*, array[${checks}]::boolean[] as passed${before} from old)`;
  // By name: what the event needs is not sent to us.
  const names = table.properties.map((_property, i) => `c${i}`).join(', ');
  const sql =
    set === ''
      ? `${locked} select t.passed, ${columns} from judged t`
      : `${locked}, changed (changed_id, changed_of, changed_shape, ${names}) as (
           update ${table.name} t set ${set} from judged old where t.id = old.id and true = all(old.passed)
           returning t.id, ${shape === undefined ? 'null, null' : `${of}, ${shape.sql}`}, ${columns})
         select judged.passed, ${told === undefined ? '0' : changeSql(told, ctx, bind)}, ${names}
         from judged left join changed on changed.changed_id = judged.id`;
  const [row] = await ctx.db.query(sql, list);
  if (row === undefined) throw notFound();
  const failed = (row[0] as boolean[]).indexOf(false);
  if (failed >= 0) throw guards[failed]?.error();
  if (set === '') return table.read(table.properties, row, 1);
  if (told !== undefined && (row[1] as number) > 0) ctx.db.afterCommit(() => ctx.deliveries.nudge());
  return table.read(table.properties, row, 2);
}

/** A change that is told by an event; where no organization is told, by the audit trail alone. */
export interface ToldChange {
  readonly kind: EventType | AuditAction;
  /** JSON:API type of the rows of the table. */
  readonly type: string;
  /** SQL on `t` of the ids of all organizations that are told of rows that belong to none. */
  readonly organizations?: string;
}

/** Nothing where nothing was changed. */
function changeSql({ kind, organizations }: ToldChange, ctx: Context, bind: Bind): string {
  const record = (of: string) =>
    `record_change(${bind(kind)}, ${of}, judged.before, changed.changed_shape, ${causeSql(ctx, bind)})`;
  const told =
    organizations === undefined
      ? record('changed.changed_of')
      : `(select coalesce(sum(${record('o.id')}), 0)::integer from unnest(${orNone('changed.changed_of')}) o (id))`;
  return `case when changed.changed_id is not null then ${told} else 0 end`;
}

/** SQL of ids of organizations; of none it is null alone, which stands for the installation. */
const orNone = (idsSql: string): string => `coalesce(nullif(${idsSql}, '{}'), '{null}')`;

/** Whether a value may be made from the row as it was. */
const looksBack = (changes: object): boolean => Object.values(changes).some((value) => value instanceof Expression);

function liveRows<Entity extends object>(ctx: Context, table: Table<Entity>, bind: Bind): string {
  const visible = `(${table.options.visible(ctx.caller, bind, true, false)})`;
  return table.options.retired === undefined ? visible : `${visible} and (${table.options.retired.sql})`;
}

function assignments(table: Table, changes: Changes<Record<string, unknown>>, bind: Bind): string {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  const set = given.map(([property, value]) => `${table.columns.get(property)} = ${valueSql(value, bind)}`);
  return [...set, 'version = t.version + 1', "updated_at = date_trunc('second', now())"].join(', ');
}
