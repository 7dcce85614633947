import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataSource } from '../../ormconfig';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded';
import { migrate } from '../../src/db/migrate';

declare global {
  var testPostgres: { server: EmbeddedPostgres; dataDir: string } | undefined;
}

export const TEMPLATE = 'guildhall';

/** One server for the whole run; its database is migrated once and cloned by every test file. */
export default async function globalSetup(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'guildhall-test-'));
  const server = await startEmbeddedPostgres({
    dataDir,
    noSync: true,
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  globalThis.testPostgres = { server, dataDir };
  const { host, port, user: username, password } = server;
  const connection = { host, port, username, password };
  const source = await dataSource({ ...connection, database: TEMPLATE }).initialize();
  await migrate(source);
  await source.destroy();
  process.env.GUILDHALL_TEST_DATABASE = JSON.stringify(connection);
}
