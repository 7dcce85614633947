import { User } from '../../entities';
import type { Caller } from '../context';
import { organizationsOf, visibleOrganization } from '../db/select';
import { type Bind, NIL_UUID, Table } from '../db/table';
import type { Permission } from '../permissions';
import { type Create, crud } from './crud';

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
export const createUser: Create<User> = (ctx, input) =>
  plain.create(ctx, { ...input, attributes: { ...input.attributes, partnerId: ctx.caller.partnerId } });
