import { AuditEvent } from '../../entities';
import { AUDIT_ACTIONS, type AuditAction, REFUSED_ACTIONS } from '../auditActions';
import type { Caller, Context } from '../context';
import { familyFilter, logOf } from '../db/log';
import { visibleOrganization } from '../db/select';
import { whoSql } from '../db/shape';
import { type Bind, NIL_UUID, Table } from '../db/table';
import type { Condition, Selection } from '../selection';
import { authorize } from './access';
import { crud, type Get, type List } from './crud';
import { organizationTable } from './organizations';

/** Characters that are kept of what was asked for. */
const MOST_KEPT = 1_000;

/**
 * SQL that is true when the caller may know what tells of the actor: of a key, its name and where it is used are for those
 * who have it.
 */
export function knownActorSql({ level, partnerId }: Caller, bind: Bind): string {
  if (level === 'platform') return 'true';
  const theirs = level === 'partner' ? ` or k.partner_id = ${bind(partnerId)}` : '';
  return `(t.actor_type <> 'apiKey' or exists (select 1 from api_keys k where k.id = t.actor_id
    and (k.organization_id = t.organization_id${theirs})))`;
}

const personalSql = (member: string, known: string): string =>
  `case when ${known} then t.actor_personal::json->'${member}' end`;

const actorSql = (caller: Caller, bind: Bind): string =>
  `json_build_object('type', t.actor_type, 'id', t.actor_id, 'name', ${personalSql('name', knownActorSql(caller, bind))})`;

function contextSql(caller: Caller, bind: Bind): string {
  const known = knownActorSql(caller, bind);
  return `json_build_object('ip', ${personalSql('ip', known)}, 'userAgent', ${personalSql('userAgent', known)},
    'requestId', t.request_id, 'credentialId', t.credential_id, 'method', t.method, 'path', t.path)`;
}

/** The name of a person stands beside what is hashed. */
const TARGETS = `coalesce((select json_agg(json_build_object('type', e.target->>'type', 'id', e.target->>'id', 'name',
    coalesce(e.target->>'name', case when e.place = 1 then t.subject_personal::json->>'name' end)) order by e.place)
  from jsonb_array_elements(t.targets) with ordinality e (target, place)), '[]')`;

/** And so does what has changed of him. */
const CHANGES = `coalesce((select jsonb_agg(c.change order by c.change->>'field' collate "C")
  from jsonb_array_elements(t.changes || coalesce(t.subject_personal::jsonb->'changes', '[]')) c (change)), '[]')`;

/** Rows of no organization are in the chain of the installation. */
function organizationFilter({ operator, value }: Condition, bind: Bind): string {
  const column = 't.organization_id';
  if (operator === 'null') return `${column} ${value === true ? '=' : '<>'} '${NIL_UUID}'`;
  if (operator === 'in') return `${column} = any(${bind(value)}::uuid[])`;
  return `${column} ${operator === 'ne' ? '<>' : '='} ${bind(value)}::uuid`;
}

export const auditTable = new Table(AuditEvent, {
  ...logOf('audit_events', 'audit:read'),
  computed: { version: '1', actor: actorSql, context: contextSql },
  shown: {
    organizationId: `nullif(t.organization_id, '${NIL_UUID}')`,
    occurredAt: 'json_time_ms(t.occurred_at)',
    targets: TARGETS,
    changes: CHANGES,
    prevHash: "encode(t.prev_hash, 'hex')",
    hash: "encode(t.hash, 'hex')",
  },
  filters: {
    action: familyFilter('t.action', [...AUDIT_ACTIONS, ...REFUSED_ACTIONS]),
    organizationId: organizationFilter,
  },
  references: { organizationId: () => organizationTable as unknown as Table },
});

const plain = crud(auditTable);
export const auditRows = plain.rows;

/** A page, and a row that says that it was read (INV-54). */
export const listAuditEvents: List<AuditEvent> = (ctx, selection, properties) =>
  tracing(ctx, namedIn(selection), async (inside, chain) => {
    const page = await plain.list(inside, selection, properties);
    await recordUse(inside, 'audit.read', chain, { query: askedFor(selection) });
    return page;
  });

