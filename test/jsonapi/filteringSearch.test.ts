import { type Body, type Client, createOrganization, createUser, M, S, startApp, type TestApp } from '../support/app';
import { CURSORS, walk } from './cursors';
import { buildWorld, errorsOf, membership, type World } from './world';

const ORGANIZATIONS = `${M}/organizations`;
const USERS = `${S}/users`;

let app: TestApp;
let world: World;
let foreign: Body;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  for (const attributes of [
    { name: 'Zweirad Köln', slug: 'bikes-cologne', externalId: 'CRM-0815', primaryDomain: 'zweirad.example' },
    { name: '100% Wolle', slug: 'wool' },
    { name: '100 Prozent', slug: 'percent' },
    { name: 'under_score', slug: 'under' },
    { name: 'underXscore', slug: 'under-x' },
    { name: 'back\\slash', slug: 'back' },
    { name: "O'Neill; drop table", slug: 'quote' },
    { name: 'Two  blanks', slug: 'blanks' },
  ])
    await createOrganization(world.partner, attributes);
  await createUser(world.partner, { name: 'Jürgen Groß', email: 'J.Gross+news@Example.org' });
  await createUser(world.partner, { email: 'nameless@example.org' });
  foreign = await createOrganization(app.platform, { name: 'Zweirad Foreign', slug: 'foreign' });
  const { id } = await createUser(app.platform, { name: 'Jürgen Foreign', email: 'foreign@example.net' });
  await app.platform.post(`${S}/members`, membership(foreign.id, id));
});
afterAll(() => app.close());

const found = async (path: string, q: string, client: Client = world.partner): Promise<string[]> => {
  const { status, body } = await client.get(`${path}?filter[q]=${encodeURIComponent(q)}&sort=createdAt,id`);
  expect([q, status]).toEqual([q, 200]);
  expect(body.meta.total).toBe(body.data.length);
  return body.data.map(({ attributes }: Body) => attributes.slug ?? attributes.email).sort();
};

describe('filter[q] on organizations finds text anywhere in', () => {
  test.each([
    ['the name', 'weirad', ['bikes-cologne']],
    ['the name, in any letters', 'ZWEIRAD KÖLN', ['bikes-cologne']],
    ['the slug', 's-colog', ['bikes-cologne']],
    ['the externalId', 'crm-08', ['bikes-cologne']],
    ['the domain', 'RAD.EXAMPLE', ['bikes-cologne']],
    ['one letter', 'ö', ['bikes-cologne']],
    ['two letters', 'öl', ['bikes-cologne']],
    ['a percent sign is one', '0% w', ['wool']],
    ['a percent sign alone', '%', ['wool']],
    ['an underscore is one', 'r_s', ['under']],
    ['a backslash is one', 'k\\s', ['back']],
    ['a quote is one', "o'neill; DROP", ['quote']],
    ['blanks count', 'o  b', ['blanks']],
    ['one blank is not two', 'o b', []],
    ['nothing that is there', 'nowhere', []],
    ['a name and a slug together', 'Köln bikes', []],
    ['no more than they hold', 'Zweirad Köln!', []],
  ])('%s: %s', async (_title, q, expected) => {
    expect(await found(ORGANIZATIONS, q)).toEqual(expected);
  });

  test('composed and decomposed letters are the same', async () => {
    expect(await found(ORGANIZATIONS, 'Ko\u0308ln')).toEqual(['bikes-cologne']);
    expect(await found(ORGANIZATIONS, 'K\u00f6ln')).toEqual(['bikes-cologne']);
  });

  test('together with other filters, sorting and cursors', async () => {
    const query = 'filter[q]=under&sort=-name&filter[status]=active';
    const { body } = await world.partner.get(`${ORGANIZATIONS}?${query}`);
    expect(body.data.map(({ attributes }: Body) => attributes.slug)).toEqual(['under', 'under-x']);
    const pages = await walk((at) => world.partner.get(at, CURSORS), `${ORGANIZATIONS}?${query}&page[size]=1`);
    expect(pages.flatMap((page) => page.body.data.map(({ attributes }: Body) => attributes.slug))).toEqual([
      'under',
      'under-x',
    ]);
    expect((await world.partner.get(`${ORGANIZATIONS}?filter[q]=under&filter[slug]=wool`)).body.data).toEqual([]);
  });

  test('on the related list and the linkage of a partner', async () => {
    for (const path of ['organizations', 'relationships/organizations']) {
      const { body } = await app.platform.get(`${M}/partners/${world.partner.id}/${path}?filter[q]=zweirad`);
      expect([body.data.length, body.meta.total, body.meta.totalUnfiltered]).toEqual([1, 1, 9]);
    }
  });
});

