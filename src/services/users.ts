import { v7 as uuidv7 } from 'uuid';
import { User } from '../../entities';
import type { Caller, Context } from '../context';
import { organizationsOf, visibleOrganization } from '../db/select';
import { type Bind, NIL_UUID, Table } from '../db/table';
import { type Changes, Expression, type Guard, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import { denial, may, type Permission } from '../permissions';
import { type Create, crud, type Update } from './crud';
import { type EventContext, record, type Snapshot, snapshots } from './events';

/** Being a member of an organization that the caller sees, or of one of the given organizations if he sees it. */
function memberOf(caller: Caller, bind: Bind, organizations?: string, permission?: Permission): string {
  const among = organizations === undefined ? '' : ` and m.organization_id = ${organizations}`;
  return `exists (select 1 from members m where m.user_id = t.id${among}
    and ${visibleOrganization(caller, 'm.organization_id', bind, permission)})`;
}

/**
 * A user is seen by himself, by those who see one of his organizations and may read its members, and by the partner that
 * made him, who could not make him a member of anything otherwise.
 */
export const userTable = new Table(User, {
  computed: { hasPassword: 't.password_hash is not null' },
  visible: (caller, bind, isFew) => {
    if (caller.level === 'platform') return 'true';
    if (caller.level === 'organization') return memberOf(caller, bind);
    if (caller.level === 'user') {
      const self = `t.id = ${bind(caller.userId)}`;
      if (isFew) return `${self} or ${memberOf(caller, bind, undefined, 'members:read')}`;
      return `${self} or t.id in (select m.user_id from members m
        where m.organization_id in (${organizationsOf(caller, bind, 'members:read')}))`;
    }
    if (isFew) return `t.partner_id = ${bind(caller.partnerId)} or ${memberOf(caller, bind)}`;
    // Not "or" for a list: that would read every user there is to find a partner's few.
    return `t.id in (select u.id from users u where u.partner_id = ${bind(caller.partnerId)} union all
      select m.user_id from members m join organizations o on o.id = m.organization_id
      where o.partner_id = ${bind(caller.partnerId)} and o.status <> 'pending_deletion')`;
  },
  counted: (caller) => {
    if (caller.level === 'platform') return { relation: 'users', scope: NIL_UUID };
    if (caller.level === 'user') return null;
    return caller.level === 'organization' ? { relation: 'members', scope: caller.organizationId ?? NIL_UUID } : null;
  },
  retired: { field: 'status', value: 'erased', sql: "t.status <> 'erased'" },
  links: {
    organizationId: (id, bind, caller) => memberOf(caller, bind, id, 'members:read'),
  },
  search: { sql: "(t.email || E'\\n' || coalesce(t.name, ''))", covers: ['email', 'name'] },
  caseless: ['email'],
  countedBy: {
    organizationId: {
      relation: 'members',
      visible: (caller, id, bind) => visibleOrganization(caller, id, bind, 'members:read'),
    },
  },
});

const plain = crud(userTable);
export const { list: listUsers, get: getUser, rows: userRows } = plain;

/** Makes a user. E-mail addresses are unique ignoring case, over all organizations: `email_taken` otherwise. */
export const createUser: Create<User> = (ctx, { id = uuidv7(), attributes }) => {
  const values = { ...attributes, id, partnerId: ctx.caller.partnerId };
  return insertRow(ctx, userTable, values, { kind: 'user.created', type: 'users' });
};

/**
 * A partner changes and erases users that it made, as long as no other's organization has them as members: else it could
 * take over accounts.
 */
export function partnerGuards({ caller }: Context): Guard[] {
  if (caller.level !== 'partner') return [];
  const { partnerId } = caller;
  return [
    {
      sql: (bind) => `old.partner_id = ${bind(partnerId)} and not exists (
        select 1 from members m join organizations o on o.id = m.organization_id
        where m.user_id = old.id and o.partner_id is distinct from ${bind(partnerId)})`,
      error: () =>
        new AppError(
          'permission_denied',
          'Only users that the partner made, and that are members of none but its organizations.',
          undefined,
          { meta: { required: 'platform:admin' } },
        ),
    },
  ];
}

/** A value that only others may change may still be sent back as it is (round trip). */
const unchanged = ({ caller }: Context, column: string, value: unknown, operation: string): Guard[] =>
  value === undefined || may(caller, operation)
    ? []
    : [
        {
          sql: (bind) => `old.${column} is not distinct from ${bind(value)}`,
          error: () => denial(caller, operation),
        },
      ];

/**
 * Changes a user: he himself, the operator, or the partner that made him. Another e-mail address is not verified.
 * @throws AppError `email_taken`, `permission_denied`
 */
export const updateUser: Update<User> = async (ctx, id, { attributes }, ifMatch) => {
  const { email, externalId } = attributes;
  const isVerified = new Expression(
    (bind) => `case when lower(old.email) = lower(${bind(email)}) then old.email_verified_at end`,
  );
  const changes: Changes<User> = {
    ...attributes,
    ...(email === undefined ? {} : { emailVerifiedAt: isVerified as never }),
  };
  const guards = [
    ...partnerGuards(ctx),
    ...unchanged(ctx, 'email', email, 'users.email'),
    ...unchanged(ctx, 'external_id', externalId, 'users.externalId'),
    ...versionGuard(ifMatch),
  ];
  const updated = await updateAndTell(ctx, id, changes, guards);
  // A caller carries his name.
  ctx.db.afterCommit(() => ctx.callers.forget());
  return updated;
};

/** Organizations that one statement tells of a change at the most: it must not take long. */
const MOST_TOLD = 200;

/** One statement, unless he is a member of so many organizations that telling them takes several. */
async function updateAndTell(ctx: Context, id: string, changes: Changes<User>, guards: Guard[]): Promise<User> {
  const many = new Error();
  const hasFew: Guard = {
    sql: () =>
      `(select count(*) from (select from members m where m.user_id = old.id limit ${MOST_TOLD + 1}) m) <= ${MOST_TOLD}`,
    error: () => many,
  };
  try {
    return await updateRow(ctx, userTable, id, changes, [...guards, hasFew], undefined, UPDATED);
  } catch (error) {
    if (error !== many) throw error;
  }
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await updateRow(inside, userTable, id, {}, guards);
    const before = await snapshots(inside, 'users', [id]);
    const updated = await updateRow(inside, userTable, id, changes);
    await tellUser(inside, id, before);
    return updated;
  });
}

const UPDATED = {
  kind: 'user.updated',
  type: 'users',
  organizations: 'select m.organization_id from members m where m.user_id = t.id',
} as const;

/**
 * Tells every organization that a user is a member of what has changed of him. Last in the transaction, as `record`.
 * @param hadPassword that he has got a new one; absent: he has not
 */
export async function tellUser(
  ctx: EventContext,
  id: string,
  before: ReadonlyMap<string, Snapshot>,
  hadPassword?: boolean,
): Promise<void> {
  const rows = await ctx.db.query('select organization_id from members where user_id = $1', [id]);
  const organizationIds = rows.map(([organizationId]) => organizationId as string);
  const secrets = hadPassword === undefined ? undefined : { password: hadPassword ? ('***' as const) : null };
  await record(ctx, 'user.updated', 'users', [id], { before, organizationIds, secrets });
}
