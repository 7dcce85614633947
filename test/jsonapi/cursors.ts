import { registry } from '../../src/resources';
import { type Answer, type Body, type Client, MEDIA_TYPE, type TestApp } from '../support/app';
import { withRoles } from '../support/database';

export const PROFILE = 'https://jsonapi.org/profiles/ethanresnick/cursor-pagination';
export const CURSOR_TYPE = `${MEDIA_TYPE};profile="${PROFILE}"`;
/** Asks for cursors. */
export const CURSORS = { Accept: CURSOR_TYPE };

export const idsOf = ({ body }: Answer): string[] => body.data.map(({ id }: Body) => id);
/** Items as they are without cursors: of their `meta` all is left but these. */
export const unmarked = (items: Body[]): Body[] =>
  items.map(({ meta: { page: _page, ...meta }, ...each }: Body) =>
    Object.keys(meta).length === 0 ? each : { ...each, meta },
  );
/** Item cursors in the order of the page. */
export const marksOf = ({ body }: Answer): string[] => body.data.map(({ meta }: Body) => meta.page.cursor);

export const withCursors = (client: Client) => (path: string) => client.get(path, CURSORS);

/** Rows of each type that `scatter` makes. */
export const SCATTERED = 80;

/** SQL that takes one of these for row `n`, always the same one. */
const pick = (salt: string, ...values: (string | null)[]): string => {
  const list = values.map((value) => (value === null ? 'null' : `'${value}'`)).join(', ');
  return `(array[${list}]::text[])[1 + abs(hashtext('${salt}' || n)) % ${values.length}]`;
};
const time = (salt: string, ...more: null[]): string =>
  `${pick(salt, '2026-01-01 08:00Z', '2026-01-02 08:00Z', '2026-03-01 08:00Z', ...more)}::timestamptz`;
const word = (salt: string, ...more: null[]): string =>
  pick(salt, 'alpha', 'bravo', 'Charlie', 'ÿ', '0', 'a b', 'a,b', ...more);
const some = (salt: string, prefix: string): string =>
  `case when hashtext('${salt}' || n) % 2 = 0 then '${prefix}' || abs(hashtext('s' || n)) || '-' || n end`;

/** Fills the table of every type with rows in which what can be sorted is full of nulls and ties. */
export async function scatter(app: TestApp): Promise<void> {
  const made = `${time('created')}, ${time('updated')}`;
  const rows = `from generate_series(1, ${SCATTERED}) n`;
  for (const sql of [
    `insert into organizations (id, created_at, updated_at, status_changed_at, name, slug, external_id, kind, country_code, primary_domain, status)
     select gen_random_uuid(), ${made}, ${time('status')}, ${word('name')}, 'slug-' || n, ${some('external', 'x')},
       ${pick('kind', 'club', 'business')}, ${pick('country', 'AT', 'DE', 'NL', null, null)},
       ${pick('domain', 'example.com', 'example.org', null)}, ${pick('state', 'active', 'active', 'suspended')} ${rows}`,
    `insert into users (id, created_at, updated_at, email, name, status)
     select gen_random_uuid(), ${made}, abs(hashtext('mail' || n)) || '@example.com', ${word('user', null, null, null)},
       ${pick('state', 'active', 'suspended')} ${rows}`,
    `insert into partners (id, created_at, updated_at, name, external_id, status)
     select gen_random_uuid(), ${made}, ${word('partner')}, ${some('partner', 'p')}, ${pick('state', 'active', 'suspended')} ${rows}`,
    `insert into api_keys (id, created_at, updated_at, level, name, hash, start, scopes, ceiling, expires_at)
     select gen_random_uuid(), ${made}, 'platform', ${word('key')}, sha256(n::text::bytea), 'pk_live_none', '{*}', '{*}',
       ${time('expiry', null, null)} + interval '9 years' ${rows}`,
    withRoles(`insert into members (id, created_at, updated_at, organization_id, user_id, join_method, joined_at, status)
     select gen_random_uuid(), ${made}, o.id, u.id, 'import', ${time('joined')}, ${pick('state', 'active', 'suspended')}
     from (select id, row_number() over (order by id) as n from organizations where slug like 'slug-%') o
       join (select id, row_number() over (order by id) as n from users where email like '%@example.com' limit ${SCATTERED}) u using (n)`),
  ])
    await app.source.query(sql);
}

/** Fields that a type can be sorted by. The last use of keys is left out: the test itself uses one. */
export const sortable = (type: string): string[] => [
  'id',
  ...Object.entries(registry.get(type)?.attributes ?? {})
    .filter(([name, { sort }]) => sort && name !== 'lastUsedAt')
    .map(([name]) => name),
];

/** Null is more than every value. */
function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return (a as string) < (b as string) ? -1 : 1;
}

/** Ids in the order that sort keys mean, ties broken by id in the direction of the last key. */
export function sorted(rows: Body[], sort: string): string[] {
  const keys = sort.split(',');
  keys.push(keys.at(-1)?.startsWith('-') ? '-id' : 'id');
  const value = (row: Body, field: string) => (field === 'id' ? row.id : row.attributes[field]);
  const ordered = [...rows].sort((a, b) => {
    for (const key of keys) {
      const field = key.replace('-', '');
      const order = compare(value(a, field), value(b, field));
      if (order !== 0) return key.startsWith('-') ? -order : order;
    }
    return 0;
  });
  return ordered.map(({ id }) => id);
}

/** Pages from `path` on, by one of its links, until that is null. */
export async function walk(
  get: (path: string) => Promise<Answer>,
  path: string,
  direction: 'next' | 'prev' = 'next',
  size: () => number | undefined = () => undefined,
): Promise<Answer[]> {
  const pages: Answer[] = [];
  for (let at: string | null = path; at !== null; ) {
    const page: Answer = await get(at);
    if (page.status !== 200 || pages.length > 200) throw new Error(`${at} → ${page.status}: ${page.text}`);
    pages.push(page);
    const [link, other]: [string | null, number | undefined] = [page.body.links[direction], size()];
    at = other === undefined ? link : (link?.replace(/page\[size\]=\d+/, `page[size]=${other}`) ?? null);
  }
  return pages;
}
