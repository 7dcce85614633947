import type { Member, Organization } from '../../entities';
import type { Context } from '../context';
import { organizationsOf, selectUnique } from '../db/select';
import { notFound } from '../errors';
import { memberTable } from './members';
import { organizationTable } from './organizations';

/** Rows by what clients of the other surfaces know them by: numbers, and the user behind a membership. */

const equal = (field: string, value: string | number) => ({ field, operator: 'eq', value }) as const;

/**
 * The organization with this number.
 * @param number 1–2147483647
 * @throws AppError `not_found`, also for one that the caller can't see
 */
export async function organizationByNumber(
  ctx: Context,
  number: number,
  properties: readonly string[],
): Promise<Organization> {
  const found = await selectUnique(ctx, organizationTable, [equal('number', number)], properties);
  if (found === null) throw notFound();
  return found;
}

/**
 * The membership in an organization that has this number, or is this user's.
 * @param number 1–2147483647
 * @throws AppError `not_found`, also for one that the caller can't see
 */
export async function memberBy(
  ctx: Context,
  organizationId: string,
  { number, userId }: { number: number; userId?: undefined } | { number?: undefined; userId: string },
): Promise<Member> {
  const key = number === undefined ? equal('userId', userId) : equal('number', number);
  const conditions = [key, equal('organizationId', organizationId)];
  const found = await selectUnique(ctx, memberTable, conditions, ['id', 'number', 'userId', 'organizationId']);
  if (found === null) throw notFound();
  return found;
}

/**
 * Ids of the roles with these numbers, in their order: system roles, and those of the organization.
 * @throws AppError `not_found`, pointing at the first that is neither
 */
export async function roleIdsBy(ctx: Context, organizationId: string, numbers: readonly number[]): Promise<string[]> {
  const rows = await ctx.db.query(
    'select number, id from roles where number = any($1::bigint[]) and (organization_id is null or organization_id = $2)',
    [numbers, organizationId],
  );
  const ids = new Map(rows.map(([number, id]) => [number as number, id as string]));
  return numbers.map((number, i) => {
    const id = ids.get(number);
    if (id !== undefined) return id;
    throw notFound('There is no such role.', { pointer: `/data/relationships/roles/data/${i}` });
  });
}

/** The organization that goes without saying: that of a key, or the only one of a user; null when there is none, or several. */
export async function onlyOrganization({ caller, db }: Context): Promise<string | null> {
  if (caller.level !== 'user') return caller.organizationId;
  const values: unknown[] = [];
  const sql = organizationsOf(caller, (value) => `$${values.push(value)}`);
  const rows = await db.query(`${sql} limit 2`, values);
  return rows.length === 1 ? (rows[0]?.[0] as string) : null;
}
