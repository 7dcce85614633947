// The resource objects of the yardstick: what the serializers send, written out by hand.

const S = '/public/v2';
export const PATH = `${S}/management/organizations`;

/** Columns in the order of the arrays that the functions below read. */
export const COLUMNS = `t.id, t.created_at, t.updated_at, t.name, t.webhook_url, t.number, t.slug, t.external_id, t.kind,
  t.country_code, t.status, t.status_reason, t.status_changed_at, t.avatar_url, t.primary_domain, t.metadata,
  t.delete_protection, t.legal_hold, t.deleted_at, t.purge_at, t.owner_id, t.partner_id`;
export const SPARSE_COLUMNS = 't.id, t.name, t.slug';
export const USER_COLUMNS = `u.id, u.created_at, u.updated_at, u.email, u.name, u.status, u.email_verified_at, u.avatar_url,
  u.locale, u.external_id, u.last_seen_at`;
export const MEMBER_COLUMNS = `m.id, m.created_at, m.updated_at, m.number, m.status, m.join_method, m.is_primary_owner,
  m.external_id, m.metadata, m.joined_at, m.organization_id, m.user_id,
  array(select r.id from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id
    order by r.rank desc, r.id desc)`;

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

/** The organization in the columns that begin at `from`. */
export function organization(row: Row, from: number, members?: readonly Row[], token: string | null = null): object {
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
      deleteProtection: row[from + 16],
      legalHold: row[from + 17],
      deletedAt: row[from + 18],
      purgeAt: row[from + 19],
    },
    relationships: {
      users: {
        links: { related: `${S}/users?filter[organizationId]=${id}`, self: `${base}/relationships/users` },
      },
      members: members === undefined ? plain(base, 'members') : linkedMembers(base, members),
      roles: plain(base, 'roles'),
      apiKeys: plain(base, 'apiKeys'),
      owner: toOne(base, 'owner', 'users', row[from + 20]),
      partner: toOne(base, 'partner', 'partners', row[from + 21]),
    },
    links: { self: base },
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
      avatarUrl: row[from + 7],
      locale: row[from + 8],
      externalId: row[from + 9],
      lastSeenAt: row[from + 10],
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
      externalId: row[7],
      metadata: row[8],
      joinedAt: row[9],
    },
    relationships: {
      organization: toOne(base, 'organization', 'organizations', row[10]),
      user: toOne(base, 'user', 'users', row[11]),
      roles: { links: linksOf(base, 'roles'), data: (row[12] as string[]).map((id) => identifier('roles', id)) },
    },
    links: { self: base },
  };
}
