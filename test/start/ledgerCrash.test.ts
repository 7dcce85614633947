import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded';
import {
  type Answer,
  type Body,
  type Call,
  call,
  capture,
  hold,
  makeOrganization,
  PLATFORM_KEY,
  release,
  transact,
  verify,
  walletsOf,
} from '../ledger/calls';
import { cleanUp, freePort, type Started, serve, stop, temporaryFolder, until } from '../support/process';

const CLIENTS = 8;
const KILLS = 12;
const ANSWERED = 900;
const PATIENCE_MS = 240_000;

/** What was asked with one key, until it was answered. */
interface Settled {
  readonly organizationId: string;
  readonly kind: 'topup' | 'charge' | 'hold' | 'capture' | 'void';
  readonly key: string;
  readonly asked: Call;
  readonly amount: number;
  readonly answer: Answer;
}

let folder: string;
let port: number;
let postgres: Promise<EmbeddedPostgres>;
/** Two processes that run, or are being started. */
let servers: Promise<Started>[];
let organizationIds: string[];
const settled: Settled[] = [];
/** Requests whose connection ended without an answer. */
let lost = 0;
let killed = 0;
/** First answers, and those to the same requests at the end. */
const again: [Answer, Answer | undefined][] = [];

beforeAll(async () => {
  folder = temporaryFolder('guildhall-ledger-');
  port = await freePort();
  postgres = startPostgres();
  await postgres;
  servers = [startServer(), startServer()];
  const { url } = await anyServer();
  organizationIds = await Promise.all(Array.from({ length: 3 }, (_, i) => makeOrganization(url, `Crash ${i}`)));
  for (const id of organizationIds)
    await ask(id, 'topup', (key) => transact(id, { kind: 'topup', amount: 20_000 }, key), 20_000);
  await Promise.all([killAgainAndAgain(), ...Array.from({ length: CLIENTS }, client)]);
  await askAgain();
  await endWhatIsDue();
}, PATIENCE_MS);
afterAll(async () => {
  await Promise.all(servers.map(async (one) => stop(await one)));
  await (await postgres).stop();
  await cleanUp(folder);
});

const startPostgres = (): Promise<EmbeddedPostgres> =>
  startEmbeddedPostgres({
    dataDir: join(folder, 'server'),
    noSync: true,
    // A process that is killed loses nothing that it has written; only a machine would.
    settings: { listen_addresses: '127.0.0.1', port: String(port), fsync: 'off' },
  });

const databaseUrl = async (): Promise<string> => `postgres://${(await postgres).user}@127.0.0.1:${port}/guildhall`;
const SECRET_KEY = randomBytes(32).toString('base64');

const startServer = async (): Promise<Started> =>
  serve({
    DATABASE_URL: await databaseUrl(),
    SECRET_KEY,
    DATA_DIR: join(folder, 'data'),
    // On a busy machine a first connection takes its time.
    DATABASE_TIMEOUT_MS: '20000',
    RATE_LIMIT: 'off',
    PLATFORM_KEY,
  });

/** One of the two; the other one while that is being started. */
const anyServer = (): Promise<Started> => {
  const order = randomInt(2) === 0 ? servers : [...servers].reverse();
  return Promise.race(order);
};

/** Rows as PostgreSQL has them. */
async function rowsOf(sql: string): Promise<Body[]> {
  const database = new Client(await databaseUrl());
  await database.connect();
  try {
    return (await database.query(sql)).rows;
  } finally {
    await database.end();
  }
}

