// The resource objects of the yardstick: what the serializers send, written out by hand.

const S = '/public/v2';
export const PATH = `${S}/management/organizations`;

/** Columns in the order of the arrays that the functions below read. */
export const COLUMNS = `t.id, t.created_at, t.updated_at, t.name, t.webhook_url, t.number, t.slug, t.external_id, t.kind,
  t.country_code, t.status, t.status_reason, t.status_changed_at, t.avatar_url, t.primary_domain, t.metadata, t.settings,
  t.quotas, t.delete_protection, t.legal_hold, t.deleted_at, t.purge_at, t.owner_id, t.partner_id,
  (select coalesce(sum(c.rows), 0)::integer from row_counts c where c.relation = 'members' and c.scope = t.id)`;
export const SPARSE_COLUMNS = 't.id, t.name, t.slug';
export const USER_COLUMNS = `u.id, u.created_at, u.updated_at, u.email, u.name, u.status, u.email_verified_at,
  u.password_hash is not null, u.avatar_url, u.locale, u.external_id, u.last_seen_at`;
export const MEMBER_COLUMNS = `m.id, m.created_at, m.updated_at, m.number, m.status, m.join_method, m.is_primary_owner,
  m.all_workspaces, m.external_id, m.metadata, m.joined_at, m.organization_id, m.user_id, m.invited_by_id,
  array(select r.id from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id
    order by r.rank desc, r.id desc),
  array(select mw.workspace_id from member_workspaces mw where mw.member_id = m.id order by 1)`;

export type Row = unknown[];

const linksOf = (base: string, name: string) => ({
  related: `${base}/${name}`,
  self: `${base}/relationships/${name}`,
});
const plain = (base: string, name: string) => ({ links: linksOf(base, name) });
const identifier = (type: string, id: unknown) => ({ type, id });
const toOne = (base: string, name: string, type: string, id: unknown) => ({
  links: linksOf(base, name),
  data: id === null ? null : identifier(type, id),
});

/** In the order in which jsonb has its keys. */
const SETTINGS = {
  defaultRole: 'member',
  membersMayInvite: false,
  auditRetentionDays: null,
  allowedInviteDomains: [],
  requireIdempotencyKey: false,
};

const toMany = (base: string, name: string, ids: unknown) => ({
  links: linksOf(base, name),
  data: (ids as string[]).map((id) => identifier(name, id)),
});

interface Extras {
  readonly members?: readonly Row[];
  readonly token?: string | null;
  readonly meta?: object;
}

/** The organization in the columns that begin at `from`. */
export function organization(row: Row, from: number, { members, token = null, meta }: Extras = {}): object {
  const id = row[from] as string;
  const base = `${PATH}/${id}`;
  return {
    id,
    type: 'organizations',
    attributes: {
      createdAt: row[from + 1],
      updatedAt: row[from + 2],
      name: row[from + 3],
      webhookUrl: row[from + 4],
      webhookSecret: null,
      token,
      number: row[from + 5],
      slug: row[from + 6],
      externalId: row[from + 7],
      kind: row[from + 8],
      countryCode: row[from + 9],
      status: row[from + 10],
      statusReason: row[from + 11],
      statusChangedAt: row[from + 12],
      avatarUrl: row[from + 13],
      primaryDomain: row[from + 14],
      metadata: row[from + 15],
      settings: { ...SETTINGS, ...(row[from + 16] as object) },
      quotas: row[from + 17],
      deleteProtection: row[from + 18],
      legalHold: row[from + 19],
      deletedAt: row[from + 20],
      purgeAt: row[from + 21],
    },
    relationships: {
      users: {
        links: { related: `${S}/users?filter[organizationId]=${id}`, self: `${base}/relationships/users` },
      },
      members: members === undefined ? plain(base, 'members') : linkedMembers(base, members),
      roles: plain(base, 'roles'),
      workspaces: plain(base, 'workspaces'),
      invitations: plain(base, 'invitations'),
      apiKeys: plain(base, 'apiKeys'),
      events: plain(base, 'events'),
      webhookDeliveries: plain(base, 'webhookDeliveries'),
      webhookEndpoints: plain(base, 'webhookEndpoints'),
      wallets: plain(base, 'wallets'),
      overageLimits: plain(base, 'overageLimits'),
      auditEvents: plain(base, 'auditEvents'),
      owner: toOne(base, 'owner', 'users', row[from + 22]),
      partner: toOne(base, 'partner', 'partners', row[from + 23]),
    },
    links: { self: base },
    meta: { memberCount: row[from + 24], ...meta },
  };
}

/** Of 25 at the most: what the service does with more is not measured here. */
const linkedMembers = (base: string, members: readonly Row[]) => ({
  links: { ...linksOf(base, 'members'), prev: null, next: null },
  data: members.map((row) => identifier('members', row[0])),
  meta: { page: { total: members.length } },
});

export function sparseOrganization(row: Row, from: number): object {
  const id = row[from] as string;
  return {
    id,
    type: 'organizations',
    attributes: { name: row[from + 1], slug: row[from + 2] },
    links: { self: `${PATH}/${id}` },
  };
}

export function user(row: Row, from: number): object {
  const id = row[from] as string;
  const base = `${S}/users/${id}`;
  return {
    id,
    type: 'users',
    attributes: {
      createdAt: row[from + 1],
      updatedAt: row[from + 2],
      email: row[from + 3],
      name: row[from + 4],
      status: row[from + 5],
      emailVerifiedAt: row[from + 6],
      hasPassword: row[from + 7],
      avatarUrl: row[from + 8],
      locale: row[from + 9],
      externalId: row[from + 10],
      lastSeenAt: row[from + 11],
    },
    relationships: { organizations: plain(base, 'organizations'), members: plain(base, 'members') },
    links: { self: base },
  };
}

export function member(row: Row): object {
  const base = `${S}/members/${row[0]}`;
  return {
    id: row[0],
    type: 'members',
    attributes: {
      createdAt: row[1],
      updatedAt: row[2],
      number: row[3],
      status: row[4],
      joinMethod: row[5],
      isPrimaryOwner: row[6],
      allWorkspaces: row[7],
      externalId: row[8],
      metadata: row[9],
      joinedAt: row[10],
    },
    relationships: {
      organization: toOne(base, 'organization', 'organizations', row[11]),
      user: toOne(base, 'user', 'users', row[12]),
      roles: toMany(base, 'roles', row[14]),
      workspaces: toMany(base, 'workspaces', row[15]),
      invitedBy: toOne(base, 'invitedBy', 'users', row[13]),
    },
    links: { self: base },
  };
}
