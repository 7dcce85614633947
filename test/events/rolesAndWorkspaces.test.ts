import { perform } from '../jsonapi/operations';
import { type Crew, Crews, ownedDocument, patch } from '../routes/crew';
import { type Body, S, startApp, type TestApp } from '../support/app';
import { eventOf, shown, told, userActor } from './feed';

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
});
afterAll(() => app.close());
beforeEach(async () => {
  crew = await crews.make();
});

const read = (self: string) => shown(app.platform, self);
const owner = () => userActor(crew.owner);
const tell = (work: () => Promise<Body>) => told<Body>(app, crew.id, work);
const summary = (events: Body[]) => events.map(({ type, data, previous }) => [type, data.id, previous]);

describe('a role', () => {
  const values = { code: 'support', name: 'Support', permissions: ['members:read'] };
  const make = () => crew.owner.post(`${S}/roles`, ownedDocument('roles', crew.id, values));

  test('is told when it is made, changed and deleted', async () => {
    const creation = await tell(make);
    const { self } = creation.answer.body.data.links;
    const data = await read(self);
    expect(creation.events).toEqual([
      eventOf('role.created', crew.id, { actor: owner(), answer: creation.answer, data }),
    ]);
    const change = await tell(() => patch(crew.owner, 'roles', self, { permissions: ['members:read', 'roles:read'] }));
    const changed = await read(self);
    expect(change.events).toEqual([
      eventOf('role.updated', crew.id, {
        actor: owner(),
        answer: change.answer,
        data: changed,
        previous: { attributes: { permissions: ['members:read'] } },
      }),
    ]);
    const deletion = await tell(() => crew.owner.delete(self));
    expect(deletion.events).toEqual([
      eventOf('role.deleted', crew.id, { actor: owner(), answer: deletion.answer, data: changed }),
    ]);
  });

  test('that is the same as before, is in use, or is another’s is told nobody', async () => {
    const { body } = await make();
    const { id, links } = body.data;
    const mate = await crews.join(crew.id, [id]);
    const refusals: [() => Promise<Body>, number][] = [
      [() => patch(crew.owner, 'roles', links.self, { name: 'Support' }), 200],
      [() => crew.owner.delete(links.self), 409],
      [() => make(), 409],
      [() => patch(mate, 'roles', links.self, { name: 'Mine' }), 403],
    ];
    for (const [refuse, status] of refusals) {
      const { answer, events } = await tell(refuse);
      expect([answer.status, events]).toEqual([status, []]);
    }
  });
});

describe('a workspace', () => {
  const make = (attributes: object = {}) =>
    crew.owner.post(`${S}/workspaces`, ownedDocument('workspaces', crew.id, { name: 'Berlin', ...attributes }));

  test('is told when it is made, changed, archived, taken back and deleted', async () => {
    const creation = await tell(make);
    const { self } = creation.answer.body.data.links;
    expect(creation.events).toEqual([
      eventOf('workspace.created', crew.id, { actor: owner(), answer: creation.answer, data: await read(self) }),
    ]);
    const changes: [string, object, object][] = [
      ['workspace.updated', { name: 'Bern' }, { name: 'Berlin' }],
      ['workspace.archived', { status: 'archived', description: 'closed' }, { status: 'active', description: null }],
      ['workspace.updated', { status: 'active' }, { status: 'archived' }],
    ];
    for (const [type, attributes, previous] of changes) {
      const { answer, events } = await tell(() => patch(crew.owner, 'workspaces', self, attributes));
      const data = await read(self);
      expect(events).toEqual([
        eventOf(type, crew.id, { actor: owner(), answer, data, previous: { attributes: previous } }),
      ]);
    }
    const last = await read(self);
    const deletion = await tell(() => crew.owner.delete(self));
    expect(deletion.events).toEqual([
      eventOf('workspace.deleted', crew.id, { actor: owner(), answer: deletion.answer, data: last }),
    ]);
  });

  test('that becomes the default one is told, and so is the one before', async () => {
    const [row] = await app.db.query('select id from workspaces where organization_id = $1', [crew.id]);
    const { answer, events } = await tell(() => make({ isDefault: true }));
    const { id } = answer.body.data;
    expect(summary(events)).toEqual([
      ['workspace.updated', row?.[0], { attributes: { isDefault: true } }],
      ['workspace.created', id, null],
    ]);
    const back = await tell(() => patch(crew.owner, 'workspaces', `${S}/workspaces/${row?.[0]}`, { isDefault: true }));
    expect(summary(back.events)).toEqual([
      ['workspace.updated', id, { attributes: { isDefault: true } }],
      ['workspace.updated', row?.[0], { attributes: { isDefault: false } }],
    ]);
  });

  test('that is refused after another has lost its place is told nobody, and takes no number (INV-36)', async () => {
    const refused = await tell(() => make({ isDefault: true, slug: 'default' }));
    expect([refused.answer.status, refused.events]).toEqual([409, []]);
    const operations = await tell(() =>
      perform(
        crew.owner,
        { op: 'add', data: ownedDocument('workspaces', crew.id, { name: 'One', isDefault: true }).data },
        { op: 'add', data: ownedDocument('workspaces', crew.id, { name: 'Two', slug: 'default' }).data },
      ),
    );
    expect([operations.answer.status, operations.events]).toEqual([409, []]);
    const { events } = await tell(make);
    expect(events.map(({ type }) => type)).toEqual(['workspace.created']);
  });
});

test('what one request of many operations does is told in its order, all with its id (INV-36)', async () => {
  const { answer, events } = await tell(() =>
    perform(
      crew.owner,
      {
        op: 'add',
        data: {
          lid: 'r',
          ...ownedDocument('roles', crew.id, { code: 'x', name: 'X', permissions: ['members:read'] }).data,
        },
      },
      {
        op: 'add',
        ref: { type: 'members', id: crew.member.member, relationship: 'roles' },
        data: [{ type: 'roles', lid: 'r' }],
      },
      { op: 'add', data: ownedDocument('workspaces', crew.id, { name: 'One' }).data },
      { op: 'update', data: { type: 'organizations', id: crew.id, attributes: { name: 'Renamed' } } },
    ),
  );
  expect(answer.status).toBe(200);
  expect(events.map(({ type }) => type)).toEqual([
    'role.created',
    'member.updated',
    'workspace.created',
    'organization.updated',
  ]);
  expect(new Set(events.map(({ requestId }) => requestId))).toEqual(new Set([answer.headers['x-request-id']]));
});
