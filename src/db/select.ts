import type { Caller, Context } from '../context';
import type { Permission } from '../permissions';
import type { Condition, Linked, Page, Parent, Point, Selection } from '../selection';
import { linkSql, Values, whereSql } from './conditions';
import type { Row } from './database';
import { type OrderKey, orderKeys, orderSql, pointSql, reversed, segmentsBehind } from './order';
import { type Bind, NIL_UUID, type RunningTotal, type Table } from './table';

/**
 * From this offset on the ids of the page are found first, in an index alone: a plain OFFSET reads whole rows to skip them,
 * and computes what is computed of them.
 */
const DEEP_OFFSET = 100;

function runningTotalSql({ relation, scope, more = 0 }: RunningTotal, bind: Bind): string {
  const scopes = typeof scope === 'string' ? `= ${bind(scope)}` : `in (${scope(bind)})`;
  return `(select coalesce(sum(rows), 0) + ${more} from row_counts where relation = ${bind(relation)} and scope ${scopes})`;
}

/** The scope under which triggers count the rows that this caller sees, for tables that hang on organizations. */
export function callerScope(relation: string): (caller: Caller) => RunningTotal | null {
  return (caller) => {
    if (caller.level === 'organization' || caller.level === 'user') return null;
    return { relation, scope: caller.level === 'partner' ? (caller.partnerId ?? NIL_UUID) : NIL_UUID };
  };
}

const countSql = (ctx: Context, table: Table, conditions: readonly Condition[], bind: Bind, of?: Parent): string =>
  `(select count(*) from ${table.name} t where ${whereSql(ctx, table, conditions, bind, of)})`;

/** SQL of how many rows a parent has: a running total where there is one. `idSql` must be cast to uuid. */
function parentTotalSql(ctx: Context, table: Table, link: string, idSql: string, bind: Bind): string {
  const counted = table.options.countedBy?.[link];
  if (counted === undefined) {
    return `(select count(*) from ${table.name} t where ${linkSql(table, link, idSql, bind, ctx.caller)} and ${whereSql(ctx, table, [], bind)})`;
  }
  if (typeof counted === 'function') return counted(ctx.caller, idSql, bind);
  return `(select coalesce(sum(c.rows), 0) from row_counts c where c.relation = ${bind(counted.relation)}
    and c.scope = ${idSql} and ${counted.visible(ctx.caller, idSql, bind)})`;
}

/** SQL of `total` and `totalUnfiltered`: running totals where there are some, else a count of what the filter leaves. */
function totalsSql(ctx: Context, table: Table, { conditions, of }: Selection, bind: Bind): string {
  const unfiltered =
    of === undefined ? allSql(ctx, table, bind) : parentTotalSql(ctx, table, of.link, `${bind(of.id)}::uuid`, bind);
  if (conditions.length === 0) return `${unfiltered}, null`;
  const [only] = conditions;
  // `filter[organizationId]=…` alone asks for the rows of a parent in other words.
  const isParent = of === undefined && conditions.length === 1 && only?.operator === 'eq' && only.through === undefined;
  if (isParent && table.options.countedBy?.[only.field] !== undefined) {
    return `${unfiltered}, ${parentTotalSql(ctx, table, only.field, `${bind(only.value)}::uuid`, bind)}`;
  }
  return `${unfiltered}, ${countSql(ctx, table, conditions, bind, of)}`;
}

function allSql(ctx: Context, table: Table, bind: Bind): string {
  const counted = table.options.counted?.(ctx.caller) ?? null;
  if (typeof counted === 'function') return counted(bind);
  return counted === null ? countSql(ctx, table, [], bind) : runningTotalSql(counted, bind);
}

/** SQL that is true for the memberships `am` that let a user into organizations, with this permission if one is named. */
function admitsSql({ userId }: Caller, bind: Bind, permission: Permission | undefined): string {
  const active = `am.user_id = ${bind(userId)}::uuid and am.status = 'active'`;
  if (permission === undefined) return active;
  return `${active} and exists (select 1 from member_roles amr join roles ar on ar.id = amr.role_id
    where amr.member_id = am.id and ar.permissions @> array[${bind(permission)}::text])`;
}

/** SQL of the ids of the organizations that a user is an active member of. */
export const organizationsOf = (caller: Caller, bind: Bind, permission?: Permission): string =>
  `select am.organization_id from members am join organizations ao on ao.id = am.organization_id
   where ${admitsSql(caller, bind, permission)} and ao.status <> 'pending_deletion'`;

/**
 * SQL of how many organizations a user reads: those that he is an active member of, without the ones that are being deleted
 * and the ones in which his roles don't let him. Those are few, and have indexes of their own: a count of what he sees
 * would look up each of his organizations and each of his roles, or read those of everybody.
 */
