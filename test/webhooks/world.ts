import { cipherPurpose } from '../../src/services/organizations';
import { createOrganization, document, M, startApp, type TestApp } from '../support/app';
import { type Receiver, startReceiver } from '../support/receiver';

export const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;

export interface World {
  readonly app: TestApp;
  readonly receiver: Receiver;
  /** Milliseconds since 1970 by the clock of the app. */
  now(): number;
  /** Sets the clock forward. */
  pass(seconds: number): void;
  /** Another process on the same database, with the same clock; closed with this one. */
  beside(): Promise<TestApp>;
  /** Ends what is still to be sent. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export async function openWorld(env: NodeJS.ProcessEnv = {}): Promise<World> {
  let ahead = 0;
  const clock = () => new Date(Date.now() + ahead);
  const receiver = await startReceiver();
  const app = await startApp(env, clock);
  const others: TestApp[] = [];
  return {
    app,
    receiver,
    now: () => clock().getTime(),
    pass: (seconds) => {
      ahead += seconds * 1_000;
    },
    beside: async () => {
      const other = await startApp(env, clock, app);
      others.push(other);
      return other;
    },
    settle: async () => {
      const sql = `update webhook_deliveries set status = 'cancelled', next_attempt_at = null
        where id in (select id from webhook_deliveries where next_attempt_at is not null limit 4000) returning id`;
      while ((await app.db.query(sql)).length > 0);
    },
    close: async () => {
      for (const other of others) await other.close();
      await app.close();
      await receiver.end();
    },
  };
}

/** An endpoint of an organization. */
export interface Endpoint {
  readonly id: string;
  readonly organizationId: string;
  /** Its path at the receiver. */
  readonly path: string;
}

let paths = 0;

/** Makes an endpoint with a secret and a path of its own; `settings` by the names of the columns. */
export async function addEndpoint(
  { app, receiver }: World,
  settings: Record<string, unknown> = {},
  organizationId?: string,
): Promise<Endpoint> {
  const owner = organizationId ?? (await createOrganization(app.platform)).id;
  const path = `/${++paths}`;
  const columns = { url: receiver.url(path), ...settings };
  const names = Object.keys(columns);
  const [row] = await app.db.query(
    `insert into webhook_endpoints (id, organization_id, ${names.join(', ')})
     values (new_id(), $1, ${names.map((_, i) => `$${i + 2}`).join(', ')}) returning id`,
    [owner, ...Object.values(columns)],
  );
  const id = row?.[0] as string;
  await addSecret(app, { id, organizationId: owner, path }, SECRET);
  return { id, organizationId: owner, path };
}

/** @param expiresAt undefined: the current one */
export async function addSecret(
  app: TestApp,
  { id, organizationId }: Endpoint,
  secret: string,
  expiresAt?: Date,
): Promise<void> {
  const cipher = app.services.secrets.encrypt(secret, cipherPurpose(organizationId));
  await app.db.query(
    `insert into webhook_secrets (id, endpoint_id, cipher, start, expires_at) values (new_id(), $1, $2, 'whsec_', $3)`,
    [id, cipher, expiresAt ?? null],
  );
}

/** A change of an organization over HTTP: one event. */
export async function change(app: TestApp, organizationId: string): Promise<void> {
  const name = `Acme ${Math.random().toString(36).slice(2)}`;
  const answer = await app.platform.patch(
    `${M}/organizations/${organizationId}`,
    document('organizations', { name }, { id: organizationId }),
  );
  if (answer.status !== 200) throw new Error(answer.text);
}

/** Many events at once, as a change writes them. */
export async function changeMany(app: TestApp, organizationId: string, count: number): Promise<void> {
  await app.source.query(
    `select record_events('{organization.updated}', $1,
       array(select jsonb_build_object('type', 'organizations', 'id', $1::uuid, 'attributes', jsonb_build_object('n', n))
         from generate_series(1, $2::integer) n), null, 'system', null, null, null, null)`,
    [organizationId, count],
  );
}

/** A row by the names of its columns; times as `Date.parse` reads them. */
// biome-ignore lint/suspicious/noExplicitAny: rows are looked into freely, and compared whole
export type Stored = Record<string, any>;

const rowsOf = async ({ db }: TestApp, table: string, column: string, id: string, order: string): Promise<Stored[]> =>
  (await db.query(`select to_jsonb(t) from ${table} t where ${column} = $1 order by ${order}`, [id])).map(
    ([row]) => row as Stored,
  );

/** The deliveries to an endpoint, in the order of their events. */
export const deliveriesOf = (app: TestApp, { id }: { id: string }): Promise<Stored[]> =>
  rowsOf(app, 'webhook_deliveries', 'endpoint_id', id, 'sequence, id');

export const attemptsOf = (app: TestApp, { id }: Stored): Promise<Stored[]> =>
  rowsOf(app, 'webhook_attempts', 'delivery_id', id, 'number');

export async function endpointOf(app: TestApp, { id }: { id: string }): Promise<Stored> {
  return (await rowsOf(app, 'webhook_endpoints', 'id', id, 'id'))[0] as Stored;
}

/** The bodies of an organization's events of some types, in their order. */
export async function eventsOf({ db }: TestApp, organizationId: string, types: string): Promise<Stored[]> {
  const rows = await db.query(
    'select body from events where organization_id = $1 and event_type like $2 order by sequence',
    [organizationId, types],
  );
  return rows.map(([body]) => JSON.parse(body as string));
}
