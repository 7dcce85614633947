import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Database } from '../db/database';
import { measureDue } from '../webhooks/due';
import type { AttemptMetrics } from '../webhooks/sender';

/** Jobs of one state that are counted at the most: the figure is for an alarm, and must cost the same however many wait. */
const MOST_JOBS_COUNTED = 1_000;
const COUNT_JOBS = `
  select (select count(*)::int from (select from jobs where failed_at is null and run_at <= now()
            and (lease_until is null or lease_until <= now()) limit ${MOST_JOBS_COUNTED}) as due),
         (select count(*)::int from (select from jobs where failed_at is not null limit ${MOST_JOBS_COUNTED}) as failed)`;

/** What `/metrics` shows: requests by route template, the connection pool, jobs, webhooks, the process. */
export class Metrics implements AttemptMetrics {
  readonly registry = new Registry();
  private readonly durations: Histogram<'method' | 'route' | 'status'>;
  private readonly attempts: Counter<'outcome'>;
  private readonly firstAttempts: Histogram;
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
    this.attempts = new Counter({
      name: 'webhook_attempts_total',
      help: 'Attempts to deliver a webhook, by what came of them: success, or the class of the error',
      labelNames: ['outcome'],
      registers: [this.registry],
    });
    this.firstAttempts = new Histogram({
      name: 'webhook_first_attempt_seconds',
      help: 'Time from an event to the first attempt to deliver it',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
      registers: [this.registry],
    });
    this.gaugeDeliveries(db);
  }

  private gaugeDeliveries(db: Database): void {
    // One statement for both; the first one is asked first.
    let found: Promise<{ count: number; seconds: number } | undefined>;
    new Gauge({
      name: 'webhook_deliveries_due',
      help: 'Deliveries of webhooks that wait to be sent; of each endpoint a thousand are counted at the most',
      registers: [this.registry],
      async collect() {
        this.reset();
        found = measureDue({ db }).catch(() => undefined);
        const due = await found;
        if (due !== undefined) this.set(due.count);
      },
    });
    new Gauge({
      name: 'webhook_oldest_due_seconds',
      help: 'For how long the delivery of a webhook that is longest due has been due; 0 when none is',
      registers: [this.registry],
      async collect() {
        this.reset();
        const due = await found;
        if (due !== undefined) this.set(due.seconds);
      },
    });
  }

  countAttempt(outcome: string): void {
    this.attempts.inc({ outcome });
  }

  observeFirstAttempt(seconds: number): void {
    this.firstAttempts.observe(seconds);
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
