// devour-client, unmodified, against a running server: node devour.mjs URL KEY MARK prints what each step gave.
import JsonApi from 'devour-client';
import {
  ATTRIBUTES,
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

const api = new JsonApi({
  apiUrl: `${url}${SHARED}`,
  bearer: key,
  pluralize: false,
  logger: false,
  errorBuilder: ({ title, code, meta }) => ({ title, code, attribute: meta?.attribute }),
});
const attributes = (type) => Object.fromEntries(ATTRIBUTES[type].map((name) => [name, '']));
const one = (type) => ({ jsonApi: 'hasOne', type });
const many = (type) => ({ jsonApi: 'hasMany', type });
api.define(
  'organizations',
  {
    ...attributes('organizations'),
    owner: one('users'),
    partner: one('partners'),
    users: many('users'),
    members: many('members'),
  },
  // To-many relationships that come without linkage would be sent back as empty ones.
  { readOnly: ['users', 'members'] },
);
api.define('users', { ...attributes('users'), members: many('members') }, { readOnly: ['members'] });
api.define('roles', attributes('roles'));
api.define('members', {
  ...attributes('members'),
  organization: one('organizations'),
  user: one('users'),
  roles: many('roles'),
});

const report = {};
const namesOf = ({ data }) => data.map(({ name }) => name);
const filter = { 'metadata.made': made };
const list = (params) => api.findAll('organizations', { filter, sort: 'name', ...params });
/** Names on a page and on all that its `next` leads to. */
async function walk(page) {
  const names = namesOf(page);
  if (page.links.next === null) return [names];
  return [names, ...(await walk(await api.request(`${url}${page.links.next}`)))];
}

// Lists
const all = await list();
report.list = { names: namesOf(all), total: all.meta.total };
report.descending = namesOf(await list({ sort: '-name' }));
report.filtered = namesOf(await list({ filter: { ...filter, name: ['Charlie', 'Nobody'] } }));
report.pages = {
  second: namesOf(await list({ page: { number: 2, size: 2 } })),
  last: namesOf(await list({ page: { offset: 4, limit: 2 } })),
};
report.walked = await walk(await list({ page: { size: 2 } }));
const sparse = await list({ fields: { organizations: 'name,kind' }, page: { size: 1 } });
report.sparse = sparse.data.map(({ id: _, ...rest }) => rest);

// Includes
const owned = await list({ include: 'owner' });
report.owners = owned.data.map(({ name, owner }) => [name, owner?.email ?? null]);
const [alpha] = owned.data;
const members = await api.findAll('members', {
  filter: { organizationId: alpha.id },
  sort: 'number',
  include: 'user,roles,organization.owner',
});
report.members = members.data.map(({ user, roles, organization }) => ({
  user: user.name,
  roles: roles.map(({ code }) => code),
  organization: organization.name,
  owner: organization.owner.name,
}));

// One
const path = `${MANAGEMENT}/organizations/${alpha.id}`;
const { data: found } = await api.find('organizations', alpha.id);
report.one = { type: found.type, name: found.name, metadata: found.metadata, token: found.token };

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
const { data: member } = await api.create('members', { organization: { id: created.id }, user: { id: user.data.id } });
const { relationships } = await read(`${SHARED}/members/${member.id}`);
report.joined = [relationships.organization.data.id === created.id, relationships.user.data.id === user.data.id];

// Round trips: what was read is sent back whole
const [, grace] = members.data;
const resave = (type, id, include, stored) =>
  changesBy(async () => {
    const { data: whole } = await api.find(type, id, { include });
    whole.externalId = `${made}/${include}`;
    await api.update(type, whole);
  }, stored);
report.roundTrips = [];
for (const include of ['', 'owner', 'users,members.roles'])
  report.roundTrips.push(await resave('organizations', alpha.id, include, path));
for (const include of ['', 'user,roles,organization.owner'])
  report.roundTrips.push(await resave('members', grace.id, include, `${SHARED}/members/${grace.id}`));

// Relationships
const peopled = await list({ include: 'members.user' });
const [{ members: included }] = peopled.data;
report.included = { names: included.map((each) => each.user.name).sort(), total: included.length };
const roles = (await api.findAll('roles')).data;
const idOf = (code) => roles.find((role) => role.code === code).id;
const codesOf = ({ data }) => data.map(({ id }) => roles.find((role) => role.id === id).code);
report.related = {
  owner: (await api.one('organizations', alpha.id).all('owner').get()).data.name,
  users: namesOf(await api.one('organizations', alpha.id).all('users').get({ sort: 'name' })),
  roles: (await api.one('members', grace.id).all('roles').get()).data.map(({ code }) => code),
};
const linkage = () => api.one('members', grace.id).relationships('roles');
report.linkage = { read: codesOf(await linkage().get()) };
const replaced = await linkage().patch([{ id: idOf('member') }]);
report.linkage.replaced = [codesOf(replaced), await storedRoles(grace.id)];
const added = await linkage().post([{ id: idOf('admin') }]);
report.linkage.added = [codesOf(added), await storedRoles(grace.id)];
const removed = await linkage().destroy([{ type: 'roles', id: idOf('member') }]);
report.linkage.removed = [codesOf(removed.document), await storedRoles(grace.id)];
await api.one('organizations', alpha.id).relationships('owner').patch({ id: grace.user.id });
report.linkage.owner = await storedOwner(path);

// Errors, by the last part of their pointers
report.refused = await refusal(() => api.create('organizations', FAULTY));
report.fixed = await refusal(() =>
  api
    .one('organizations', alpha.id)
    .relationships('members')
    .post([{ id: grace.id }]),
);
report.missing = await refusal(() => api.find('organizations', user.data.id));

await api.destroy('organizations', created.id);
report.deleted = await read(foxtrot);
print(report);
