import { User } from '../../entities';
import type { Caller } from '../context';
import { visibleOrganization } from '../db/select';
import { type Bind, NIL_UUID, Table } from '../db/table';
import { type Create, crud } from './crud';

/** Being a member of an organization that the caller sees, or of one of the given organizations if he sees it. */
function memberOf(caller: Caller, bind: Bind, organizations?: string): string {
  const among = organizations === undefined ? '' : ` and m.organization_id = ${organizations}`;
  return `exists (select 1 from members m where m.user_id = t.id${among}
    and ${visibleOrganization(caller, 'm.organization_id', bind)})`;
}

/**
 * A user is seen by those who see one of his organizations, and by the partner that made him, who could not make him a
 * member of anything otherwise.
 */
export const userTable = new Table(User, {
  visible: (caller, bind, isFew) => {
    if (caller.level === 'platform') return 'true';
    if (caller.level === 'organization') return memberOf(caller, bind);
    if (isFew) return `t.partner_id = ${bind(caller.partnerId)} or ${memberOf(caller, bind)}`;
    // Not "or" for a list: that would read every user there is to find a partner's few.
    return `t.id in (select u.id from users u where u.partner_id = ${bind(caller.partnerId)} union all
      select m.user_id from members m join organizations o on o.id = m.organization_id
      where o.partner_id = ${bind(caller.partnerId)} and o.status <> 'pending_deletion')`;
  },
  counted: (caller) => {
    if (caller.level === 'platform') return { relation: 'users', scope: NIL_UUID };
    return caller.level === 'organization' ? { relation: 'members', scope: caller.organizationId ?? NIL_UUID } : null;
  },
  links: {
    organizationId: (id, bind, caller) => memberOf(caller, bind, id),
  },
  search: { sql: "(t.email || E'\\n' || coalesce(t.name, ''))", covers: ['email', 'name'] },
  caseless: ['email'],
  countedBy: { organizationId: { relation: 'members', visible: visibleOrganization } },
});

const plain = crud(userTable);
export const { list: listUsers, get: getUser, rows: userRows } = plain;

/** Makes a user. E-mail addresses are unique ignoring case, over all organizations: `email_taken` otherwise. */
export const createUser: Create<User> = (ctx, input) =>
  plain.create(ctx, { ...input, attributes: { ...input.attributes, partnerId: ctx.caller.partnerId } });
