import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { addDelivery, addEvents } from '../../support/deliveries';
import { founder, join } from '../people';

/** What is read of events (domain sheet 4.11): the seed of the body, who did it, and what one can look for. */

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const list = async (asker: Client, query: string): Promise<Body> => {
  const { status, body } = await asker.get(`${S}/events?${query}`);
  expect([query, status]).toEqual([query, 200]);
  return body;
};
const typesOf = ({ data }: Body): string[] => data.map(({ attributes }: Body) => attributes.eventType);
const numbersOf = ({ data }: Body): number[] => data.map(({ attributes }: Body) => attributes.sequence);

async function renamed(asker: Client, organization: Body, headers = {}): Promise<void> {
  const { id } = organization;
  const name = `Name ${Math.random()}`;
  const { status } = await asker.patch(organization.links.self, document('organizations', { name }, { id }), headers);
  expect(status).toBe(200);
}

test('an event shows what its body tells, the old values, and who did it with which request', async () => {
  const organization = await createOrganization(app.platform, { name: 'Before' });
  const key = app.as(organization.attributes.token);
  const body = document('organizations', { name: 'After' }, { id: organization.id });
  await key.patch(organization.links.self, body, { 'X-Request-Id': 'request-0001' });
  const { data } = await list(key, 'filter[eventType]=organization.updated');
  expect(data).toHaveLength(1);
  const [{ id, type, attributes, relationships, links }] = data;
  const token = (await key.get(`${S}/apiKeys?filter[isOrganizationToken]=true`)).body.data[0];
  expect({ type, attributes }).toEqual({
    type: 'events',
    attributes: {
      eventType: 'organization.updated',
      sequence: 4,
      occurredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/),
      apiVersion: '2',
      data: {
        type: 'organizations',
        id: organization.id,
        attributes: expect.objectContaining({ name: 'After' }),
        relationships: expect.any(Object),
      },
      previous: { attributes: { name: 'Before' } },
      actor: { type: 'apiKey', id: token.id, name: token.attributes.name },
      requestId: 'request-0001',
    },
  });
  expect(relationships.organization.data).toEqual({ type: 'organizations', id: organization.id });
  expect([links.self, relationships.deliveries.links.related]).toEqual([
    `${S}/events/${id}`,
    `${S}/events/${id}/deliveries`,
  ]);
  const [row] = await app.db.query('select body from events where id = $1', [id]);
  const sent = JSON.parse(row?.[0] as string);
  expect([sent.timestamp, sent.data, sent.previous, sent.id]).toEqual([
    attributes.occurredAt,
    attributes.data,
    attributes.previous,
    id,
  ]);
  expect((await key.get(`${S}/events/${id}`)).body.data).toEqual(data[0]);
});

test('the name of the actor is that of now; those of keys are for those who have them', async () => {
  const user = await app.user({ name: 'Ada' });
  const { body } = await user.post(`${M}/organizations`, document('organizations', { name: 'Hers' }));
  await app.platform.patch(`${S}/users/${user.id}`, document('users', { name: 'Ada L.' }, { id: user.id }));
  const organization = body.data;
  const filter = `filter[organizationId]=${organization.id}`;
  expect((await list(user, filter)).data[0].attributes.actor).toEqual({ type: 'user', id: user.id, name: 'Ada L.' });
  await renamed(app.platform, organization);
  const last = `${filter}&sort=-sequence&page[size]=1`;
  const nameFor = async (asker: Client) => (await list(asker, last)).data[0].attributes.actor.name;
  expect([await nameFor(user), await nameFor(app.platform)]).toEqual([null, 'Test']);
  const partner = await app.partner();
  const other = await createOrganization(partner);
  await renamed(partner, other);
  const ofOther = `filter[organizationId]=${other.id}&sort=-sequence&page[size]=1`;
  const key = app.as(other.attributes.token);
  const names = [partner, app.platform, key].map(
    async (asker) => (await list(asker, ofOther)).data[0].attributes.actor,
  );
  expect((await Promise.all(names)).map(({ name }) => name)).toEqual(['Key', 'Key', null]);
});

describe('filters', () => {
  let organization: Body;
  let key: Client;
  beforeAll(async () => {
    organization = await createOrganization(app.platform);
    key = app.as(organization.attributes.token);
    for (let i = 0; i < 3; i++) await renamed(key, organization, { 'X-Request-Id': `request-of-${i}` });
  });

  test.each([
    ['filter[eventType]=organization.created', ['organization.created']],
    ['filter[eventType]=organization.created,workspace.created', ['organization.created', 'workspace.created']],
    ['filter[eventType][in]=api_key.*,workspace.created', ['workspace.created', 'api_key.created']],
    ['filter[eventType]=workspace.*', ['workspace.created']],
    ['filter[eventType][startsWith]=Work', ['workspace.created']],
    ['filter[eventType][startsWith]=nothing', []],
    ['filter[eventType]=nothing.*', []],
    ['filter[eventType]=nonsense', []],
  ])('%s', async (query, expected) => {
    expect(typesOf(await list(key, query))).toEqual(expected);
  });

  test.each([
    ['filter[sequence]=2', [2]],
    ['filter[sequence]=2,4', [2, 4]],
    ['filter[sequence][gt]=4', [5, 6]],
    ['filter[sequence][gte]=3&filter[sequence][lt]=5', [3, 4]],
    ['filter[sequence][lte]=1', [1]],
    ['sort=-sequence&page[size]=2', [6, 5]],
    ['filter[occurredAt][gt]=2999-01-01', []],
    ['filter[occurredAt][lt]=2999-01-01&sort=-occurredAt,-sequence&page[size]=1', [6]],
  ])('%s', async (query, expected) => {
    const body = await list(key, query);
    expect(numbersOf(body)).toEqual(expected);
    expect(body.meta.totalUnfiltered).toBe(6);
  });

  test('by the resource that they are about, and by their organization', async () => {
    const about = await list(key, `filter[subjectId]=${organization.id}`);
    expect(typesOf(about)).toEqual(['organization.created', ...Array(3).fill('organization.updated')]);
    expect(numbersOf(await list(app.platform, `filter[organizationId]=${organization.id}`))).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
    expect(
      numbersOf(await list(app.platform, `filter[organization.slug]=${organization.attributes.slug}`)),
    ).toHaveLength(6);
  });
});

