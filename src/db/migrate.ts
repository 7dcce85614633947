import { type DataSource, MigrationExecutor } from 'typeorm';
import { grantService } from './privileges';

/** Any number, the same in every process of the service: "Guildhall migrations". */
const LOCK = 71_726_170;
const OLDEST_SERVER = 140_000;

/**
 * Brings the schema up to date. Any number of processes may start at once: one migrates, the others wait for it and
 * find nothing to do. A failed migration leaves the schema as it was.
 * @param walletAsset of the wallets that a migration makes for the organizations that there are
 * @param serviceRole another role, which is to serve on the schema; null: this one does
 * @returns names of the migrations that were run
 * @throws Error in one sentence when the server is older than PostgreSQL 14, or the other role can do too much
 */
export async function migrate(
  dataSource: DataSource,
  walletAsset = 'USD',
  serviceRole: string | null = null,
): Promise<string[]> {
  // A lock of the session, not of a transaction: TypeORM makes its own transactions, on this same connection.
  const runner = dataSource.createQueryRunner();
  await runner.connect();
  try {
    const [server] = await runner.query('show server_version_num');
    if (Number(server.server_version_num) < OLDEST_SERVER) {
      throw new Error('The database is older than PostgreSQL 14: give DATABASE_URL of a newer one.');
    }
    await runner.query('select pg_advisory_lock($1)', [LOCK]);
    try {
      await runner.query("select set_config('guildhall.wallet_asset', $1, false)", [walletAsset]);
      const executor = new MigrationExecutor(dataSource, runner);
      executor.transaction = 'all';
      const ran = await executor.executePendingMigrations();
      if (serviceRole !== null) await grantService(runner, serviceRole);
      return ran.map((migration) => migration.name);
    } finally {
      await runner.query('select pg_advisory_unlock($1)', [LOCK]);
    }
  } finally {
    await runner.release();
  }
}

/** Whether every migration of this version of the service has been run. */
export async function isMigrated(dataSource: DataSource): Promise<boolean> {
  return !(await dataSource.showMigrations());
}
