import type { Services } from '../context';
import type { Database } from '../db/database';

const SWEEP_MS = 60_000;
/** Rows that one statement removes at the most: it is done soon, and holds few locks. */
const MOST_REMOVED = 1_000;

/** Removes the rows for which `condition` holds; several processes may do so at once. */
export async function removeRows(db: Database, table: string, condition: string): Promise<void> {
  const sql = `delete from ${table} where ctid = any(array(
      select ctid from ${table} where ${condition} limit ${MOST_REMOVED} for update skip locked))
    returning 1`;
  let removed: number;
  do removed = (await db.query(sql)).length;
  while (removed === MOST_REMOVED);
}

/**
 * Does what is due in each organization, in a transaction of its own with the organization locked first, as everybody
 * locks it, until nothing is due anywhere. One that somebody else has locked waits for the next time.
 * @param due SQL of the rows that are due, with `organization_id`; of some of them is enough
 * @param work leaves nothing due of what it has found
 */
export async function sweepOrganizations(
  { db }: Pick<Services, 'db'>,
  due: string,
  work: (db: Database, organizationId: string) => Promise<void>,
): Promise<void> {
  let isDone: boolean;
  do {
    isDone = true;
    for (const [id] of await db.query(`select distinct organization_id from (${due}) due`)) {
      await db.transaction(async (inside) => {
        const lock = 'select 1 from organizations where id = $1 for no key update skip locked';
        const [locked] = await inside.query(lock, [id]);
        if (locked === undefined) return;
        await work(inside, id as string);
        isDone = false;
      });
    }
  } while (!isDone);
}

/** Removes what has had its time: when the process starts, and once a minute from then on. */
export class Sweeper {
  private readonly timer = setInterval(() => this.begin(), SWEEP_MS).unref();
  private sweeping: Promise<void> = Promise.resolve();

  constructor(private readonly sweeps: readonly (() => Promise<void>)[]) {
    this.begin();
  }

  /** Resolves when nothing runs any more. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.sweeping;
  }

  private begin(): void {
    // What can't be removed now does no harm until the next time.
    for (const sweep of this.sweeps) this.sweeping = this.sweeping.then(sweep).catch(() => undefined);
  }
}