/** Sends a request again and again, with its key and to any process, until it is answered for good. */
async function ask(
  organizationId: string,
  kind: Settled['kind'],
  wanted: (key: string) => Call,
  amount: number,
): Promise<Answer> {
  const key = randomUUID();
  const asked = wanted(key);
  for (;;) {
    const answer = await call((await anyServer()).url, asked);
    const isOver =
      answer !== undefined && answer.status !== 503 && answer.body?.errors?.[0]?.code !== 'request_in_progress';
    if (isOver) {
      settled.push({ organizationId, kind, key, asked, amount, answer });
      return answer;
    }
    if (answer === undefined) lost++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function client(): Promise<void> {
  while (killed < KILLS || settled.length < ANSWERED) {
    const id = organizationIds[randomInt(organizationIds.length)] as string;
    const amount = randomInt(1, 400);
    const place = randomInt(10);
    if (place < 5)
      await ask(id, 'charge', (key) => transact(id, { kind: 'charge', amount, reference: key }, key), amount);
    else if (place < 8)
      await ask(id, 'topup', (key) => transact(id, { kind: 'topup', amount, reference: key }, key), amount);
    else await holdSome(id, amount);
  }
}

/** Some are captured, some are voided, and the others run out. */
async function holdSome(id: string, amount: number): Promise<void> {
  const expiresAt = new Date(Date.now() + 3_000).toISOString();
  const { status, body } = await ask(
    id,
    'hold',
    (key) => hold(id, { amount, expiresAt, reason: 'A crash' }, key),
    amount,
  );
  if (status !== 201) return;
  const place = randomInt(3);
  const taken = randomInt(1, amount + 1);
  if (place === 0) await ask(id, 'capture', (key) => capture(body.data.id, taken, key), taken);
  if (place === 1) await ask(id, 'void', (key) => release(body.data.id, key), amount);
}

/** Each time after some more answers one of the three processes is killed, PostgreSQL every fourth time. */
async function killAgainAndAgain(): Promise<void> {
  while (killed < KILLS) {
    const moment = settled.length + randomInt(1, 60);
    await until(() => settled.length >= moment, `${moment} answers`, PATIENCE_MS);
    if (killed % 4 === 3) await killPostgres();
    else await killServer(randomInt(2));
    killed++;
  }
}

async function killServer(place: number): Promise<void> {
  const victim = await (servers[place] as Promise<Started>);
  victim.child.kill('SIGKILL');
  servers[place] = victim.ended.then(startServer);
  await servers[place];
}

async function killPostgres(): Promise<void> {
  const victim = await postgres;
  process.kill(victim.pid as number, 'SIGKILL');
  postgres = victim.stop().then(startPostgres);
  await postgres;
}

/** What was answered before any of the kills is answered the same after all of them. */
async function askAgain(): Promise<void> {
  const { url } = await anyServer();
  for (const { asked, answer } of kept()) again.push([answer, await call(url, asked)]);
}

/** What has run out is given back when a process starts. */
async function endWhatIsDue(): Promise<void> {
  const open = async (condition: string) =>
    (await rowsOf(`select count(*)::integer as n from holds where status = 'open' ${condition}`))[0].n as number;
  await until(async () => (await open('and expires_at > now()')) === 0, 'every hold run out');
  const [first] = servers as [Promise<Started>];
  expect(await stop(await first)).toBe(0);
  servers[0] = startServer();
  await until(async () => (await open('')) === 0, 'every hold ended');
}

const isDone = ({ answer }: Settled): boolean => answer.status < 300;

/** A hold that had run out before any process got to make it: as with other faults of a body, nothing is stored (INV-57). */
const isLate = ({ kind, answer }: Settled): boolean => kind === 'hold' && answer.status === 422;
const kept = (): Settled[] => settled.filter((each) => !isLate(each));

test('processes were killed while they were working', () => {
  expect(lost).toBeGreaterThan(0);
  expect(settled.length).toBeGreaterThanOrEqual(ANSWERED);
  const refused = kept().filter((each) => !isDone(each));
  const codes = refused.map(({ answer }) => answer.body.errors[0].code);
  expect([...new Set(codes)].filter((code) => !['insufficient_funds', 'hold_closed'].includes(code))).toEqual([]);
});

test('at the end each request is answered as it was at first [INV-56]', () => {
  expect(again).toHaveLength(kept().length);
  for (const [first, last] of again) {
    expect(last).toMatchObject({ status: first.status, body: first.body, isReplay: true });
  }
});

test('each key has moved money once, or was refused and has moved none [INV-48]', async () => {
  const rows = await rowsOf(
    "select reference, id, kind, amount::integer from wallet_transactions where kind in ('topup', 'charge') and reference is not null",
  );
  const made = new Map(rows.map((row) => [row.reference, row]));
  expect(made.size).toBe(rows.length);
  const wanted = settled
    .filter((each) => ['topup', 'charge'].includes(each.kind) && isDone(each))
    .slice(organizationIds.length);
  expect(rows.length).toBe(wanted.length);
  for (const { key, kind, amount, answer } of wanted) {
    expect(made.get(key)).toEqual({ reference: key, id: answer.body.data.id, kind, amount });
  }
});

test('balances are the sum of what was answered, and every wallet adds up [INV-45]', async () => {
  const { url } = await anyServer();
  for (const id of organizationIds) {
    let balance = 0;
    for (const each of settled) {
      if (each.organizationId !== id || !isDone(each)) continue;
      if (each.kind === 'topup') balance += each.amount;
      if (each.kind === 'charge' || each.kind === 'capture') balance -= each.amount;
    }
    const [wallet] = await walletsOf(url, id);
    expect(wallet.attributes).toMatchObject({ balance, held: 0 });
    expect(await verify(url, wallet.id)).toMatchObject({ ok: true });
  }
});

test('each hold has ended once: captured, voided or expired [INV-49]', async () => {
  const rows = await rowsOf(`
    select h.id, h.status, h.amount::integer, h.captured::integer, h.released::integer,
      (select string_agg(t.kind, ' ' order by t.kind) from wallet_transactions t where t.hold_id = h.id) as kinds,
      (select string_agg(e.event_type, ' ' order by e.sequence) from events e where e.subject_id = h.id) as events
    from holds h`);
  const placed = settled.filter((each) => each.kind === 'hold' && isDone(each));
  expect(rows.map(({ id }) => id).sort()).toEqual(placed.map(({ answer }) => answer.body.data.id).sort());
  const ends = new Map(
    settled
      .filter((each) => ['capture', 'void'].includes(each.kind) && isDone(each))
      .map((each) => [each.answer.body.data.id, each]),
  );
  for (const { id, status, amount, captured, released, kinds, events } of rows) {
    const end = ends.get(id);
    const wanted = end === undefined ? 'expired' : end.kind === 'capture' ? 'captured' : 'voided';
    const taken = end?.kind === 'capture' ? end.amount : 0;
    expect({ status, captured, released }).toEqual({ status: wanted, captured: taken, released: amount - taken });
    const parts = [...(taken > 0 ? ['capture'] : []), 'hold', ...(taken < amount ? ['release'] : [])];
    expect(kinds).toBe(parts.join(' '));
    expect(events.split(' ').filter((type: string) => type.startsWith('wallet.hold_'))).toEqual([
      'wallet.hold_placed',
      `wallet.hold_${wanted}`,
    ]);
  }
  expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['captured', 'voided', 'expired']));
});

