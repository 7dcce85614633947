import { type Pool, type PoolClient, types } from 'pg';
import type { DataSource } from 'typeorm';
import { AppError } from '../errors';
import { Turns } from '../turns';
import { RETRIED, translate } from './constraints';

const TIMESTAMPTZ = 1184;
const BIGINT = 20;
/** Statements that get a name; past that they are sent unnamed, so that a client can't fill the server with plans. */
const MOST_NAMED_STATEMENTS = 500;
/** Connections that are left to all else by what is done in turn. */
const LEFT = 2;
/** Of the connections, the part that one name may have at a time: some make ready what the one that has the lock ends. */
const PART_OF_ONE = 0.4;
/** How many may wait for their turn, and for how many milliseconds. */
const MOST_WAITING = 10_000;
const PATIENCE_MS = 60_000;

/** PostgreSQL's text of a time → the form of the seed, `2024-08-20T10:45:07+00:00` (domain sheet 1: whole seconds, UTC). */
export function formatTime(text: string): string {
  if (text.endsWith('+00')) return `${text.slice(0, 10)}T${text.slice(11, 19)}+00:00`;
  return `${new Date(text).toISOString().slice(0, 19)}+00:00`;
}

/**
 * Given to the pool: times stay text, since making a Date to print it again is most of the cost of a row; and nothing that
 * we count or number leaves what a number holds exactly.
 */
export const columnTypes = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === TIMESTAMPTZ) return formatTime;
    return oid === BIGINT ? Number : types.getTypeParser(oid, format as 'text');
  }) as typeof types.getTypeParser,
};

/** A row as PostgreSQL sends it: values in the order of the select list. */
export type Row = unknown[];

/** Runs a transaction, and runs it again when it was a victim of others. */
async function again<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (!RETRIED.has(code)) throw translate(error);
      if (attempt === 3) throw new AppError('conflict', 'Other requests change the same things: try again.');
    }
  }
}

interface Queryable {
  query(config: { name?: string; text: string; values: unknown[]; rowMode: 'array' }): Promise<{ rows: Row[] }>;
}

/**
 * Runs SQL on TypeORM's connection pool, or inside one transaction of it. Errors come out translated: the ones a client
 * can mend as AppError of their constraint, a database that is away as `unavailable`.
 */
export class Database {
  private constructor(
    private readonly pool: Pool,
    private readonly target: Queryable,
    /** Text → name, the same on every connection; undefined: statements have none. */
    private readonly names: Map<string, string> | undefined,
    /** Inside a transaction: what is to be done once it is committed. */
    private readonly pending: (() => void)[] | undefined,
    private readonly turns: Turns,
  ) {}

  /** @param named whether statements are prepared once per connection */
  static over(dataSource: DataSource, named: boolean): Database {
    const pool = (dataSource.driver as unknown as { master: Pool }).master;
    const { max } = pool.options;
    const turns = new Turns({
      atOnce: Math.max(1, max - LEFT),
      ofOne: Math.max(1, Math.ceil(max * PART_OF_ONE)),
      waiting: MOST_WAITING,
      patienceMs: PATIENCE_MS,
      refusal: 'Too much is asked for at a time; try again in a moment.',
    });
    return new Database(pool, pool as unknown as Queryable, named ? new Map() : undefined, undefined, turns);
  }

  /** Whether statements are part of a transaction. */
  get isInTransaction(): boolean {
    return this.pending !== undefined;
  }

  /** Connections open, idle, and requests that wait for one. */
  get connections(): { total: number; idle: number; waiting: number } {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount };
  }

  /**
   * One statement. Its text must not hold values from outside: those go into `values`. A lone one is a transaction by
   * itself, and is run again as those are.
   * @throws AppError for a violated constraint, and `unavailable` when the database is away
   */
  async query(text: string, values: unknown[] = []): Promise<Row[]> {
    const run = async () => (await this.target.query({ name: this.nameOf(text), text, values, rowMode: 'array' })).rows;
    if (this.isInTransaction) {
      try {
        return await run();
      } catch (error) {
        throw translate(error);
      }
    }
    return again(run);
  }

  /**
   * Runs `work` in one transaction; in one already, as part of it. Deadlocks and serialization failures run it again,
   * three times at the most, so `work` must have no effect but in the database.
   * @throws AppError `conflict` when others were in the way each time
   */
  async transaction<T>(work: (db: Database) => Promise<T>): Promise<T> {
    return this.pending === undefined ? again(() => this.once(work)) : work(this);
  }

  /** `work` in a transaction when it has several statements, else straight on: a lone statement is one by itself. */
  transactionIf<T>(several: boolean, work: (db: Database) => Promise<T>): Promise<T> {
    return several ? this.transaction(work) : work(this);
  }

  /**
   * Runs `work` as a part of this transaction that is undone alone when it fails; then the error is thrown on.
   * @param isLast the commit follows, which ends it, too: what it has locked is free one statement sooner
   * @throws Error outside a transaction
   */
  async attempt<T>(work: (db: Database) => Promise<T>, isLast = false): Promise<T> {
    const { pending } = this;
    if (pending === undefined) throw new Error('An attempt is part of a transaction.');
    const before = pending.length;
    await this.query('savepoint attempt');
    try {
      const result = await work(this);
      if (!isLast) await this.query('release savepoint attempt');
      return result;
    } catch (error) {
      pending.length = before;
      await this.query('rollback to savepoint attempt');
      throw error;
    }
  }

  /**
   * Runs `work`, which takes a connection, in turn with what else has this name: for what would wait for one and the same
   * row anyway. Not to be called inside a transaction.
   * @throws AppError `unavailable` after a minute
   */
  inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.turns.take(work, name);
  }

  /** Runs `action` when what was written is there for everybody: at once, or after the commit of the transaction. */
  afterCommit(action: () => void): void {
    if (this.pending === undefined) action();
    else this.pending.push(action);
  }

  private async once<T>(work: (db: Database) => Promise<T>): Promise<T> {
    let client: PoolClient;
    try {
      client = await this.pool.connect();
    } catch (error) {
      throw translate(error);
    }
    let broken: Error | undefined;
    // Without a listener, a connection that dies between two statements would end the process.
    const note = (error: Error) => {
      broken = error;
    };
    client.on('error', note);
    try {
      await client.query('begin');
      const pending: (() => void)[] = [];
      const result = await work(
        new Database(this.pool, client as unknown as Queryable, this.names, pending, this.turns),
      );
      await client.query('commit');
      for (const action of pending) action();
      return result;
    } catch (error) {
      await client.query('rollback').catch(note);
      throw error;
    } finally {
      client.off('error', note);
      // A connection that can't roll back is in an unknown state: the pool must not hand it to the next request.
      client.release(broken);
    }
  }

  private nameOf(text: string): string | undefined {
    const { names } = this;
    const known = names?.get(text);
    if (names === undefined || known !== undefined || names.size >= MOST_NAMED_STATEMENTS) return known;
    const name = `s${names.size + 1}`;
    names.set(text, name);
    return name;
  }
}
