// The statements of the yardstick.
import { Pool, types } from 'pg';
import {
  COLUMNS,
  MEMBER_COLUMNS,
  member,
  organization,
  type Row,
  SPARSE_COLUMNS,
  USER_COLUMNS,
  user,
} from './bareDocument';
import { PAGE_SIZE } from './barePage';

const TIMESTAMPTZ = 1184;
const TOTAL = `(select coalesce(sum(rows), 0) from row_counts
  where relation = 'organizations' and scope = '00000000-0000-0000-0000-000000000000')`;
const LIVE = "t.status <> 'pending_deletion'";
const ORDER = 'order by t.created_at desc, t.id desc';
const NEWEST = `${ORDER} limit ${PAGE_SIZE}`;
const KEY_COLUMNS = 'id, level, name, hash, start, scopes, ceiling, is_organization_token, organization_id';
const SOUGHT = `select ${TOTAL}, null, ${COLUMNS}, t.created_at::text, t.id::text from organizations t where ${LIVE}`;

const STATEMENTS = {
  // Without a parameter in limit and offset: with one, PostgreSQL plans the statement again each time it runs.
  first: `select ${TOTAL}, null, ${COLUMNS} from organizations t where ${LIVE} ${NEWEST}`,
  list: `select ${TOTAL}, null, ${COLUMNS} from organizations t where ${LIVE} ${NEWEST} offset $1`,
  sparse: `select ${TOTAL}, null, ${SPARSE_COLUMNS} from organizations t where ${LIVE} ${NEWEST}`,
  // The ids of the page first, from the index alone: half the time of the plain statement on page 2,000.
  deep: `select ${TOTAL}, null, ${COLUMNS}
    from (select t.id as page_id from organizations t where ${LIVE} ${NEWEST} offset $1) page
    join organizations t on t.id = page.page_id ${ORDER}`,
  begin: `${SOUGHT} ${ORDER} limit ${PAGE_SIZE + 1}`,
  after: `${SOUGHT} and (t.created_at, t.id) < ($1::timestamptz, $2::uuid) ${ORDER} limit ${PAGE_SIZE + 1}`,
  filtered: `select ${TOTAL}, (select count(*) from organizations t where ${LIVE} and t.status = $2), ${COLUMNS}
    from organizations t where ${LIVE} and t.status = $2 order by t.name, t.id limit ${PAGE_SIZE} offset $1`,
  owners: `select ${USER_COLUMNS} from users u where u.id = any($1::uuid[])`,
  members: `select ${MEMBER_COLUMNS}, ${USER_COLUMNS}
    from unnest($1::uuid[]) with ordinality parent(id, place) cross join lateral (
      select * from members t where t.organization_id = parent.id ${NEWEST}) m
    join users u on u.id = m.user_id order by parent.place, m.created_at desc, m.id desc`,
  get: `select ${COLUMNS} from organizations t where t.id = $1 and ${LIVE}`,
  update: `update organizations t set name = $2, version = version + 1, updated_at = date_trunc('second', now())
    where t.id = $1 and ${LIVE} returning ${COLUMNS}`,
  create: `with created as (insert into organizations (id, name, slug) values ($1, $2, $3) returning *), key as (
      insert into api_keys (${KEY_COLUMNS})
      select $4, 'organization', 'Organization token', $5, $6, '{*}', '{*}', true, created.id from created),
    workspace as (insert into workspaces (id, name, slug, is_default, organization_id)
      select $7, 'Default', 'default', true, created.id from created),
    wallet as (insert into wallets (id, organization_id, asset, scale) select $8, created.id, 'USD', 2 from created)
    select ${COLUMNS} from created t`,
} as const;

const asTime = (text: string): string => `${text.slice(0, 10)}T${text.slice(11, 19)}+00:00`;

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.DATABASE_POOL_SIZE),
  types: {
    getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
      oid === TIMESTAMPTZ ? asTime : types.getTypeParser(oid, format as 'text')) as typeof types.getTypeParser,
  },
});

export async function query(name: keyof typeof STATEMENTS, values: unknown[] = []): Promise<Row[]> {
  return (await pool.query({ name, text: STATEMENTS[name], values, rowMode: 'array' })).rows;
}

/** Where the user begins in a row of a member and its user. */
const USER_AT = 16;
const ORGANIZATION_AT = 11;
const OWNER_AT = 24;

/** The organizations of a page with their members, and what `include=owner,members.user` brings along. */
export async function includedWith(rows: readonly Row[]): Promise<{ data: object[]; included: object[] }> {
  const ownerIds = [...new Set(rows.map((row) => row[OWNER_AT]).filter((id) => id !== null))];
  const [owners, memberRows] = await Promise.all([
    query('owners', [ownerIds]),
    query('members', [rows.map((row) => row[2])]),
  ]);
  const members = new Map(rows.map((row): [unknown, Row[]] => [row[2], []]));
  for (const row of memberRows) members.get(row[ORGANIZATION_AT])?.push(row);
  const ownersById = new Map(owners.map((row) => [row[0], row]));
  const included = ownerIds.map((id) => user(ownersById.get(id) as Row, 0));
  for (const row of memberRows) included.push(member(row));
  const seen = new Set<unknown>(ownerIds);
  for (const row of memberRows) {
    if (seen.has(row[USER_AT])) continue;
    seen.add(row[USER_AT]);
    included.push(user(row, USER_AT));
  }
  return { data: rows.map((row) => organization(row, 2, { members: members.get(row[2]) })), included };
}