test('they are never written: 403 and 405, and Allow', async () => {
  const { id } = (await list(app.platform, 'page[size]=1')).data[0];
  for (const type of ['events', 'webhookDeliveries', 'webhookAttempts']) {
    expect((await app.platform.post(`${S}/${type}`, document(type))).status).toBe(405);
  }
  expect((await app.platform.patch(`${S}/events/${id}`, document('events', {}, { id }))).status).toBe(403);
  expect((await app.platform.delete(`${S}/events/${id}`)).status).toBe(405);
});

describe('who sees them', () => {
  test('those of another organization are 404, those of one that is being deleted are gone until it is restored (INV-18)', async () => {
    const partner = await app.partner();
    const [mine, other] = [await createOrganization(partner), await createOrganization(app.platform)];
    const foreign = (await list(app.platform, `filter[organizationId]=${other.id}`)).data[0].id;
    for (const asker of [partner, app.as(mine.attributes.token)]) {
      expect((await asker.get(`${S}/events/${foreign}`)).status).toBe(404);
      expect((await list(asker, `filter[organizationId]=${other.id}`)).meta.total).toBe(0);
      expect((await list(asker, 'page[size]=1')).meta.total).toBe(3);
    }
    const own = (await list(partner, '')).data[0].id;
    await partner.delete(mine.links.self);
    for (const asker of [partner, app.platform]) {
      expect((await asker.get(`${S}/events/${own}`)).status).toBe(404);
      expect((await list(asker, `filter[organizationId]=${mine.id}`)).meta).toMatchObject({ total: 0 });
    }
    expect((await list(partner, '')).meta.total).toBe(0);
    await partner.post(`${mine.links.self}/restore`);
    const after = await list(partner, '');
    expect(after.meta.total).toBe(after.data.length);
    expect(after.data.length).toBeGreaterThanOrEqual(3);
  });

  test('a member with the right, in all of his organizations that give it; else 403 by id and nothing in lists', async () => {
    const { owner: person, organization } = await founder(app);
    const second = await createOrganization(app.platform);
    await join(app, second.id, person.id, 'member');
    const all = await list(person, 'page[size]=100');
    const organizations = new Set(all.data.map(({ relationships }: Body) => relationships.organization.data.id));
    expect([...organizations]).toEqual([organization.id]);
    expect(all.meta.total).toBe(all.data.length);
    const hidden = (await list(app.platform, `filter[organizationId]=${second.id}`)).data[0].id;
    const answer = await person.get(`${S}/events/${hidden}`);
    expect([answer.status, answer.body.errors[0].meta.required]).toEqual([403, 'events:read']);
    expect((await person.get(`${S}/events?filter[organizationId]=${second.id}`)).status).toBe(403);
  });

  test('of a purged organization the operator sees that it was purged, and nothing else', async () => {
    const partner = await app.partner();
    const { id, links } = await createOrganization(partner);
    await addDelivery(app, id);
    await addEvents(app, id, 7);
    const [[last]] = (await app.db.query('select last from event_sequences where organization_id = $1', [id])) as [
      [number],
    ];
    const totals = async () => (await list(app.platform, 'page[size]=1')).meta.total as number;
    const before = await totals();
    expect((await app.platform.delete(`${links.self ?? links}?purgeNow=true`)).status).toBe(204);
    expect(await totals()).toBe(before - last + 1);
    const found = await list(app.platform, `filter[organizationId]=${id}`);
    expect(found.meta).toMatchObject({ total: 1 });
    const [event] = found.data;
    expect(event.attributes).toMatchObject({
      eventType: 'organization.purged',
      sequence: last + 1,
      data: { type: 'organizations', id },
      previous: null,
    });
    expect((await app.platform.get(`${S}/events/${event.id}`)).status).toBe(200);
    expect((await app.platform.get(`${S}/events/${event.id}/organization`)).body.data).toBeNull();
    expect((await partner.get(`${S}/events/${event.id}`)).status).toBe(404);
    for (const table of ['webhook_deliveries', 'webhook_attempts', 'webhook_endpoints']) {
      expect(await app.db.query(`select 1 from ${table} where organization_id = $1`, [id])).toEqual([]);
    }
  });

  test('keys without the right: 403', async () => {
    const organization = await createOrganization(app.platform);
    const relationships = { organization: link('organizations', organization.id) };
    const made = await app.platform.post(
      `${S}/apiKeys`,
      document('apiKeys', { name: 'Narrow', scopes: ['members:read'] }, { relationships }),
    );
    const narrow = app.as(made.body.data.attributes.secret);
    for (const type of ['events', 'webhookDeliveries', 'webhookAttempts']) {
      expect((await narrow.get(`${S}/${type}`)).status).toBe(403);
      expect((await narrow.get(`${S}/${type}/${NIL}`)).status).toBe(404);
    }
  });
});
