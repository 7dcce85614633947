import { removeOldDeliveries } from '../../src/services/eventRetention';
import {
  type Answer,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  S,
  startApp,
  type TestApp,
} from '../support/app';

/** Lists take their totals from running totals that triggers keep: after any mix of writes they must be the real ones. */

const OPERATIONS = 400;
const AT_ONCE = 10;
const POOL = 8;

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ DATABASE_POOL_SIZE: String(POOL) });
});
afterAll(() => app.close());

/** Numbers that look random and are the same in every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Rows that belong to organizations, for everybody and for their partner; system roles belong to none. */
const owned = (table: string, condition = 'true') => `
    union all select '${table}', nil.id from nil, ${table} t left join live o on o.id = t.organization_id
      where (t.organization_id is null or o.id is not null) and ${condition}
    union all select '${table}', o.partner_id from ${table} t join live o on o.id = t.organization_id
      where o.partner_id is not null and ${condition}`;

/** Rows of the log: those of an organization that is being deleted are in it. */
const logged = (table: string) => `
    union all select '${table}', nil.id from nil, ${table}
    union all select '${table}', o.partner_id from ${table} t join organizations o on o.id = t.organization_id
      where o.partner_id is not null`;

/** What each running total should be, counted from the rows themselves. */
const COUNTED = `
  with nil as (select '00000000-0000-0000-0000-000000000000'::uuid as id),
  live as (select * from organizations where status <> 'pending_deletion'),
  rows as (
    select 'organizations' as relation, nil.id as scope from live, nil
    union all select 'organizations', partner_id from live where partner_id is not null
    union all select 'members', nil.id from nil, members m join live o on o.id = m.organization_id
    union all select 'members', o.partner_id from members m join live o on o.id = m.organization_id where o.partner_id is not null
    union all select 'members', organization_id from members
    union all select 'api_keys', nil.id from nil, api_keys k left join live o on o.id = k.organization_id
      where k.revoked_at is null and (k.organization_id is null or o.id is not null)
    union all select 'api_keys', coalesce(k.partner_id, o.partner_id) from api_keys k left join live o on o.id = k.organization_id
      where k.revoked_at is null and coalesce(k.partner_id, o.partner_id) is not null
    union all select 'users', nil.id from users, nil
    union all select 'partners', nil.id from partners, nil
    ${['workspaces', 'invitations', 'roles'].map((table) => owned(table)).join('')}${owned('webhook_endpoints', 't.deleted_at is null')}
    ${['events', 'audit_events', 'wallets', 'webhook_deliveries', 'webhook_attempts'].map(logged).join('')}
    union all select 'webhook_deliveries', organization_id from webhook_deliveries
    union all select 'webhook_attempts', organization_id from webhook_attempts
    union all select 'member_roles', mr.role_id from member_roles mr join roles r on r.id = mr.role_id where r.kind = 'custom'
  )
  select relation, scope, count(*)::int as n from rows group by 1, 2`;
/** Audit rows are counted with the events that they are beside. */
const KEPT = `select relation, scope, sum(rows)::int as n from (select relation, scope, rows from row_counts
  union all select 'audit_events', scope, rows from row_counts where relation = 'events') c group by 1, 2`;

/** Scopes whose running total is not the real count: [relation, scope, kept, counted]. */
const differences = () =>
  app.db.query(
    `select relation, scope, coalesce(kept.n, 0), coalesce(counted.n, 0) from (${KEPT}) kept
     full join (${COUNTED}) counted using (relation, scope) where coalesce(kept.n, 0) <> coalesce(counted.n, 0)`,
  );

class Traffic {
  readonly statuses: Record<string, number[]> = {};
  private readonly organizations: string[] = [];
  private readonly users: string[] = [];
  private readonly members: string[] = [];
  private readonly keys: string[] = [];
  private readonly endpoints: string[] = [];
  private owner = '';

  constructor(
    private readonly askers: Client[],
    private readonly next: () => number,
  ) {}

  async begin(): Promise<void> {
    this.owner = (await app.platform.get(`${S}/roles?filter[code]=owner`)).body.data[0].id;
    for (const asker of this.askers) {
      this.organizations.push((await createOrganization(asker)).id);
      for (let i = 0; i < 5; i++) this.users.push((await createUser(asker)).id);
    }
  }

