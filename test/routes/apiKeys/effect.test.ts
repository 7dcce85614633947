import {
  type Client,
  createOrganization,
  document,
  link,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectDenied } from '../documents';
import { type Key, Keys } from './keys';

/** When a change reaches whoever it takes something from [INV-34]: here on the next request, elsewhere within a second. */

let app: TestApp;
let other: TestApp;
let keys: Keys;
let clock = Date.now();
beforeAll(async () => {
  app = await startApp();
  other = await startApp({}, () => new Date(clock), app);
  keys = new Keys(app);
});
afterAll(async () => {
  await other.close();
  await app.close();
});

interface Case {
  owner: Person;
  organization: string;
  self: string;
  key: Key;
  /** Who holds the personal key, an admin. */
  holder: Person;
  membership: string;
  personal: Key;
}

async function start(): Promise<Case> {
  const owner = await app.user();
  const { id: organization, links } = await createOrganization(owner);
  const holder = await app.user();
  const membership = await keys.join(organization, holder, 'admin');
  const [key, personal] = [await keys.make(owner, {}, organization), await keys.make(holder)];
  return { owner, organization, self: links.self, key, holder, membership, personal };
}

const roleId = async (code: string) =>
  (await app.platform.get(`${S}/roles?filter[code]=${code}`)).body.data[0].id as string;

/** What happens → to which key, and what its holder then gets from its organization. */
const CHANGES: Readonly<
  Record<string, [(given: Case) => Promise<{ status: number }>, 'key' | 'personal', number, string]>
> = {
  'the key is revoked': [({ owner, key }) => owner.delete(key.self), 'key', 401, 'revoked_credential'],
  'the key is disabled': [
    ({ owner, key }) => keys.change(owner, key, { disabled: true }),
    'key',
    401,
    'revoked_credential',
  ],
  'the key is rotated without a grace': [
    ({ owner, key }) => keys.rotate(owner, key, 0),
    'key',
    401,
    'revoked_credential',
  ],
  'the key loses the scope': [
    ({ owner, key }) => keys.change(owner, key, { scopes: ['members:read'] }),
    'key',
    403,
    'permission_denied',
  ],
  'the key may come from elsewhere alone': [
    ({ owner, key }) => keys.change(owner, key, { ipAllowList: ['192.0.2.1'] }),
    'key',
    403,
    'ip_not_allowed',
  ],
  'the organization is suspended': [
    ({ organization, self }) =>
      app.platform.patch(
        self,
        document('organizations', { status: 'suspended', statusReason: 'x' }, { id: organization }),
      ),
    'key',
    403,
    'organization_suspended',
  ],
  'the organization is deleted': [({ self }) => app.platform.delete(self), 'key', 401, 'revoked_credential'],
  'the personal key is revoked by its holder': [
    ({ holder, personal }) => holder.delete(personal.self),
    'personal',
    401,
    'revoked_credential',
  ],
  'its holder loses the role': [
    async ({ owner, membership }) =>
      owner.patch(`${S}/members/${membership}/relationships/roles`, {
        data: [{ type: 'roles', id: await roleId('member') }],
      }),
    'personal',
    403,
    'permission_denied',
  ],
  'its holder is suspended as a member': [
    ({ owner, membership }) =>
      owner.patch(`${S}/members/${membership}`, document('members', { status: 'suspended' }, { id: membership })),
    'personal',
    404,
    'not_found',
  ],
  'its holder is no member any more': [
    ({ owner, membership }) => owner.delete(`${S}/members/${membership}`),
    'personal',
    404,
    'not_found',
  ],
  'the organization of its holder is suspended': [
    ({ organization, self }) =>
      app.platform.patch(
        self,
        document('organizations', { status: 'suspended', statusReason: 'x' }, { id: organization }),
      ),
    'personal',
    403,
    'organization_suspended',
  ],
  'the organization of its holder is deleted': [({ self }) => app.platform.delete(self), 'personal', 404, 'not_found'],
};

test.each(Object.entries(CHANGES))(
  '%s: on the next request here, within a second in another process',
  async (_title, [change, which, status, code]) => {
    const given = await start();
    const use = (client: Client) =>
      client.patch(given.self, document('organizations', { metadata: { n: 1 } }, { id: given.organization }));
    const [here, there] = [given[which].client, other.as(given[which].secret)];
    clock = Date.now();
    expect([(await use(here)).status, (await use(there)).status]).toEqual([200, 200]);
    expect((await change(given)).status).toBeLessThan(300);
    const answer = await use(here);
    expect([answer.status, answer.body.errors[0].code]).toEqual([status, code]);
    clock += 999;
    const elsewhere = await use(there);
    expect([elsewhere.status, elsewhere.body.errors[0].code]).toEqual([status, code]);
  },
);

test('a personal key reaches what its holder has joined, on the next request', async () => {
  const { owner, organization } = await start();
  const person = await app.user();
  const { client } = await keys.make(person);
  const members = `${S}/members?filter[organizationId]=${organization}`;
  expect((await client.get(members)).body.meta.total).toBe(0);
  const membership = await keys.join(organization, person, 'member');
  expect((await client.get(members)).body.meta.total).toBe(3);
  const role = link('roles', await roleId('auditor')).data;
  expectDenied(await client.get(`${S}/apiKeys?filter[organizationId]=${organization}`), 'apiKeys:read');
  await owner.post(`${S}/members/${membership}/relationships/roles`, { data: [role] });
  expect((await client.get(`${S}/apiKeys?filter[organizationId]=${organization}`)).body.meta.total).toBe(2);
});
