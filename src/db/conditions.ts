import type { Caller, Context } from '../context';
import type { Condition, Parent, Scalar } from '../selection';
import type { Bind, Table } from './table';

/** Collects the values of one statement. */
export class Values {
  readonly list: unknown[] = [];
  readonly bind: Bind = (value) => `$${this.list.push(value)}`;
}

/** `%` and `_` of the client's text are themselves. */
const escapeLike = (text: Scalar): string => String(text).replace(/[\\%_]/g, '\\$&');

const COMPARISONS = { lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

/** SQL of a comparison of `sql`, whose PostgreSQL type is `type`. */
export function compare(sql: string, type: string, { operator, value }: Condition, bind: Bind): string {
  const cast = type === 'text' ? '' : `::${type}`;
  switch (operator) {
    case 'eq':
      return `${sql} = ${bind(value)}${cast}`;
    case 'ne':
      return `${sql} is distinct from ${bind(value)}${cast}`;
    case 'in':
      return `${sql} = any(${bind(value)}::${type}[])`;
    case 'contains':
      return `${sql} ilike ${bind(`%${escapeLike(value as Scalar)}%`)}`;
    case 'startsWith':
      return `${sql} ilike ${bind(`${escapeLike(value as Scalar)}%`)}`;
    case 'null':
      return `${sql} is ${value === true ? '' : 'not '}null`;
    default:
      return `${sql} ${COMPARISONS[operator]} ${bind(value)}${cast}`;
  }
}

/** SQL of what a condition says of the row itself. */
function valueSql(table: Table, condition: Condition, bind: Bind, caller: Caller): string {
  const { field, operator, value, path } = condition;
  const { filters, links, search, caseless } = table.options;
  const special = filters?.[field];
  if (special !== undefined) return special(condition, bind);
  if (field === 'q' && search !== undefined)
    return compare(search.sql, 'text', { ...condition, operator: 'contains' }, bind);
  if (links?.[field] !== undefined) {
    return linkSql(
      table,
      field,
      operator === 'in' ? `any(${bind(value)}::uuid[])` : `${bind(value)}::uuid`,
      bind,
      caller,
    );
  }
  const sql = table.sql.get(field);
  if (sql === undefined) throw new Error(`${table.name} has no ${field}`);
  if (path !== undefined) return jsonSql(sql, path, condition, bind);
  const type = table.types.get(field) ?? 'text';
  if (caseless?.includes(field as never)) return compare(`lower(${sql})`, type, lowered(condition), bind);
  const isPart = operator === 'contains' || operator === 'startsWith';
  const own = compare(sql, type, condition, bind);
  // What is in the part is in the whole, and the whole has the index.
  if (!isPart || !search?.covers.includes(field as never)) return own;
  return `${compare(search.sql, 'text', { ...condition, operator: 'contains' }, bind)} and ${own}`;
}

const lower = (value: Scalar): Scalar => (typeof value === 'string' ? value.toLowerCase() : value);

function lowered(condition: Condition): Condition {
  const { value } = condition;
  return { ...condition, value: Array.isArray(value) ? value.map(lower) : lower(value as Scalar) };
}

/**
 * A value inside JSON is compared as text. For equality the index on the whole column is asked first, for the text and
 * for the number or boolean that reads the same; it holds no empty objects, hence the first condition.
 */
function jsonSql(sql: string, path: readonly string[], condition: Condition, bind: Bind): string {
  const text = compare(`${sql} #>> ${bind(path)}::text[]`, 'text', condition, bind);
  const isList = path.some((key) => /^-?\d+$/.test(key));
  if ((condition.operator !== 'eq' && condition.operator !== 'in') || isList) return text;
  const candidates = [condition.value].flat().flatMap((value) => readings(String(value)));
  const holding = candidates.map((value) => `${sql} @> ${bind(path.reduceRight(wrap, value))}::jsonb`).join(' or ');
  return `${sql} <> '{}' and (${holding}) and ${text}`;
}

const wrap = (value: string, key: string): string => `{${JSON.stringify(key)}:${value}}`;

/** JSON texts of the values that print as `text`. */
function readings(text: string): string[] {
  const isOther = /^(?:true|false|-?(?:0|[1-9]\d{0,15})(?:\.\d{1,400})?)$/.test(text);
  return isOther ? [JSON.stringify(text), text] : [JSON.stringify(text)];
}

/** SQL that is true for the rows that hang on the parent with this id. */
export function linkSql(table: Table, link: string, idSql: string, bind: Bind, caller: Caller): string {
  const declared = table.options.links?.[link];
  return declared === undefined ? `${table.sql.get(link)} = ${idSql}` : declared(idSql, bind, caller);
}

function conditionSql(ctx: Context, table: Table, condition: Condition, bind: Bind): string {
  const { through } = condition;
  if (through === undefined) return valueSql(table, condition, bind, ctx.caller);
  const other = table.options.references?.[through as never] as (() => Table) | undefined;
  if (other === undefined) throw new Error(`${table.name} has no reference ${through}`);
  // The other row is called `t` inside the brackets, as everywhere; what is left of them is ours.
  const where = whereSql(ctx, other(), [{ ...condition, through: undefined }], bind);
  return `${table.sql.get(through)} in (select t.id from ${other().name} t where ${where})`;
}

/** Whether retired rows are asked for by name. */
function wantsRetired(table: Table, conditions: readonly Condition[]): boolean {
  const { retired } = table.options;
  return conditions.some(
    ({ field, operator, value, through }) =>
      through === undefined &&
      field === retired?.field &&
      ((operator === 'eq' && value === retired.value) ||
        (operator === 'in' && Array.isArray(value) && value.includes(retired.value))),
  );
}

/** Whether a condition names its rows, or nearly so. */
function leavesFew(table: Table, { field, operator, through }: Condition): boolean {
  if (through !== undefined || (operator !== 'eq' && operator !== 'in')) return false;
  return field === 'id' || field === 'q' || table.options.caseless?.includes(field as never) === true;
}

/**
 * The `where` of rows that the caller can see and that fit; retired rows only when asked for.
 * @param isFew whether what stands beside it leaves few rows
 * @param reads whether rows are left out that the caller sees and may not read
 */
export function whereSql(
  ctx: Context,
  table: Table,
  conditions: readonly Condition[],
  bind: Bind,
  of?: Parent,
  isFew = of !== undefined || conditions.some((condition) => leavesFew(table, condition)),
  reads = true,
): string {
  const parts = [table.options.visible(ctx.caller, bind, isFew, reads)];
  if (table.options.retired !== undefined && !wantsRetired(table, conditions)) parts.push(table.options.retired.sql);
  if (of !== undefined) parts.push(linkSql(table, of.link, `${bind(of.id)}::uuid`, bind, ctx.caller));
  for (const condition of conditions) parts.push(conditionSql(ctx, table, condition, bind));
  return parts.map((part) => `(${part})`).join(' and ');
}
