import { type Crew, Crews, type Mate, ownedDocument, patch, workspaceLinks } from '../routes/crew';
import { type Body, createUser, document, link, M, S, startApp, type TestApp } from '../support/app';
import { actorOf, eventOf, shown, told, userActor } from './feed';

let app: TestApp;
let crews: Crews;
let crew: Crew;
let platform: Body;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  platform = await actorOf(app.platform);
});
afterAll(() => app.close());
beforeEach(async () => {
  crew = await crews.make();
});

const identifiers = (type: string, ...ids: string[]) => ids.map((id) => ({ type, id }));
const roles = (...codes: string[]) => identifiers('roles', ...codes.map((code) => crews.roles[code] ?? code));

describe('somebody who joins', () => {
  test('is told with all that he may and where, by whoever added him', async () => {
    const { id: user } = await createUser(app.platform);
    const workspace = await crews.workspace(crew.id);
    const relationships = {
      organization: link('organizations', crew.id),
      user: link('users', user),
      roles: crews.linkage('billing', 'member'),
      workspaces: workspaceLinks(workspace),
    };
    const { answer, events } = await told(app, crew.id, () =>
      app.platform.post(`${S}/members`, document('members', { externalId: 'x' }, { relationships })),
    );
    const data = await shown(app.platform, `${S}/members/${answer.body.data.id}`);
    expect(events).toEqual([eventOf('member.added', crew.id, { actor: platform, answer, data })]);
    expect(data.relationships).toMatchObject({
      user: { data: { type: 'users', id: user } },
      roles: { data: roles('billing', 'member') },
      workspaces: { data: identifiers('workspaces', workspace) },
    });
    expect(data.attributes.allWorkspaces).toBe(false);
  });

  test('as the first owner is told as the primary one, and so is the organization', async () => {
    const { body } = await app.platform.post(`${M}/organizations`, document('organizations', { name: 'Without' }));
    const { id } = body.data;
    const { answer: mate, events } = await told(app, id, () => crews.join(id, ['owner']));
    expect(events.map(({ type }) => type)).toEqual(['member.added', 'organization.ownership_transferred']);
    expect(events[0].data.attributes.isPrimaryOwner).toBe(true);
    expect(events[1].data.relationships.owner.data).toEqual({ type: 'users', id: mate.id });
    expect(events[1].previous).toEqual({ relationships: { owner: null } });
  });
});

describe('a change of a member', () => {
  test('tells his new roles, and the old ones', async () => {
    const { owner, member } = crew;
    const { answer, events } = await told(app, crew.id, () =>
      patch(owner, 'members', member.self, {}, { roles: crews.linkage('auditor', 'billing') }),
    );
    const data = await shown(app.platform, member.self);
    const previous = { relationships: { roles: roles('member') } };
    const actor = userActor(owner);
    expect(events).toEqual([eventOf('member.updated', crew.id, { actor, answer, data, previous })]);
    expect(data.relationships.roles.data).toEqual(roles('billing', 'auditor'));
  });

  test.each<[string, (mate: Mate, linkage: object) => Promise<unknown>, string[]]>([
    ['added', (mate, linkage) => crew.owner.post(`${mate.self}/relationships/roles`, linkage), ['billing', 'member']],
    ['replaced', (mate, linkage) => crew.owner.patch(`${mate.self}/relationships/roles`, linkage), ['billing']],
  ])('tells of roles that are %s at their own URL', async (_title, change, codes) => {
    const { events } = await told(app, crew.id, () => change(crew.member, crews.linkage('billing')));
    expect(events).toHaveLength(1);
    expect(events[0].data.relationships.roles.data).toEqual(roles(...codes));
    expect(events[0].previous).toEqual({ relationships: { roles: roles('member') } });
  });

  test('tells of workspaces, with the limit that follows from them', async () => {
    const workspace = await crews.workspace(crew.id);
    const { events } = await told(app, crew.id, () =>
      crew.owner.post(`${crew.member.self}/relationships/workspaces`, workspaceLinks(workspace)),
    );
    expect(events.map(({ type, previous }) => [type, previous])).toEqual([
      ['member.updated', { attributes: { allWorkspaces: true }, relationships: { workspaces: [] } }],
    ]);
    const removed = await told(app, crew.id, () =>
      crew.owner.delete(`${crew.member.self}/relationships/workspaces`, {}, workspaceLinks(workspace)),
    );
    expect(removed.events.map(({ previous }) => previous)).toEqual([
      { relationships: { workspaces: identifiers('workspaces', workspace) } },
    ]);
  });

  test('that changes nothing is not told', async () => {
    const { member, owner } = crew;
    const { answer, events } = await told(app, crew.id, () =>
      patch(owner, 'members', member.self, { externalId: null, status: 'active' }, { roles: crews.linkage('member') }),
    );
    expect([answer.status, events]).toEqual([200, []]);
  });

  test('of his status is told by its own event, and what else has changed by another', async () => {
    const { member, owner } = crew;
    const suspension = await told(app, crew.id, () =>
      patch(owner, 'members', member.self, { status: 'suspended', externalId: 'crm-7' }),
    );
    const data = await shown(app.platform, member.self);
    const { answer } = suspension;
    const actor = userActor(owner);
    expect(suspension.events).toEqual([
      eventOf('member.suspended', crew.id, { actor, answer, data, previous: { attributes: { status: 'active' } } }),
      eventOf('member.updated', crew.id, { actor, answer, data, previous: { attributes: { externalId: null } } }),
    ]);
    const end = await told(app, crew.id, () => patch(owner, 'members', member.self, { status: 'active' }));
    expect(end.events).toEqual([
      eventOf('member.reactivated', crew.id, {
        actor,
        answer: end.answer,
        data: await shown(app.platform, member.self),
        previous: { attributes: { status: 'suspended' } },
      }),
    ]);
  });
});

