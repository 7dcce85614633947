// @orbit/jsonapi, unmodified, against a running server: node orbit.mjs URL KEY MARK prints what each step gave.
import { JSONAPISerializers, JSONAPISource } from '@orbit/jsonapi';
import { RecordKeyMap, RecordSchema } from '@orbit/records';
import {
  ATTRIBUTES,
  brief,
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

const TIMES = ['createdAt', 'updatedAt'];
const attributes = (type) =>
  Object.fromEntries(ATTRIBUTES[type].map((name) => [name, TIMES.includes(name) ? { type: 'datetime' } : {}]));
const one = (type) => ({ kind: 'hasOne', type });
const many = (type) => ({ kind: 'hasMany', type });
const schema = new RecordSchema({
  models: {
    organizations: {
      attributes: attributes('organizations'),
      relationships: {
        owner: one('users'),
        users: many('users'),
        members: many('members'),
        apiKeys: many('apiKeys'),
      },
    },
    // Ids of these are the server's: `keys` has orbit map them to its own.
    users: { keys: { remoteId: {} }, attributes: attributes('users'), relationships: { members: many('members') } },
    members: {
      keys: { remoteId: {} },
      attributes: attributes('members'),
      relationships: { organization: one('organizations'), user: one('users'), roles: many('roles') },
    },
    roles: { attributes: attributes('roles') },
    apiKeys: { attributes: { isOrganizationToken: { type: 'boolean' } } },
  },
});
const source = new JSONAPISource({
  schema,
  keyMap: new RecordKeyMap(),
  host: url,
  namespace: 'public/v2',
  defaultFetchSettings: { headers: { Authorization: `Bearer ${key}` } },
  serializerSettingsFor: (type) =>
    type === JSONAPISerializers.ResourceTypePath ? { serializationOptions: { inflectors: ['dasherize'] } } : undefined,
});
// It stops at the first failure otherwise.
source.requestQueue.on('fail', () => source.requestQueue.skip());

const report = {};
const namesOf = ({ data }) => data.map(({ attributes: { name } }) => name);
const marked = { attribute: 'metadata.made', value: made };
const documentOf = ({ details: [{ document }] }) => document;
const query = (find, options) => source.query(find, { fullResponse: true, ...options });
const list = (options, refine = (q) => q.sort('name')) =>
  query((q) => refine(q.findRecords('organizations').filter(marked)), options);
/** Names on a page and on all that its `next` leads to. */
async function walk(page) {
  const { next } = documentOf(page).links;
  if (next === null) return [namesOf(page)];
  return [namesOf(page), ...(await walk(await query((q) => q.findRecords('organizations'), { url: `${url}${next}` })))];
}

// Lists
const all = await list();
report.list = { names: namesOf(all), total: documentOf(all).meta.total };
report.descending = namesOf(await list({}, (q) => q.sort({ attribute: 'name', order: 'descending' })));
report.filtered = namesOf(await list({}, (q) => q.filter({ attribute: 'name', value: 'Charlie' })));
report.pages = {
  second: namesOf(await list({ page: { number: 2, size: 2 } })),
  last: namesOf(await list({}, (q) => q.sort('name').page({ offset: 4, limit: 2 }))),
};
report.walked = await walk(await list({ page: { size: 2 } }));
const sparse = await list({ fields: { organizations: ['name', 'kind'] }, page: { size: 1 } });
report.sparse = sparse.data.map(({ id: _, ...rest }) => rest);

// Includes: what comes along is for a cache to take, as operations
const recordsOf = ({ transforms }) =>
  new Map(transforms.flatMap(({ operations }) => operations).map(({ record }) => [record.id, record]));
const owned = await list({ include: ['owner'] });
const owners = recordsOf(owned);
report.owners = owned.data.map(({ attributes: { name }, relationships: { owner } }) => [
  name,
  owners.get(owner.data?.id)?.attributes.email ?? null,
]);
const [alpha] = owned.data;
const members = await query((q) => q.findRecords('members').sort('number'), {
  filter: { organizationId: alpha.id },
  include: ['user', 'roles', 'organization.owner'],
});
const around = recordsOf(members);
report.members = members.data.map(({ relationships: { user, roles, organization } }) => ({
  user: around.get(user.data.id).attributes.name,
  roles: roles.data.map(({ id }) => around.get(id).attributes.code),
  organization: around.get(organization.data.id).attributes.name,
  owner: around.get(around.get(organization.data.id).relationships.owner.data.id).attributes.name,
}));

// One
const path = `${MANAGEMENT}/organizations/${alpha.id}`;
const find = async (type, id, options) => (await query((q) => q.findRecord({ type, id }), options)).data;
const { type, attributes: found } = await find('organizations', alpha.id);
report.one = { type, name: found.name, metadata: found.metadata, token: found.token };

// Writing
const created = await source.update((t) =>
  t.addRecord({ type: 'organizations', attributes: { name: 'Foxtrot', metadata } }),
);
const foxtrot = `${MANAGEMENT}/organizations/${created.id}`;
report.created = {
  name: created.attributes.name,
  token: typeof created.attributes.token,
  stored: (await read(foxtrot)).attributes.name,
};
const { attributes: updated } = await source
  .update((t) => [t.replaceAttribute(created, 'name', 'Golf'), t.replaceAttribute(created, 'countryCode', 'DE')])
  .then(([first]) => first);
const { attributes: stored } = await read(foxtrot);
report.updated = { name: updated.name, countryCode: updated.countryCode, stored: [stored.name, stored.countryCode] };
const user = await source.update((t) =>
  t.addRecord({ type: 'users', attributes: { email: `linus@${made}.example`, name: 'Linus' } }),
);
const member = await source.update((t) =>
  t.addRecord({ type: 'members', relationships: { organization: { data: created }, user: { data: user } } }),
);
const { relationships } = await read(`${SHARED}/members/${member.keys.remoteId}`);
report.joined = [relationships.organization.data.id === created.id, relationships.user.data.id === user.keys.remoteId];

// Round trips: what was read is sent back whole
const [, grace] = members.data;
const resave = (record, include, stored) =>
  changesBy(async () => {
    const whole = await find(record.type, record.id, { include });
    whole.attributes.externalId = `${made}/${include}`;
    await source.update((t) => t.updateRecord(whole));
  }, stored);
report.roundTrips = [];
for (const include of [[], ['owner'], ['users', 'members.roles']])
  report.roundTrips.push(await resave(alpha, include, path));
for (const include of [[], ['user', 'roles', 'organization.owner']])
  report.roundTrips.push(await resave(grace, include, `${SHARED}/members/${grace.keys.remoteId}`));

// Relationships
const peopled = await list({ include: ['members.user'] });
const joined = recordsOf(peopled);
const [{ relationships: alphas }] = peopled.data;
const userOf = ({ id }) => joined.get(joined.get(id).relationships.user.data.id);
report.included = {
  names: alphas.members.data.map((each) => userOf(each).attributes.name).sort(),
  total: alphas.members.meta.page.total,
};
const roles = (await query((q) => q.findRecords('roles'))).data;
const role = (code) => roles.find(({ attributes }) => attributes.code === code);
const related = (record, name) => query((q) => q.findRelatedRecords(record, name));
report.related = {
  owner: (await query((q) => q.findRelatedRecord(alpha, 'owner'))).data.attributes.name,
  users: namesOf(await query((q) => q.findRelatedRecords(alpha, 'users').sort('name'))),
  roles: (await related(grace, 'roles')).data.map(({ attributes: { code } }) => code),
  keys: (await related(alpha, 'apiKeys')).data.map(({ attributes: { isOrganizationToken } }) => isOrganizationToken),
};
const given = () => storedRoles(grace.keys.remoteId);
report.linkage = {};
await source.update((t) => t.replaceRelatedRecords(grace, 'roles', [role('member')]));
report.linkage.replaced = await given();
await source.update((t) => t.addToRelatedRecords(grace, 'roles', role('admin')));
report.linkage.added = await given();
await source.update((t) => t.removeFromRelatedRecords(grace, 'roles', role('member')));
report.linkage.removed = await given();
await source.update((t) => t.replaceRelatedRecord(alpha, 'owner', grace.relationships.user.data));
report.linkage.owner = await storedOwner(path);

// Errors
const refused = await refusal(() => source.update((t) => t.addRecord({ type: 'organizations', attributes: FAULTY })));
report.refused = refused.data.errors.map(brief);
const fixed = await refusal(() => source.update((t) => t.addToRelatedRecords(alpha, 'members', grace)));
report.fixed = fixed.data.errors.map(brief);
const missing = await refusal(() =>
  source.query((q) => q.findRecord({ type: 'organizations', id: user.id }), { raiseNotFoundExceptions: true }),
);
report.missing = missing.constructor.name;

await source.update((t) => t.removeRecord(created));
report.deleted = await read(foxtrot);
print(report);