test('each posting was told once and left one audit row; the numbers have no gap [INV-36]', async () => {
  const untold = await rowsOf(`
    select t.id, t.kind, count(e.id) from wallet_transactions t left join events e
      on e.subject_id = t.id or (e.subject_id = t.hold_id and e.event_type = 'wallet.hold_' || case t.kind
        when 'hold' then 'placed' when 'capture' then 'captured' else (select h.status from holds h where h.id = t.hold_id) end)
    group by t.id having count(e.id) <> 1`);
  expect(untold).toEqual([]);
  const unlike = await rowsOf(`
    select e.id, e.event_type, count(a.id) from events e left join audit_events a on a.organization_id = e.organization_id
      and a.action = e.event_type and a.target_id = e.subject_id and a.occurred_at = e.occurred_at
      and a.request_id is not distinct from e.request_id
    group by e.id having count(a.id) <> 1`);
  expect(unlike).toEqual([]);
  const gaps = await rowsOf(`
    select organization_id, count(*), max(sequence) from events group by 1 having max(sequence) <> count(*)
    union all select organization_id, count(*), max(sequence) from audit_events group by 1 having max(sequence) <> count(*)
    union all select organization_id, 0, sequence from (select organization_id, sequence, prev_hash <> lag(hash, 1, prev_hash)
      over (partition by organization_id order by sequence) as is_broken from audit_events) a where is_broken`);
  expect(gaps).toEqual([]);
  const refused = settled.filter((each) => each.kind === 'charge' && !isDone(each)).length;
  const [{ told }] = await rowsOf(
    "select count(*)::integer as told from events where event_type = 'wallet.charge_refused'",
  );
  expect(told).toBe(refused);
});
