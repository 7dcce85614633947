import type { Context } from '../src/context';
import { selectPage } from '../src/db/select';
import type { Selection } from '../src/selection';
import { organizationTable } from '../src/services/organizations';
import { PAGE_SIZE } from './barePage';
import { deepPage, deepPoint } from './cases';
import type { BenchDatabase } from './database';
import { median } from './measure';

const TRIES = 11;

/** Milliseconds that PostgreSQL says it takes, at one size of the table. */
export interface PageTimes {
  readonly rows: number;
  readonly page: number;
  readonly firstPage: number;
  /** The statement that the service sends. */
  readonly deepPage: number;
  /** The same page by OFFSET alone. */
  readonly plainOffset: number;
  /** The same page by a cursor, as the service asks for it. */
  readonly cursor: number;
}

interface Statement {
  readonly sql: string;
  readonly values: unknown[];
}

/** The statement that the service sends for a page of the default list: taken from it, so that it can't drift. */
async function statementOf(place: Pick<Selection, 'offset' | 'seek'>): Promise<Statement> {
  const sent: Statement[] = [];
  const db = {
    query: async (sql: string, values: unknown[] = []) => {
      sent.push({ sql, values });
      return [];
    },
  };
  const ctx = { db, caller: { level: 'platform', partnerId: null, organizationId: null } } as unknown as Context;
  const sort = [{ field: 'createdAt', descending: true }];
  const selection: Selection = { conditions: [], sort, limit: PAGE_SIZE, ...place };
  await selectPage(ctx, organizationTable, selection, organizationTable.properties);
  const [first] = sent;
  if (first === undefined) throw new Error('The service sent no statement for a page.');
  return first;
}

const plainStatement = (page: number): Statement => ({
  sql: `select * from organizations where status <> 'pending_deletion' order by created_at desc, id desc
    limit ${PAGE_SIZE} offset $1`,
  values: [(page - 1) * PAGE_SIZE],
});

async function timeOf({ client }: BenchDatabase, { sql, values }: Statement): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < TRIES; i++) {
    // Without the clock around every row, which costs more than the rows.
    const { rows } = await client.query(`explain (analyze, timing off, format json) ${sql}`, values);
    times.push(rows[0]['QUERY PLAN'][0]['Execution Time']);
  }
  return median(times);
}

/** Times the first page, and a deep one in three ways, inside PostgreSQL. */
export async function timePages(database: BenchDatabase): Promise<PageTimes> {
  const page = await deepPage(database);
  return {
    rows: database.rows,
    page,
    firstPage: await timeOf(database, await statementOf({ offset: 0 })),
    deepPage: await timeOf(database, await statementOf({ offset: (page - 1) * PAGE_SIZE })),
    plainOffset: await timeOf(database, plainStatement(page)),
    cursor: await timeOf(database, await statementOf({ offset: 0, seek: { after: await deepPoint(database) } })),
  };
}
