import { rm } from 'node:fs/promises';

export default async function globalTeardown(): Promise<void> {
  await globalThis.testPostgres?.server.stop();
  if (globalThis.testPostgres !== undefined)
    await rm(globalThis.testPostgres.dataDir, { recursive: true, force: true });
}
