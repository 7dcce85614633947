// kitsu, unmodified, against a running server: node kitsu.mjs URL KEY prints what each step gave.
import Kitsu from 'kitsu';

const [url, key] = process.argv.slice(2);
const api = new Kitsu({ baseURL: `${url}/public/v2/management`, headers: { Authorization: `Bearer ${key}` } });
const people = new Kitsu({ baseURL: `${url}/public/v2`, headers: { Authorization: `Bearer ${key}` } });
const steps = {};

const names = ['Delta', 'Alpha', 'Charlie', 'Bravo'];
for (const name of names) {
  const { data } = await api.create('organizations', { name, metadata: { made: 'kitsu' } });
  steps.created = { name: data.name, token: typeof data.token, id: typeof data.id };
}
const filter = { 'metadata.made': 'kitsu' };
const page2 = await api.get('organizations', { params: { filter, sort: 'name', page: { number: 2, size: 2 } } });
steps.page2 = { names: page2.data.map(({ name }) => name), meta: page2.meta };

const found = await api.get('organizations', {
  params: { filter: { ...filter, name: 'Alpha' }, fields: { organizations: 'name,slug' } },
});
steps.sparse = found.data.map(({ id: _id, links: _links, ...rest }) => rest);

const [{ id }] = found.data;
await api.update('organizations', { id, name: 'Alpha Two', countryCode: 'DE' });
const one = await api.get(`organizations/${id}`);
steps.updated = { name: one.data.name, countryCode: one.data.countryCode, token: one.data.token };

const user = await people.create('users', { email: 'kitsu@example.com', name: 'Kit' });
const member = await people.create('members', {
  organization: { data: { type: 'organizations', id } },
  user: { data: { type: 'users', id: user.data.id } },
});
const included = await people.get(`members/${member.data.id}`, { params: { include: 'user,organization,roles' } });
const { data: withRelations } = included;
steps.included = {
  user: withRelations.user.data.email,
  organization: withRelations.organization.data.name,
  roles: withRelations.roles.data.map(({ code }) => code),
};
steps.refused = await api.create('organizations', { name: '' }).catch((error) => error.errors.map(({ code }) => code));

await api.delete('organizations', id);
steps.deleted = await api.get(`organizations/${id}`).catch((error) => error.errors.map(({ code }) => code));
console.log(JSON.stringify(steps));
