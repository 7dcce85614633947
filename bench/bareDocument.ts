// The documents of the yardstick: what serializers/organizations.ts and src/jsonapi/reply.ts send, written out by hand.

export const PATH = '/public/v2/management/organizations';
export const PAGE_SIZE = 25;
const JSONAPI = { version: '1.1' };

/** Columns in the order of the array that `resource` reads. */
export const COLUMNS = `t.id, t.created_at, t.updated_at, t.name, t.webhook_url, t.number, t.slug, t.external_id, t.kind,
  t.country_code, t.status, t.status_reason, t.status_changed_at, t.avatar_url, t.primary_domain, t.metadata,
  t.delete_protection, t.legal_hold, t.deleted_at, t.purge_at, t.owner_id, t.partner_id`;

type Row = unknown[];

const linkage = (type: string, id: unknown) => ({ data: id === null ? null : { type, id } });
const related = (type: string, id: string) => ({
  links: { related: `/public/v2/${type}?filter[organizationId]=${id}` },
});

/** One resource object from the columns that begin at `from`. */
export function resource(row: Row, from: number, token: string | null = null): object {
  const id = row[from] as string;
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
      users: related('users', id),
      members: related('members', id),
      roles: related('roles', id),
      apiKeys: related('apiKeys', id),
      owner: linkage('users', row[from + 20]),
      partner: linkage('partners', row[from + 21]),
    },
    links: { self: `${PATH}/${id}` },
  };
}

export const resourceDocument = (row: Row): object => ({
  data: resource(row, 0),
  links: { self: `${PATH}/${row[0]}` },
  jsonapi: JSONAPI,
});

export const createdDocument = (row: Row, token: string): object => ({
  data: resource(row, 0, token),
  meta: {},
  jsonapi: JSONAPI,
});

/** @param rows both totals, then the columns @param rest the query without the page, ready for links */
export function pageDocument(rows: Row[], page: number, whole: string, rest: string): object {
  const totalUnfiltered = Number(rows[0]?.[0] ?? 0);
  const total = rows[0]?.[1] === null ? totalUnfiltered : Number(rows[0]?.[1] ?? 0);
  const maxPage = Math.max(1, Math.ceil(total / PAGE_SIZE));
  const at = (number: number) =>
    `${PATH}?${rest}${rest === '' ? '' : '&'}page[number]=${number}&page[size]=${PAGE_SIZE}`;
  return {
    data: rows.map((row) => resource(row, 2)),
    meta: { total, totalUnfiltered, currentSize: PAGE_SIZE, currentPage: page, maxPage },
    links: {
      self: whole === '' ? PATH : `${PATH}?${whole}`,
      first: at(1),
      last: at(maxPage),
      prev: page > 1 ? at(Math.min(page - 1, maxPage)) : null,
      next: page < maxPage ? at(page + 1) : null,
    },
    jsonapi: JSONAPI,
  };
}
