// jsona, unmodified, with fetch against a running server: node jsona.mjs URL KEY MARK prints what each step gave.
import { Jsona } from 'jsona';
import {
  brief,
  changesBy,
  FAULTY,
  key,
  MANAGEMENT,
  made,
  metadata,
  print,
  read,
  SHARED,
  storedOwner,
  storedRoles,
  url,
} from './session.mjs';

const jsona = new Jsona();
const TYPE = 'application/vnd.api+json';

/** Sends what jsona makes of `model`; gives the status, the document and what jsona makes of that. */
async function call(method, path, { model, ...params } = {}) {
  const answer = await fetch(
    `${url}${path}${Object.keys(params).length > 0 ? `?${new URLSearchParams(params)}` : ''}`,
    {
      method,
      headers: { Authorization: `Bearer ${key}`, Accept: TYPE, ...(model && { 'Content-Type': TYPE }) },
      body: model && JSON.stringify(jsona.serialize({ stuff: model })),
    },
  );
  const text = await answer.text();
  const document = text === '' ? {} : JSON.parse(text);
  return { status: answer.status, document, data: jsona.deserialize(document) };
}

const report = {};
const namesOf = ({ data }) => data.map(({ name }) => name);
const ORGANIZATIONS = `${MANAGEMENT}/organizations`;
const marked = { 'filter[metadata.made]': made };
const list = (params) => call('GET', ORGANIZATIONS, { ...marked, sort: 'name', ...params });
/** Names on a page and on all that its `next` leads to. */
async function walk(page) {
  const { next } = page.document.links;
  return next === null ? [namesOf(page)] : [namesOf(page), ...(await walk(await call('GET', next)))];
}

// Lists
const all = await list();
report.list = { names: namesOf(all), total: all.document.meta.total };
report.descending = namesOf(await list({ sort: '-name' }));
report.filtered = namesOf(await list({ 'filter[name][startsWith]': 'Ch' }));
report.pages = {
  second: namesOf(await list({ 'page[number]': 2, 'page[size]': 2 })),
  last: namesOf(await list({ 'page[offset]': 4, 'page[limit]': 2 })),
};
report.walked = await walk(await list({ 'page[size]': 2 }));
const sparse = await list({ 'fields[organizations]': 'name,kind', 'page[size]': 1 });
report.sparse = sparse.data.map(({ id: _, ...rest }) => rest);

// Includes
const owned = await list({ include: 'owner' });
report.owners = owned.data.map(({ name, owner }) => [name, owner?.email ?? null]);
const [alpha] = owned.data;
const members = await call('GET', `${SHARED}/members`, {
  'filter[organizationId]': alpha.id,
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
const path = `${ORGANIZATIONS}/${alpha.id}`;
const { data: found } = await call('GET', path);
report.one = { type: found.type, name: found.name, metadata: found.metadata, token: found.token };

// Writing
const make = async (collection, model) => (await call('POST', collection, { model })).data;
const created = await make(ORGANIZATIONS, { type: 'organizations', name: 'Foxtrot', metadata });
const foxtrot = `${ORGANIZATIONS}/${created.id}`;
report.created = {
  name: created.name,
  token: typeof created.token,
  stored: (await read(foxtrot)).attributes.name,
};
const { data: updated } = await call('PATCH', foxtrot, {
  model: { type: 'organizations', id: created.id, name: 'Golf', countryCode: 'DE' },
});
const { attributes: stored } = await read(foxtrot);
report.updated = { name: updated.name, countryCode: updated.countryCode, stored: [stored.name, stored.countryCode] };
const user = await make(`${SHARED}/users`, { type: 'users', email: `linus@${made}.example`, name: 'Linus' });
const member = await make(`${SHARED}/members`, {
  type: 'members',
  organization: created,
  user,
  relationshipNames: ['organization', 'user'],
});
const { relationships } = await read(`${SHARED}/members/${member.id}`);
report.joined = [relationships.organization.data.id === created.id, relationships.user.data.id === user.id];

// Round trips: what was read is sent back whole
const [, grace] = members.data;
const resave = (where, include) =>
  changesBy(async () => {
    const { data: whole } = await call('GET', where, { include });
    whole.externalId = `${made}/${include}`;
    await call('PATCH', where, { model: whole });
  }, where);
report.roundTrips = [];
for (const include of ['', 'owner', 'users,members.roles']) report.roundTrips.push(await resave(path, include));
for (const include of ['', 'user,roles,organization.owner'])
  report.roundTrips.push(await resave(`${SHARED}/members/${grace.id}`, include));

// Relationships
const peopled = await list({ include: 'members.user' });
const [{ members: included }] = peopled.data;
report.included = {
  names: included.map((each) => each.user.name).sort(),
  total: peopled.document.data[0].relationships.members.meta.page.total,
};
const roles = (await call('GET', `${SHARED}/roles`)).data;
const role = (code) => roles.find((each) => each.code === code);
const codesOf = ({ data }) => data.map(({ id }) => roles.find((each) => each.id === id).code);
report.related = {
  owner: (await call('GET', `${path}/owner`)).data.name,
  users: namesOf(await call('GET', `${path}/users`, { sort: 'name' })),
  roles: (await call('GET', `${SHARED}/members/${grace.id}/roles`)).data.map(({ code }) => code),
};
const linkage = `${SHARED}/members/${grace.id}/relationships/roles`;
const identify = ({ type, id }) => ({ type, id });
report.linkage = { read: codesOf(await call('GET', linkage)) };
for (const [step, method, code] of [
  ['replaced', 'PATCH', 'member'],
  ['added', 'POST', 'admin'],
  ['removed', 'DELETE', 'member'],
]) {
  const answer = await call(method, linkage, { model: [identify(role(code))] });
  report.linkage[step] = [codesOf(answer), await storedRoles(grace.id)];
}
await call('PATCH', `${path}/relationships/owner`, { model: identify(grace.user) });
report.linkage.owner = await storedOwner(path);

// Errors
const errorsOf = ({ status, document }) => ({ status, errors: document.errors.map(brief) });
report.refused = errorsOf(await call('POST', ORGANIZATIONS, { model: { type: 'organizations', ...FAULTY } }));
report.missing = errorsOf(await call('GET', `${ORGANIZATIONS}/${user.id}`));

await call('DELETE', foxtrot);
report.deleted = await read(foxtrot);
print(report);
