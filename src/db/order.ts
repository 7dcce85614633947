import type { Point, SortKey } from '../selection';
import type { Bind, Table } from './table';

/** One key of an order. Null is more than every value: last when ascending, first when descending. */
export interface OrderKey {
  readonly sql: string;
  readonly type: string;
  readonly descending: boolean;
  readonly nullable: boolean;
}

/**
 * Total order: what was asked for, then the id in the direction of the last key, which an index on both can serve.
 * What stands behind the id decides nothing.
 */
export function orderKeys(table: Table, sort: readonly SortKey[]): OrderKey[] {
  const keys: OrderKey[] = [];
  const id = { field: 'id', descending: sort.at(-1)?.descending === true };
  for (const { field, descending } of [...sort, id]) {
    const sql = table.sql.get(field) ?? '';
    keys.push({ sql, type: table.types.get(field) ?? 'text', descending, nullable: table.isNullable(field) });
    if (field === 'id') break;
  }
  return keys;
}

/** The other way round. */
export const reversed = (keys: readonly OrderKey[]): OrderKey[] =>
  keys.map((key) => ({ ...key, descending: !key.descending }));

export const orderSql = (keys: readonly OrderKey[]): string =>
  keys.map(({ sql, descending }) => `${sql} ${descending ? 'desc' : 'asc'}`).join(', ');

/** SQL of the point where a row is. */
export const pointSql = (keys: readonly OrderKey[]): string => keys.map(({ sql }) => `${sql}::text`).join(', ');

/**
 * The rows behind a point, as conditions that exclude each other, nearest rows first. Each is a range of an index on
 * the keys, so that a page costs the same at any depth; one condition with "or" would be read from the beginning.
 */
export function segmentsBehind(keys: readonly OrderKey[], point: Point, bind: Bind): string[] {
  const placeholders = new Map<number, string>();
  const value = (i: number): string => {
    const known = placeholders.get(i) ?? `${bind(point[i])}::${keys[i]?.type}`;
    placeholders.set(i, known);
    return known;
  };
  const equal = (count: number): string[] =>
    keys.slice(0, count).map(({ sql }, i) => (point[i] === null ? `${sql} is null` : `${sql} = ${value(i)}`));
  const all = (count: number, last: string): string => [...equal(count), last].join(' and ');

  const start = startOfTail(keys, point);
  const tail = keys.slice(start);
  const row = (list: readonly string[]) => (list.length === 1 ? (list[0] as string) : `(${list.join(', ')})`);
  const behind = tail[0]?.descending ? '<' : '>';
  const values = tail.map((_key, i) => value(start + i));
  const segments = [all(start, `${row(tail.map(({ sql }) => sql))} ${behind} ${row(values)}`)];
  if (isNullBehind(tail[0], point[start])) segments.push(all(start, `${tail[0]?.sql} is null`));
  for (let i = start - 1; i >= 0; i--) {
    const { sql, descending } = keys[i] as OrderKey;
    if (point[i] !== null) segments.push(all(i, `${sql} ${descending ? '<' : '>'} ${value(i)}`));
    else if (descending) segments.push(all(i, `${sql} is not null`));
    if (isNullBehind(keys[i], point[i])) segments.push(all(i, `${sql} is null`));
  }
  return segments;
}

const isNullBehind = (key: OrderKey | undefined, value: string | null | undefined): boolean =>
  key?.nullable === true && !key.descending && value !== null;

/** Where the keys begin that one comparison of rows can serve: one direction, and no null but perhaps in the first. */
function startOfTail(keys: readonly OrderKey[], point: Point): number {
  let start = keys.length - 1;
  while (start > 0 && !keys[start]?.nullable && keys[start - 1]?.descending === keys[start]?.descending) start--;
  return point[start] === null ? start + 1 : start;
}
