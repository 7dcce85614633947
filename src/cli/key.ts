import { layFoundation } from '../boot';
import type { Config } from '../config';
import { connect } from '../db/connect';
import { Database } from '../db/database';
import { createLog } from '../log';
import { shapes } from '../resources';
import { createPlatformKey } from '../services/apiKeys';

/** Makes another platform key and prints it: for the operator who has lost the first one. */
export async function makePlatformKey(config: Config, name: string): Promise<void> {
  const foundation = await layFoundation(config, createLog('warn'));
  try {
    const source = await connect(foundation.connection, config);
    const key = await createPlatformKey({ db: Database.over(source, false), shapes }, name);
    await source.destroy();
    process.stdout.write(`${key}\n`);
  } finally {
    await foundation.stop();
  }
}
