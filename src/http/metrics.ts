import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Database } from '../db/database';

/** Jobs of one state that are counted at the most: the figure is for an alarm, and must cost the same however many wait. */
const MOST_JOBS_COUNTED = 1_000;
const COUNT_JOBS = `
  select (select count(*)::int from (select from jobs where failed_at is null and run_at <= now()
            and (lease_until is null or lease_until <= now()) limit ${MOST_JOBS_COUNTED}) as due),
         (select count(*)::int from (select from jobs where failed_at is not null limit ${MOST_JOBS_COUNTED}) as failed)`;

/** What `/metrics` shows: requests by route template, the connection pool, jobs, the process. */
export class Metrics {
  readonly registry = new Registry();
  private readonly durations: Histogram<'method' | 'route' | 'status'>;
  private readonly children = new Map<string, { observe(seconds: number): void }>();

  constructor(db: Database) {
    collectDefaultMetrics({ register: this.registry });
    this.durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the first byte of a request to the last of its answer',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [this.registry],
    });
    new Gauge({
      name: 'database_connections',
      help: 'Connections of the pool, and requests that wait for one',
      labelNames: ['state'],
      registers: [this.registry],
      collect() {
        const { total, idle, waiting } = db.connections;
        this.set({ state: 'busy' }, total - idle);
        this.set({ state: 'idle' }, idle);
        this.set({ state: 'waiting' }, waiting);
      },
    });
    new Gauge({
      name: 'jobs',
      help: `Jobs that wait for a worker, and jobs that failed for the last time; ${MOST_JOBS_COUNTED} stands for all above`,
      labelNames: ['state'],
      registers: [this.registry],
      async collect() {
        this.reset();
        // The other figures are wanted most when the database is away.
        const rows = await db.query(COUNT_JOBS).catch(() => []);
        for (const [due, failed] of rows as [number, number][]) {
          this.set({ state: 'due' }, due);
          this.set({ state: 'failed' }, failed);
        }
      },
    });
  }

  /** Notes one answered request. `route` must be a template, never a path: every new value costs memory for ever. */
  observe(method: string, route: string, status: number, seconds: number): void {
    const key = `${method} ${route} ${status}`;
    let child = this.children.get(key);
    if (child === undefined) {
      child = this.durations.labels(method, route, String(status));
      this.children.set(key, child);
    }
    child.observe(seconds);
  }
}