describe('filter[q] on users finds text anywhere in', () => {
  test.each([
    ['the e-mail address', 'gross+news', ['J.Gross+news@Example.org']],
    ['the e-mail address, in any letters', 'J.GROSS+NEWS@EXAMPLE.ORG', ['J.Gross+news@Example.org']],
    ['the name', 'jürgen', ['J.Gross+news@Example.org']],
    ['both', 'example.org', ['J.Gross+news@Example.org', 'nameless@example.org']],
    ['the end of one and the beginning of the other', 'orgJürgen', []],
    ['no name', 'null', []],
  ])('%s: %s', async (_title, q, expected) => {
    expect(await found(USERS, q)).toEqual(expected);
  });

  test('on the users of an organization', async () => {
    const at = `${ORGANIZATIONS}/${world.organization.id}`;
    for (const path of [
      `${at}/users?filter[q]=olga`,
      `${at}/relationships/users?filter[q]=OLGA`,
      `${USERS}?filter[organizationId]=${world.organization.id}&filter[q]=olg`,
    ])
      expect((await app.platform.get(path)).body.data.map(({ id }: Body) => id)).toEqual([world.owner.id]);
  });
});

test('only what the caller sees is found [INV-18]', async () => {
  for (const client of [world.partner, world.key]) {
    expect(await found(ORGANIZATIONS, 'foreign', client)).toEqual([]);
    expect(await found(USERS, 'foreign', client)).toEqual([]);
  }
  expect(await found(ORGANIZATIONS, 'zweirad', app.platform)).toEqual(['bikes-cologne', 'foreign']);
  expect(await found(USERS, 'jürgen', app.platform)).toEqual(['J.Gross+news@Example.org', 'foreign@example.net']);
  expect(await found(ORGANIZATIONS, 'ac', world.key)).toEqual([world.organization.attributes.slug]);
  await app.platform.delete(`${ORGANIZATIONS}/${foreign.id}`);
  expect(await found(ORGANIZATIONS, 'foreign', app.platform)).toEqual([]);
});

test.each(['members', 'roles', 'apiKeys'])('%s have no filter q [FLT-3]', async (type) => {
  expect(errorsOf(await app.platform.get(`${S}/${type}?filter[q]=x`))).toEqual([
    ['400', 'invalid_parameter', 'filter[q]'],
  ]);
});

test('it takes one text and no operator but eq [FLT-4, FLT-5]', async () => {
  for (const name of [
    'filter[q][contains]',
    'filter[q][ne]',
    'filter[q][in]',
    'filter[q][null]',
    'filter[q][]',
    'filter[q.a]',
  ])
    expect(errorsOf(await app.platform.get(`${USERS}?${name}=true`))).toEqual([['400', 'invalid_parameter', name]]);
  expect((await app.platform.get(`${USERS}?filter[q][eq]=olga`)).body.data).toHaveLength(1);
  // A comma is text here, for there is no any-of.
  expect((await app.platform.get(`${USERS}?filter[q]=olga,uwe`)).body.data).toEqual([]);
});
