import type { Context } from '../context';
import type { Row } from '../db/database';
import { isMembershipOf } from './eventRetention';

/** Rows that are in memory at a time. */
const PAGE = 500;

interface Resource {
  readonly type: string;
  readonly id: string;
  readonly attributes: Record<string, unknown>;
  readonly relationships?: Record<string, { data: unknown }>;
}

/** One kind of what is known of a person. */
interface Part {
  readonly type: string;
  /** Attribute → SQL of its value, of rows that are called `t`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Relationship → the other type, and SQL of its id or of a list of ids. */
  readonly relationships?: Readonly<Record<string, readonly [type: string, sql: string]>>;
  /** Text that identifies a row; uuids when it is not given. */
  readonly id?: string;
  /** `$1` is the id of the user. */
  readonly from: string;
}

const columns = (...names: string[]): Record<string, string> =>
  Object.fromEntries(
    names.map((name) => [name, `t.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`]),
  );

const ORGANIZATION = { organization: ['organizations', 't.organization_id'] } as const;
const ORGANIZATION_NAME = '(select o.name from organizations o where o.id = t.organization_id)';
const INVITATION = columns('createdAt', 'kind', 'status', 'expiresAt', 'acceptedAt', 'declinedAt', 'revokedAt');

/** Secrets, their hashes and what they begin with are in none of them. */
const PARTS: readonly Part[] = [
  {
    type: 'users',
    attributes: {
      ...columns('createdAt', 'updatedAt', 'email', 'name', 'status', 'emailVerifiedAt', 'avatarUrl', 'locale'),
      ...columns('externalId', 'lastSeenAt'),
      hasPassword: 't.password_hash is not null',
    },
    from: 'users t where t.id = $1',
  },
  {
    type: 'members',
    attributes: {
      ...columns('createdAt', 'updatedAt', 'number', 'status', 'joinMethod', 'isPrimaryOwner', 'allWorkspaces'),
      ...columns('externalId', 'metadata', 'joinedAt'),
      organizationName: ORGANIZATION_NAME,
      roleCodes: `array(select r.code from member_roles mr join roles r on r.id = mr.role_id
        where mr.member_id = t.id order by r.rank desc, r.id desc)`,
    },
    relationships: {
      ...ORGANIZATION,
      roles: ['roles', 'array(select mr.role_id from member_roles mr where mr.member_id = t.id order by 1)'],
      workspaces: [
        'workspaces',
        'array(select mw.workspace_id from member_workspaces mw where mw.member_id = t.id order by 1)',
      ],
      invitedBy: ['users', 't.invited_by_id'],
    },
    from: 'members t where t.user_id = $1',
  },
  {
    type: 'accessTokens',
    attributes: {
      ...columns('createdAt', 'scopes', 'expiresAt', 'refreshExpiresAt', 'familyEndsAt', 'revokedAt', 'lastUsedAt'),
      ...columns('lastUsedIp', 'userAgent'),
    },
    relationships: { apiKey: ['apiKeys', 't.api_key_id'] },
    from: 'access_tokens t where (t.user_id = $1 or t.api_key_id in (select k.id from api_keys k where k.user_id = $1))',
  },
  {
    type: 'apiKeys',
    attributes: {
      ...columns('createdAt', 'name', 'environment', 'scopes', 'ipAllowList', 'disabled', 'expiresAt', 'graceUntil'),
      ...columns('rateLimit', 'metadata', 'lastUsedAt', 'lastUsedIp', 'revokedAt', 'revokedReason'),
    },
    from: 'api_keys t where t.user_id = $1',
  },
  {
    type: 'signInNetworks',
    attributes: columns('network', 'lastUsedAt'),
    id: 't.network',
    from: 'user_networks t where t.user_id = $1',
  },
  {
    type: 'invitations',
    attributes: {
      ...INVITATION,
      ...columns('email', 'name', 'message', 'locale'),
      organizationName: ORGANIZATION_NAME,
    },
    relationships: { ...ORGANIZATION, acceptedBy: ['users', 't.accepted_by_id'] },
    from: 'invitations t where lower(t.email) = (select lower(u.email) from users u where u.id = $1)',
  },
  {
    // Whom he invited is that person's data, not his.
    type: 'invitations',
    attributes: { ...INVITATION, organizationName: ORGANIZATION_NAME },
    relationships: { ...ORGANIZATION, invitedBy: ['users', 't.invited_by_id'] },
    from: 'invitations t where t.invited_by_id = $1',
  },
  {
    // Who did it is another's data.
    type: 'events',
    attributes: {
      ...columns('eventType', 'sequence'),
      occurredAt: 'json_time_ms(t.occurred_at)',
      organizationName: ORGANIZATION_NAME,
      data: "t.body::json->'data'",
      previous: "t.body::json->'previous'",
    },
    relationships: ORGANIZATION,
    from: `events t where t.id in (
      select e.id from events e where e.subject_type in ('users', 'invitations') and e.subject_id in (
        select $1::uuid union all select i.id from invitations i
        where lower(i.email) = (select lower(u.email) from users u where u.id = $1))
      union all select e.id from events e where ${isMembershipOf('e', '$1::uuid')})`,
  },
];

function linkage(type: string, ids: unknown): unknown {
  if (ids === null) return null;
  return Array.isArray(ids) ? ids.map((id) => ({ type, id })) : { type, id: ids };
}

function resourceOf({ type, attributes, relationships = {} }: Part, [id, ...values]: Row): Resource {
  const names = Object.keys(attributes);
  const shown = Object.fromEntries(names.map((name, i) => [name, values[i]]));
  const links = Object.entries(relationships).map(([name, [other]], i) => [
    name,
    { data: linkage(other, values[names.length + i]) },
  ]);
  return {
    type,
    id: id as string,
    attributes: shown,
    ...(links.length === 0 ? {} : { relationships: Object.fromEntries(links) }),
  };
}

/** Everything that names a person, as resource objects; page by page, whatever there is of it (domain sheet 9.10). */
export async function* exportUser({ db }: Pick<Context, 'db'>, userId: string): AsyncGenerator<Resource> {
  for (const part of PARTS) {
    const { id = 't.id', attributes, relationships = {}, from } = part;
    const values = [...Object.values(attributes), ...Object.values(relationships).map(([, sql]) => sql)];
    const select = `select ${id}, ${values.join(', ')} from ${from}`;
    let after: unknown = null;
    let rows: Row[];
    do {
      const beyond = after === null ? '' : ` and ${id} > $2`;
      rows = await db.query(
        `${select}${beyond} order by ${id} limit ${PAGE}`,
        after === null ? [userId] : [userId, after],
      );
      for (const row of rows) yield resourceOf(part, row);
      after = rows.at(-1)?.[0];
    } while (rows.length === PAGE);
  }
}
