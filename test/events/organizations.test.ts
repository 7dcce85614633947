import { perform, update } from '../jsonapi/operations';
import { type Crew, Crews } from '../routes/crew';
import { type Body, createOrganization, document, link, M, S, startApp, type TestApp } from '../support/app';
import { actorOf, eventOf, inEvents, shown, told, userActor } from './feed';

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

/** An endpoint that hears all. */
const listen = (organization: string) =>
  app.db.query(
    "insert into webhook_endpoints (id, organization_id, url) values (new_id(), $1, 'https://example.com')",
    [organization],
  );
/** Status of the delivery of each event, by its type. */
const deliveries = async (organization: string) =>
  app.db.query(
    `select e.event_type, d.status from webhook_deliveries d join events e on e.id = d.event_id
     where d.organization_id = $1 order by e.sequence`,
    [organization],
  );

describe('a deletion', () => {
  test('is told last, with the invitations that end by it, and a restoration (INV-9)', async () => {
    await listen(crew.id);
    const invitation = document(
      'invitations',
      { email: 'ada@example.com' },
      { relationships: { organization: link('organizations', crew.id) } },
    );
    await app.platform.post(`${S}/invitations`, invitation);
    await app.db.query('delete from webhook_deliveries');
    await app.db.query("update organizations set status_changed_at = '2026-01-02T03:04:05Z' where id = $1", [crew.id]);
    const { answer, events } = await told(app, crew.id, () => app.platform.delete(crew.self));
    expect(answer.status).toBe(204);
    expect(events.map(({ type }) => type)).toEqual(['invitation.revoked', 'organization.deletion_scheduled']);
    expect(events[0]).toMatchObject({
      data: { attributes: { status: 'revoked' } },
      previous: { attributes: { status: 'pending', revokedAt: null } },
    });
    const { body } = await app.platform.get(`${M}/organizations?filter[status]=pending_deletion&filter[id]=${crew.id}`);
    expect(events[1]).toEqual(
      eventOf('organization.deletion_scheduled', crew.id, {
        actor: platform,
        answer,
        data: inEvents(body.data[0]),
        previous: {
          attributes: {
            status: 'active',
            deletedAt: null,
            purgeAt: null,
            statusChangedAt: '2026-01-02T03:04:05+00:00',
          },
        },
      }),
    );
    const restored = await told(app, crew.id, () => app.platform.post(`${crew.self}/restore`));
    expect(restored.events).toEqual([
      eventOf('organization.restored', crew.id, {
        actor: platform,
        answer: restored.answer,
        data: await shown(app.platform, crew.self),
        previous: {
          attributes: expect.objectContaining({ status: 'pending_deletion', deletedAt: expect.any(String) }),
        },
      }),
    ]);
    expect(await deliveries(crew.id)).toEqual([
      ['invitation.revoked', 'pending'],
      ['organization.deletion_scheduled', 'pending'],
      ['organization.restored', 'pending'],
    ]);
  });

  test('that is refused is told nobody, and takes no number', async () => {
    await app.platform.patch(crew.self, document('organizations', { deleteProtection: true }, { id: crew.id }));
    const { answer, events } = await told(app, crew.id, () => app.platform.delete(crew.self));
    expect([answer.status, events]).toEqual([409, []]);
  });
});

