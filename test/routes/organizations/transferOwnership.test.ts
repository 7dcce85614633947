import { type Client, createOrganization, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError } from '../documents';
import { colleague, founder, join } from '../people';

const PATH = `${M}/organizations`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const transfer = (id: string, meta: object, asker: Client, headers = {}) =>
  asker.post(`${PATH}/${id}/transferOwnership`, { meta }, headers);
const roles = async (id: string, user: Client) => (await user.get(`${PATH}/${id}`)).body.data.meta.role;
/** An owner, another member, and the organization. */
async function pair(...codes: string[]) {
  const { owner, organization } = await founder(app);
  const heir = await app.user();
  const member = await join(app, organization.id, heir.id, ...codes);
  return {
    owner,
    id: organization.id as string,
    token: organization.attributes.token as string,
    heir,
    memberId: member.id,
  };
}

test('the new one is owner and primary owner, the one before an admin [INV-4]', async () => {
  const { owner, id, heir, memberId } = await pair('member');
  const { status, body } = await transfer(id, { memberId }, owner);
  expect(status).toBe(200);
  expect(body.data.relationships.owner.data).toEqual({ type: 'users', id: heir.id });
  expect(await roles(id, heir)).toEqual(['owner', 'member']);
  expect(await roles(id, owner)).toEqual(['admin']);
  const { data } = (await app.platform.get(`${S}/members?filter[organizationId]=${id}&filter[isPrimaryOwner]=true`))
    .body;
  expect(data.map((each: { id: string }) => each.id)).toEqual([memberId]);
  // What he was lasts not a moment longer.
  expectDenied(await transfer(id, { memberId }, owner), 'organizations:transfer');
});

test('with keepOwner the one before stays an owner [INV-4]', async () => {
  const { owner, id, memberId } = await pair('admin');
  expect((await transfer(id, { memberId, keepOwner: true }, owner)).status).toBe(200);
  expect(await roles(id, owner)).toEqual(['owner']);
});

test('to whom it belongs already: nothing changes', async () => {
  const { owner, organization } = await founder(app);
  const [member] = (await owner.get(`${S}/members?filter[organizationId]=${organization.id}`)).body.data;
  const { status, body } = await transfer(organization.id, { memberId: member.id }, owner);
  expect([status, body.data.relationships.owner.data.id]).toEqual([200, owner.id]);
  expect(await roles(organization.id, owner)).toEqual(['owner']);
});

test('the target is an active member of it: 422 for a suspended one, 404 for all others', async () => {
  const { owner, id, memberId } = await pair('member');
  const elsewhere = await createOrganization(owner);
  const foreign = await join(app, elsewhere.id, (await app.user()).id, 'member');
  const source = { pointer: '/meta/memberId' };
  await app.db.query("update members set status = 'suspended' where id = $1", [memberId]);
  expectError(await transfer(id, { memberId }, owner), 422, 'not_allowed', { source });
  for (const other of [foreign.id, NIL, owner.id]) {
    expectError(await transfer(id, { memberId: other }, owner), 404, 'not_found', { source });
  }
});

test('memberId is required, and a UUID; other settings are refused', async () => {
  const { owner, id, memberId } = await pair('member');
  expect((await owner.post(`${PATH}/${id}/transferOwnership`)).body.errors[0].code).toBe('required');
  expect((await transfer(id, { memberId: 'x' }, owner)).body.errors[0].code).toBe('invalid_format');
  expect((await transfer(id, { memberId, keep: true }, owner)).body.errors[0].code).toBe('unknown_attribute');
});

test('owners, and keys that may do all of it, hand it over; nobody else [INV-13]', async () => {
  const { id, token, memberId } = await pair('admin');
  const admin = await colleague(app, id, 'admin');
  expectDenied(await transfer(id, { memberId }, admin), 'organizations:transfer');
  expectError(await transfer(id, { memberId }, await app.user()), 404, 'not_found');
  const relationships = { organization: link('organizations', id) };
  const attributes = { code: 'heir', name: 'Heir', permissions: ['organizations:read', 'organizations:transfer'] };
  const role = await app.platform.post(`${S}/roles`, { data: { type: 'roles', attributes, relationships } });
  const person = await app.user();
  const own = await join(app, id, person.id, 'member');
  await app.platform.post(`${S}/members/${own.id}/relationships/roles`, {
    data: [{ type: 'roles', id: role.body.data.id }],
  });
  expectError(await transfer(id, { memberId: own.id }, person), 403, 'owner_required');
  expect((await transfer(id, { memberId }, app.as(token))).status).toBe(200);
  expect((await transfer(id, { memberId: own.id }, app.platform)).status).toBe(200);
});

test('If-Match is heeded [INV-59]', async () => {
  const { owner, id, memberId } = await pair('member');
  expectError(await transfer(id, { memberId }, owner, { 'If-Match': '"99.x"' }), 412, 'version_mismatch', {
    source: { header: 'If-Match' },
  });
});

test('of several at the same time each ends with one primary owner, an active owner', async () => {
  const { owner, id } = await pair('member');
  const members = await Promise.all(
    Array.from({ length: 6 }, async () => (await join(app, id, (await app.user()).id, 'member')).id),
  );
  const answers = await Promise.all(members.map((memberId) => transfer(id, { memberId }, app.platform)));
  expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
  const rows = await app.db.query(
    `select m.user_id = o.owner_id from members m join organizations o on o.id = m.organization_id
       join member_roles mr on mr.member_id = m.id join roles r on r.id = mr.role_id and r.code = 'owner'
     where o.id = $1 and m.is_primary_owner`,
    [id],
  );
  expect(rows).toEqual([[true]]);
  expect(await roles(id, owner)).toEqual(['admin']);
});