describe('a membership that ends', () => {
  test('is told as it was, by whoever ended it', async () => {
    const { owner, member } = crew;
    const data = await shown(app.platform, member.self);
    const { answer, events } = await told(app, crew.id, () => owner.delete(member.self));
    expect(events).toEqual([eventOf('member.removed', crew.id, { actor: userActor(owner), answer, data })]);
  });

  test('by himself is told as such', async () => {
    const { member } = crew;
    const data = await shown(app.platform, member.self);
    const { answer, events } = await told(app, crew.id, () => member.delete(member.self));
    expect(events).toEqual([eventOf('member.left', crew.id, { actor: userActor(member), answer, data })]);
  });

  test.each<[string, string, (crew: Crew) => Promise<unknown>]>([
    ['leaves', 'member.left', ({ owner }) => owner.delete(owner.self)],
    ['is removed', 'member.removed', ({ owner }) => app.platform.delete(owner.self)],
    [
      'is suspended',
      'member.suspended',
      ({ owner }) => patch(app.platform, 'members', owner.self, { status: 'suspended' }),
    ],
  ])(
    'when the primary owner %s, who takes his place is told, and the organization (INV-4)',
    async (_title, type, end) => {
      const heir = await crews.join(crew.id, ['owner']);
      const { events } = await told(app, crew.id, () => end(crew));
      const isGone = type !== 'member.suspended';
      expect(events[0]).toMatchObject({ type, data: { id: crew.owner.member } });
      const changes = events.slice(1).map(({ type, data, previous }) => [type, data.id, previous]);
      expect(changes).toHaveLength(isGone ? 2 : 3);
      expect(changes).toEqual(
        expect.arrayContaining([
          ['member.updated', heir.member, { attributes: { isPrimaryOwner: false } }],
          ...(isGone ? [] : [['member.updated', crew.owner.member, { attributes: { isPrimaryOwner: true } }]]),
          [
            'organization.ownership_transferred',
            crew.id,
            { relationships: { owner: { type: 'users', id: crew.owner.id } } },
          ],
        ]),
      );
    },
  );
});

