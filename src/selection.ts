/** Which rows are meant: plain data between the surfaces, which read it from a request, and `db/select.ts`. */

export const OPERATORS = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'contains', 'startsWith', 'null'] as const;
export type Operator = (typeof OPERATORS)[number];
export type Scalar = string | number | boolean;

export interface Condition {
  /** Property of the entity, or the name of a filter that its table declares. */
  readonly field: string;
  readonly operator: Operator;
  /** A list with `in`, else one value. */
  readonly value: Scalar | readonly Scalar[];
  /** Keys below a JSON property: `filter[metadata.a.b]` has `['a', 'b']`. */
  readonly path?: readonly string[];
}

export interface SortKey {
  readonly field: string;
  readonly descending: boolean;
}

export interface Selection {
  readonly conditions: readonly Condition[];
  /** Most significant first; ties are broken by id in the direction of the last key. */
  readonly sort: readonly SortKey[];
  readonly offset: number;
  /** Rows at the most. */
  readonly limit: number;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Rows that fit the conditions. */
  readonly total: number;
  /** Rows that the caller can see without them. */
  readonly totalUnfiltered: number;
}