export function ownTotalSql({ userId }: Caller, bind: Bind): string {
  const own = `am.user_id = ${bind(userId)}::uuid and am.status = 'active'`;
  const deleted = "ao.id = am.organization_id and ao.status = 'pending_deletion'";
  // Only organizations that have such a role can have somebody with no other. They are found before anything is asked of them.
  const suspects = `select am.id, am.organization_id from members am where ${own} and am.organization_id in (
    select lr.organization_id from roles lr where not lr.permissions @> '{organizations:read}') offset 0`;
  return `(select count(*) from members am where ${own})
    - (select count(*) from organizations ao join members am on ${deleted} where ${own})
    - (select count(*) from (${suspects}) am where not exists (select 1 from organizations ao where ${deleted}) and not exists (
         select 1 from member_roles amr join roles ar on ar.id = amr.role_id
         where amr.member_id = am.id and ar.permissions @> '{organizations:read}'))`;
}

/**
 * SQL that is true when the caller can see the organization whose id is `idSql`, which may also be `any(…)`.
 * @param permission that a user must have in it
 */
export function visibleOrganization(caller: Caller, idSql: string, bind: Bind, permission?: Permission): string {
  if (caller.level === 'organization') return `${bind(caller.organizationId)}::uuid = ${idSql}`;
  if (caller.level === 'user') {
    return `exists (${organizationsOf(caller, bind, permission)} and am.organization_id = ${idSql})`;
  }
  const mine = caller.level === 'partner' ? ` and o.partner_id = ${bind(caller.partnerId)}` : '';
  return `exists (select 1 from organizations o where o.id = ${idSql} and o.status <> 'pending_deletion'${mine})`;
}

/**
 * One page of the rows that the caller can see, with both totals: one statement, a second one for the totals of an
 * empty page.
 * @param properties what to read of each row
 */
export async function selectPage<Entity extends object>(
  ctx: Context,
  table: Table<Entity>,
  selection: Selection,
  properties: readonly string[],
): Promise<Page<Entity>> {
  if (selection.seek !== undefined) return seekPage(ctx, table, selection, properties);
  const generic = table as unknown as Table;
  const { list, bind } = new Values();
  const totals = totalsSql(ctx, generic, selection, bind);
  const where = whereSql(ctx, generic, selection.conditions, bind, selection.of);
  const order = orderSql(orderKeys(generic, selection.sort));
  // Written out, as few sizes are asked for: with a placeholder PostgreSQL expects a tenth of the table, and plans anew
  // for each page. Both are whole numbers that the reader of the query has checked.
  const window = `order by ${order} limit ${selection.limit}${selection.offset > 0 ? ` offset ${bind(selection.offset)}` : ''}`;
  const select = `select ${totals}, ${generic.selectList(properties, ctx.caller, bind)}`;
  const sql =
    selection.offset < DEEP_OFFSET
      ? `${select} from ${table.name} t where ${where} ${window}`
      : `${select} from (select t.id as page_id from ${table.name} t where ${where} ${window}) page
         join ${table.name} t on t.id = page.page_id order by ${order}`;
  const rows = await ctx.db.query(sql, list);
  return {
    rows: rows.map((row) => table.read(properties, row, 2)),
    ...readTotals(rows[0] ?? (await emptyPageTotals(ctx, generic, selection))),
  };
}

/** A page that begins or ends at a point of the order; it costs the same at any depth. One row more tells what is beyond. */
async function seekPage<Entity extends object>(
  ctx: Context,
  table: Table<Entity>,
  selection: Selection,
  properties: readonly string[],
): Promise<Page<Entity>> {
  const generic = table as unknown as Table;
  const { after, before } = selection.seek ?? {};
  const backwards = before !== undefined && after === undefined;
  const forwards = orderKeys(generic, selection.sort);
  const keys = backwards ? reversed(forwards) : forwards;
  const { list, bind } = new Values();
  const select = `select ${totalsSql(ctx, generic, selection, bind)}, ${generic.selectList(properties, ctx.caller, bind)}, ${pointSql(keys)}`;
  const where = (): string => {
    const visible = whereSql(ctx, generic, selection.conditions, bind, selection.of);
    if (backwards || before === undefined || before.length === 0) return visible;
    return `${visible} and (${segmentsBehind(reversed(forwards), before, bind).join(' or ')})`;
  };
  const from = (backwards ? before : after) ?? [];
  const segments = from.length === 0 ? ['true'] : segmentsBehind(keys, from, bind);
  const window = `order by ${orderSql(keys)} limit ${selection.limit + 1}`;
  const of = (segment: string) => `from ${table.name} t where ${where()} and ${segment} ${window}`;
  const sql =
    segments.length === 1
      ? `${select} ${of(segments[0] as string)}`
      : `${select} from (${segments.map((each) => `(select t.id as page_id ${of(each)})`).join(' union all ')}) page
         join ${table.name} t on t.id = page.page_id ${window}`;
  const rows = await ctx.db.query(sql, list);
  const shown = rows.slice(0, selection.limit);
  if (backwards) shown.reverse();
  return {
    rows: shown.map((row) => table.read(properties, row, 2)),
    points: shown.map((row) => row.slice(2 + properties.length) as Point),
    more: rows.length > selection.limit,
    ...readTotals(rows[0] ?? (await emptyPageTotals(ctx, generic, selection))),
  };
}

