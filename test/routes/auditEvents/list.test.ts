import { CURSORS } from '../../jsonapi/cursors';
import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  M,
  NIL,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { join } from '../people';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let owner: Person;
let id: string;
let token: Client;
const PATH = `${S}/auditEvents`;

beforeAll(async () => {
  app = await startApp();
  partner = await app.partner('Reseller');
  owner = await app.user({ name: 'Ada' });
  const made = await createOrganization(
    app.platform,
    { name: 'Acme', webhookUrl: 'https://hooks.example.com/in' },
    { owner: link('users', owner.id), partner: link('partners', partner.id) },
  );
  id = made.id;
  token = app.as(made.attributes.token);
  await owner.patch(`${M}/organizations/${id}`, document('organizations', { name: 'Orbit' }, { id }), {
    'User-Agent': 'curl/8',
    'X-Request-Id': 'request-of-ada',
  });
  await owner.delete(`${M}/organizations/${id}/token`, { 'If-Match': '"0.x"' });
});
afterAll(() => app.close());

const rows = async (asker: Client, query: string): Promise<Body[]> => {
  const { status, body } = await asker.get(`${PATH}?${query}`);
  expect([query, status]).toEqual([query, 200]);
  return body.data;
};
const OF = () => `filter[organizationId]=${id}`;
const actionsOf = (list: Body[]) => list.map(({ attributes }: Body) => attributes.action);

test('a row says who did what to what, from where, and what has changed by it', async () => {
  const [row] = await rows(owner, `${OF()}&filter[action]=organization.updated`);
  expect(row).toEqual({
    id: expect.any(String),
    type: 'auditEvents',
    attributes: {
      sequence: expect.any(Number),
      action: 'organization.updated',
      outcome: 'success',
      actor: { type: 'user', id: owner.id, name: 'Ada' },
      targets: [{ type: 'organizations', id, name: 'Orbit' }],
      context: {
        ip: '127.0.0.1',
        userAgent: 'curl/8',
        requestId: 'request-of-ada',
        credentialId: expect.any(String),
        method: 'PATCH',
        path: `${M}/organizations/${id}`,
      },
      changes: [{ field: 'name', from: 'Acme', to: 'Orbit' }],
      metadata: { level: 'user' },
      occurredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/),
      prevHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    relationships: {
      organization: {
        data: { type: 'organizations', id },
        links: { self: `${PATH}/${row.id}/relationships/organization`, related: `${PATH}/${row.id}/organization` },
      },
    },
    links: { self: `${PATH}/${row.id}` },
  });
});

test('what is personal of somebody stands in it, in the order of its names, and goes with him (INV-53)', async () => {
  const subject = await app.user({ email: 'grace@example.com', name: 'Grace' });
  await join(app, id, subject.id, 'member');
  await subject.patch(
    `${S}/users/${subject.id}`,
    document('users', { name: 'Grace H.', locale: 'en' }, { id: subject.id }),
  );
  const about = () => rows(token, `filter[targetId]=${subject.id}&filter[action]=user.updated`);
  const [row] = await about();
  expect(row.attributes).toMatchObject({
    actor: { id: subject.id, name: 'Grace' },
    targets: [{ type: 'users', id: subject.id, name: 'Grace H.' }],
    changes: [
      { field: 'locale', from: null, to: 'en' },
      { field: 'name', from: 'Grace', to: 'Grace H.' },
    ],
  });
  await app.db.query('select forget_audited_person($1, $2, 1000)', [subject.id, 'grace@example.com']);
  const [after] = await about();
  expect(after.attributes).toMatchObject({
    actor: { id: subject.id, name: null },
    targets: [{ id: subject.id, name: null }],
    changes: [],
    hash: row.attributes.hash,
  });
  expect(after.attributes.context).toMatchObject({ ip: null, userAgent: null, method: 'PATCH' });
});