/**
 * One row, and another that says that it was read.
 * @throws AppError `not_found`, `permission_denied`
 */
export const getAuditEvent: Get<AuditEvent> = async (ctx, id, properties) => {
  const [row] = await ctx.db.query('select organization_id from audit_events where id = $1', [id]);
  const organizationId = (row?.[0] ?? null) as string | null;
  return tracing(ctx, organizationId, async (inside, chain) => {
    const found = await plain.get(inside, id, properties);
    // Here as well as by whoever asks for it: what is refused was not read.
    const target = { organizationId: organizationId === NIL_UUID ? null : organizationId };
    await authorize(inside, 'auditEvents.get', target, false);
    await recordUse(inside, 'audit.read', chain, { id }, id);
    return found;
  });
};

/** The one organization whose rows are asked for. */
function namedIn({ of, conditions }: Selection): string | null {
  const named = conditions.find(
    ({ field, operator, through }) => field === 'organizationId' && operator === 'eq' && through === undefined,
  );
  return of?.id ?? (named?.value as string | undefined) ?? null;
}

/** Filter, sorting and page as one text, in the words of a request. */
export function askedFor({ conditions, sort, offset, limit, seek }: Selection): string {
  const page =
    seek === undefined
      ? [`page[offset]=${offset}`]
      : Object.entries(seek).flatMap(([name, point]) => (point === undefined ? [] : [`page[${name}]=${point.join()}`]));
  const keys = sort.map(({ field, descending }) => `${descending ? '-' : ''}${field}`).join();
  return [...conditions.map(conditionText), `sort=${keys}`, ...page, `page[limit]=${limit}`]
    .join('&')
    .slice(0, MOST_KEPT);
}

export function conditionText({ field, operator, value, path = [], through }: Condition): string {
  const name = [...(through === undefined ? [] : [through]), field, ...path].join('.');
  return `filter[${name}]${operator === 'eq' ? '' : `[${operator}]`}=${String(value)}`;
}

function chainSql(caller: Caller, organizationId: string | null, bind: Bind): string {
  const sees = caller.level === 'platform' ? 'true' : visibleOrganization(caller, 's.organization_id', bind);
  const named = `select s.organization_id from event_sequences s where s.organization_id = ${bind(organizationId)}::uuid and ${sees}`;
  return `nullif(coalesce((${named}), ${bind(caller.organizationId)}::uuid), '${NIL_UUID}')`;
}

/** What a row runs into that was put behind the last one of a chain by hand. */
const TAKEN = 'audit_events_organization_id_sequence_key';

/**
 * Runs a transaction that ends with `recordUse`. A chain that somebody has put a row behind takes no other: whoever looks at it
 * then is told of in that of the installation.
 * @param organizationId whose chain is meant
 */
export async function tracing<T>(
  ctx: Context,
  organizationId: string | null,
  work: (inside: Context, organizationId: string | null) => Promise<T>,
): Promise<T> {
  try {
    return await ctx.db.transaction((db) => work({ ...ctx, db }, organizationId));
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== TAKEN) throw error;
    return ctx.db.transaction((db) => work({ ...ctx, db }, NIL_UUID));
  }
}

/**
 * Writes that the audit trail was used: in the chain of the organization that was named if the caller sees it, else in that
 * of his own, else in that of the installation. To be called last in a transaction.
 * @param organizationId that was named; the nil UUID is the installation
 * @param rowId of the one row that was read
 */
export async function recordUse(
  ctx: Context,
  action: AuditAction,
  organizationId: string | null,
  metadata: Record<string, string>,
  rowId?: string,
): Promise<void> {
  const { caller, db } = ctx;
  const list: unknown[] = [];
  const bind: Bind = (value) => `$${list.push(value)}`;
  const chain = organizationId === NIL_UUID ? 'null' : chainSql(caller, organizationId, bind);
  const subjects = rowId === undefined ? 'null' : `array[${bind({ type: 'auditEvents', id: rowId })}::jsonb]`;
  await db.query(
    `select record_audit(${bind(action)}, ${chain}, 'success', ${subjects}, null, ${whoSql(ctx, bind)}, ${bind(metadata)}::jsonb)`,
    list,
  );
}
