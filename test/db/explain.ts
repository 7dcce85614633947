import { Client as PgClient, type Pool } from 'pg';
import type { Client, TestApp } from '../support/app';
import { withRoles } from '../support/database';

/** A step of a plan as `explain (format json)` tells it. */
export interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows'?: number;
  'Actual Loops'?: number;
  'Rows Removed by Filter'?: number;
  Plans?: Node[];
}

export type Statement = readonly [text: string, values: unknown[]];

/** Rows of each table that `crowd` fills. */
export const CROWD = 20_000;

/** A connection for what takes long: the service's own end a statement after 2.5 s, which filling may take on a busy machine. */
export async function patientClient(app: TestApp): Promise<PgClient> {
  const { master } = app.source.driver as unknown as { master: Pool };
  const client = new PgClient({ ...master.options, query_timeout: undefined, statement_timeout: undefined });
  await client.connect();
  return client;
}

/**
 * 20,000 organizations, users and members: each user is a member of one organization, and 1,000 of them of one more.
 * @param partners run a tenth and a hundredth of the organizations
 * @returns the organization that has a thousand members more
 */
export async function crowd(app: TestApp, partners: readonly [string, string]): Promise<string> {
  const client = await patientClient(app);
  const fill = (sql: string, values: unknown[] = []) =>
    client.query(`${sql} from generate_series(1, ${CROWD}) g`, values);
  const time = "date_trunc('second', now()) - g * interval '1 minute'";
  await fill(
    `insert into organizations (id, name, slug, partner_id, created_at, updated_at, status, external_id, country_code, metadata)
     select gen_random_uuid(), 'Organization ' || g, 'organization-' || g,
       case when g % 10 = 0 then $1::uuid when g % 100 = 1 then $2::uuid end, ${time}, ${time},
       case when g % 50 = 7 then 'pending_deletion' else 'active' end, case when g % 3 > 0 then 'ext-' || g end,
       (array['AT', 'DE', 'NL', null])[1 + g % 4], case when g % 4 = 0 then jsonb_build_object('seat', g) else '{}' end`,
    [...partners],
  );
  await fill(
    `insert into users (id, email, name, created_at, updated_at)
     select gen_random_uuid(), 'User-' || g || '@example.com', case when g % 3 > 0 then 'Name ' || g end, ${time}, ${time}`,
  );
  for (const table of ['organizations', 'users']) await client.query(`analyze ${table}`);
  const pairs = `insert into members (id, organization_id, user_id, join_method, created_at, updated_at)
    select gen_random_uuid(), o.id, u.id, 'import', u.created_at, u.created_at`;
  await client.query(
    withRoles(`${pairs} from generate_series(1, ${CROWD}) g join organizations o on o.slug = 'organization-' || g
       join users u on lower(u.email) = 'user-' || g || '@example.com'`),
  );
  await client.query(
    withRoles(`${pairs} from generate_series(1001, 2000) g join organizations o on o.slug = 'organization-20'
       join users u on lower(u.email) = 'user-' || g || '@example.com'`),
  );
  // Vacuum too: what the indexes for searching have not merged yet is a list that has to be read whole.
  for (const table of ['organizations', 'users', 'members']) await client.query(`vacuum analyze ${table}`);
  for (const table of ['row_counts', 'partners']) await client.query(`analyze ${table}`);
  const { rows } = await client.query("select id from organizations where slug = 'organization-20'");
  await client.end();
  return rows[0].id;
}

export const flatten = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(flatten)];

/** The statements that a request runs on a table, as they are sent to the database. */
export async function statementsOn(
  app: TestApp,
  table: string,
  asker: Client,
  path: string,
  headers: Record<string, string> = {},
): Promise<Statement[]> {
  const query = jest.spyOn(app.db, 'query');
  try {
    const { status } = await asker.get(path, headers);
    expect([path, status]).toEqual([path, 200]);
    return query.mock.calls
      .filter(([text]) => text.includes(`from ${table} t`))
      .map(([text, values]) => [text, values ?? []] as const);
  } finally {
    query.mockRestore();
  }
}

/** What PostgreSQL would do; with `analyze`, what it did. */
export async function planOf(app: TestApp, [text, values]: Statement, analyze = false): Promise<Node[]> {
  const [row] = await app.source.query(
    `explain (${analyze ? 'analyze, ' : ''}format json) ${text}`,
    values as unknown[],
  );
  return flatten(row['QUERY PLAN'][0].Plan);
}

export const nodeTypes = (nodes: Node[]): string[] => nodes.map((node) => node['Node Type']);

/** Indexes that are read. */
export const indexesOf = (nodes: Node[]): string[] =>
  [...new Set(nodes.flatMap((node) => node['Index Name'] ?? []))].sort();

/** Large tables that are read from their beginning. */
export const scansOf = (nodes: Node[]): string[] =>
  nodes
    .filter((node) => node['Node Type'] === 'Seq Scan')
    .flatMap((node) => node['Relation Name'] ?? [])
    .filter((table) => ['organizations', 'users', 'members'].includes(table));

/** Rows of large tables that were read, those that did not fit among them. */
export const rowsRead = (nodes: Node[]): number =>
  nodes
    .filter((node) => ['organizations', 'users', 'members'].includes(node['Relation Name'] ?? ''))
    .map((node) => ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1))
    .reduce((sum, rows) => sum + rows, 0);
