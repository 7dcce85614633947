// kitsu, unmodified, against a running server: node kitsu.mjs URL KEY MARK prints what each step gave.
import Kitsu from 'kitsu';
import {
  brief,
  CURSORS,
  changesBy,
  FAULTY,
  key,
  MANAGEMENT,
  made,
  metadata,
  print,
  read,
  refusal,
  SHARED,
  storedOwner,
  storedRoles,
  url,
} from './session.mjs';

const headers = { Authorization: `Bearer ${key}` };
const api = new Kitsu({ baseURL: `${url}${SHARED}`, headers });
const report = {};
const namesOf = ({ data }) => data.map(({ name }) => name);
const filter = { 'metadata.made': made };
const list = (params, more) => api.get('organizations', { params: { filter, sort: 'name', ...params }, ...more });
/** Names on a page and on all that its `next` leads to. */
async function walk(page) {
  const names = namesOf(page);
  if (page.links.next === null) return [names];
  return [names, ...(await walk(await api.request({ url: page.links.next, axiosOptions: { baseURL: url } })))];
}
const errorsOf = async (attempt) => (await refusal(attempt)).errors.map(brief);

// Lists
const all = await list();
report.list = { names: namesOf(all), total: all.meta.total };
report.descending = namesOf(await list({ sort: '-name' }));
report.filtered = namesOf(await list({ filter: { ...filter, name: { startsWith: 'Ch' } } }));
report.pages = {
  second: namesOf(await list({ page: { number: 2, size: 2 } })),
  last: namesOf(await list({ page: { offset: 4, limit: 2 } })),
};
report.walked = await walk(await list({ page: { size: 2 } }));
const byCursor = await list({ page: { size: 2 } }, { headers: { Accept: CURSORS } });
const [{ meta }] = byCursor.data;
report.cursors = {
  walked: await walk(byCursor),
  afterFirst: namesOf(await list({ page: { after: meta.page.cursor, size: 1 } })),
};
const sparse = await list({ fields: { organizations: 'name,kind' }, page: { size: 1 } });
report.sparse = sparse.data.map(({ id: _, ...rest }) => rest);

// Includes
const owned = await list({ include: 'owner' });
report.owners = owned.data.map(({ name, owner }) => [name, owner.data?.email ?? null]);
const [alpha] = owned.data;
const members = await api.get('members', {
  params: { filter: { organizationId: alpha.id }, sort: 'number', include: 'user,roles,organization.owner' },
});
report.members = members.data.map(({ user, roles, organization }) => ({
  user: user.data.name,
  roles: roles.data.map(({ code }) => code),
  organization: organization.data.name,
  owner: organization.data.owner.data.name,
}));

// One
const { data: one } = await api.get(`organizations/${alpha.id}`);
report.one = { type: one.type, name: one.name, metadata: one.metadata, token: one.token };

// Writing
const { data: created } = await api.create('organizations', { name: 'Foxtrot', metadata });
const foxtrot = `${MANAGEMENT}/organizations/${created.id}`;
report.created = {
  name: created.name,
  token: typeof created.token,
  stored: (await read(foxtrot)).attributes.name,
};
const { data: updated } = await api.update('organizations', { id: created.id, name: 'Golf', countryCode: 'DE' });
const { attributes: stored } = await read(foxtrot);
report.updated = { name: updated.name, countryCode: updated.countryCode, stored: [stored.name, stored.countryCode] };
const user = await api.create('users', { email: `linus@${made}.example`, name: 'Linus' });
const { data: member } = await api.create('members', {
  organization: { data: { type: 'organizations', id: created.id } },
  user: { data: { type: 'users', id: user.data.id } },
});
const { relationships } = await read(`${SHARED}/members/${member.id}`);
report.joined = [relationships.organization.data.id === created.id, relationships.user.data.id === user.data.id];

// Round trips: what was read is sent back whole
const [, grace] = members.data;
const resave = (client, type, id, include, stored) =>
  changesBy(async () => {
    const { data: whole } = await client.get(`${type}/${id}`, { params: { include } });
    whole.externalId = `${made}/${include}`;
    await client.update(type, whole);
  }, stored);
report.roundTrips = [];
for (const include of ['', 'owner', 'users,members.roles'])
  report.roundTrips.push(
    await resave(api, 'organizations', alpha.id, include, `${MANAGEMENT}/organizations/${alpha.id}`),
  );
for (const include of ['', 'user,roles,organization.owner'])
  report.roundTrips.push(await resave(api, 'members', grace.id, include, `${SHARED}/members/${grace.id}`));

// Relationships
const peopled = await list({ include: 'members.user' });
const [{ members: included }] = peopled.data;
report.included = { names: included.data.map((each) => each.user.data.name).sort(), total: included.meta.page.total };
const roles = (await api.get('roles')).data;
const idOf = (code) => roles.find((role) => role.code === code).id;
const codesOf = ({ data }) => data.map(({ id }) => roles.find((role) => role.id === id).code);
report.related = {
  owner: (await api.get(`organizations/${alpha.id}/owner`)).data.name,
  users: namesOf(await api.get(`organizations/${alpha.id}/users`, { params: { sort: 'name' } })),
  roles: (await api.get(`members/${grace.id}/roles`)).data.map(({ code }) => code),
  keys: (await api.get(`organizations/${alpha.id}/apiKeys`)).data.map(({ isOrganizationToken }) => isOrganizationToken),
};
const linkage = `members/${grace.id}/relationships/roles`;
report.linkage = { read: codesOf(await api.get(linkage)) };
const replaced = await api.update(linkage, [{ id: idOf('member') }]);
report.linkage.replaced = [codesOf(replaced), await storedRoles(grace.id)];
const added = await api.create(linkage, [{ id: idOf('admin') }]);
report.linkage.added = [codesOf(added), await storedRoles(grace.id)];
const removed = await api.delete(linkage, [idOf('member')]);
report.linkage.removed = [codesOf(removed), await storedRoles(grace.id)];
await api.request({
  method: 'PATCH',
  url: `organizations/${alpha.id}/relationships/owner`,
  type: 'users',
  body: { id: grace.user.data.id },
});
report.linkage.owner = await storedOwner(`${MANAGEMENT}/organizations/${alpha.id}`);

// Errors
report.refused = await errorsOf(() => api.create('organizations', FAULTY));
report.fixed = await errorsOf(() => api.create(`organizations/${alpha.id}/relationships/members`, [{ id: grace.id }]));
report.missing = await errorsOf(() => api.get(`organizations/${user.data.id}`));

await api.delete('organizations', created.id);
report.deleted = await read(foxtrot);
print(report);
