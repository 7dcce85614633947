// devour-client, unmodified, against a running server: node devour.mjs URL KEY MARK prints what each step gave.
import JsonApi from 'devour-client';
import {
  ATTRIBUTES,
  changes,
  FAULTY,
  key,
  MANAGEMENT,
  made,
  metadata,
  print,
  read,
  refusal,
  SHARED,
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
  { collectionPath: 'management/organizations', readOnly: ['users', 'members'] },
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

// Lists
const all = await list();
report.list = { names: namesOf(all), total: all.meta.total };
report.descending = namesOf(await list({ sort: '-name' }));
report.filtered = namesOf(await list({ filter: { ...filter, name: ['Charlie', 'Nobody'] } }));
report.pages = {
  second: namesOf(await list({ page: { number: 2, size: 2 } })),
  last: namesOf(await list({ page: { offset: 4, limit: 2 } })),
};
report.walked = [];
for (let page = await list({ page: { size: 2 } }); ; ) {
  report.walked.push(namesOf(page));
  if (page.links.next === null) break;
  page = await api.request(`${url}${page.links.next}`);
}
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

// A round trip: what was read is sent back whole
const before = await read(path);
report.roundTrip = {};
for (const [code, params] of [
  ['FR', {}],
  ['IT', { include: 'owner' }],
]) {
  const { data: whole } = await api.find('organizations', alpha.id, params);
  whole.countryCode = code;
  const { data: saved } = await api.update('organizations', whole);
  report.roundTrip[code] = [saved.countryCode, ...changes(before, await read(path))];
}

// Errors, by the last part of their pointers
report.refused = await refusal(() => api.create('organizations', FAULTY));
report.missing = await refusal(() => api.find('organizations', user.data.id));

await api.destroy('organizations', created.id);
report.deleted = await read(foxtrot);
print(report);
