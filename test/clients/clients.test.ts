import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createOrganization, createUser, document, link, S, startApp, type TestApp } from '../support/app';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

/** Five organizations that carry `mark`, the first of them with two members. */
async function createRows(mark: string): Promise<void> {
  const { platform } = app;
  const { body } = await platform.get(`${S}/roles`);
  const roles = new Map<string, string>(
    body.data.map((role: { id: string; attributes: { code: string } }) => [role.attributes.code, role.id]),
  );
  const organizations = [];
  for (const name of ['Alpha', 'Delta', 'Charlie', 'Echo', 'Bravo'])
    organizations.push(await createOrganization(platform, { name, metadata: { made: mark } }));
  const people: [string, string[]][] = [
    ['Ada', ['owner']],
    ['Grace', ['admin', 'member']],
  ];
  for (const [name, codes] of people) {
    const { id } = await createUser(platform, { name, email: `${name.toLowerCase()}@${mark}.example` });
    const relationships = {
      organization: link('organizations', organizations[0].id),
      user: link('users', id),
      roles: { data: codes.map((code) => ({ type: 'roles', id: roles.get(code) })) },
    };
    await platform.post(`${S}/members`, document('members', {}, { relationships }));
  }
}

/** What a script prints after it has been through all that its library can do. */
async function run(library: string): Promise<unknown> {
  await createRows(library);
  const script = join(__dirname, `${library}.mjs`);
  const { stdout } = await promisify(execFile)(process.execPath, [
    script,
    app.url,
    app.platform.key as string,
    library,
  ]);
  return JSON.parse(stdout);
}

const invalid = (attribute: string, code: string) => ({
  status: '422',
  code,
  pointer: `/data/attributes/${attribute}`,
  attribute,
});
const REFUSED = [
  invalid('name', 'too_short'),
  invalid('slug', 'invalid_format'),
  invalid('countryCode', 'invalid_format'),
];
const FIXED = [{ status: '403', code: 'update_not_offered' }];
const MISSING = [{ status: '404', code: 'not_found' }];

const RELATED = { owner: 'Ada', users: ['Ada', 'Grace'], roles: ['admin', 'member'] };
/** Read through `/api-keys`, as some libraries write the path. */
const RELATED_AND_KEYS = { ...RELATED, keys: [true] };

/** What sending back a whole resource changes: the one attribute that was changed in it. */
const changed = (library: string, includes: string[]) => includes.map((each) => ({ externalId: `${library}/${each}` }));
/** Organization and member. */
const INCLUDES = ['', 'owner', 'users,members.roles', '', 'user,roles,organization.owner'];

/** What every library must see and do. */
const seen = (library: string) => ({
  list: { names: ['Alpha', 'Bravo', 'Charlie', 'Delta', 'Echo'], total: 5 },
  descending: ['Echo', 'Delta', 'Charlie', 'Bravo', 'Alpha'],
  filtered: ['Charlie'],
  pages: { second: ['Charlie', 'Delta'], last: ['Echo'] },
  walked: [['Alpha', 'Bravo'], ['Charlie', 'Delta'], ['Echo']],
  owners: [
    ['Alpha', `ada@${library}.example`],
    ['Bravo', null],
    ['Charlie', null],
    ['Delta', null],
    ['Echo', null],
  ],
  members: [
    { user: 'Ada', roles: ['owner'], organization: 'Alpha', owner: 'Ada' },
    { user: 'Grace', roles: ['admin', 'member'], organization: 'Alpha', owner: 'Ada' },
  ],
  one: { type: 'organizations', name: 'Alpha', metadata: { made: library }, token: null },
  created: { name: 'Foxtrot', token: 'string', stored: 'Foxtrot' },
  updated: { name: 'Golf', countryCode: 'DE', stored: ['Golf', 'DE'] },
  joined: [true, true],
  included: { names: ['Ada', 'Grace'], total: 2 },
  related: RELATED,
  deleted: 404,
});

/** What a library that changes linkage gives back, and what is stored then. */
const LINKAGE = {
  read: ['admin', 'member'],
  replaced: [['member'], ['member']],
  added: [
    ['admin', 'member'],
    ['admin', 'member'],
  ],
  removed: [['admin'], ['admin']],
  owner: 'Grace',
};

const links = { self: expect.stringMatching(/^\/public\/v2\/management\/organizations\/[-0-9a-f]{36}$/) };
const flat = { type: 'organizations', name: 'Alpha', kind: 'business', links };

test('kitsu reads and writes with its defaults, and sends back whole what it has read', async () => {
  expect(await run('kitsu')).toEqual({
    ...seen('kitsu'),
    sparse: [flat],
    roundTrips: changed('kitsu', INCLUDES),
    related: RELATED_AND_KEYS,
    fixed: FIXED,
    cursors: { walked: [['Alpha', 'Bravo'], ['Charlie', 'Delta'], ['Echo']], afterFirst: ['Bravo'] },
    linkage: LINKAGE,
    refused: REFUSED,
    missing: MISSING,
  });
});

test('devour reads and writes with pluralisation off, and sends back whole what it has read', async () => {
  expect(await run('devour')).toEqual({
    ...seen('devour'),
    sparse: [flat],
    roundTrips: changed('devour', INCLUDES),
    linkage: LINKAGE,
    refused: {
      name: { title: 'Too short', code: 'too_short', attribute: 'name' },
      slug: { title: 'Invalid format', code: 'invalid_format', attribute: 'slug' },
      countryCode: { title: 'Invalid format', code: 'invalid_format', attribute: 'countryCode' },
    },
    fixed: { 0: { title: 'Update not offered', code: 'update_not_offered' } },
    missing: { 0: { title: 'Not found', code: 'not_found' } },
  });
});

test('orbit reads and writes with ids of its own and of the server, and sends back whole what it has read', async () => {
  expect(await run('orbit')).toEqual({
    ...seen('orbit'),
    sparse: [{ type: 'organizations', attributes: { name: 'Alpha', kind: 'business' }, links }],
    roundTrips: changed('orbit', INCLUDES),
    related: RELATED_AND_KEYS,
    fixed: FIXED,
    linkage: { replaced: ['member'], added: ['admin', 'member'], removed: ['admin'], owner: 'Grace' },
    refused: REFUSED,
    missing: 'RecordNotFoundException',
  });
});

test('coloquent reads and writes with both ways to page, and sends back whole what it has read', async () => {
  expect(await run('coloquent')).toEqual({
    ...seen('coloquent'),
    sparse: [
      { name: 'Alpha', kind: 'business' },
      { name: 'Bravo', kind: 'business' },
    ],
    roundTrips: changed('coloquent', ['', 'owner', 'owner,users,members.roles,members.user', 'user,roles']),
    linkage: { replaced: ['admin'] },
    refused: REFUSED,
    missing: 'Request failed with status code 404',
  });
});

test('jsona reads and writes what fetch carries, and sends back whole what it has read', async () => {
  expect(await run('jsona')).toEqual({
    ...seen('jsona'),
    sparse: [flat],
    roundTrips: changed('jsona', INCLUDES),
    linkage: LINKAGE,
    refused: { status: 422, errors: REFUSED },
    missing: { status: 404, errors: MISSING },
  });
});
