import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { dataSource } from '../../ormconfig';
import type { Config } from '../config';
import { isAway } from './constraints';
import { columnTypes } from './database';

/** Where the database is: a URL, or the socket of the embedded one. */
export type Connection =
  | { url: string }
  | { host: string; port: number; username: string; database: string; password?: string };

/** Milliseconds that one statement may take; with the wait for a connection, a request never hangs on the database. */
const STATEMENT_MS = 2_500;
/** Seconds that a start waits for a database that is still starting itself. */
const PATIENCE_S = 30;

/**
 * Opens the pool.
 * @param statementMs 0: no limit, for migrations
 * @throws Error in one sentence when the database can't be reached within 30 s
 */
export async function connect(connection: Connection, config: Config, statementMs = STATEMENT_MS): Promise<DataSource> {
  const source = dataSource(connection, {
    logging: false,
    // A dead idle connection is replaced by the pool; the requests that meet the dead database say so themselves.
    poolErrorHandler: () => undefined,
    extra: {
      max: config.databasePoolSize,
      connectionTimeoutMillis: config.databaseTimeoutMs,
      query_timeout: statementMs || undefined,
      statement_timeout: statementMs || undefined,
      keepAlive: true,
      types: columnTypes,
      application_name: 'guildhall',
    },
  });
  for (let second = 0; ; second++) {
    try {
      return await source.initialize();
    } catch (error) {
      if (!isAway(error)) throw new Error(`The database refuses us: ${(error as Error).message}`);
      if (second >= PATIENCE_S) throw new Error(`The database can't be reached: ${(error as Error).message}`);
      await pause(1_000);
    }
  }
}
