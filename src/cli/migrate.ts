import { layFoundation } from '../boot';
import type { Config } from '../config';
import { createLog } from '../log';

/** Brings the database up to date and ends. */
export async function migrateOnly(config: Config): Promise<void> {
  const foundation = await layFoundation(config, createLog('warn'));
  await foundation.stop();
  process.stdout.write('The database is up to date.\n');
  if (foundation.newPlatformKey !== undefined) {
    process.stdout.write(`Platform key, shown this once: ${foundation.newPlatformKey}\n`);
  }
}
