import { createOrganization, document, M, startApp, type TestApp } from '../support/app';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

/** The bodies of an organization's events, by their numbers. */
async function bodiesOf(organizationId: string) {
  const rows = await app.db.query('select body from events where organization_id = $1 order by sequence', [
    organizationId,
  ]);
  return rows.map(([body]) => JSON.parse(body as string));
}

describe('An event of an organization', () => {
  test('is written for everything that comes into being with it, numbered from 1 without a gap (INV-36)', async () => {
    const user = await app.user();
    const { id } = await createOrganization(user, { name: 'Acme "é"' });
    const events = await bodiesOf(id);
    expect(events.map(({ type, sequence }) => [sequence, type])).toEqual([
      [1, 'organization.created'],
      [2, 'workspace.created'],
      [3, 'api_key.created'],
      [4, 'member.added'],
    ]);
    for (const event of events) {
      expect(event).toMatchObject({
        apiVersion: '2',
        organizationId: id,
        actor: { type: 'user', id: user.id },
        previous: null,
      });
    }
    const [row] = await app.db.query(
      'select count(*)::int, (select last::int from event_sequences where organization_id = $1) from events where organization_id = $1',
      [id],
    );
    expect(row).toEqual([4, 4]);
    const [role] = events[3].data.relationships.roles.data;
    const [owner] = await app.db.query("select id from roles where code = 'owner'");
    expect(role).toEqual({ type: 'roles', id: owner?.[0] });
  });

  test('holds what a read of the resource shows, and no secret (INV-30)', async () => {
    const made = await createOrganization(app.platform, {
      metadata: { a: [1, 'b'] },
      settings: { membersMayInvite: true },
    });
    const [event] = await bodiesOf(made.id);
    const {
      token: _token,
      webhookSecret: _secret,
      ...shown
    } = (await app.platform.get(`${M}/organizations/${made.id}`)).body.data.attributes;
    expect(event.data.attributes).toEqual(shown);
    expect(JSON.stringify(event)).not.toContain(made.attributes.token);
  });

  test('tells what it was before, and is not written when nothing has changed', async () => {
    const { id } = await createOrganization(app.platform, { name: 'Before' });
    const answer = await app.platform.patch(
      `${M}/organizations/${id}`,
      document('organizations', { name: 'After', kind: 'business' }, { id }),
    );
    await app.platform.patch(`${M}/organizations/${id}`, document('organizations', { name: 'After' }, { id }));
    const events = (await bodiesOf(id)).slice(3);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      type: 'organization.updated',
      sequence: 4,
      previous: { attributes: { name: 'Before' } },
    });
    expect(events[0].requestId).toBe(answer.headers['x-request-id']);
    expect(events[0].data.attributes.name).toBe('After');
  });

  test('tells a suspension and its end', async () => {
    const { id } = await createOrganization(app.platform);
    const change = (attributes: object) =>
      app.platform.patch(`${M}/organizations/${id}`, document('organizations', attributes, { id }));
    await change({ status: 'suspended', statusReason: 'late' });
    await change({ status: 'suspended', statusReason: 'later' });
    await change({ status: 'active' });
    const events = (await bodiesOf(id)).slice(3);
    expect(events.map(({ type }) => type)).toEqual([
      'organization.suspended',
      'organization.updated',
      'organization.reactivated',
    ]);
    expect(events[0].previous.attributes).toMatchObject({ status: 'active', statusReason: null });
  });

  test('tells what else a suspension changes by itself, so that whoever asks for changes gets it', async () => {
    const { id } = await createOrganization(app.platform, { name: 'Before' });
    const attributes = { name: 'After', status: 'suspended', statusReason: 'late' };
    await app.platform.patch(`${M}/organizations/${id}`, document('organizations', attributes, { id }));
    const events = (await bodiesOf(id)).slice(3);
    expect(events.map(({ type, previous }) => [type, Object.keys(previous.attributes).sort()])).toEqual([
      ['organization.suspended', expect.arrayContaining(['status', 'statusReason'])],
      ['organization.updated', ['name']],
    ]);
    expect(events[0].previous.attributes).not.toHaveProperty('name');
  });
});