  private pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T;
  }

  private inOrganization(more: object = {}): object {
    return { relationships: { organization: link('organizations', this.pick(this.organizations)), ...more } };
  }

  private async made(list: string[], answer: Promise<Answer>): Promise<Answer> {
    const { status, body } = await answer;
    if (status === 201) list.push(body.data.id);
    return answer;
  }

  /** One operation by one of the askers, which may well be refused: it meets what others do at the same time. */
  private readonly operations: Record<string, (asker: Client) => Promise<Answer>> = {
    create: (asker) =>
      this.made(this.organizations, asker.post(`${M}/organizations`, document('organizations', { name: 'Busy' }))),
    remove: (asker) => asker.delete(`${M}/organizations/${this.pick(this.organizations)}`),
    restore: (asker) => asker.post(`${M}/organizations/${this.pick(this.organizations)}/restore`),
    purge: () => app.platform.delete(`${M}/organizations/${this.pick(this.organizations)}?purgeNow=true`),
    token: (asker) => {
      const id = this.pick(this.organizations);
      const token = `token-${Math.floor(this.next() * 1e9)}-0123456789`;
      return asker.patch(`${M}/organizations/${id}`, document('organizations', { token }, { id }));
    },
    user: (asker) => {
      const email = `user-${Math.floor(this.next() * 1e12)}@example.com`;
      return this.made(this.users, asker.post(`${S}/users`, document('users', { email })));
    },
    addMember: () => {
      const roles = this.next() < 0.5 ? { roles: { data: [{ type: 'roles', id: this.owner }] } } : {};
      const body = this.inOrganization({ user: link('users', this.pick(this.users)), ...roles });
      return this.made(this.members, app.platform.post(`${S}/members`, document('members', {}, body)));
    },
    removeMember: (asker) => asker.delete(`${S}/members/${this.pick(this.members) ?? this.owner}`),
    key: (asker) =>
      this.made(this.keys, asker.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }, this.inOrganization()))),
    revoke: (asker) => asker.delete(`${S}/apiKeys/${this.pick(this.keys) ?? this.owner}`),
    hook: (asker) => {
      const request = document('webhookEndpoints', { url: 'https://example.com/in' }, this.inOrganization());
      return this.made(this.endpoints, asker.post(`${S}/webhookEndpoints`, request));
    },
    unhook: (asker) => asker.delete(`${S}/webhookEndpoints/${this.pick(this.endpoints) ?? this.owner}`),
    send: () => this.sent(),
    url: (asker) => {
      const id = this.pick(this.organizations);
      const webhookUrl = this.next() < 0.7 ? 'https://example.com/in' : null;
      return asker.patch(`${M}/organizations/${id}`, document('organizations', { webhookUrl }, { id }));
    },
  };
  /** As a sender notes an attempt; 404 where there is nothing to send. */
  private async sent(): Promise<Answer> {
    const rows = await app.db.query(
      `with sent as (
         update webhook_deliveries set status = 'succeeded', next_attempt_at = null, attempt_count = attempt_count + 1
         where id in (select id from webhook_deliveries where status = 'pending' limit 3 for update skip locked) returning *)
       insert into webhook_attempts (id, organization_id, delivery_id, number, manual, started_at, duration_ms, request_headers,
         response_headers)
       select new_id(), organization_id, id, attempt_count, false, now(), 1, '{}', '{}' from sent returning 1`,
    );
    return { status: rows.length > 0 ? 200 : 404 } as Answer;
  }

  /** How often each comes up: those that make things oftener than those that end them. */
  private readonly weights = {
    create: 4,
    remove: 4,
    restore: 4,
    purge: 1,
    token: 2,
    user: 2,
    addMember: 6,
    removeMember: 3,
    key: 4,
    revoke: 3,
    hook: 4,
    unhook: 3,
    url: 3,
    send: 3,
  };

  async run(times: number): Promise<void> {
    const names = Object.entries(this.weights).flatMap(([name, weight]) => Array<string>(weight).fill(name));
    for (let i = 0; i < times; i++) {
      const name = this.pick(names);
      const answer = await this.operations[name]?.(this.pick(this.askers));
      this.statuses[name] = [...(this.statuses[name] ?? []), answer?.status ?? 0];
    }
  }
}