describe('another primary owner', () => {
  const transfer = (asker = crew.owner, meta: object = {}) =>
    asker.post(`${crew.self}/transferOwnership`, { meta: { memberId: crew.admin.member, ...meta } });
  const roles = (...codes: string[]) => codes.map((code) => ({ type: 'roles', id: crews.roles[code] }));

  test('is told of the organization and of both members (INV-4)', async () => {
    const { answer, events } = await told(app, crew.id, () => transfer());
    const common = { actor: userActor(crew.owner), answer };
    const [first, second] = [crew.owner, crew.admin];
    expect(events).toEqual([
      eventOf('member.updated', crew.id, {
        ...common,
        data: await shown(app.platform, first.self),
        previous: { attributes: { isPrimaryOwner: true }, relationships: { roles: roles('owner') } },
      }),
      eventOf('member.updated', crew.id, {
        ...common,
        data: await shown(app.platform, second.self),
        previous: { attributes: { isPrimaryOwner: false }, relationships: { roles: roles('admin') } },
      }),
      eventOf('organization.ownership_transferred', crew.id, {
        ...common,
        data: await shown(app.platform, crew.self),
        previous: { relationships: { owner: { type: 'users', id: crew.owner.id } } },
      }),
    ]);
  });

  test('beside whom the one before stays an owner is told without a change of his roles', async () => {
    const { events } = await told(app, crew.id, () => transfer(crew.owner, { keepOwner: true }));
    expect(events[0].previous).toEqual({ attributes: { isPrimaryOwner: true } });
  });

  test('named by the relationship is told likewise, and the same one again is not', async () => {
    const name = () => app.platform.patch(`${crew.self}/relationships/owner`, link('users', crew.admin.id));
    expect((await told(app, crew.id, name)).types).toEqual([
      'member.updated',
      'member.updated',
      'organization.ownership_transferred',
    ]);
    expect((await told(app, crew.id, name)).types).toEqual([]);
  });
});

describe('the token of an organization', () => {
  const keys = async (): Promise<Body[]> =>
    (await app.platform.get(`${S}/apiKeys?filter[organizationId]=${crew.id}&filter[isOrganizationToken]=true`)).body
      .data;
  const set = (token: string, more: object = {}) =>
    app.platform.patch(crew.self, document('organizations', { token, ...more }, { id: crew.id }));

  test('is told as rotated, and as made when there was none', async () => {
    const [old] = await keys();
    const rotation = await told(app, crew.id, () => app.platform.post(`${crew.self}/token/rotate`));
    const [key] = (await keys()).filter(({ id }) => id !== old.id);
    const data = await shown(app.platform, `${S}/apiKeys/${key.id}`);
    expect(rotation.events).toEqual([
      eventOf('api_key.rotated', crew.id, { actor: platform, answer: rotation.answer, data }),
    ]);
    expect(data.attributes.isOrganizationToken).toBe(true);
    expect(data.relationships.replaces).toEqual({ data: { type: 'apiKeys', id: old.id } });
    const end = await told(app, crew.id, () => app.platform.delete(`${crew.self}/token`));
    expect(end.events.map(({ type, data }) => [type, data.id])).toEqual([
      ['api_key.revoked', old.id],
      ['api_key.revoked', key.id],
    ]);
    const made = await told(app, crew.id, () => app.platform.post(`${crew.self}/token/rotate`));
    expect(made.events).toMatchObject([
      { type: 'api_key.created', data: { attributes: { isOrganizationToken: true, status: 'active' } } },
    ]);
  });

  test('that a PATCH replaces is told as revoked and made, and what else it changes', async () => {
    const token = 'x'.repeat(30);
    const { answer, events } = await told(app, crew.id, () => set(token, { name: 'Renamed' }));
    expect(events).toMatchObject([
      { type: 'organization.updated', previous: { attributes: { name: 'Acme' } } },
      { type: 'api_key.revoked', previous: { attributes: { status: 'active', revokedAt: null } } },
      { type: 'api_key.created', previous: null },
    ]);
    expect(answer.body.data.attributes.token).toBe(token);
    expect(JSON.stringify(events)).not.toContain(token);
    expect((await told(app, crew.id, () => set(token))).types).toEqual([]);
  });
});

test('what every surface does to an organization is told (INV-36)', async () => {
  const user = await app.user();
  const { id } = await createOrganization(user);
  const [row] = await app.db.query('select number from organizations where id = $1', [id]);
  const changes: [string, () => Promise<unknown>][] = [
    ['v1', () => user.patch(`/v1/orgs/${row?.[0]}`, { name: 'One' })],
    ['api', () => app.platform.patch(`/api/organizations/${id}`, { name: 'Two' })],
    ['organization', () => user.put(`/organization/${id}`, { organizationName: 'Three' })],
    ['atomic', () => perform(user, update('organizations', id, { name: 'Four' }))],
  ];
  for (const [surface, change] of changes) {
    const { types } = await told(app, id, change);
    expect([surface, types]).toEqual([surface, ['organization.updated']]);
  }
});
