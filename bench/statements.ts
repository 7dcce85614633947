import type { BenchDatabase } from './database';
import { median } from './measure';
import { type Plan, requestOf } from './requests';
import { answerText, type ServerUnderTest } from './servers';

/** Settings of the server: the library is there, and counts nothing but where a connection asks for it. */
export const COUNTING_SETTINGS = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'none',
};

/** The database for a server whose statements are counted; those that are measured are not, as it costs time. */
export function counted(database: BenchDatabase): BenchDatabase {
  const url = `${database.url}${database.url.includes('?') ? '&' : '?'}`;
  return { ...database, url: `${url}options=${encodeURIComponent('-c pg_stat_statements.track=top')}` };
}

/** The median of these: now and then one looks up who asks, which is believed for a while. */
const REQUESTS = 7;

/** SQL statements of one request as PostgreSQL counts them, `begin` and `commit` among them. */
export async function countStatements({ client }: BenchDatabase, server: ServerUnderTest, plan: Plan): Promise<number> {
  await client.query('create extension if not exists pg_stat_statements');
  const counts: number[] = [];
  for (let i = 0; i < REQUESTS; i++) {
    await client.query('select pg_stat_statements_reset()');
    await answerText(server, requestOf(plan, i, `Counted ${server.name} ${i} ${Date.now()}`));
    const { rows } = await client.query('select coalesce(sum(calls), 0) as calls from pg_stat_statements');
    counts.push(Number(rows[0].calls));
  }
  return median(counts);
}
