import { v7 as uuidv7 } from 'uuid';
import type { Context } from '../context';
import { selectByIds, selectLinked, selectOne, selectPage, visibleOrganization } from '../db/select';
import type { Table } from '../db/table';
import { type Changes, type IfMatch, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError, notFound } from '../errors';
import type { Linked, Page, Selection } from '../selection';

/** What a surface wants to create or change, in the words of the domain. */
export interface Input {
  /** An id that the client chose; only where the type allows it. */
  id?: string;
  attributes: Record<string, unknown>;
  /** Relationship → id, ids, or null. Only those that were given. */
  relationships: Record<string, string | readonly string[] | null>;
}

/** A page of the rows that the caller can see. */
export type List<Entity> = (ctx: Context, selection: Selection, properties: readonly string[]) => Promise<Page<Entity>>;
/** One row that the caller can see, else `not_found`. */
export type Get<Entity> = (ctx: Context, id: string, properties: readonly string[]) => Promise<Entity>;
/** The rows with these ids that the caller can see, in no order. */
export type Load<Entity> = (ctx: Context, ids: readonly string[], properties: readonly string[]) => Promise<Entity[]>;
/** The first rows of each of these parents that the caller can see. */
export type LoadLinked<Entity> = (
  ctx: Context,
  link: string,
  parentIds: readonly string[],
  window: Pick<Selection, 'sort' | 'limit'>,
  properties: readonly string[],
) => Promise<Linked<Entity>[]>;
/** How rows of a type are read for others: one statement for any number of them. */
export interface Rows<Entity> {
  /** The table behind the type, for what is made from its declaration when the process starts. */
  table: Table<Entity & object>;
  load: Load<Entity>;
  linked: LoadLinked<Entity>;
}
/** Query parameters of its own that an operation declares, as their schemas say; only those that were given. */
export type Parameters = Readonly<Record<string, unknown>>;
export type Create<Entity> = (ctx: Context, input: Input, parameters?: Parameters) => Promise<Entity>;
export type Update<Entity> = (ctx: Context, id: string, input: Input, ifMatch: IfMatch) => Promise<Entity>;
/** How the linkage of one relationship is changed: an id or null where it is to one. */
export type LinkageChange =
  | { readonly op: 'replace'; readonly ids: readonly string[] | string | null }
  | { readonly op: 'add' | 'remove'; readonly ids: readonly string[] };
/** Gives back the row whose relationship it is. */
export type ChangeLinkage<Entity> = (
  ctx: Context,
  id: string,
  change: LinkageChange,
  ifMatch: IfMatch,
) => Promise<Entity>;
export type Remove = (ctx: Context, id: string, ifMatch: IfMatch, parameters?: Parameters) => Promise<void>;

/**
 * The organization that a new row is for: the one named, else that of the caller (domain sheet 1).
 * @throws AppError `not_found` for one the caller can't see, `required` when none is meant
 */
export async function ownerOf(ctx: Context, input: Input): Promise<string> {
  const id = (input.relationships.organization as string | null | undefined) ?? ctx.caller.organizationId;
  if (id === null) {
    throw new AppError(
      'required',
      'Name the organization that this is for.',
      { pointer: '/data' },
      { meta: { attribute: 'organization' } },
    );
  }
  await lockOrganization(ctx, id);
  return id;
}

/**
 * Locks an organization that the caller sees: what belongs to it is changed by one transaction after the other, its owners
 * above all (INV-2). With a weaker lock at first, two of them would each wait for the other to change it.
 * @returns id of its primary owner, or null
 */
export async function lockOrganization(ctx: Context, organizationId: string): Promise<string | null> {
  const values: unknown[] = [organizationId];
  const visible = visibleOrganization(ctx.caller, 't.id', (value) => `$${values.push(value)}`);
  const [row] = await ctx.db.query(
    `select t.owner_id from organizations t where t.id = $1 and ${visible} for no key update`,
    values,
  );
  if (row === undefined) {
    throw notFound('There is no such organization.', { pointer: '/data/relationships/organization/data' });
  }
  if (ctx.attempt !== undefined) ctx.attempt.organizationId = organizationId;
  return row[0] as string | null;
}

/** The operations of a type that has no rules of its own. */
export function crud<Entity extends { id: string }>(table: Table<Entity>) {
  const list: List<Entity> = (ctx, selection, properties) => selectPage(ctx, table, selection, properties);
  const get: Get<Entity> = async (ctx, id, properties) => {
    const found = await selectOne(ctx, table, id, properties);
    if (found === null) throw notFound();
    return found;
  };
  const create: Create<Entity> = async (ctx, input) => {
    const owner = table.sql.has('organizationId') ? { organizationId: await ownerOf(ctx, input) } : {};
    return insertRow(ctx, table, { ...input.attributes, ...owner, id: input.id ?? uuidv7() } as Changes<Entity>);
  };
  const update: Update<Entity> = (ctx, id, input, ifMatch) =>
    updateRow(ctx, table, id, input.attributes as Changes<Entity>, versionGuard(ifMatch));
  const load: Load<Entity> = (ctx, ids, properties) => selectByIds(ctx, table, ids, properties);
  const linked: LoadLinked<Entity> = (ctx, link, parentIds, window, properties) =>
    selectLinked(ctx, table, link, parentIds, window, properties);
  const rows: Rows<Entity> = { table, load, linked };
  return { list, get, rows, create, update };
}
