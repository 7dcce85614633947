/** Which rows are meant: plain data between the surfaces, which read it from a request, and `db/select.ts`. */

export const OPERATORS = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'contains', 'startsWith', 'null'] as const;
export type Operator = (typeof OPERATORS)[number];
export type Scalar = string | number | boolean;

export interface Condition {
  /** Property of the entity, or the name of a filter or link that its table declares. */
  readonly field: string;
  readonly operator: Operator;
  /** A list with `in`, else one value. */
  readonly value: Scalar | readonly Scalar[];
  /** Keys below a JSON property: `filter[metadata.a.b]` has `['a', 'b']`. */
  readonly path?: readonly string[];
  /** `field` is a property of the row whose id is in this property: `filter[organization.slug]` has `organizationId`. */
  readonly through?: string;
}

export interface SortKey {
  readonly field: string;
  readonly descending: boolean;
}

/** The row that a list hangs on: a link that the table of the list declares, and the id. */
export interface Parent {
  readonly link: string;
  readonly id: string;
}

/**
 * A place in an order: the values of its sort keys and the id, as PostgreSQL prints them. No row needs to be there.
 * An empty one is the end of the list in the direction that is asked for.
 */
export type Point = readonly (string | null)[];

export interface Selection {
  readonly conditions: readonly Condition[];
  /** Only the rows of this parent. */
  readonly of?: Parent;
  /** Most significant first; ties are broken by id in the direction of the last key. */
  readonly sort: readonly SortKey[];
  readonly offset: number;
  /** Rows at the most. */
  readonly limit: number;
  /** Instead of an offset: the first rows behind `after`, or without it the last ones before `before`. */
  readonly seek?: { readonly after?: Point; readonly before?: Point };
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Rows that fit the conditions. */
  readonly total: number;
  /** Rows that the caller can see without them. */
  readonly totalUnfiltered: number;
  /** With `seek`: where each row is. */
  readonly points?: readonly Point[];
  /** With `seek`: whether there are rows beyond the page in the direction it was read. */
  readonly more?: boolean;
}

/** Rows of one parent among those of several. */
export interface Linked<Row> {
  readonly parentId: string;
  readonly rows: readonly Row[];
  readonly total: number;
  /** Where the last of the rows is, when there are more than these. */
  readonly end?: Point;
}
