import { registry } from '../../src/resources';
import { type Body, type Client, createOrganization, document, M, S, startApp, type TestApp } from '../support/app';
import { buildWorld, pathOf, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

describe('a filter is no oracle [FLT-7]', () => {
  test('secrets and columns that no attribute shows can’t be asked for', async () => {
    const hidden = [
      'token',
      'webhookSecret',
      'webhookSecretCipher',
      'secret',
      'hash',
      'ceiling',
      'version',
      'statusBeforeDeletion',
    ];
    for (const type of TYPES) {
      const secret = Object.entries(registry.get(type)?.attributes ?? {}).filter(([, { reveal }]) => reveal === 'once');
      for (const name of [...hidden, ...secret.map(([each]) => each)])
        for (const suffix of ['', '[null]', '[startsWith]', '[ne]'])
          expect((await app.platform.get(`${pathOf(type)}?filter[${name}]${suffix}=true`)).status).toBe(400);
    }
  });

  test('the id of a type that the caller’s level can’t read is no filter', async () => {
    for (const client of [world.partner, world.key])
      for (const path of [`${S}/apiKeys`, `${M}/organizations`])
        for (const query of [`filter[partnerId]=${world.partner.id}`, 'filter[partnerId][null]=true'])
          expect((await client.get(`${path}?${query}`)).status).toBe(400);
  });

  test('rows of an organization that the caller can’t see are no rows, whatever the filter', async () => {
    const stranger = await app.partner('Stranger');
    const own = await createOrganization(stranger, { name: 'Own', externalId: 'acme-1' });
    for (const client of [stranger, app.as(own.attributes.token)]) {
      for (const path of [
        `${S}/members?filter[organizationId]=${world.organization.id}`,
        `${S}/users?filter[organizationId]=${world.organization.id}`,
        `${S}/roles?filter[organizationId]=${world.organization.id}`,
        `${S}/apiKeys?filter[organizationId]=${world.organization.id},${world.other.id}`,
        `${S}/members?filter[id]=${world.members[0].id}`,
        `${S}/users?filter[email]=${world.owner.attributes.email}`,
        `${M}/organizations?filter[id]=${world.organization.id}`,
        `${M}/organizations?filter[slug]=acme`,
        `${M}/organizations?filter[q]=Other`,
      ]) {
        const { status, body } = await client.get(path);
        expect([path, status, body.data, body.meta.total]).toEqual([path, 200, [], 0]);
      }
      const rest = await client.get(`${M}/organizations?filter[name][ne]=x&filter[status][ne]=suspended`);
      expect(rest.body.data.map(({ id }: Body) => id)).toEqual([own.id]);
      expect(rest.body.meta).toMatchObject({ total: 1, totalUnfiltered: 1 });
    }
  });
});

describe('totals', () => {
  const countOf = async (client: Client, path: string): Promise<number> => {
    let rows = 0;
    for (let next: string | null = `${path}${path.includes('?') ? '&' : '?'}page[size]=4`; next !== null; ) {
      const { body }: Body = await client.get(next);
      rows += body.data.length;
      next = body.links.next;
    }
    return rows;
  };

  test('are the numbers of rows that there are, for every caller and filter, also after deletions', async () => {
    const gone = await createOrganization(app.platform, { name: 'Gone' });
    await app.platform.delete(gone.links.self);
    const purged = await createOrganization(world.partner, { name: 'Purged' });
    await app.platform.delete(`${purged.links.self}?purgeNow=true`);
    const key = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Revoked' }));
    await app.platform.delete(key.body.data.links.self);
    const acme = `filter[organizationId]=${world.organization.id}`;
    const queries = [
      ...['', '?filter[status]=active', '?filter[createdAt][gt]=2026-02-01', '?filter[status]=pending_deletion'].map(
        (query) => `${M}/organizations${query}`,
      ),
      ...['', `?${acme}`, `?${acme}&filter[name]=Olga`, '?filter[name][null]=true'].map(
        (query) => `${S}/users${query}`,
      ),
      ...['', `?${acme}`, `?${acme},${world.other.id}`, '?filter[number][gt]=1'].map((query) => `${S}/members${query}`),
      ...['', `?${acme}`, '?filter[status]=revoked', '?filter[isOrganizationToken]=true'].map(
        (query) => `${S}/apiKeys${query}`,
      ),
      ...['', `?${acme}`].map((query) => `${S}/roles${query}`),
    ];
    for (const client of [app.platform, world.partner, world.key])
      for (const query of queries) {
        const { meta } = (await client.get(query)).body;
        const [path = ''] = query.split('?');
        expect([query, meta.total, meta.totalUnfiltered]).toEqual([
          query,
          await countOf(client, query),
          await countOf(client, path),
        ]);
      }
  });
});
