import type { TestApp } from './app';

/** Refusals leave these behind, and are counted there (INV-54). */
const REFUSALS: Record<string, string> = {
  audit_events: "outcome <> 'success'",
  row_counts: "relation = 'audit_events'",
};

/**
 * Every row of every table, by table, but for when credentials were last used, which is noted beside the requests, and the
 * refusals in the audit trail.
 */
export async function contentsOf({ db }: TestApp): Promise<Record<string, unknown>> {
  const tables = await db.query(
    "select table_name from information_schema.tables where table_schema = 'public' order by 1",
  );
  const parts = tables.map(
    ([table]) => `select '${table}', coalesce(jsonb_agg(r.row order by r.row), '[]') from (
      select to_jsonb(t) - '{last_used_at,last_used_ip,audit_last,audit_hash}'::text[] as row from ${table} t
      where not (${REFUSALS[table as string] ?? 'false'})) r`,
  );
  return Object.fromEntries(await db.query(parts.join(' union all ')));
}