describe('rows are found by', () => {
  test.each([
    ['filter[action]=organization.*', ['organization.updated', 'organization.created']],
    ['filter[action]=Organization.*&filter[outcome]=success', ['organization.updated', 'organization.created']],
    ['filter[action][startsWith]=webhook_endpoint.', ['webhook_endpoint.created']],
    ['filter[action]=organization.created,workspace.created', ['workspace.created', 'organization.created']],
    ['filter[outcome]=failed', ['organizations.token']],
    ['filter[outcome][ne]=success', ['organizations.token']],
    ['filter[action]=organizations.*', ['organizations.token']],
    ['filter[requestId]=request-of-ada', ['organization.updated']],
    ['filter[sequence]=1', ['organization.created']],
    ['filter[sequence][lt]=3&sort=sequence', ['organization.created', 'workspace.created']],
    ['filter[targetType]=workspaces', ['workspace.created']],
    ['filter[occurredAt][lt]=2020-01-01T00:00:00Z', []],
    ['filter[action]=no.*', []],
  ])('%s', async (query, expected) => {
    expect(actionsOf(await rows(app.platform, `${OF()}&${query}`))).toEqual(expected);
  });

  test('who did it and to what', async () => {
    expect(
      actionsOf(await rows(app.platform, `filter[actorId]=${owner.id}&filter[action]=organization.updated`)),
    ).toEqual(['organization.updated']);
    expect(actionsOf(await rows(app.platform, `filter[targetId]=${id}&filter[action]=organization.*`))).toEqual([
      'organization.updated',
      'organization.created',
    ]);
  });

  test('of no organization, which the operator alone sees', async () => {
    const [made] = await rows(app.platform, `filter[organizationId][null]=true&filter[action]=partner.created`);
    expect([made.attributes.targets[0].name, made.relationships.organization.data]).toEqual(['Reseller', null]);
    expect((await app.platform.get(`${PATH}/${made.id}/organization`)).body.data).toBeNull();
    for (const asker of [partner, token, owner]) expect((await asker.get(`${PATH}/${made.id}`)).status).toBe(404);
    expect(await rows(partner, 'filter[organizationId][null]=true')).toEqual([]);
  });
});

test('each sees the rows of his organizations; of keys that he does not have, not what tells of them', async () => {
  const [first] = await rows(app.platform, `${OF()}&filter[sequence]=1`);
  expect([first.attributes.actor.name, first.attributes.context.ip]).toEqual(['Test', '127.0.0.1']);
  for (const asker of [partner, token, owner]) {
    const [seen] = await rows(asker, `${OF()}&filter[sequence]=1`);
    const { actor, context, ...others } = seen.attributes;
    expect([actor.name, context.ip, context.userAgent]).toEqual([null, null, null]);
    expect({ ...others, id: seen.id }).toEqual({ ...others, id: first.id, hash: first.attributes.hash });
  }
  const stranger = await app.partner();
  expect((await stranger.get(PATH)).body.meta.total).toBe(0);
  expect((await stranger.get(`${PATH}/${first.id}`)).status).toBe(404);
  const member = await app.user();
  await join(app, id, member.id, 'member');
  for (const path of [
    `${PATH}?${OF()}`,
    `${PATH}/${first.id}`,
    `${M}/organizations/${id}/auditEvents`,
    `${M}/organizations/${id}/relationships/auditEvents`,
  ]) {
    expect([path, (await member.get(path)).status]).toEqual([path, 403]);
  }
  expect((await member.get(PATH)).body.meta.total).toBe(0);
});

test('totals are as many as there are', async () => {
  const count = async (where: string, values: unknown[] = []) =>
    (await app.db.query(`select count(*)::int from audit_events where ${where}`, values))[0]?.[0];
  const askers: [Client, string][] = [
    [app.platform, 'true'],
    [partner, `organization_id = '${id}'`],
    [token, `organization_id = '${id}'`],
    [owner, `organization_id = '${id}'`],
  ];
  for (const [asker, where] of askers) {
    const total = await count(where);
    expect((await asker.get(`${PATH}?page[size]=1`)).body.meta).toMatchObject({ total, totalUnfiltered: total });
  }
  const total = await count('organization_id = $1', [id]);
  expect((await app.platform.get(`${PATH}?${OF()}&page[size]=1`)).body.meta.total).toBe(total);
  expect((await app.platform.get(`${M}/organizations/${id}/auditEvents?page[size]=1`)).body.meta.total).toBe(
    Number(total) + 1,
  );
});

