import type { QueryRunner } from 'typeorm';

/** Tables whose rows are only ever added (INV-52): whoever serves has no privilege for anything else. */
const INSERT_ONLY = ['audit_events', 'audit_checkpoints', 'wallet_transactions', 'ledger_entries'];

/**
 * Lets another role serve on the schema that this one owns: it reads and writes all rows, and only adds to the audit trail and
 * the ledger. To be called again after each migration.
 * @throws Error in one sentence when the role can do more all the same
 */
export async function grantService(runner: QueryRunner, role: string): Promise<void> {
  const [{ name, schema }] = await runner.query(
    'select quote_ident($1) as name, quote_ident(current_schema()) as schema',
    [role],
  );
  // Several statements in one text are one transaction.
  await runner.query(`
    grant usage on schema ${schema} to ${name};
    grant select, insert, update, delete on all tables in schema ${schema} to ${name};
    grant usage, select on all sequences in schema ${schema} to ${name};
    grant execute on all functions in schema ${schema} to ${name};
    revoke update, delete on ${INSERT_ONLY.map((table) => `${schema}.${table}`).join(', ')} from ${name}`);
  const [{ excess }] = await runner.query(
    "select array(select t from unnest($2::text[]) t where has_table_privilege($1, t, 'update, delete, truncate, trigger')) as excess",
    [role, INSERT_ONLY],
  );
  if (excess.length === 0) return;
  throw new Error(
    `The role ${role} of DATABASE_URL can change ${excess.join(', ')}: with MIGRATION_DATABASE_URL it must be no superuser, and the tables must belong to the other role.`,
  );
}
