import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import type { Connection } from '../../src/db/connect';

interface Server {
  host: string;
  port: number;
  username: string;
  password?: string;
}

const server = (): Server => JSON.parse(process.env.GUILDHALL_TEST_DATABASE ?? '{}');

async function asSuperuser(sql: string): Promise<void> {
  const { host, port, username: user, password } = server();
  const client = new Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The template must have no other user while it is copied: another test file may just do the same. */
async function createFromTemplate(database: string, attempt = 1): Promise<void> {
  try {
    await asSuperuser(`create database ${database} template guildhall strategy file_copy`);
  } catch (error) {
    if ((error as { code?: string }).code !== '55006' || attempt === 100) throw error;
    await new Promise((resolve) => setTimeout(resolve, 50));
    await createFromTemplate(database, attempt + 1);
  }
}

/** A database of its own for one test file, migrated already; `drop` when done. */
export async function cloneDatabase(): Promise<{ connection: Connection; drop: () => Promise<void> }> {
  const database = `test_${randomBytes(6).toString('hex')}`;
  await createFromTemplate(database);
  return {
    connection: { ...server(), database },
    drop: () => asSuperuser(`drop database ${database} with (force)`),
  };
}

/** An insert of memberships with the least role for each, which the database insists on (INV-12). */
export const withRoles = (insert: string): string =>
  `with joined as (${insert} returning id)
   insert into member_roles (member_id, role_id) select joined.id, r.id from joined, roles r where r.code = 'member'`;