test(`after ${OPERATIONS} operations of three callers, ${AT_ONCE} at a time, every total is the real count`, async () => {
  const partners = [await app.partner(), await app.partner()];
  const askers = [app.platform, ...partners];
  const traffic = new Traffic(askers, numbers(20_260_102));
  await traffic.begin();
  await Promise.all(Array.from({ length: AT_ONCE }, () => traffic.run(OPERATIONS / AT_ONCE)));

  const seen = Object.entries(traffic.statuses).map(([name, statuses]) => [name, [...new Set(statuses)].sort()]);
  expect(Object.values(traffic.statuses).flat()).toHaveLength(OPERATIONS);
  // Every kind of operation has worked at least once, and none has failed but by a rule.
  expect(seen.filter(([, statuses]) => !(statuses as number[]).some((status) => status < 300))).toEqual([]);
  expect(
    seen.filter(([, statuses]) => (statuses as number[]).some((status) => ![200, 201, 204, 404, 409].includes(status))),
  ).toEqual([]);
  expect(await differences()).toEqual([]);

  const log = ['events', 'webhookDeliveries', 'webhookAttempts'];
  const lists = [
    `${M}/organizations`,
    ...['members', 'users', 'apiKeys', 'webhookEndpoints', ...log].map((type) => `${S}/${type}`),
  ];
  for (const asker of askers) {
    for (const path of lists) {
      let rows = 0;
      let page = (await asker.get(`${path}?page[size]=100`)).body;
      const { total, totalUnfiltered } = page.meta;
      for (; ; page = (await asker.get(page.links.next)).body) {
        rows += page.data.length;
        if (page.links.next === null) break;
      }
      expect([path, total, totalUnfiltered]).toEqual([path, rows, rows]);
    }
  }
  const organizations = (await app.platform.get(`${M}/organizations?page[size]=100`)).body.data;
  expect(organizations.length).toBeGreaterThan(5);
  for (const { id } of organizations) {
    for (const type of ['members', 'users']) {
      const { body } = await app.platform.get(`${S}/${type}?filter[organizationId]=${id}&page[size]=100`);
      expect([type, id, body.meta.total]).toEqual([type, id, body.data.length]);
    }
    const token = document(
      'apiKeys',
      { name: 'Reader' },
      { relationships: { organization: link('organizations', id) } },
    );
    const key = app.as((await app.platform.post(`${S}/apiKeys`, token)).body.data.attributes.secret);
    for (const type of log) {
      const table = type.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const [row] = await app.db.query(`select count(*)::int from ${table} where organization_id = $1`, [id]);
      const totals = [`filter[organizationId]=${id}`, `page[size]=1&filter[organizationId]=${id}`].map(
        async (query) => (await app.platform.get(`${S}/${type}?${query}`)).body.meta.total,
      );
      const own = (await key.get(`${S}/${type}?page[size]=1`)).body.meta.totalUnfiltered;
      expect([type, ...(await Promise.all(totals)), own]).toEqual([type, row?.[0], row?.[0], row?.[0]]);
    }
  }
});

test('what the sweeps remove is counted off', async () => {
  await app.db.query("update webhook_deliveries set created_at = now() - interval '91 days' where id < new_id()");
  const before = await app.db.query('select count(*)::int from webhook_attempts');
  await removeOldDeliveries(app.services);
  expect(await app.db.query('select count(*)::int from webhook_attempts')).not.toEqual(before);
  expect(await differences()).toEqual([]);
});

test('a total has never more slots than there were writers at the same time', async () => {
  const rows = await app.db.query(
    'select relation, scope, count(*)::int from row_counts group by 1, 2 order by 3 desc',
  );
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter(([, , slots]) => (slots as number) > POOL)).toEqual([]);
});

test('what is purged leaves no slot behind', async () => {
  const rows = await app.db.query(
    "select slot from row_counts where relation = 'members' and scope in (select id from organization_tombstones)",
  );
  expect(rows).toEqual([]);
});

test('rows that are written past the API are counted too: many in one statement, by cascade, and undone', async () => {
  const insert = (n: number) =>
    `insert into organizations (id, name, slug) select gen_random_uuid(), 'Bulk', 'bulk-' || gen_random_uuid() from generate_series(1, ${n})`;
  await app.db.query(insert(500));
  await app.db.query(
    "insert into api_keys (id, level, organization_id, name, hash, start, scopes, ceiling) select gen_random_uuid(), 'organization', id, 'K', sha256(id::text::bytea), 'x', '{*}', '{*}' from organizations where name = 'Bulk'",
  );
  expect(await differences()).toEqual([]);
  await app.db.query("update organizations set status = 'pending_deletion' where name = 'Bulk' and number % 2 = 0");
  expect(await differences()).toEqual([]);
  await app.db.query("update api_keys set revoked_at = now() where name = 'K' and hash < '\\x80'");
  expect(await differences()).toEqual([]);
  // As a purge does it: what is removed was being deleted.
  await app.db.query(
    "delete from organizations where name = 'Bulk' and status = 'pending_deletion' and number % 3 = 0",
  );
  expect(await differences()).toEqual([]);
  const undone = app.db.transaction(async (db) => {
    await db.query(insert(10));
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  expect(await differences()).toEqual([]);
});
