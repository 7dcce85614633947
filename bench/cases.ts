import { PATH } from './bareDocument';
import type { BenchDatabase } from './database';

/** What the load sends, as plain data: it is made into requests in the process that sends them. */
export interface Plan {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** GET: paths in turn. PATCH: ids. POST: the collection. */
  readonly targets: readonly string[];
}

export interface Case {
  readonly name: string;
  /** Requests per second of the service as a part of the yardstick's, at the least. */
  readonly aim?: number;
  readonly plan: Plan;
}

export const PAGE_SIZE = 25;
const DEEP_PAGE = 2_000;
/** Different rows that are read and changed: more than any cache of a connection, few enough to be prepared ahead. */
const SAMPLE = 4_000;

export const FILTERED = `${PATH}?filter[status]=active&sort=name`;

/** Page 2,000, or the last one of a smaller table. */
export async function deepPage({ client }: BenchDatabase): Promise<number> {
  const { rows } = await client.query("select count(*) as n from organizations where status <> 'pending_deletion'");
  return Math.min(DEEP_PAGE, Math.ceil(Number(rows[0].n) / PAGE_SIZE));
}

export const firstPage: Case = { name: 'list', aim: 0.7, plan: { method: 'GET', targets: [PATH] } };

/** Every case, those that write last, so that all reads see the table as it was filled. */
export async function allCases(database: BenchDatabase): Promise<Case[]> {
  const { rows } = await database.client.query(
    `select id from organizations where status <> 'pending_deletion' order by random() limit ${SAMPLE}`,
  );
  const ids = rows.map(({ id }) => id as string);
  const deep = `${PATH}?page[number]=${await deepPage(database)}&page[size]=${PAGE_SIZE}`;
  return [
    firstPage,
    { name: 'get', aim: 0.6, plan: { method: 'GET', targets: ids.map((id) => `${PATH}/${id}`) } },
    { name: 'deep page', plan: { method: 'GET', targets: [deep] } },
    { name: 'filtered list', plan: { method: 'GET', targets: [FILTERED] } },
    { name: 'update', aim: 0.6, plan: { method: 'PATCH', targets: ids } },
    { name: 'create', aim: 0.6, plan: { method: 'POST', targets: [PATH] } },
  ];
}

/** The body of a request that writes. */
export function bodyOf(name: string, id?: string): string {
  return JSON.stringify({ data: { type: 'organizations', id, attributes: { name } } });
}