describe('as a consequence', () => {
  test('every member whose role is replaced is told of (INV-15)', async () => {
    const role = await crews.role(crew.id, ['members:read']);
    const mates = [await crews.join(crew.id, [role]), await crews.join(crew.id, [role, 'member'])];
    const gone = await shown(app.platform, `${S}/roles/${role}`);
    const { answer, events } = await told(app, crew.id, () =>
      crew.owner.delete(`${S}/roles/${role}?replaceWith=${crews.roles.member}`),
    );
    const actor = userActor(crew.owner);
    const [first, second] = mates as [Mate, Mate];
    const updated = async (mate: Mate, ...codes: string[]) =>
      eventOf('member.updated', crew.id, {
        actor,
        answer,
        data: await shown(app.platform, mate.self),
        previous: { relationships: { roles: roles(...codes) } },
      });
    expect(events).toEqual([
      await updated(first, role),
      await updated(second, 'member', role),
      eventOf('role.deleted', crew.id, { actor, answer, data: gone }),
    ]);
    expect(events[1].data.relationships.roles.data).toEqual(roles('member'));
  });

  test('whoever was limited to a workspace that is deleted is told of, keys too', async () => {
    const workspace = await crews.workspace(crew.id);
    const mate = await crews.join(crew.id, ['member'], [workspace]);
    const made = await app.platform.post(
      `${S}/apiKeys`,
      document(
        'apiKeys',
        { name: 'K' },
        {
          relationships: { organization: link('organizations', crew.id), workspaces: workspaceLinks(workspace) },
        },
      ),
    );
    const gone = await shown(app.platform, `${S}/workspaces/${workspace}`);
    const { answer, events } = await told(app, crew.id, () => crew.owner.delete(`${S}/workspaces/${workspace}`));
    const previous = { relationships: { workspaces: identifiers('workspaces', workspace) } };
    const common = { actor: userActor(crew.owner), answer };
    expect(events).toEqual([
      eventOf('member.updated', crew.id, { ...common, data: await shown(app.platform, mate.self), previous }),
      eventOf('api_key.updated', crew.id, {
        ...common,
        data: await shown(app.platform, `${S}/apiKeys/${made.body.data.id}`),
        previous,
      }),
      eventOf('workspace.deleted', crew.id, { ...common, data: gone }),
    ]);
  });

  test('a thousand are told of, in statements of which none takes long, to 50 endpoints', async () => {
    const role = await crews.role(crew.id, ['members:read']);
    await app.db.query(
      `with made as (insert into users (id, email) select gen_random_uuid(), 'crowd-' || n || '@example.com'
         from generate_series(1, 1000) n returning id),
       joined as (insert into members (id, organization_id, user_id, join_method)
         select gen_random_uuid(), $1, id, 'admin' from made returning id)
       insert into member_roles (member_id, role_id) select id, $2 from joined`,
      [crew.id, role],
    );
    await app.db.query(
      `insert into webhook_endpoints (id, organization_id, url) select new_id(), $1, 'https://example.com' from generate_series(1, 50)`,
      [crew.id],
    );
    const { answer, events } = await told(app, crew.id, () =>
      crew.owner.delete(`${S}/roles/${role}?replaceWith=${crews.roles.member}`),
    );
    expect(answer.status).toBe(204);
    const [row] = await app.db.query('select count(*)::int from webhook_deliveries where organization_id = $1', [
      crew.id,
    ]);
    expect(row).toEqual([50 * 1_001]);
    expect(events).toHaveLength(1_001);
    const members = events.slice(0, -1);
    expect(new Set(members.map(({ data }) => data.id)).size).toBe(1_000);
    for (const { type, data, previous } of members) {
      expect([type, data.relationships.roles.data, previous]).toEqual([
        'member.updated',
        roles('member'),
        { relationships: { roles: roles(role) } },
      ]);
    }
  });
});

test('who is limited and makes a workspace is in it, and that is told (INV-36)', async () => {
  const workspace = await crews.workspace(crew.id);
  const maker = await crews.join(crew.id, ['admin'], [workspace]);
  const { events } = await told(app, crew.id, () =>
    maker.post(`${S}/workspaces`, ownedDocument('workspaces', crew.id, { name: 'Mine' })),
  );
  expect(events.map(({ type, previous }) => [type, previous])).toEqual([
    ['member.updated', { relationships: { workspaces: identifiers('workspaces', workspace) } }],
    ['workspace.created', null],
  ]);
});

test('the actor of a personal key is its holder, that of an access token the key that it was made from', async () => {
  const personal = await crew.owner.post(`${S}/apiKeys`, document('apiKeys', { name: 'Mine' }));
  const holder = app.as(personal.body.data.attributes.secret);
  const byHolder = await told(app, crew.id, () => patch(holder, 'members', crew.member.self, { externalId: '1' }));
  expect(byHolder.events[0].actor).toEqual(userActor(crew.owner));
  const key = app.as(crew.token);
  const pair = await key.post(`${S}/accessTokens`, document('accessTokens'));
  const token = app.as(pair.body.data.attributes.accessToken);
  const byToken = await told(app, crew.id, () => patch(token, 'members', crew.member.self, { externalId: '2' }));
  expect(byToken.events[0].actor).toEqual(await actorOf(key));
});