describe('reading is told in the trail (INV-54):', () => {
  /** What a request leaves behind, and in whose chain. */
  async function traceOf(asker: Client, path: string, headers = {}): Promise<Body[]> {
    const [before] = await app.db.query('select count(*)::int from audit_events');
    const { status } = await asker.get(path, headers);
    const left = await app.db.query(
      `select organization_id, action, outcome, actor_id, target_id, metadata from audit_events order by occurred_at desc, sequence desc
       limit (select count(*) - $1::int from audit_events)`,
      [before?.[0]],
    );
    return [
      status,
      ...left.map(([chain, action, outcome, actor, target, metadata]) => ({
        chain,
        action,
        outcome,
        actor,
        target,
        metadata,
      })),
    ];
  }
  const installation = '00000000-0000-0000-0000-000000000000';

  test('a list, in the chain of the organization that is named, with what was asked for', async () => {
    expect(await traceOf(owner, `${PATH}?${OF()}&filter[action]=member.*,role.created&page[size]=2`)).toEqual([
      200,
      {
        chain: id,
        action: 'audit.read',
        outcome: 'success',
        actor: owner.id,
        target: null,
        metadata: {
          level: 'user',
          query: `filter[organizationId]=${id}&filter[action][in]=member.*,role.created&sort=-sequence&page[offset]=0&page[limit]=2`,
        },
      },
    ]);
  });

  test('else in the caller’s own, else in the installation’s', async () => {
    expect(await traceOf(token, PATH)).toMatchObject([200, { chain: id, action: 'audit.read' }]);
    expect(await traceOf(app.platform, PATH)).toMatchObject([200, { chain: installation, action: 'audit.read' }]);
    expect(await traceOf(owner, PATH)).toMatchObject([200, { chain: installation, actor: owner.id }]);
    const { id: foreign } = await createOrganization(app.platform);
    // In a chain that he does not see nobody leaves a trace.
    expect(await traceOf(token, `${PATH}?filter[organizationId]=${foreign}`)).toMatchObject([200, { chain: id }]);
    expect(await traceOf(partner, `${PATH}?filter[organizationId]=${NIL}`)).toMatchObject([
      200,
      { chain: installation },
    ]);
  });

  test('one row by its id, what hangs on an organization, its linkage, and the organization of a row', async () => {
    const [first] = await rows(token, 'filter[sequence]=1');
    const trace = { chain: id, action: 'audit.read' };
    const one = { ...trace, target: first.id, metadata: { level: 'organization', id: first.id } };
    expect(await traceOf(token, `${PATH}/${first.id}`)).toMatchObject([200, one]);
    expect(await traceOf(token, `${PATH}/${first.id}/organization`)).toMatchObject([200, one]);
    expect(await traceOf(app.platform, `${M}/organizations/${id}/auditEvents`)).toMatchObject([200, trace]);
    expect(await traceOf(app.platform, `${M}/organizations/${id}/relationships/auditEvents`)).toMatchObject([
      200,
      trace,
    ]);
    expect(await traceOf(token, `${PATH}?page[size]=1`, CURSORS)).toMatchObject([200, trace]);
  });

  test('what is refused or is not there was not read, and is not told', async () => {
    const [first] = await rows(token, 'filter[sequence]=1');
    const member = await app.user();
    await join(app, id, member.id, 'member');
    for (const path of [`${PATH}/${first.id}`, `${PATH}?${OF()}`]) expect(await traceOf(member, path)).toEqual([403]);
    expect(await traceOf(token, `${PATH}/${NIL}`)).toEqual([404]);
    expect(await traceOf(app.platform, `${M}/organizations?include=auditEvents`)).toEqual([400]);
  });
});

test('cursors walk the trail, each row once, although it grows by that', async () => {
  const seen: number[] = [];
  let next: string | null = `${PATH}?page[size]=3&filter[sequence][lte]=12`;
  const total = (await token.get(next)).body.meta.total;
  while (next !== null) {
    const { body }: { body: Body } = await token.get(next, CURSORS);
    seen.push(...body.data.map(({ attributes }: Body) => attributes.sequence));
    next = body.links.next;
  }
  expect(seen).toEqual(Array.from({ length: total }, (_, i) => total - i));
});

test('nothing of it is made, changed or removed over the API', async () => {
  const [row] = await rows(app.platform, OF());
  expect((await app.platform.post(PATH, document('auditEvents'))).status).toBe(405);
  expect(
    (await app.platform.patch(`${PATH}/${row.id}`, document('auditEvents', {}, { id: row.id }))).body.errors[0].code,
  ).toBe('update_not_offered');
  expect((await app.platform.delete(`${PATH}/${row.id}`)).status).toBe(405);
});