async function emptyPageTotals(ctx: Context, table: Table, selection: Selection): Promise<Row> {
  const { list, bind } = new Values();
  const [row] = await ctx.db.query(`select ${totalsSql(ctx, table, selection, bind)}`, list);
  return row ?? [0, 0];
}

function readTotals(row: Row): { total: number; totalUnfiltered: number } {
  const totalUnfiltered = Number(row[0]);
  return { total: row[1] === null ? totalUnfiltered : Number(row[1]), totalUnfiltered };
}

/** The visible row with this id, or null. Retired rows do not exist by id. */
export async function selectOne<Entity extends object>(
  ctx: Context,
  table: Table<Entity>,
  id: string,
  properties: readonly string[],
): Promise<Entity | null> {
  const [row] = await selectByIds(ctx, table, [id], properties, false);
  return row ?? null;
}

/** The visible row that fits conditions which at most one row fits, or null; `selectOne` for other keys than the id. */
export async function selectUnique<Entity extends object>(
  ctx: Context,
  table: Table<Entity>,
  conditions: readonly Condition[],
  properties: readonly string[],
): Promise<Entity | null> {
  const { list, bind } = new Values();
  const generic = table as unknown as Table;
  const where = whereSql(ctx, generic, conditions, bind, undefined, true, false);
  const [row] = await ctx.db.query(
    `select ${generic.selectList(properties, ctx.caller, bind)} from ${table.name} t where ${where} limit 1`,
    list,
  );
  return row === undefined ? null : table.read(properties, row);
}

/**
 * The visible rows with these ids, in no order; ids that have not the form of the column must not come here.
 * @param reads whether rows are left out that the caller sees and may not read
 */
export async function selectByIds<Entity extends object>(
  ctx: Context,
  table: Table<Entity>,
  ids: readonly string[],
  properties: readonly string[],
  reads = true,
): Promise<Entity[]> {
  const { list, bind } = new Values();
  const generic = table as unknown as Table;
  const wanted = ids.length === 1 ? `t.id = ${bind(ids[0])}` : `t.id = any(${bind(ids)}::${generic.types.get('id')}[])`;
  const where = whereSql(ctx, generic, [], bind, undefined, true, reads);
  const rows = await ctx.db.query(
    `select ${generic.selectList(properties, ctx.caller, bind)} from ${table.name} t where ${wanted} and ${where}`,
    list,
  );
  return rows.map((row) => table.read(properties, row));
}

/**
 * The first rows of each of several parents, in one statement. The row beyond the limit is read as well: it alone makes
 * the database count what the parent has.
 * @param limit rows for each parent at the most
 */
export async function selectLinked<Entity extends object>(
  ctx: Context,
  table: Table<Entity>,
  link: string,
  parentIds: readonly string[],
  { sort, limit }: Pick<Selection, 'sort' | 'limit'>,
  properties: readonly string[],
): Promise<Linked<Entity>[]> {
  const generic = table as unknown as Table;
  const { list, bind } = new Values();
  const keys: OrderKey[] = orderKeys(generic, sort);
  const parents = bind(parentIds);
  const total = parentTotalSql(ctx, generic, link, 'parent.id', bind);
  const names = properties.map((_property, i) => `c${i}`).join(', ');
  const columns = properties.map((property, i) => `${table.sqlFor(property, ctx.caller, bind)} as c${i}`).join(', ');
  const where = `${linkSql(generic, link, 'parent.id', bind, ctx.caller)} and ${whereSql(ctx, generic, [], bind, undefined, true)}`;
  const order = orderSql(keys);
  const rows = await ctx.db.query(
    `select parent.id, page.place, case when page.place > ${limit} then ${total} end, page.point, ${names}
     from unnest(${parents}::uuid[]) parent(id) cross join lateral (
       select row_number() over (order by ${order}) as place, array[${pointSql(keys)}] as point, ${columns}
       from ${table.name} t where ${where} order by ${order} limit ${limit + 1}) page
     order by page.place`,
    list,
  );
  const byParent = new Map<string, Row[]>(parentIds.map((id) => [id, []]));
  for (const row of rows) byParent.get(row[0] as string)?.push(row);
  return [...byParent].map(([parentId, own]) => {
    const shown = own.slice(0, limit);
    const beyond = own[limit];
    return {
      parentId,
      rows: shown.map((row) => table.read(properties, row, 4)),
      total: beyond === undefined ? own.length : Number(beyond[2]),
      end: beyond === undefined ? undefined : (shown.at(-1)?.[3] as Point | undefined),
    };
  });
}

/**
 * For tables whose rows belong to one organization for ever: they are seen by those who see it (INV-18).
 * @param permission that users need in it to read them
 */
export const ownedBy = (permission: Permission) => ({
  visible: (caller: Caller, bind: Bind, _isFew: boolean, reads: boolean) =>
    visibleOrganization(caller, 't.organization_id', bind, reads ? permission : undefined),
});
