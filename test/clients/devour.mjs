// devour-client, unmodified, against a running server: node devour.mjs URL KEY prints what each step gave.
import devour from 'devour-client';

const [url, key] = process.argv.slice(2);
const JsonApi = devour.default ?? devour;
const api = new JsonApi({ apiUrl: `${url}/public/v2`, logger: false });
api.headers.Authorization = `Bearer ${key}`;
api.define(
  'organization',
  { name: '', slug: '', countryCode: '', metadata: {}, token: '' },
  { collectionPath: 'management/organizations' },
);
api.define('user', { email: '', name: '' });
api.define('role', { code: '', name: '' });
api.define('member', {
  organization: { jsonApi: 'hasOne', type: 'organizations' },
  user: { jsonApi: 'hasOne', type: 'users' },
  roles: { jsonApi: 'hasMany', type: 'roles' },
});
const steps = {};

for (const name of ['Delta', 'Alpha', 'Charlie', 'Bravo']) {
  const { data } = await api.create('organization', { name, metadata: { made: 'devour' } });
  steps.created = { name: data.name, token: typeof data.token, id: typeof data.id };
}
const filter = { 'metadata.made': 'devour' };
const page2 = await api.findAll('organization', { filter, sort: 'name', page: { number: 2, size: 2 } });
steps.page2 = { names: page2.data.map(({ name }) => name), meta: page2.meta };

const found = await api.findAll('organization', {
  filter: { ...filter, name: 'Alpha' },
  fields: { organizations: 'name,slug' },
});
steps.sparse = found.data.map(({ name, slug, countryCode }) => ({ name, slug, countryCode }));

const [{ id }] = found.data;
await api.update('organization', { id, name: 'Alpha Two', countryCode: 'DE' });
const one = await api.find('organization', id);
steps.updated = { name: one.data.name, countryCode: one.data.countryCode, token: one.data.token };

const user = await api.create('user', { email: 'devour@example.com', name: 'Dev' });
const member = await api.create('member', {
  organization: { id, type: 'organizations' },
  user: { id: user.data.id, type: 'users' },
});
const { data: withRelations } = await api.find('member', member.data.id, { include: 'user,organization,roles' });
steps.included = {
  user: withRelations.user.email,
  organization: withRelations.organization.name,
  roles: withRelations.roles.map(({ code }) => code),
};
// devour keeps title and detail of an error, not its code.
const titles = (errors) => Object.values(errors).map(({ title }) => title);
steps.refused = await api.create('organization', { name: '' }).catch(titles);

await api.destroy('organization', id);
steps.deleted = await api.find('organization', id).catch(titles);
console.log(JSON.stringify(steps));
