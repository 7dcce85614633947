import type { Caller } from '../context';
import type { Permission } from '../permissions';
import type { Condition } from '../selection';
import { compare } from './conditions';
import { organizationsOf, visibleOrganization } from './select';
import { type Bind, NIL_UUID } from './table';

const DELETED = "select o.id from organizations o where o.status = 'pending_deletion'";

/** The operator reads it whatever becomes of the organization (INV-55). */
const OUTLIVES = 'audit_events';

/**
 * SQL that is true when the caller can see the log of the organization; the operator that of one that is gone as well. Not
 * as a join: PostgreSQL expects one row of it when the organization is named, and sorts all that it has.
 */
function visibleLog(
  relation: string,
  caller: Caller,
  idSql: string,
  bind: Bind,
  isFew: boolean,
  permission?: Permission,
): string {
  if (caller.level !== 'platform') return visibleOrganization(caller, idSql, bind, permission);
  if (relation === OUTLIVES) return 'true';
  if (!isFew) return `${idSql} not in (${DELETED})`;
  return `(select o.status from organizations o where o.id = ${idSql}) is distinct from 'pending_deletion'`;
}

/** SQL of how many rows the organizations have whose ids are as `ids` says (`= …`, `in (…)`). */
type TotalOf = (ids: string, bind: Bind) => string;

/** What is numbered without a gap: SQL of how many an organization has, as its numbers say. */
const NUMBERED: Readonly<Record<string, string>> = {
  events: 's.last',
  audit_events: 's.audit_last - s.audit_from + 1',
};

/** What the totals of partners and of all are made of, where it is more than one. */
const COUNTED_WITH: Readonly<Record<string, readonly string[]>> = { audit_events: ['audit_events', 'events'] };

const usualTotal =
  (relation: string): TotalOf =>
  (ids, bind) =>
    NUMBERED[relation] === undefined
      ? `(select coalesce(sum(c.rows), 0) from row_counts c where c.relation = ${bind(relation)} and c.scope ${ids})`
      : `(select coalesce(sum(${NUMBERED[relation]}), 0) from event_sequences s where s.organization_id ${ids})`;

interface Log {
  readonly relation: string;
  readonly permission: Permission;
  readonly totalOf: TotalOf;
}

/**
 * SQL of how many rows the caller sees. In the totals of partners and of all are those of organizations that are being
 * deleted too: whoever writes an event waits for nobody who deletes.
 */
function visibleTotal({ relation, permission, totalOf }: Log, caller: Caller, bind: Bind): string {
  const { level, organizationId, partnerId } = caller;
  if (organizationId !== null) return totalOf(`= ${bind(organizationId)}::uuid`, bind);
  if (level === 'user') return totalOf(`in (${organizationsOf(caller, bind, permission)})`, bind);
  const scope = bind(level === 'partner' ? partnerId : NIL_UUID);
  const mine = level === 'partner' ? ` and o.partner_id = ${bind(partnerId)}::uuid` : '';
  const counted = bind(COUNTED_WITH[relation] ?? [relation]);
  const all = `(select coalesce(sum(c.rows), 0) from row_counts c where c.relation = any(${counted}) and c.scope = ${scope}::uuid)`;
  if (level === 'platform' && relation === OUTLIVES) return all;
  // One by one, each found in an index: as a join PostgreSQL reads what all organizations have.
  return `${all} - (select coalesce(sum(${totalOf('= o.id', bind)}), 0) from organizations o
    where o.status = 'pending_deletion'${mine})`;
}

/** The same of one organization. Of the events of one that is gone there is the one that says so. */
function parentTotal({ relation, permission, totalOf }: Log, caller: Caller, idSql: string, bind: Bind): string {
  const total = totalOf(`= ${idSql}`, bind);
  const gone = `when not exists (select 1 from organizations g where g.id = ${idSql}) then least(1, ${total})`;
  return `(case when not (${visibleLog(relation, caller, idSql, bind, true, permission)}) then 0
    ${relation === 'events' ? gone : ''} else ${total} end)`;
}

/**
 * For tables of what has happened in organizations: who sees a row, and how many there are.
 * @param relation the table, as its running totals are called
 * @param permission that users need in the organization to read it
 * @param totalOf what says how many an organization has; its running total when it is not given
 */
export const logOf = (relation: string, permission: Permission, totalOf = usualTotal(relation)) => ({
  visible: (caller: Caller, bind: Bind, isFew: boolean, reads: boolean) =>
    visibleLog(relation, caller, 't.organization_id', bind, isFew, reads ? permission : undefined),
  counted: (caller: Caller) => (bind: Bind) => visibleTotal({ relation, permission, totalOf }, caller, bind),
  countedBy: {
    organizationId: (caller: Caller, idSql: string, bind: Bind) =>
      parentTotal({ relation, permission, totalOf }, caller, idSql, bind),
  },
});

/**
 * For filters by names of families, as `member.added`: those by their beginning, or by `prefix.*` as endpoints ask for them, are
 * those that begin so. Equality has an index.
 * @param sql the column
 * @param known every name there can be
 */
export const familyFilter =
  (sql: string, known: readonly string[]) =>
  ({ field, operator, value }: Condition, bind: Bind): string => {
    const names = [value].flat().flatMap((each) => {
      const text = String(each);
      const prefix = operator === 'startsWith' ? text : text.endsWith('.*') ? text.slice(0, -1) : undefined;
      if (prefix === undefined) return [text];
      return known.filter((name) => name.toLowerCase().startsWith(prefix.toLowerCase()));
    });
    if (names.length === 0) return 'false';
    const [only] = names;
    const condition: Condition =
      names.length === 1 ? { field, operator: 'eq', value: only as string } : { field, operator: 'in', value: names };
    return compare(sql, 'text', condition, bind);
  };
